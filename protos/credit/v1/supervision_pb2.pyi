from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FileDocumentRequest(_message.Message):
    __slots__ = ("kind", "signed")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    kind: str
    signed: bytes
    def __init__(self, kind: _Optional[str] = ..., signed: _Optional[bytes] = ...) -> None: ...

class FileDocumentResponse(_message.Message):
    __slots__ = ("entry",)
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    entry: int
    def __init__(self, entry: _Optional[int] = ...) -> None: ...

class ReadFilingsRequest(_message.Message):
    __slots__ = ("after",)
    AFTER_FIELD_NUMBER: _ClassVar[int]
    after: int
    def __init__(self, after: _Optional[int] = ...) -> None: ...

class FiledDocument(_message.Message):
    __slots__ = ("entry", "kind", "signed", "about")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    entry: int
    kind: str
    signed: bytes
    about: int
    def __init__(self, entry: _Optional[int] = ..., kind: _Optional[str] = ..., signed: _Optional[bytes] = ..., about: _Optional[int] = ...) -> None: ...

class ReadFilingsResponse(_message.Message):
    __slots__ = ("filings",)
    FILINGS_FIELD_NUMBER: _ClassVar[int]
    filings: _containers.RepeatedCompositeFieldContainer[FiledDocument]
    def __init__(self, filings: _Optional[_Iterable[_Union[FiledDocument, _Mapping]]] = ...) -> None: ...

class ShowBundleRequest(_message.Message):
    __slots__ = ("order", "piece", "digest")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    order: int
    piece: bytes
    digest: bytes
    def __init__(self, order: _Optional[int] = ..., piece: _Optional[bytes] = ..., digest: _Optional[bytes] = ...) -> None: ...

class ShowBundleResponse(_message.Message):
    __slots__ = ("entry",)
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    entry: int
    def __init__(self, entry: _Optional[int] = ...) -> None: ...

class FetchBundleRequest(_message.Message):
    __slots__ = ("order",)
    ORDER_FIELD_NUMBER: _ClassVar[int]
    order: int
    def __init__(self, order: _Optional[int] = ...) -> None: ...

class FetchBundleResponse(_message.Message):
    __slots__ = ("piece",)
    PIECE_FIELD_NUMBER: _ClassVar[int]
    piece: bytes
    def __init__(self, piece: _Optional[bytes] = ...) -> None: ...
