from protos.credit.v1 import keys_pb2 as _keys_pb2
from protos.credit.v1 import query_pb2 as _query_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RosterEntry(_message.Message):
    __slots__ = ("member", "mask_key")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    MASK_KEY_FIELD_NUMBER: _ClassVar[int]
    member: str
    mask_key: _keys_pb2.CertifiedKey
    def __init__(self, member: _Optional[str] = ..., mask_key: _Optional[_Union[_keys_pb2.CertifiedKey, _Mapping]] = ...) -> None: ...

class Round1Request(_message.Message):
    __slots__ = ("query", "roster", "attempt", "intended", "block")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    ROSTER_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    INTENDED_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    query: _query_pb2.SignedQuery
    roster: _containers.RepeatedCompositeFieldContainer[RosterEntry]
    attempt: int
    intended: _containers.RepeatedScalarFieldContainer[str]
    block: int
    def __init__(self, query: _Optional[_Union[_query_pb2.SignedQuery, _Mapping]] = ..., roster: _Optional[_Iterable[_Union[RosterEntry, _Mapping]]] = ..., attempt: _Optional[int] = ..., intended: _Optional[_Iterable[str]] = ..., block: _Optional[int] = ...) -> None: ...

class Bound(_message.Message):
    __slots__ = ("state", "members")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Bound.State]
        STATE_NONE: _ClassVar[Bound.State]
        STATE_SET: _ClassVar[Bound.State]
        STATE_CONFLICT: _ClassVar[Bound.State]
    STATE_UNSPECIFIED: Bound.State
    STATE_NONE: Bound.State
    STATE_SET: Bound.State
    STATE_CONFLICT: Bound.State
    STATE_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    state: Bound.State
    members: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, state: _Optional[_Union[Bound.State, str]] = ..., members: _Optional[_Iterable[str]] = ...) -> None: ...

class TravelAnswer(_message.Message):
    __slots__ = ("element", "table_digest")
    ELEMENT_FIELD_NUMBER: _ClassVar[int]
    TABLE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    element: bytes
    table_digest: bytes
    def __init__(self, element: _Optional[bytes] = ..., table_digest: _Optional[bytes] = ...) -> None: ...

class Round1Body(_message.Message):
    __slots__ = ("contributor", "ctx", "ciphertext", "pair_digests", "commitment", "opening_digest", "travel", "requester_digest")
    CONTRIBUTOR_FIELD_NUMBER: _ClassVar[int]
    CTX_FIELD_NUMBER: _ClassVar[int]
    CIPHERTEXT_FIELD_NUMBER: _ClassVar[int]
    PAIR_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    OPENING_DIGEST_FIELD_NUMBER: _ClassVar[int]
    TRAVEL_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_DIGEST_FIELD_NUMBER: _ClassVar[int]
    contributor: str
    ctx: bytes
    ciphertext: bytes
    pair_digests: _containers.RepeatedScalarFieldContainer[bytes]
    commitment: bytes
    opening_digest: bytes
    travel: TravelAnswer
    requester_digest: bytes
    def __init__(self, contributor: _Optional[str] = ..., ctx: _Optional[bytes] = ..., ciphertext: _Optional[bytes] = ..., pair_digests: _Optional[_Iterable[bytes]] = ..., commitment: _Optional[bytes] = ..., opening_digest: _Optional[bytes] = ..., travel: _Optional[_Union[TravelAnswer, _Mapping]] = ..., requester_digest: _Optional[bytes] = ...) -> None: ...

class Opening(_message.Message):
    __slots__ = ("salt", "bound", "counter", "rows")
    SALT_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    COUNTER_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    salt: bytes
    bound: Bound
    counter: int
    rows: bytes
    def __init__(self, salt: _Optional[bytes] = ..., bound: _Optional[_Union[Bound, _Mapping]] = ..., counter: _Optional[int] = ..., rows: _Optional[bytes] = ...) -> None: ...

class Round2Request(_message.Message):
    __slots__ = ("ctx", "members")
    CTX_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    ctx: bytes
    members: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ctx: _Optional[bytes] = ..., members: _Optional[_Iterable[str]] = ...) -> None: ...

class Round2Body(_message.Message):
    __slots__ = ("contributor", "ctx", "members", "correction", "tested_roster", "opening_digest", "travel_correction", "left_out")
    CONTRIBUTOR_FIELD_NUMBER: _ClassVar[int]
    CTX_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    CORRECTION_FIELD_NUMBER: _ClassVar[int]
    TESTED_ROSTER_FIELD_NUMBER: _ClassVar[int]
    OPENING_DIGEST_FIELD_NUMBER: _ClassVar[int]
    TRAVEL_CORRECTION_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    contributor: str
    ctx: bytes
    members: _containers.RepeatedScalarFieldContainer[str]
    correction: bytes
    tested_roster: _containers.RepeatedScalarFieldContainer[str]
    opening_digest: bytes
    travel_correction: bytes
    left_out: bytes
    def __init__(self, contributor: _Optional[str] = ..., ctx: _Optional[bytes] = ..., members: _Optional[_Iterable[str]] = ..., correction: _Optional[bytes] = ..., tested_roster: _Optional[_Iterable[str]] = ..., opening_digest: _Optional[bytes] = ..., travel_correction: _Optional[bytes] = ..., left_out: _Optional[bytes] = ...) -> None: ...

class SignedBody(_message.Message):
    __slots__ = ("body", "signature", "opening", "travel_table")
    BODY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    OPENING_FIELD_NUMBER: _ClassVar[int]
    TRAVEL_TABLE_FIELD_NUMBER: _ClassVar[int]
    body: bytes
    signature: bytes
    opening: Opening
    travel_table: bytes
    def __init__(self, body: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., opening: _Optional[_Union[Opening, _Mapping]] = ..., travel_table: _Optional[bytes] = ...) -> None: ...

class Transcript(_message.Message):
    __slots__ = ("roster", "attempt", "intended", "members", "block", "round1", "round2", "product")
    ROSTER_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    INTENDED_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    ROUND1_FIELD_NUMBER: _ClassVar[int]
    ROUND2_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    roster: _containers.RepeatedCompositeFieldContainer[RosterEntry]
    attempt: int
    intended: _containers.RepeatedScalarFieldContainer[str]
    members: _containers.RepeatedScalarFieldContainer[str]
    block: int
    round1: _containers.RepeatedCompositeFieldContainer[SignedBody]
    round2: _containers.RepeatedCompositeFieldContainer[SignedBody]
    product: bytes
    def __init__(self, roster: _Optional[_Iterable[_Union[RosterEntry, _Mapping]]] = ..., attempt: _Optional[int] = ..., intended: _Optional[_Iterable[str]] = ..., members: _Optional[_Iterable[str]] = ..., block: _Optional[int] = ..., round1: _Optional[_Iterable[_Union[SignedBody, _Mapping]]] = ..., round2: _Optional[_Iterable[_Union[SignedBody, _Mapping]]] = ..., product: _Optional[bytes] = ...) -> None: ...
