from protos.credit.v1 import keys_pb2 as _keys_pb2
from protos.credit.v1 import rounds_pb2 as _rounds_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StatisticHeader(_message.Message):
    __slots__ = ("statistic_id", "requester", "template", "query_key_digest", "issued_at", "expires_at", "nonce", "rulebook_digest", "list_mark")
    STATISTIC_ID_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    QUERY_KEY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    RULEBOOK_DIGEST_FIELD_NUMBER: _ClassVar[int]
    LIST_MARK_FIELD_NUMBER: _ClassVar[int]
    statistic_id: bytes
    requester: str
    template: str
    query_key_digest: bytes
    issued_at: int
    expires_at: int
    nonce: bytes
    rulebook_digest: bytes
    list_mark: bytes
    def __init__(self, statistic_id: _Optional[bytes] = ..., requester: _Optional[str] = ..., template: _Optional[str] = ..., query_key_digest: _Optional[bytes] = ..., issued_at: _Optional[int] = ..., expires_at: _Optional[int] = ..., nonce: _Optional[bytes] = ..., rulebook_digest: _Optional[bytes] = ..., list_mark: _Optional[bytes] = ...) -> None: ...

class SignedStatistic(_message.Message):
    __slots__ = ("header", "signature", "query_key")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    QUERY_KEY_FIELD_NUMBER: _ClassVar[int]
    header: bytes
    signature: bytes
    query_key: _keys_pb2.CertifiedKey
    def __init__(self, header: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., query_key: _Optional[_Union[_keys_pb2.CertifiedKey, _Mapping]] = ...) -> None: ...

class StatisticRequest(_message.Message):
    __slots__ = ("statistic", "roster", "attempt", "intended")
    STATISTIC_FIELD_NUMBER: _ClassVar[int]
    ROSTER_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    INTENDED_FIELD_NUMBER: _ClassVar[int]
    statistic: SignedStatistic
    roster: _containers.RepeatedCompositeFieldContainer[_rounds_pb2.RosterEntry]
    attempt: int
    intended: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, statistic: _Optional[_Union[SignedStatistic, _Mapping]] = ..., roster: _Optional[_Iterable[_Union[_rounds_pb2.RosterEntry, _Mapping]]] = ..., attempt: _Optional[int] = ..., intended: _Optional[_Iterable[str]] = ...) -> None: ...

class AskStatisticRequest(_message.Message):
    __slots__ = ("request_id", "statistic")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    STATISTIC_FIELD_NUMBER: _ClassVar[int]
    request_id: bytes
    statistic: bytes
    def __init__(self, request_id: _Optional[bytes] = ..., statistic: _Optional[bytes] = ...) -> None: ...

class AskStatisticResponse(_message.Message):
    __slots__ = ("piece",)
    PIECE_FIELD_NUMBER: _ClassVar[int]
    piece: bytes
    def __init__(self, piece: _Optional[bytes] = ...) -> None: ...
