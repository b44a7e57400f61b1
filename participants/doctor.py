"""
Examining a party's folder and surroundings: one finding for each thing that stops nodes in practice.

Nothing here changes anything. Each check that cannot be made because an earlier thing is broken says so.
"""

import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import grpc

from consortium.errors import Code, CreditError
from consortium.membership.certificates import read_certificate
from consortium.wire.membership import DocumentKind
from participants.bootstrap import open_book, open_rulebook, open_tls
from participants.gateway_client.membership import MemberDoor
from participants.membership.folder import FILE_NAME, MemberFolder
from participants.membership.lookout import WATCHED_SINCE
from participants.membership.member import Membership
from participants.rpc.local_client import LocalClient
from participants.settings import NodeSettings

MAX_SKEW = 30
RULEBOOK_DAYS = 14
BOOK_DAYS = 2
FREE_BYTES = 1 << 30
CONNECT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: how it is, and what to do if it is not well."""

    name: str
    ok: bool
    found: str
    advice: str = ""


def examine(folder: Path) -> Iterator[Finding]:
    """Give every finding; whatever a check raises is that check's finding."""
    settings = NodeSettings(folder)
    for name, (check, advice) in CHECKS.items():
        try:
            found = check(settings)
            yield Finding(name, ok=True, found=found)
        except CreditError as error:
            yield Finding(name, ok=False, found=f"{error.code}: {error.cause}", advice=advice)


def _clock(settings: NodeSettings) -> str:
    """Compare with the clock that the gateway tells with every page of the board."""
    address = _gateways(settings)[0]
    skew = _skew(address, settings)
    _require(abs(skew) <= MAX_SKEW, f"{skew:+d} s from the gateway's")
    return f"{skew:+d} s from the gateway's"


def _skew(address: str, settings: NodeSettings) -> int:
    door = MemberDoor(address, open_tls(settings))
    try:
        return int(time.time()) - door.read(0).time_ms // 1000
    finally:
        door.close()


def _dns(settings: NodeSettings) -> str:
    names = {address.rpartition(":")[0].strip("[]") for address in (*_gateways(settings), *_holders(settings).values())}
    for name in sorted(names):
        try:
            socket.getaddrinfo(name, None)
        except OSError:
            raise CreditError(Code.UNREACHABLE, f"{name} has no address") from None
    return f"{len(names)} names"


def _tls(settings: NodeSettings) -> str:
    for address in _gateways(settings):
        _connect(address, settings)
    return f"{len(_gateways(settings))} gateways"


