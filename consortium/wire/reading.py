"""How protobuf bytes are read: every size is bounded, every field is required, every enum's zero is refused."""

from collections.abc import Iterable
from enum import IntEnum, StrEnum
from itertools import pairwise
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId, MemberSet, check_member_id

MAXIMUM_MESSAGE_BYTES = 1 << 20
DIGEST_BYTES = 32
SIGNATURE_BYTES = 64
MAXIMUM_MEMBERS = 1024

MessageT = TypeVar("MessageT", bound=Message)
IntEnumT = TypeVar("IntEnumT", bound=IntEnum)
StrEnumT = TypeVar("StrEnumT", bound=StrEnum)


def parse(kind: type[MessageT], data: bytes, most: int = MAXIMUM_MESSAGE_BYTES) -> MessageT:
    """Parse at most so many bytes of protobuf, 1 MiB; raises CreditError(MALFORMED) for anything else."""
    if len(data) > most:
        raise malformed("size")
    message = kind()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise malformed(kind.__name__) from error
    return message


def serialise(message: Message) -> bytes:
    """Serialise once; what is signed is then these bytes and never a second serialisation."""
    return message.SerializeToString(deterministic=True)


def malformed(what: str) -> CreditError:
    """Name the field that cannot be read."""
    return CreditError(Code.MALFORMED, what)


def exact(value: bytes, length: int, name: str) -> bytes:
    """Require an exact length."""
    if len(value) != length:
        raise malformed(name)
    return value


def digest(value: bytes, name: str) -> bytes:
    """Require 32 bytes."""
    return exact(value, DIGEST_BYTES, name)


def some(value: bytes, name: str) -> bytes:
    """Require at least one byte."""
    if not value:
        raise malformed(name)
    return value


def unsigned(value: int, name: str) -> int:
    """Require a non-negative integer that canonical JSON can carry."""
    if not 0 <= value < 1 << 53:
        raise malformed(name)
    return value


def member(value: str) -> MemberId:
    """Require a member id."""
    return check_member_id(value)


def members(values: Iterable[str]) -> MemberSet:
    """Require a sorted list of distinct member ids."""
    listed = [check_member_id(value) for value in values]
    if len(listed) > MAXIMUM_MEMBERS or any(a >= b for a, b in pairwise(listed)):
        raise malformed("members")
    return frozenset(listed)


def int_enum(kind: type[IntEnumT], value: int) -> IntEnumT:
    """Require a known, specified value."""
    try:
        return kind(value)
    except ValueError as error:
        raise malformed(kind.__name__) from error


def str_enum(kind: type[StrEnumT], value: str) -> StrEnumT:
    """Require a known name."""
    try:
        return kind(value)
    except ValueError as error:
        raise malformed(kind.__name__) from error
