from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class ConsentRecord(_message.Message):
    __slots__ = ("record_id", "controller", "purpose", "families", "recipients", "notice_digest", "notice_language", "issued_at", "expires_at", "maximum_uses", "evidence_digest", "subject_commitment")
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    FAMILIES_FIELD_NUMBER: _ClassVar[int]
    RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    NOTICE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    NOTICE_LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_USES_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    record_id: bytes
    controller: str
    purpose: str
    families: _containers.RepeatedScalarFieldContainer[str]
    recipients: _containers.RepeatedScalarFieldContainer[str]
    notice_digest: bytes
    notice_language: str
    issued_at: int
    expires_at: int
    maximum_uses: int
    evidence_digest: bytes
    subject_commitment: bytes
    def __init__(self, record_id: _Optional[bytes] = ..., controller: _Optional[str] = ..., purpose: _Optional[str] = ..., families: _Optional[_Iterable[str]] = ..., recipients: _Optional[_Iterable[str]] = ..., notice_digest: _Optional[bytes] = ..., notice_language: _Optional[str] = ..., issued_at: _Optional[int] = ..., expires_at: _Optional[int] = ..., maximum_uses: _Optional[int] = ..., evidence_digest: _Optional[bytes] = ..., subject_commitment: _Optional[bytes] = ...) -> None: ...

class SignedConsent(_message.Message):
    __slots__ = ("record", "signature")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    record: bytes
    signature: bytes
    def __init__(self, record: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...
