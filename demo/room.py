"""The gateway's board in this process, for founding a consortium: the real board over the gateway's own database."""

import asyncio
import threading
import time
from collections.abc import Collection, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from consortium.membership.files import document_name
from consortium.model.members import MemberId
from consortium.model.rulebook import rulebook_digest
from consortium.wire.gateway import SignedRulebook
from consortium.wire.membership import Certifying, DocumentKind, Page, Posted, ReadWanted
from gateway.committer import GroupCommitter
from gateway.keys import ShareKeeper, read_signer
from gateway.membership.authority import Authority
from gateway.membership.board import Board
from gateway.membership.certifier import Certifier
from gateway.membership.founding import FoundingState
from gateway.membership.party import CeremonyParty
from gateway.membership.standing import Standing
from gateway.membership.state import State
from gateway.rulebooks import Rulebooks
from gateway.settings import Settings
from gateway.storage.board_reader import SqlBoardReader
from gateway.storage.sql import SqlStore

PAGE = 256
ResultT = TypeVar("ResultT")


class Room:
    """The gateway's membership side: the board before and after the first rulebook, the CA, its part in ceremonies."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="board", daemon=True)
        self._thread.start()
        self._store = SqlStore(settings.storage)
        self._reader = SqlBoardReader(settings.storage)
        self._committer = GroupCommitter(self._store)
        self._loop.call_soon_threadsafe(self._committer.start)
        self._founding = FoundingState(settings.consortium)
        self.board = self._board(self._founding)
        self.rulebooks: Rulebooks | None = None
        signer, keeper = read_signer(settings.identity_key), ShareKeeper(settings.key_share)
        self._ceremony = CeremonyParty(
            settings.member,
            signer,
            keeper,
            lambda: self._founding.ceremonies,
            self._post,
        )

    async def _post(self, posted: Posted, author: MemberId) -> int:
        return await self.board.post(posted, author)

    def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Run something on the board's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def ceremony_step(self) -> None:
        """Let the gateway send what it owes in the first ceremony."""
        self.run(self._ceremony.step())

    def open_consortium(self) -> Rulebooks:
        """Go on under the first rulebook, which the founders' signatures have put into the gateway's folder."""
        raw = (self._settings.rulebooks / document_name(1)).read_bytes()
        self.rulebooks = Rulebooks(self._settings.rulebooks, rulebook_digest(raw))
        self.board = self._board(State(self.rulebooks))
        return self.rulebooks

    def door(self, member: MemberId) -> "RoomDoor":
        """Give a party its way to the board."""
        return RoomDoor(self, member)

    def certify(self, wanted: Certifying, member: MemberId) -> bytes:
        """Issue a certificate."""
        ca = self._settings.authority
        if ca is None or self.rulebooks is None:
            raise RuntimeError("no CA, or no rulebook yet")
        authority = Authority(ca.certificate.read_bytes(), ca.key.read_bytes())
        certifier = Certifier(authority, self.rulebooks, self._committer, lambda: int(time.time()), ca.hosts)
        return self.run(certifier.certify(wanted, member))

    def close(self) -> None:
        """Write what is open, and end."""
        self.run(self._committer.stop())
        self._reader.close()
        self._store.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _board(self, standing: Standing) -> Board:
        return Board(
            self._committer, self._reader, standing, self._settings.rulebooks, lambda: time.time_ns() // 1_000_000
        )


@dataclass(frozen=True)
class RoomDoor:
    """A `BoardDoor` without a network."""

    room: Room
    member: MemberId

    def post(self, posted: Posted) -> int:
        """Post a document."""
        caller = None if posted.kind is DocumentKind.APPLICATION else self.member
        return self.room.run(self.room.board.post(posted, caller))

    def read(self, after: int, kinds: Collection[DocumentKind] = ()) -> Page:
        """Read a page."""
        return self.room.run(self.room.board.page(ReadWanted(after, frozenset(kinds), PAGE), self.member))

    def certify(self, wanted: Certifying) -> bytes:
        """Get a certificate."""
        return self.room.certify(wanted, self.member)

    def rulebooks(self, after: int) -> tuple[SignedRulebook, ...]:
        """Get the next rulebook versions."""
        found = self.room.rulebooks
        if found is None:
            return ()
        found.load_new()
        newest = found.current().document.version
        return tuple(found.version(number).signed for number in range(after + 1, newest + 1))

    def close(self) -> None:
        """Nothing to close."""
