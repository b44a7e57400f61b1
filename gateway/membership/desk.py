"""The operator's desk: the board opened beside a running gateway, for commands that read it or post to it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from consortium.labels import Label
from consortium.membership.ballots import Ballot
from consortium.membership.emergency import EmergencySuspension
from consortium.membership.signed import sign_document
from consortium.model.members import MemberId
from consortium.wire.membership import DocumentKind, Posted
from gateway.committer import GroupCommitter
from gateway.keys import read_signer
from gateway.membership.board import Board
from gateway.membership.state import State
from gateway.rulebooks import Rulebooks, first_fingerprint
from gateway.settings import Settings
from gateway.storage.board_reader import SqlBoardReader
from gateway.storage.sql import SqlStore, wall_clock


@dataclass(frozen=True, slots=True)
class Desk:
    """The board with everything on it taken into account."""

    settings: Settings
    rulebooks: Rulebooks
    state: State
    board: Board

    async def suspend(self, member: MemberId, reason: str) -> EmergencySuspension:
        """
        Post an emergency suspension; every replica cuts the member off when it reads the board, within a second.

        Raises CreditError(NOTICE_INVALID) for somebody who cannot be suspended, or a second time under one version.
        """
        rulebook = self.rulebooks.trusted.current
        notice = EmergencySuspension(
            consortium=rulebook.document.consortium,
            rulebook=rulebook.digest,
            version=rulebook.document.version,
            member=member,
            reason=reason,
            issued_at=int(time.time()),
        )
        signer = read_signer(self.settings.identity_key)
        signed = sign_document(signer, Label.EMERGENCY_SUSPENSION, notice)
        await self.board.post(Posted(DocumentKind.EMERGENCY, signed), self.settings.member)
        return notice

    def members(self) -> list[dict[str, Any]]:
        """Give every member with its status in effect."""
        now, trusted = int(time.time()), self.rulebooks.trusted
        lapses = {one.member: one.lapses_at for one in trusted.pending_emergencies(now)}
        return [
            {
                "member": one.id,
                "role": one.role.value,
                "group": one.group,
                "status": str(trusted.status(one.id, now)),
                "emergency_lapses_at": lapses.get(one.id),
            }
            for one in trusted.current.document.members
        ]

    def applications(self) -> list[dict[str, Any]]:
        """Give the applications that wait, with their sponsors."""
        return [
            {"member": one.application.member, "sponsor": one.application.sponsor, "applied": one.application.issued_at}
            for one in self.state.applicants.pending(int(time.time()))
        ]

    def proposals(self) -> list[dict[str, Any]]:
        """Give the proposals that are open, and whose vote is missing."""
        return [_proposal(ballot) for ballot in self.state.ballots()]


@asynccontextmanager
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    """Open the board of a gateway that has a rulebook; a running gateway is not disturbed."""
    rulebooks = Rulebooks(settings.rulebooks, first_fingerprint(settings.rulebooks, settings.fingerprint))
    store, reader = SqlStore(settings.storage), SqlBoardReader(settings.storage)
    committer, state = GroupCommitter(store), State(rulebooks)
    committer.start()
    board = Board(committer, reader, state, settings.rulebooks, wall_clock, lambda: _load(rulebooks))
    try:
        await board.catch_up()
        yield Desk(settings, rulebooks, state, board)
    finally:
        await committer.stop()
        reader.close()
        store.close()


def _load(rulebooks: Rulebooks) -> None:
    rulebooks.load_new()


def _proposal(ballot: Ballot) -> dict[str, Any]:
    return {
        "proposer": ballot.proposal.proposer,
        "change": ballot.proposal.change.kind,
        "version": ballot.next.version,
        "voted": [vote.approver for vote in ballot.votes],
        "waiting_for": list(ballot.waiting_for),
    }
