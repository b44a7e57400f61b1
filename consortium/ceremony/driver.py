"""
One party's way through a ceremony over a board: what to keep, what to post, and when the new share is there.

The same code for gateway and custodians; the shell brings a `Keeper` (its disk) and posts what `advance` gives. The
order is that of `Participant`: state on disk before anything is posted, the new share on disk before the state goes.
Repeating a step after a crash at any point gives the same bytes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from consortium.ceremony.participant import SEED_BYTES, Participant
from consortium.ceremony.plan import Plan
from consortium.ceremony.transcript import Phase, Transcript
from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.membership.signed import body_of
from consortium.model.members import MemberId
from consortium.model.signing import Signer
from consortium.oprf.sharing import KeyShare


class Keeper(Protocol):
    """A party's disk, owner-only; every call is durable when it returns."""

    def state(self, ceremony: bytes) -> bytes | None:
        """Give the state of a ceremony, None before its first message and after its end."""
        ...

    def keep_state(self, ceremony: bytes, state: bytes) -> None:
        """Keep the state in place of the one before."""
        ...

    def destroy_state(self, ceremony: bytes) -> None:
        """Overwrite and remove the state: it opens every share that was sealed to this party."""
        ...

    def share(self, generation: int, revision: int) -> KeyShare | None:
        """Give a share."""
        ...

    def keep_share(self, generation: int, revision: int, share: KeyShare) -> None:
        """Keep a new share beside the present one."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a ceremony stands for this party, and what it has to post now; post it in order."""

    plan: Plan
    phase: Phase
    waiting_for: tuple[MemberId, ...]
    to_post: tuple[bytes, ...]
    share_kept: bool


def advance(
    plan: Plan, messages: Iterable[bytes], member: MemberId, signer: Signer, keeper: Keeper, rng: Randomness
) -> Progress:
    """
    Take what the board has of a ceremony, keep the state, and give what this party owes.

    Raises CreditError(CEREMONY_INVALID) for a party that lost its state after it had sent something: its ceremony
    cannot be finished, another attempt can; (CEREMONY_FAULT) once a fault is proven.
    """
    posted = list(messages)
    if keeper.share(plan.generation, plan.revision) is not None:
        return _finished(plan, posted, member, keeper)
    party = _party(plan, posted, member, signer, keeper, rng)
    for message in posted:
        _take(party, message)
    party.transcript.check_aborted()
    while party.due() is not None:
        pass
    keeper.keep_state(plan.id, party.to_bytes())
    known = {body_of(message) for message in posted}
    owed = tuple(message for message in party.sent() if body_of(message) not in known)
    if party.phase is Phase.DONE and not owed and member in plan.seats:
        keeper.keep_share(plan.generation, plan.revision, party.finish())
        keeper.destroy_state(plan.id)
    kept = keeper.share(plan.generation, plan.revision) is not None
    return Progress(plan, party.phase, party.transcript.waiting_for, owed, kept)


def _party(
    plan: Plan, posted: list[bytes], member: MemberId, signer: Signer, keeper: Keeper, rng: Randomness
) -> Participant:
    base = keeper.share(plan.base.generation, plan.base.revision) if plan.base else None
    state = keeper.state(plan.id)
    if state is not None:
        return Participant.resume(state, signer, base)
    party = Participant(plan, member, signer, rng(SEED_BYTES), base)
    transcript = read_transcript(plan, posted)
    if transcript.sent_by(member):
        raise CreditError(Code.CEREMONY_INVALID, "this party's state is lost: begin another attempt")
    return party


def _take(party: Participant, message: bytes) -> None:
    """Take a message; one of another ceremony, or that does not verify, is somebody else's rubbish on the board."""
    try:
        party.take(message)
    except CreditError:
        return


def _finished(plan: Plan, posted: list[bytes], member: MemberId, keeper: Keeper) -> Progress:
    """Give the end of a ceremony whose share is kept; a crash may have left the state behind."""
    transcript = read_transcript(plan, posted)
    if transcript.phase is Phase.DONE and keeper.state(plan.id) is not None:
        keeper.destroy_state(plan.id)
    waiting = tuple(one for one in transcript.waiting_for if one != member)
    return Progress(plan, transcript.phase, waiting, (), share_kept=True)


def read_transcript(plan: Plan, messages: Iterable[bytes]) -> Transcript:
    """Take the messages of a ceremony; those of others are left out."""
    transcript = Transcript(plan)
    for message in messages:
        try:
            transcript.take(message)
        except CreditError:
            continue
    return transcript
