"""A gateway's board over a registry of keys: a real database, a turned clock, and what members would post."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from consortium.labels import Label
from consortium.membership.ballots import Ballot, Decision
from consortium.membership.proposals import Change
from consortium.model.members import MemberId
from consortium.wire.gateway import SignedRulebook
from consortium.wire.membership import DocumentKind, Page, Posted, ReadWanted
from gateway.committer import GroupCommitter
from gateway.membership.board import Board
from gateway.membership.state import State
from gateway.rulebooks import Rulebooks, write_version
from gateway.storage.board_reader import SqlBoardReader
from gateway.storage.sql import SqlStore
from tests.support.membership import APPROVERS, Registry

ALL: frozenset[DocumentKind] = frozenset()


@dataclass
class BoardWorld:
    """One replica's board, and the keys of everybody."""

    known: Registry
    rulebooks: Rulebooks
    board: Board
    state: State
    store: SqlStore

    async def post(self, kind: DocumentKind, signed: bytes, by: MemberId | None) -> int:
        return await self.board.post(Posted(kind, signed), by)

    async def propose(self, change: Change, by: MemberId = "lender-a") -> bytes:
        proposal = self.known.propose(change, by)
        await self.post(DocumentKind.PROPOSAL, proposal, by)
        return proposal

    def vote(self, proposal: bytes, by: MemberId, decision: Decision = Decision.APPROVE, reason: str = "fine") -> bytes:
        ballot = Ballot(proposal, self.known.rulebook, self.known.now)
        return ballot.cast(by, decision, reason, self.known.keys(by).signer, self.known.now)

    async def decide(self, change: Change) -> None:
        """Carry a change through on the board; the registry follows by what the gateway wrote."""
        proposal = await self.propose(change)
        for approver in APPROVERS:
            await self.post(DocumentKind.VOTE, self.vote(proposal, approver), approver)
        assert self.known.trusted.update(self.rulebooks.newest.signed)

    async def page(self, reader: MemberId = "lender-b", after: int = 0) -> Page:
        return await self.board.page(ReadWanted(after, ALL, 256), reader)

    def entries(self) -> list[bytes]:
        return self.store.lines(0, self.store.size())


def write_first(known: Registry, folder: Path) -> None:
    """Write version 1 as the founders signed it."""
    folder.mkdir(parents=True, exist_ok=True)
    raw, approvers = known.rulebook.raw, known.document.approvers.members
    signatures = {one: known.keys(one).signer.sign(Label.RULEBOOK, raw) for one in approvers}
    write_version(folder, SignedRulebook(raw, signatures), 1)


@asynccontextmanager
async def board_world(known: Registry, folder: Path, first: bytes = b"") -> AsyncIterator[BoardWorld]:
    """Open a replica on `folder`; again for a restart, or for a second replica on the same database."""
    rulebooks_folder = folder / "rulebooks"
    if not rulebooks_folder.exists():
        write_first(known, rulebooks_folder)
    digest = first or (folder / "first").read_bytes() if (folder / "first").exists() else known.rulebook.digest
    (folder / "first").write_bytes(digest)
    rulebooks = Rulebooks(rulebooks_folder, digest, lambda: known.now)
    url = f"sqlite:///{folder}/gateway.db"
    store, reader = SqlStore(url, lambda: known.now * 1000), SqlBoardReader(url)
    committer, state = GroupCommitter(store), State(rulebooks)
    committer.start()
    board = Board(committer, reader, state, rulebooks_folder, lambda: known.now * 1000)
    board.on_change = lambda: (rulebooks.load_new(), None)[1]
    await board.catch_up()
    try:
        yield BoardWorld(known, rulebooks, board, state, store)
    finally:
        await committer.stop()
        reader.close()
        store.close()
