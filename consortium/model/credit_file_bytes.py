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
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from consortium.canonical import CanonicalValue, canonical_json
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
    Location,
    PendingGrant,
    Piece,
    PieceKind,
    PortfolioType,
    Scene,
    Tradeline,
)
from consortium.model.identifiers import IdentifierKind
from consortium.travel.policy import KEPT_EVENTS

_ItemT = TypeVar("_ItemT")


class Part(NamedTuple):
    """
    A piece, or one value of it, ready to be joined: what it is about, which of two about the same wins, its bytes.

    Two parts of one kind and name exclude each other (inquiries never do): the greater rank wins, then the greater
    bytes, so that the order of loading never matters.
    """

    kind: int  # a PieceKind
    name: str
    rank: int
    data: bytes


def parts_of(piece: Piece) -> list[Part]:
    """Take a piece apart: one part each, characteristics one for every value."""
    match piece:
        case Tradeline():
            return [Part(piece.kind, piece.account, piece.reported, _tradeline_bytes(piece))]
        case Inquiry():
            return [Part(piece.kind, "", piece.time, _inquiry_bytes(piece))]
        case PendingGrant():
            return [Part(piece.kind, piece.id, piece.made, canonical_json(pending_to_value(piece)))]
        case Characteristics():
            return [Part(piece.kind, name, value, b'"%b":%d' % (name.encode(), value)) for name, value in piece.values]
        case Freeze():
            return [Part(piece.kind, "", piece.frozen, b"true" if piece.frozen else b"false")]
        case Location():
            return [Part(piece.kind, _location_name(piece), 0, canonical_json(location_to_value(piece)))]


def join_parts(identifier: IdentifierKind, parts: Iterable[Part]) -> bytes:
    """
    Join the parts of one subject, in any order, into the bytes of its credit file.

    Raises CreditError(RECORD_INVALID) for more than 10,000 of one kind.
    """
    chosen: dict[int, list[bytes]] = {kind: [] for kind in PieceKind}
    before: Part | None = None
    for part in sorted(parts):
        kind, name, _, data = part
        if before and before.kind == kind != PieceKind.INQUIRY and before.name == name:
            chosen[kind].pop()
        chosen[kind].append(data)
        before = part
    chosen[PieceKind.LOCATION] = chosen[PieceKind.LOCATION][-KEPT_EVENTS:]
    if max(map(len, chosen.values())) > MAX_PIECES:
        raise _invalid("more pieces about one subject than a file holds")
    return _join_chosen(identifier, chosen)


def _join_chosen(identifier: IdentifierKind, chosen: Mapping[int, list[bytes]]) -> bytes:
    joined = []
    if chosen[PieceKind.CHARACTERISTICS]:
        joined.append(b'"characteristics":{%b}' % b",".join(chosen[PieceKind.CHARACTERISTICS]))
    if chosen[PieceKind.FREEZE] == [b"true"]:
        joined.append(b'"frozen":true')
    joined.append(b'"identifier":%d' % identifier)
    for name, kind in _LISTS:
        if chosen[kind]:
            joined.append(b'"%b":[%b]' % (name, b",".join(chosen[kind])))
    return b"{%b}" % b",".join(joined)


_LISTS = (
    (b"inquiries", PieceKind.INQUIRY),
    (b"locations", PieceKind.LOCATION),
    (b"pendings", PieceKind.PENDING),
    (b"tradelines", PieceKind.TRADELINE),
)


def pieces_of(file: CreditFile) -> Iterator[Piece]:
    """Take a credit file apart; `credit_file_of` puts it together again."""
    yield from file.tradelines
    yield from file.inquiries
    yield from file.pendings
    if file.characteristics.values:
        yield file.characteristics
    if file.frozen:
        yield Freeze(file.frozen)
    yield from file.locations


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


def location_to_value(location: Location) -> dict[str, CanonicalValue]:
    """Give a location as a canonical JSON value."""
    return {"latitude": location.latitude, "longitude": location.longitude, "time": location.time}


def location_from_value(value: object) -> Location:
    """Read a location; raises CreditError(RECORD_INVALID)."""
    return Location(**_fields(value, _LOCATION_NAMES, _LOCATION_NAMES))


def _location_name(location: Location) -> str:
    """Name a location so that names sort as locations do: its fields without sign, at full width."""
    return f"{location.time:012d}{location.latitude + 10**9:010d}{location.longitude + 10**9:010d}"


def _tradeline_bytes(tradeline: Tradeline) -> bytes:
    """Encode as `canonical_json(tradeline_to_value(...))` does, at a third of the time: a book has millions."""
    texts = []
    for (name, default), field in zip(_TRADELINE_FIELDS, _tradeline_values(tradeline), strict=True):
        if field == default:
            continue
        if isinstance(field, str):
            texts.append(f'"{name}":"{field}"')  # an enum's value or a reference: nothing that JSON escapes
        elif isinstance(field, tuple):
            texts.append(f'"{name}":[{",".join(map(str, field))}]')
        else:
            texts.append(f'"{name}":{"true" if field is True else field}')
    return f"{{{','.join(texts)}}}".encode("ascii")


def _inquiry_bytes(inquiry: Inquiry) -> bytes:
    return (b'{"time":%d}' if inquiry.hard else b'{"hard":false,"time":%d}') % inquiry.time


def _from_value(value: object) -> CreditFile:
    found = _fields(value, _FILE_NAMES, _FILE_REQUIRED)
    return CreditFile(
        identifier=_identifier(found["identifier"]),
        tradelines=_items(found.get("tradelines"), tradeline_from_value),
        inquiries=_items(found.get("inquiries"), inquiry_from_value),
        pendings=_items(found.get("pendings"), pending_from_value),
        characteristics=_characteristics(found.get("characteristics")),
        frozen=_boolean(found.get("frozen", False)),
        locations=_items(found.get("locations"), location_from_value),
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
_tradeline_values = attrgetter(*(name for name, _ in _TRADELINE_FIELDS))
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
_LOCATION_NAMES = frozenset({"latitude", "longitude", "time"})
_FILE_NAMES = frozenset({"characteristics", "frozen", "identifier", "inquiries", "locations", "pendings", "tradelines"})
_FILE_REQUIRED = frozenset({"identifier"})
