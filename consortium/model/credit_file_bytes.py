"""
The one form in bytes of a credit file and of its pieces: canonical JSON, a field that has its default left out.

A loader turns each record into *parts* (what it is about, and its bytes) and joins the parts of a subject without
ever parsing them again; `credit_file_to_bytes` does the same, so that both always agree. The book's root commits to
these bytes.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from enum import Enum
from typing import Any, NamedTuple, TypeVar

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from consortium.model.credit_file import (
    MAX_PIECES,
    NO_CHARACTERISTICS,
    AccountStatus,
    Channel,
    Characteristics,
    CreditFile,
    Freeze,
    Inquiry,
    PendingGrant,
    Piece,
    PieceKind,
    PortfolioType,
    Scene,
    Tradeline,
)
from consortium.model.identifiers import IdentifierKind

_ItemT = TypeVar("_ItemT")

# What `canonical_json` gives for values whose types were checked already, four times faster: a book has millions.
_encode_text = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


class Part(NamedTuple):
    """
    A piece, or one value of it, ready to be joined: what it is about, which of two about the same wins, its bytes.

    Two parts of one kind and name exclude each other (inquiries never do): the greater rank wins, then the greater
    bytes, so that the order of loading never matters.
    """

    kind: PieceKind
    name: str
    rank: int
    data: bytes


def parts_of(piece: Piece) -> list[Part]:
    """Take a piece apart: one part each, characteristics one for every value."""
    match piece:
        case Tradeline():
            return [Part(piece.kind, piece.account, piece.reported, _encode(tradeline_to_value(piece)))]
        case Inquiry():
            return [Part(piece.kind, "", piece.time, _encode(inquiry_to_value(piece)))]
        case PendingGrant():
            return [Part(piece.kind, piece.id, piece.made, _encode(pending_to_value(piece)))]
        case Characteristics():
            return [Part(piece.kind, name, value, b"%d" % value) for name, value in piece.values]
        case Freeze():
            return [Part(piece.kind, "", int(piece.frozen), b"")]


def join_parts(identifier: IdentifierKind, parts: Iterable[Part]) -> bytes:
    """Join the parts of one subject, in any order, into the bytes of its credit file."""
    inquiries: list[Part] = []
    others: dict[tuple[PieceKind, str], Part] = {}
    for part in parts:
        if part.kind is PieceKind.INQUIRY:
            inquiries.append(part)
        else:
            rival = others.get(part[:2])
            others[part[:2]] = part if rival is None else max(part, rival)
    chosen: dict[PieceKind, list[Part]] = {kind: [] for kind in PieceKind}
    if max(len(inquiries), len(others)) > MAX_PIECES:
        raise CreditError(Code.RECORD_INVALID, "more pieces about one subject than a file holds")
    for index in sorted(others):
        chosen[index[0]].append(others[index])
    chosen[PieceKind.INQUIRY] = sorted(inquiries)
    return _join_chosen(identifier, chosen)


def _join_chosen(identifier: IdentifierKind, chosen: Mapping[PieceKind, list[Part]]) -> bytes:
    joined = []
    if chosen[PieceKind.CHARACTERISTICS]:
        values = (b'"%b":%b' % (part.name.encode(), part.data) for part in chosen[PieceKind.CHARACTERISTICS])
        joined.append(b'"characteristics":{%b}' % b",".join(values))
    if any(part.rank for part in chosen[PieceKind.FREEZE]):
        joined.append(b'"frozen":true')
    joined.append(b'"identifier":%d' % identifier)
    for name, kind in _LISTS:
        if chosen[kind]:
            joined.append(b'"%b":[%b]' % (name, b",".join(part.data for part in chosen[kind])))
    return b"{%b}" % b",".join(joined)


_LISTS = (
    (b"inquiries", PieceKind.INQUIRY),
    (b"pendings", PieceKind.PENDING),
    (b"tradelines", PieceKind.TRADELINE),
)


def pieces_of(file: CreditFile) -> Iterator[Piece]:
    """Take a credit file apart; `credit_file_of` puts it together again."""
    yield from file.tradelines
    yield from file.inquiries
    yield from file.pendings
    yield file.characteristics
    yield Freeze(file.frozen)


def credit_file_to_bytes(file: CreditFile) -> bytes:
    """Give the one form of a credit file."""
    return join_parts(file.identifier, (part for piece in pieces_of(file) for part in parts_of(piece)))


def credit_file_of(identifier: IdentifierKind, pieces: Iterable[Piece]) -> CreditFile:
    """Put pieces together in any order; see `Part` for which of two about the same wins."""
    return _from_value(_loads(join_parts(identifier, (part for piece in pieces for part in parts_of(piece)))))


def credit_file_from_bytes(data: bytes) -> CreditFile:
    """Parse a credit file; raises CreditError(RECORD_INVALID) for any bytes that are not its one form."""
    file = _from_value(_loads(data))
    if credit_file_to_bytes(file) != data:
        raise _invalid("not the canonical form")
    return file


def stored_credit_file(data: bytes) -> CreditFile:
    """Parse bytes that this program made itself; every field is checked, the form is not encoded a second time."""
    return _from_value(_loads(data))


def tradeline_to_value(tradeline: Tradeline) -> dict[str, CanonicalValue]:
    """Give a tradeline as a canonical JSON value."""
    value: dict[str, CanonicalValue] = {}
    for name, default in _TRADELINE_FIELDS:
        field = getattr(tradeline, name)
        if field != default:
            value[name] = field.value if isinstance(field, Enum) else field
    return value


def tradeline_from_value(value: object) -> Tradeline:
    """Read a tradeline; raises CreditError(RECORD_INVALID)."""
    found = _fields(value, _TRADELINE_NAMES, _TRADELINE_REQUIRED)
    for name, read in _TRADELINE_READERS:
        if name in found:
            found[name] = read(found[name])
    return Tradeline(**found)


def inquiry_to_value(inquiry: Inquiry) -> dict[str, CanonicalValue]:
    """Give an inquiry as a canonical JSON value."""
    return {"time": inquiry.time} if inquiry.hard else {"hard": False, "time": inquiry.time}


def inquiry_from_value(value: object) -> Inquiry:
    """Read an inquiry; raises CreditError(RECORD_INVALID)."""
    found = _fields(value, _INQUIRY_NAMES, _INQUIRY_REQUIRED)
    return Inquiry(found["time"], _boolean(found.get("hard", True)))


def pending_to_value(pending: PendingGrant) -> dict[str, CanonicalValue]:
    """Give a pending grant as a canonical JSON value."""
    return {"amount": pending.amount, "expires": pending.expires, "id": pending.id, "made": pending.made}


def pending_from_value(value: object) -> PendingGrant:
    """Read a pending grant; raises CreditError(RECORD_INVALID)."""
    return PendingGrant(**_fields(value, _PENDING_NAMES, _PENDING_NAMES))


def _encode(value: dict[str, CanonicalValue]) -> bytes:
    return _encode_text(value).encode("ascii")


def _from_value(value: object) -> CreditFile:
    found = _fields(value, _FILE_NAMES, _FILE_REQUIRED)
    return CreditFile(
        identifier=_identifier(found["identifier"]),
        tradelines=_items(found.get("tradelines"), tradeline_from_value),
        inquiries=_items(found.get("inquiries"), inquiry_from_value),
        pendings=_items(found.get("pendings"), pending_from_value),
        characteristics=_characteristics(found.get("characteristics")),
        frozen=_boolean(found.get("frozen", False)),
    )


def _loads(data: bytes) -> object:
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError):
        raise _invalid("not JSON") from None
    return value


def _fields(value: object, names: frozenset[str], required: frozenset[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _invalid("not an object")
    if not required <= value.keys() <= names:
        raise _invalid("a field is unknown or missing")
    return value


def _items(value: object, read: Callable[[object], _ItemT]) -> tuple[_ItemT, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise _invalid("not a list")
    return tuple(read(item) for item in value)


def _characteristics(value: object) -> Characteristics:
    if value is None:
        return NO_CHARACTERISTICS
    if not isinstance(value, dict):
        raise _invalid("characteristics")
    return Characteristics(tuple(value.items()))


def _identifier(value: object) -> IdentifierKind:
    if type(value) is not int or value not in _IDENTIFIERS:
        raise _invalid("identifier")
    return _IDENTIFIERS[value]


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise _invalid("not a truth value")
    return value


def _history(value: object) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise _invalid("history")
    return tuple(value)


def _reader(kind: type[Enum], field: str) -> Callable[[object], Enum]:
    members = {member.value: member for member in kind}

    def read(value: object) -> Enum:
        if not isinstance(value, str) or value not in members:
            raise _invalid(field)
        return members[value]

    return read


def _invalid(cause: str) -> CreditError:
    return CreditError(Code.RECORD_INVALID, cause)


_IDENTIFIERS = {int(kind): kind for kind in IdentifierKind}
_TRADELINE_FIELDS = tuple((field.name, field.default) for field in sorted(fields(Tradeline), key=lambda f: f.name))
_TRADELINE_NAMES = frozenset(field.name for field in fields(Tradeline))
_TRADELINE_REQUIRED = frozenset(field.name for field in fields(Tradeline) if field.default is MISSING)
_TRADELINE_READERS: tuple[tuple[str, Callable[[object], object]], ...] = (
    ("portfolio", _reader(PortfolioType, "portfolio")),
    ("status", _reader(AccountStatus, "status")),
    ("channel", _reader(Channel, "channel")),
    ("scene", _reader(Scene, "scene")),
    ("history", _history),
    ("disputed", _boolean),
)
_INQUIRY_NAMES = frozenset({"hard", "time"})
_INQUIRY_REQUIRED = frozenset({"time"})
_PENDING_NAMES = frozenset({"amount", "expires", "id", "made"})
_FILE_NAMES = frozenset({"characteristics", "frozen", "identifier", "inquiries", "pendings", "tradelines"})
_FILE_REQUIRED = frozenset({"identifier"})
