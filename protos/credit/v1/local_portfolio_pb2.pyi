from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StartPortfolioRequest(_message.Message):
    __slots__ = ("job", "request_json")
    JOB_FIELD_NUMBER: _ClassVar[int]
    REQUEST_JSON_FIELD_NUMBER: _ClassVar[int]
    job: bytes
    request_json: bytes
    def __init__(self, job: _Optional[bytes] = ..., request_json: _Optional[bytes] = ...) -> None: ...

class PortfolioWanted(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: bytes
    def __init__(self, job: _Optional[bytes] = ...) -> None: ...

class ListPortfoliosRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPortfoliosResponse(_message.Message):
    __slots__ = ("portfolios",)
    PORTFOLIOS_FIELD_NUMBER: _ClassVar[int]
    portfolios: _containers.RepeatedCompositeFieldContainer[PortfolioStatus]
    def __init__(self, portfolios: _Optional[_Iterable[_Union[PortfolioStatus, _Mapping]]] = ...) -> None: ...

class PortfolioStatus(_message.Message):
    __slots__ = ("job", "phase", "done", "total", "milliseconds", "rows", "expires_at", "error", "cause", "summary_json")
    JOB_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    MILLISECONDS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_JSON_FIELD_NUMBER: _ClassVar[int]
    job: bytes
    phase: str
    done: int
    total: int
    milliseconds: int
    rows: int
    expires_at: int
    error: str
    cause: str
    summary_json: bytes
    def __init__(self, job: _Optional[bytes] = ..., phase: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., milliseconds: _Optional[int] = ..., rows: _Optional[int] = ..., expires_at: _Optional[int] = ..., error: _Optional[str] = ..., cause: _Optional[str] = ..., summary_json: _Optional[bytes] = ...) -> None: ...
