from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DocumentKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DOCUMENT_KIND_UNSPECIFIED: _ClassVar[DocumentKind]
    DOCUMENT_KIND_APPLICATION: _ClassVar[DocumentKind]
    DOCUMENT_KIND_PROPOSAL: _ClassVar[DocumentKind]
    DOCUMENT_KIND_VOTE: _ClassVar[DocumentKind]
    DOCUMENT_KIND_LEAVE_NOTICE: _ClassVar[DocumentKind]
    DOCUMENT_KIND_ROTATION: _ClassVar[DocumentKind]
    DOCUMENT_KIND_DELIVERY: _ClassVar[DocumentKind]
    DOCUMENT_KIND_EPOCH_OFFER: _ClassVar[DocumentKind]
    DOCUMENT_KIND_EMERGENCY: _ClassVar[DocumentKind]
    DOCUMENT_KIND_SIGHTING: _ClassVar[DocumentKind]
    DOCUMENT_KIND_CEREMONY_PLAN: _ClassVar[DocumentKind]
    DOCUMENT_KIND_CEREMONY_MESSAGE: _ClassVar[DocumentKind]
    DOCUMENT_KIND_CONFORMANCE_REPORT: _ClassVar[DocumentKind]
    DOCUMENT_KIND_ACKNOWLEDGEMENT: _ClassVar[DocumentKind]
    DOCUMENT_KIND_GENESIS: _ClassVar[DocumentKind]
    DOCUMENT_KIND_READINESS: _ClassVar[DocumentKind]
DOCUMENT_KIND_UNSPECIFIED: DocumentKind
DOCUMENT_KIND_APPLICATION: DocumentKind
DOCUMENT_KIND_PROPOSAL: DocumentKind
DOCUMENT_KIND_VOTE: DocumentKind
DOCUMENT_KIND_LEAVE_NOTICE: DocumentKind
DOCUMENT_KIND_ROTATION: DocumentKind
DOCUMENT_KIND_DELIVERY: DocumentKind
DOCUMENT_KIND_EPOCH_OFFER: DocumentKind
DOCUMENT_KIND_EMERGENCY: DocumentKind
DOCUMENT_KIND_SIGHTING: DocumentKind
DOCUMENT_KIND_CEREMONY_PLAN: DocumentKind
DOCUMENT_KIND_CEREMONY_MESSAGE: DocumentKind
DOCUMENT_KIND_CONFORMANCE_REPORT: DocumentKind
DOCUMENT_KIND_ACKNOWLEDGEMENT: DocumentKind
DOCUMENT_KIND_GENESIS: DocumentKind
DOCUMENT_KIND_READINESS: DocumentKind

class BoardDocument(_message.Message):
    __slots__ = ("sequence", "kind", "signed", "time_ms", "author")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    kind: DocumentKind
    signed: bytes
    time_ms: int
    author: str
    def __init__(self, sequence: _Optional[int] = ..., kind: _Optional[_Union[DocumentKind, str]] = ..., signed: _Optional[bytes] = ..., time_ms: _Optional[int] = ..., author: _Optional[str] = ...) -> None: ...

class PostRequest(_message.Message):
    __slots__ = ("kind", "signed")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    kind: DocumentKind
    signed: bytes
    def __init__(self, kind: _Optional[_Union[DocumentKind, str]] = ..., signed: _Optional[bytes] = ...) -> None: ...

class PostResponse(_message.Message):
    __slots__ = ("sequence",)
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    def __init__(self, sequence: _Optional[int] = ...) -> None: ...

class ReadRequest(_message.Message):
    __slots__ = ("after", "kinds", "limit")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    after: int
    kinds: _containers.RepeatedScalarFieldContainer[DocumentKind]
    limit: int
    def __init__(self, after: _Optional[int] = ..., kinds: _Optional[_Iterable[_Union[DocumentKind, str]]] = ..., limit: _Optional[int] = ...) -> None: ...

class ReadResponse(_message.Message):
    __slots__ = ("documents", "newest", "time_ms")
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    documents: _containers.RepeatedCompositeFieldContainer[BoardDocument]
    newest: int
    time_ms: int
    def __init__(self, documents: _Optional[_Iterable[_Union[BoardDocument, _Mapping]]] = ..., newest: _Optional[int] = ..., time_ms: _Optional[int] = ...) -> None: ...

class CertifyRequest(_message.Message):
    __slots__ = ("csr", "binding")
    CSR_FIELD_NUMBER: _ClassVar[int]
    BINDING_FIELD_NUMBER: _ClassVar[int]
    csr: bytes
    binding: bytes
    def __init__(self, csr: _Optional[bytes] = ..., binding: _Optional[bytes] = ...) -> None: ...

class CertifyResponse(_message.Message):
    __slots__ = ("certificate",)
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    certificate: bytes
    def __init__(self, certificate: _Optional[bytes] = ...) -> None: ...

class ReadRulebooksRequest(_message.Message):
    __slots__ = ("after_version",)
    AFTER_VERSION_FIELD_NUMBER: _ClassVar[int]
    after_version: int
    def __init__(self, after_version: _Optional[int] = ...) -> None: ...

class RulebookVersion(_message.Message):
    __slots__ = ("document", "signatures")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    document: bytes
    signatures: str
    def __init__(self, document: _Optional[bytes] = ..., signatures: _Optional[str] = ...) -> None: ...

class ReadRulebooksResponse(_message.Message):
    __slots__ = ("versions",)
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[RulebookVersion]
    def __init__(self, versions: _Optional[_Iterable[_Union[RulebookVersion, _Mapping]]] = ...) -> None: ...

class JoinRequest(_message.Message):
    __slots__ = ("member", "time", "nonce", "request", "signature")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    member: str
    time: int
    nonce: bytes
    request: bytes
    signature: bytes
    def __init__(self, member: _Optional[str] = ..., time: _Optional[int] = ..., nonce: _Optional[bytes] = ..., request: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class JoinResponse(_message.Message):
    __slots__ = ("response",)
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    response: bytes
    def __init__(self, response: _Optional[bytes] = ...) -> None: ...
