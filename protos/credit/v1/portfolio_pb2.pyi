from protos.credit.v1 import gateway_pb2 as _gateway_pb2
from protos.credit.v1 import rounds_pb2 as _rounds_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ContributeRequest(_message.Message):
    __slots__ = ("hello", "answer")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    hello: BulkHello
    answer: BulkAnswer
    def __init__(self, hello: _Optional[_Union[BulkHello, _Mapping]] = ..., answer: _Optional[_Union[BulkAnswer, _Mapping]] = ...) -> None: ...

class BulkHello(_message.Message):
    __slots__ = ("rulebook_digest", "credits")
    RULEBOOK_DIGEST_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    rulebook_digest: bytes
    credits: int
    def __init__(self, rulebook_digest: _Optional[bytes] = ..., credits: _Optional[int] = ...) -> None: ...

class BulkAnswer(_message.Message):
    __slots__ = ("call", "list", "block", "refusal")
    CALL_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    call: int
    list: ListState
    block: BlockMessage
    refusal: _gateway_pb2.Refusal
    def __init__(self, call: _Optional[int] = ..., list: _Optional[_Union[ListState, _Mapping]] = ..., block: _Optional[_Union[BlockMessage, _Mapping]] = ..., refusal: _Optional[_Union[_gateway_pb2.Refusal, _Mapping]] = ...) -> None: ...

class ListState(_message.Message):
    __slots__ = ("missing", "accepted")
    MISSING_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    missing: bytes
    accepted: bool
    def __init__(self, missing: _Optional[bytes] = ..., accepted: bool = ...) -> None: ...

class BlockMessage(_message.Message):
    __slots__ = ("signed", "data", "bound")
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    signed: _rounds_pb2.SignedBody
    data: bytes
    bound: _containers.RepeatedCompositeFieldContainer[BoundRows]
    def __init__(self, signed: _Optional[_Union[_rounds_pb2.SignedBody, _Mapping]] = ..., data: _Optional[bytes] = ..., bound: _Optional[_Iterable[_Union[BoundRows, _Mapping]]] = ...) -> None: ...

class BoundRows(_message.Message):
    __slots__ = ("members", "rows")
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedScalarFieldContainer[str]
    rows: bytes
    def __init__(self, members: _Optional[_Iterable[str]] = ..., rows: _Optional[bytes] = ...) -> None: ...

class ContributeResponse(_message.Message):
    __slots__ = ("call", "begin", "rows", "round1", "round2", "drain")
    CALL_FIELD_NUMBER: _ClassVar[int]
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    ROUND1_FIELD_NUMBER: _ClassVar[int]
    ROUND2_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    call: int
    begin: JobBegin
    rows: SealedRows
    round1: BlockRound1
    round2: BlockRound2
    drain: _gateway_pb2.Drain
    def __init__(self, call: _Optional[int] = ..., begin: _Optional[_Union[JobBegin, _Mapping]] = ..., rows: _Optional[_Union[SealedRows, _Mapping]] = ..., round1: _Optional[_Union[BlockRound1, _Mapping]] = ..., round2: _Optional[_Union[BlockRound2, _Mapping]] = ..., drain: _Optional[_Union[_gateway_pb2.Drain, _Mapping]] = ...) -> None: ...

class JobBegin(_message.Message):
    __slots__ = ("query", "roster")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    ROSTER_FIELD_NUMBER: _ClassVar[int]
    query: bytes
    roster: _containers.RepeatedCompositeFieldContainer[_rounds_pb2.RosterEntry]
    def __init__(self, query: _Optional[bytes] = ..., roster: _Optional[_Iterable[_Union[_rounds_pb2.RosterEntry, _Mapping]]] = ...) -> None: ...

class SealedRows(_message.Message):
    __slots__ = ("job", "block", "sealed")
    JOB_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    job: bytes
    block: int
    sealed: bytes
    def __init__(self, job: _Optional[bytes] = ..., block: _Optional[int] = ..., sealed: _Optional[bytes] = ...) -> None: ...

