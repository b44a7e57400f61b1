from protos.credit.v1 import consent_pb2 as _consent_pb2
from protos.credit.v1 import keys_pb2 as _keys_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Suite(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUITE_UNSPECIFIED: _ClassVar[Suite]
    SUITE_PAILLIER_3072_MASKED: _ClassVar[Suite]
    SUITE_INSECURE_TEST_1024_MASKED: _ClassVar[Suite]
    SUITE_MASKED_SUM: _ClassVar[Suite]

class Credential(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CREDENTIAL_UNSPECIFIED: _ClassVar[Credential]
    CREDENTIAL_IDENTIFIED: _ClassVar[Credential]
SUITE_UNSPECIFIED: Suite
SUITE_PAILLIER_3072_MASKED: Suite
SUITE_INSECURE_TEST_1024_MASKED: Suite
SUITE_MASKED_SUM: Suite
CREDENTIAL_UNSPECIFIED: Credential
CREDENTIAL_IDENTIFIED: Credential

class TravelPart(_message.Message):
    __slots__ = ("element", "payment")
    ELEMENT_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    element: bytes
    payment: bytes
    def __init__(self, element: _Optional[bytes] = ..., payment: _Optional[bytes] = ...) -> None: ...

class PaymentReference(_message.Message):
    __slots__ = ("requester", "commitment", "issued_at")
    REQUESTER_FIELD_NUMBER: _ClassVar[int]
    COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_FIELD_NUMBER: _ClassVar[int]
    requester: str
    commitment: bytes
    issued_at: int
    def __init__(self, requester: _Optional[str] = ..., commitment: _Optional[bytes] = ..., issued_at: _Optional[int] = ...) -> None: ...

class SignedPayment(_message.Message):
    __slots__ = ("reference", "signature")
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    reference: bytes
    signature: bytes
    def __init__(self, reference: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class RowList(_message.Message):
    __slots__ = ("digest", "rows", "rows_per_block")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    ROWS_PER_BLOCK_FIELD_NUMBER: _ClassVar[int]
    digest: bytes
    rows: int
    rows_per_block: int
    def __init__(self, digest: _Optional[bytes] = ..., rows: _Optional[int] = ..., rows_per_block: _Optional[int] = ...) -> None: ...

class QueryHeader(_message.Message):
    __slots__ = ("query_id", "requester", "credential", "query_key_digest", "purpose", "attributes", "suite", "consent_digest", "staff_commitment", "issued_at", "expires_at", "nonce", "rulebook_digest", "epoch", "travel", "rows")
    QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    QUERY_KEY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    SUITE_FIELD_NUMBER: _ClassVar[int]
    CONSENT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    STAFF_COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    RULEBOOK_DIGEST_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    TRAVEL_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    query_id: bytes
    requester: str
    credential: Credential
    query_key_digest: bytes
    purpose: str
    attributes: _containers.RepeatedScalarFieldContainer[str]
    suite: Suite
    consent_digest: bytes
    staff_commitment: bytes
    issued_at: int
    expires_at: int
    nonce: bytes
    rulebook_digest: bytes
    epoch: int
    travel: _containers.RepeatedCompositeFieldContainer[TravelPart]
    rows: RowList
    def __init__(self, query_id: _Optional[bytes] = ..., requester: _Optional[str] = ..., credential: _Optional[_Union[Credential, str]] = ..., query_key_digest: _Optional[bytes] = ..., purpose: _Optional[str] = ..., attributes: _Optional[_Iterable[str]] = ..., suite: _Optional[_Union[Suite, str]] = ..., consent_digest: _Optional[bytes] = ..., staff_commitment: _Optional[bytes] = ..., issued_at: _Optional[int] = ..., expires_at: _Optional[int] = ..., nonce: _Optional[bytes] = ..., rulebook_digest: _Optional[bytes] = ..., epoch: _Optional[int] = ..., travel: _Optional[_Iterable[_Union[TravelPart, _Mapping]]] = ..., rows: _Optional[_Union[RowList, _Mapping]] = ...) -> None: ...

class SignedQuery(_message.Message):
    __slots__ = ("header", "payload", "envelope", "tags_commitment", "signature", "consent", "query_key", "payment")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    TAGS_COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    QUERY_KEY_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    header: bytes
    payload: bytes
    envelope: bytes
    tags_commitment: bytes
    signature: bytes
    consent: _consent_pb2.SignedConsent
    query_key: _keys_pb2.CertifiedKey
    payment: SignedPayment
    def __init__(self, header: _Optional[bytes] = ..., payload: _Optional[bytes] = ..., envelope: _Optional[bytes] = ..., tags_commitment: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., consent: _Optional[_Union[_consent_pb2.SignedConsent, _Mapping]] = ..., query_key: _Optional[_Union[_keys_pb2.CertifiedKey, _Mapping]] = ..., payment: _Optional[_Union[SignedPayment, _Mapping]] = ...) -> None: ...
