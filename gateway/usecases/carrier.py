"""Carries one query or statistic through its rounds over the attached nodes; the decisions are those of its run."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Generic, Protocol, TypeVar

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId, MemberSet
from consortium.model.receipts import Round, sign_message_receipt
from consortium.model.rounds import Transcript
from consortium.model.rulebook import Rulebook
from consortium.model.signing import Signer
from consortium.wire.gateway import message_receipt_to_bytes
from gateway.attachments import Attachment, Attachments, Call
from gateway.failpoints import failpoint


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a round waits, in seconds."""

    round1: float
    round2: float


OWN_TROUBLES = frozenset(
    {Code.STORAGE_FULL, Code.STORAGE_BUSY, Code.STORAGE_BROKEN, Code.SOURCE_UNREADABLE, Code.INTERNAL}
)
"""What a member refuses with because of its own machine; a requester would look for it on its own."""

AGAIN_SECONDS = 0.1
"""A member that has not taken the rulebook in force yet is asked again after so long: it is about to."""


class Run(Protocol):
    """What is carried: the attempts of one admitted query or statistic, as a state machine without I/O."""

    rounds: ClassVar[tuple[int, int]]
    """The kinds of calls of its two rounds; see `Call`."""

    @property
    def rulebook(self) -> Rulebook:
        """The rulebook that it was admitted under."""
        ...

    @property
    def intended(self) -> MemberSet:
        """L of the attempt that is open."""
        ...

    @property
    def answering(self) -> MemberSet:
        """U, once it is chosen."""
        ...

    @property
    def missing_round2(self) -> MemberSet:
        """The members of U that owe a correction."""
        ...

    def call(self, attached: MemberSet) -> bytes:
        """Open the next attempt; gives the message of round 1."""
        ...

    def receive_round1(self, member: MemberId, raw: bytes) -> None:
        """Take a contribution."""
        ...

    def receive_refusal(self, member: MemberId, error: CreditError) -> None:
        """Note that a member refused to contribute, or was silent."""
        ...

    def answering_call(self) -> bytes | None:
        """Close round 1; gives the message of round 2, or None where another attempt is due."""
        ...

    def receive_round2(self, member: MemberId, raw: bytes) -> None:
        """Take a correction."""
        ...

    def taken(self, number: int) -> tuple[Round, dict[MemberId, bytes]]:
        """Give the messages that were accepted in a round, by their digests."""
        ...

    def transcript(self) -> Transcript:
        """Add up."""
        ...


RunT = TypeVar("RunT", bound=Run)


class Carrier(Generic[RunT]):
    """
    Sends calls, feeds answers into the run, and closes rounds when all have come or time is up.

    A `patient` one is for statistics: it asks nodes that take them, and takes none for unwell that answers late.
    """

    def __init__(
        self,
        attachments: Attachments,
        timeouts: Timeouts,
        check_still: Callable[[RunT], None],
        signer: Signer,
        *,
        patient: bool = False,
    ) -> None:
        self._attachments = attachments
        self._patient = patient
        self._timeouts = timeouts
        self._check_still = check_still
        self._signer = signer

    async def carry(self, run: RunT) -> Transcript:
        """
        Run up to three attempts; raises CreditError where the query cannot be completed.

        Before every round it is asked again whether the query may go on, by the rulebook and the time of then.
        """
        await self._attachments.settled(run.rulebook.roster_set)
        while (second := await self._first_round(run)) is None:
            pass
        await self._second_round(run, second)
        return run.transcript()

    async def _first_round(self, run: RunT) -> bytes | None:
        self._check_still(run)
        request = run.call(self._attachments.well(statistics=self._patient))
        call = Call(self._attachments.next_number(), run.rounds[0], request)
        await self._ask_all(run, run.intended, call, self._timeouts.round1, run.receive_round1, run.receive_refusal)
        self._give_receipts(run, 1)
        failpoint("gateway.after-round1")
        return run.answering_call()

    async def _second_round(self, run: RunT, request: bytes) -> None:
        refusals: dict[MemberId, CreditError] = {}
        failpoint("gateway.before-round2")
        self._check_still(run)
        call = Call(self._attachments.next_number(), run.rounds[1], request)
        await self._ask_all(run, run.answering, call, self._timeouts.round2, run.receive_round2, refusals.__setitem__)
        self._give_receipts(run, 2)
        failpoint("gateway.after-round2")
        causes = [_as_the_querys(member, error) for member, error in sorted(refusals.items())]
        if run.missing_round2 and causes:
            raise min(causes, key=lambda error: error.code is Code.TOO_FEW_CONTRIBUTORS)

    def _give_receipts(self, run: RunT, number: int) -> None:
        """Owe every member whose message was taken in a round the gateway's signature that it was."""
        of, taken = run.taken(number)
        if taken:
            raw = message_receipt_to_bytes(sign_message_receipt(self._signer, of, taken))
            for member in taken:
                with suppress(CreditError):  # it has gone away meanwhile
                    self._attachments.node(member).owe(raw)

    async def _ask_all(
        self,
        run: RunT,
        members: MemberSet,
        call: Call,
        seconds: float,
        accept: Callable[[MemberId, bytes], None],
        refuse: Callable[[MemberId, CreditError], None],
    ) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        behind = await self._ask_once(members, call, seconds, accept, refuse)
        while behind and (left := deadline - asyncio.get_running_loop().time()) > AGAIN_SECONDS:
            await asyncio.sleep(AGAIN_SECONDS)
            self._check_still(run)
            number = Call(self._attachments.next_number(), call.round, call.request)
            behind = await self._ask_once(frozenset(behind), number, left - AGAIN_SECONDS, accept, refuse)
        for member, error in behind.items():
            refuse(member, error)

    async def _ask_once(
        self,
        members: MemberSet,
        call: Call,
        seconds: float,
        accept: Callable[[MemberId, bytes], None],
        refuse: Callable[[MemberId, CreditError], None],
    ) -> dict[MemberId, CreditError]:
        """Call everybody once; gives those that have not taken the rulebook in force yet: they are asked again."""
        behind: dict[MemberId, CreditError] = {}

        def refused(member: MemberId, error: CreditError) -> None:
            if error.code is Code.RULEBOOK_MISMATCH:
                behind[member] = error
            else:
                refuse(member, error)

        asked: dict[asyncio.Future[bytes], Attachment] = {}
        for member in sorted(members):
            try:
                node = self._attachments.node(member, statistics=self._patient)
                asked[node.begin(call)] = node
            except CreditError as error:
                refuse(member, error)
        for answer, node in asked.items():
            answer.add_done_callback(partial(_take, node.member, accept, refused))
        if asked:
            _, late = await asyncio.wait(asked, timeout=seconds)
            for answer in late:
                refuse(asked[answer].member, asked[answer].silent(call.number, well=self._patient))
        return behind


def _take(
    member: MemberId,
    accept: Callable[[MemberId, bytes], None],
    refuse: Callable[[MemberId, CreditError], None],
    answer: asyncio.Future[bytes],
) -> None:
    """Take an answer as it comes; one that was given up is not looked at."""
    if answer.cancelled():
        return
    try:
        accept(member, answer.result())
    except CreditError as error:
        refuse(member, error)


def _as_the_querys(member: MemberId, error: CreditError) -> CreditError:
    if error.code not in OWN_TROUBLES:
        return error
    return CreditError(Code.TOO_FEW_CONTRIBUTORS, f"no correction from {member}: {error.code}")
