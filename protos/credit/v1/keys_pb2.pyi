from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KeyType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEY_TYPE_UNSPECIFIED: _ClassVar[KeyType]
    KEY_TYPE_MASK: _ClassVar[KeyType]
    KEY_TYPE_QUERY: _ClassVar[KeyType]
    KEY_TYPE_EPHEMERAL: _ClassVar[KeyType]
KEY_TYPE_UNSPECIFIED: KeyType
KEY_TYPE_MASK: KeyType
KEY_TYPE_QUERY: KeyType
KEY_TYPE_EPHEMERAL: KeyType

class KeyCertificate(_message.Message):
    __slots__ = ("member", "type", "key_digest", "valid_from", "valid_until")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    KEY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_FIELD_NUMBER: _ClassVar[int]
    member: str
    type: KeyType
    key_digest: bytes
    valid_from: int
    valid_until: int
    def __init__(self, member: _Optional[str] = ..., type: _Optional[_Union[KeyType, str]] = ..., key_digest: _Optional[bytes] = ..., valid_from: _Optional[int] = ..., valid_until: _Optional[int] = ...) -> None: ...

class CertifiedKey(_message.Message):
    __slots__ = ("key", "certificate", "signature")
    KEY_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    certificate: bytes
    signature: bytes
    def __init__(self, key: _Optional[bytes] = ..., certificate: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...