def _certificate(settings: NodeSettings) -> str:
    found, now = read_certificate(open_tls(settings).certificate), time.time()
    _require(found.valid_from <= now, "not valid yet")
    left = int(found.valid_until - now)
    _require(left > (found.valid_until - found.valid_from) // 4, f"ends in {left // 60} minutes and was not renewed")
    return f"{left // 3600} h left"


def _rulebook(settings: NodeSettings) -> str:
    rulebook = open_rulebook(settings, int(time.time()))
    left = (rulebook.document.expires_at - int(time.time())) // 86_400
    _require(left >= RULEBOOK_DAYS, f"version {rulebook.document.version} expires in {left} days")
    newest = _newest_version(settings, rulebook.document.version)
    _require(newest == rulebook.document.version, f"version {rulebook.document.version}, the gateway has {newest}")
    return f"version {newest}, {left} days left"


def _others(settings: NodeSettings) -> str:
    """Hold our rulebook to what other members say on the board that they have, as a serving node does."""
    if not (settings.folder / FILE_NAME).exists():
        return "no membership folder"
    party = Membership(MemberFolder(settings.folder))
    try:
        return _compare_versions(party)
    finally:
        party.close()


def _compare_versions(party: Membership) -> str:
    if party.rulebooks is None:
        raise CreditError(Code.RULEBOOK_INVALID, "none is trusted yet")
    trusted, now = party.rulebooks.trusted, party.now
    trusted.watch_sightings(party.folder.member, party.board.mark(WATCHED_SINCE) or now)
    for document in party.board.documents():
        if document.kind is DocumentKind.SIGHTING:
            with suppress(CreditError):  # of another version than ours; a fork is among the claims below
                trusted.take_sighting(document.signed, now)
    others = [f"{one.sighting.member} has version {one.sighting.version}" for one in trusted.claims]
    _require(not others, f"{', '.join(others)}, and this node has another rulebook, version {trusted.version}")
    trusted.check_usable(now)
    heard = trusted.sightings.heard if trusted.sightings else ()
    same = [one.sighting.seen_at for one in heard if one.sighting.version == trusted.version]
    last = f", the last {max(0, now - max(same)) // 60} minutes ago" if same else ""
    return f"{len(same)} seen with version {trusted.version}{last}"


def _newest_version(settings: NodeSettings, known: int) -> int:
    door = MemberDoor(_gateways(settings)[0], open_tls(settings))
    try:
        return known + len(door.rulebooks(known))
    finally:
        door.close()


def _custodians(settings: NodeSettings) -> str:
    holders, lost = _holders(settings), []
    for name, address in holders.items():
        try:
            _connect(address, settings)
        except CreditError:
            lost.append(name)
    _require(not lost, f"not reachable: {', '.join(sorted(lost))}")
    return f"{len(holders)} key holders"


def _book(settings: NodeSettings) -> str:
    with open_book(settings) as book:
        status = book.status().book
    _require(status.size > 0, "no book was loaded")
    age = int(time.time()) // 86_400 - status.day
    _require(age <= BOOK_DAYS, f"{age} days old")
    return f"{status.size} people, {age} days old"


def _streams(settings: NodeSettings) -> str:
    with LocalClient(settings) as client:
        attached = client.status()["attached"]
    _require(isinstance(attached, list) and len(attached) == len(_gateways(settings)), f"attached to {attached}")
    return f"attached to {len(_gateways(settings))} replicas"


def _disk(settings: NodeSettings) -> str:
    free = shutil.disk_usage(settings.folder).free
    _require(free >= FREE_BYTES, f"{free >> 20} MiB free")
    return f"{free >> 30} GiB free"


def _outbox(settings: NodeSettings) -> str:
    if not (settings.folder / FILE_NAME).exists():
        return "no membership folder"
    party = Membership(MemberFolder(settings.folder))
    try:
        held = [one for one in party.board.outbox() if one.sequence is None]
    finally:
        party.close()
    _require(not held, f"{len(held)} documents are not delivered")
    return "everything delivered"


def _connect(address: str, settings: NodeSettings) -> None:
    with grpc.secure_channel(address, open_tls(settings).credentials()) as channel:
        try:
            grpc.channel_ready_future(channel).result(CONNECT_SECONDS)
        except grpc.FutureTimeoutError:
            raise CreditError(Code.UNREACHABLE, f"{address}: no TLS connection") from None


def _gateways(settings: NodeSettings) -> tuple[str, ...]:
    if settings.file.gateway is None:
        raise CreditError(Code.SETTINGS_INVALID, "gateway.addresses: none")
    return settings.file.gateway.addresses


def _holders(settings: NodeSettings) -> dict[str, str]:
    return {name: one.address for name, one in settings.file.holders.items() if one.address is not None}


def _require(condition: bool, cause: str) -> None:  # noqa: FBT001 -- a guard reads best with its condition first
    if not condition:
        raise CreditError(Code.SETTINGS_INVALID, cause)


CHECKS: dict[str, tuple[Callable[[NodeSettings], str], str]] = {
    "clock": (_clock, "set the clock by NTP; if the gateway is not reachable, see the next lines"),
    "names": (_dns, "correct the addresses in node.toml, or ask whoever runs your DNS"),
    "TLS to the gateways": (_tls, "open outgoing connections to these addresses; compare ca.crt with your sponsor's"),
    "certificate": (_certificate, "credit-participant certificate; a serving node renews it by itself"),
    "rulebook": (_rulebook, "let the node run to fetch it; near its end the approvers must renew it"),
    "other members": (_others, "let the node run; if it stays so, compare the fingerprint with them by telephone"),
    "key holders": (_custodians, "open outgoing connections to them; two of three suffice for a while"),
    "book": (_book, "credit-participant book load"),
    "streams": (_streams, "credit-participant serve, and see its log"),
    "delivery": (_outbox, "credit-participant status shows what was refused, and why"),
    "disk": (_disk, "make room: what cannot be kept is refused"),
}
