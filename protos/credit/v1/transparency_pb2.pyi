from protos.credit.v1 import query_pb2 as _query_pb2
from protos.credit.v1 import rounds_pb2 as _rounds_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetCheckpointRequest(_message.Message):
    __slots__ = ("at_most",)
    AT_MOST_FIELD_NUMBER: _ClassVar[int]
    at_most: int
    def __init__(self, at_most: _Optional[int] = ...) -> None: ...

class GetCheckpointResponse(_message.Message):
    __slots__ = ("note",)
    NOTE_FIELD_NUMBER: _ClassVar[int]
    note: bytes
    def __init__(self, note: _Optional[bytes] = ...) -> None: ...

class GetEntriesRequest(_message.Message):
    __slots__ = ("start", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class GetEntriesResponse(_message.Message):
    __slots__ = ("lines",)
    LINES_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, lines: _Optional[_Iterable[bytes]] = ...) -> None: ...

class InclusionWanted(_message.Message):
    __slots__ = ("index", "size")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    index: int
    size: int
    def __init__(self, index: _Optional[int] = ..., size: _Optional[int] = ...) -> None: ...

class ConsistencyWanted(_message.Message):
    __slots__ = ("first", "second")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    first: int
    second: int
    def __init__(self, first: _Optional[int] = ..., second: _Optional[int] = ...) -> None: ...

class RangeWanted(_message.Message):
    __slots__ = ("first", "end", "size")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    first: int
    end: int
    size: int
    def __init__(self, first: _Optional[int] = ..., end: _Optional[int] = ..., size: _Optional[int] = ...) -> None: ...

class GetProofRequest(_message.Message):
    __slots__ = ("inclusion", "consistency", "range")
    INCLUSION_FIELD_NUMBER: _ClassVar[int]
    CONSISTENCY_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    inclusion: InclusionWanted
    consistency: ConsistencyWanted
    range: RangeWanted
    def __init__(self, inclusion: _Optional[_Union[InclusionWanted, _Mapping]] = ..., consistency: _Optional[_Union[ConsistencyWanted, _Mapping]] = ..., range: _Optional[_Union[RangeWanted, _Mapping]] = ...) -> None: ...

class GetProofResponse(_message.Message):
    __slots__ = ("hashes", "right")
    HASHES_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    hashes: _containers.RepeatedScalarFieldContainer[bytes]
    right: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, hashes: _Optional[_Iterable[bytes]] = ..., right: _Optional[_Iterable[bytes]] = ...) -> None: ...

class AddCosignatureRequest(_message.Message):
    __slots__ = ("size", "line")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    size: int
    line: bytes
    def __init__(self, size: _Optional[int] = ..., line: _Optional[bytes] = ...) -> None: ...

class AddCosignatureResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EntryBody(_message.Message):
    __slots__ = ("query", "roster", "round1", "round2", "product", "block", "receipt")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    ROSTER_FIELD_NUMBER: _ClassVar[int]
    ROUND1_FIELD_NUMBER: _ClassVar[int]
    ROUND2_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    query: _query_pb2.SignedQuery
    roster: _containers.RepeatedCompositeFieldContainer[_rounds_pb2.RosterEntry]
    round1: _containers.RepeatedCompositeFieldContainer[_rounds_pb2.SignedBody]
    round2: _containers.RepeatedCompositeFieldContainer[_rounds_pb2.SignedBody]
    product: bytes
    block: int
    receipt: bytes
    def __init__(self, query: _Optional[_Union[_query_pb2.SignedQuery, _Mapping]] = ..., roster: _Optional[_Iterable[_Union[_rounds_pb2.RosterEntry, _Mapping]]] = ..., round1: _Optional[_Iterable[_Union[_rounds_pb2.SignedBody, _Mapping]]] = ..., round2: _Optional[_Iterable[_Union[_rounds_pb2.SignedBody, _Mapping]]] = ..., product: _Optional[bytes] = ..., block: _Optional[int] = ..., receipt: _Optional[bytes] = ...) -> None: ...

class GetBodiesRequest(_message.Message):
    __slots__ = ("start", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class Body(_message.Message):
    __slots__ = ("index", "content", "erased_by")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    ERASED_BY_FIELD_NUMBER: _ClassVar[int]
    index: int
    content: bytes
    erased_by: int
    def __init__(self, index: _Optional[int] = ..., content: _Optional[bytes] = ..., erased_by: _Optional[int] = ...) -> None: ...

class GetBodiesResponse(_message.Message):
    __slots__ = ("bodies",)
    BODIES_FIELD_NUMBER: _ClassVar[int]
    bodies: _containers.RepeatedCompositeFieldContainer[Body]
    def __init__(self, bodies: _Optional[_Iterable[_Union[Body, _Mapping]]] = ...) -> None: ...