class BlockRound1(_message.Message):
    __slots__ = ("job", "block", "attempt", "intended")
    JOB_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    INTENDED_FIELD_NUMBER: _ClassVar[int]
    job: bytes
    block: int
    attempt: int
    intended: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, job: _Optional[bytes] = ..., block: _Optional[int] = ..., attempt: _Optional[int] = ..., intended: _Optional[_Iterable[str]] = ...) -> None: ...

class BlockRound2(_message.Message):
    __slots__ = ("job", "ctx", "members", "left_out")
    JOB_FIELD_NUMBER: _ClassVar[int]
    CTX_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    job: bytes
    ctx: bytes
    members: _containers.RepeatedScalarFieldContainer[str]
    left_out: bytes
    def __init__(self, job: _Optional[bytes] = ..., ctx: _Optional[bytes] = ..., members: _Optional[_Iterable[str]] = ..., left_out: _Optional[bytes] = ...) -> None: ...

class RunRequest(_message.Message):
    __slots__ = ("begin", "rows", "taken")
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    begin: RunBegin
    rows: SealedRows
    taken: BlockTaken
    def __init__(self, begin: _Optional[_Union[RunBegin, _Mapping]] = ..., rows: _Optional[_Union[SealedRows, _Mapping]] = ..., taken: _Optional[_Union[BlockTaken, _Mapping]] = ...) -> None: ...

class RunBegin(_message.Message):
    __slots__ = ("request_id", "query", "have", "credits", "sealed")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    HAVE_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    request_id: bytes
    query: bytes
    have: bytes
    credits: int
    sealed: bytes
    def __init__(self, request_id: _Optional[bytes] = ..., query: _Optional[bytes] = ..., have: _Optional[bytes] = ..., credits: _Optional[int] = ..., sealed: _Optional[bytes] = ...) -> None: ...

class BlockTaken(_message.Message):
    __slots__ = ("block",)
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    block: int
    def __init__(self, block: _Optional[int] = ...) -> None: ...

class RunResponse(_message.Message):
    __slots__ = ("admitted", "need", "part", "done", "ended")
    ADMITTED_FIELD_NUMBER: _ClassVar[int]
    NEED_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    admitted: RunAdmitted
    need: NeedRows
    part: BlockPart
    done: BlockDone
    ended: RunEnded
    def __init__(self, admitted: _Optional[_Union[RunAdmitted, _Mapping]] = ..., need: _Optional[_Union[NeedRows, _Mapping]] = ..., part: _Optional[_Union[BlockPart, _Mapping]] = ..., done: _Optional[_Union[BlockDone, _Mapping]] = ..., ended: _Optional[_Union[RunEnded, _Mapping]] = ...) -> None: ...

class RunAdmitted(_message.Message):
    __slots__ = ("admission",)
    ADMISSION_FIELD_NUMBER: _ClassVar[int]
    admission: int
    def __init__(self, admission: _Optional[int] = ...) -> None: ...

class NeedRows(_message.Message):
    __slots__ = ("block",)
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    block: int
    def __init__(self, block: _Optional[int] = ...) -> None: ...

class BlockPart(_message.Message):
    __slots__ = ("block", "member", "round", "data")
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    block: int
    member: str
    round: int
    data: bytes
    def __init__(self, block: _Optional[int] = ..., member: _Optional[str] = ..., round: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class BlockDone(_message.Message):
    __slots__ = ("block", "transcript", "left_out", "receipt")
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    block: int
    transcript: bytes
    left_out: bytes
    receipt: _gateway_pb2.Receipt
    def __init__(self, block: _Optional[int] = ..., transcript: _Optional[bytes] = ..., left_out: _Optional[bytes] = ..., receipt: _Optional[_Union[_gateway_pb2.Receipt, _Mapping]] = ...) -> None: ...

class RunEnded(_message.Message):
    __slots__ = ("missing", "receipt", "owed_by")
    MISSING_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    OWED_BY_FIELD_NUMBER: _ClassVar[int]
    missing: bytes
    receipt: _gateway_pb2.Receipt
    owed_by: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, missing: _Optional[bytes] = ..., receipt: _Optional[_Union[_gateway_pb2.Receipt, _Mapping]] = ..., owed_by: _Optional[_Iterable[str]] = ...) -> None: ...
