"""
A new key: its secrets, its announcement, who is ready for it, and the version that puts it into force.

The ceremony among gateway and custodians makes the key; a lender makes the lenders' secrets of the new generation,
seals them to every lender and announces both. Every lender re-tokenises its book for it beside the one in use and says
so; then the approvers switch.
"""

from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.membership.generations import generation_name, sign_readiness
from consortium.membership.proposals import Switch
from consortium.model.members import MemberId
from consortium.model.rulebook import Oprf
from consortium.wire.membership import DocumentKind
from participants.membership.actions import propose
from participants.membership.ceremonies import announcement
from participants.membership.member import Membership
from participants.membership.view import BoardView, Motion

NEW_KEY, SWITCH = "announce", "switch"


@dataclass(frozen=True, slots=True)
class Ready:
    """Which active lenders can answer under the announced generation, and which cannot yet."""

    generation: int
    ready: tuple[MemberId, ...]
    missing: tuple[MemberId, ...]


def announce(party: Membership, *, again: bool = False) -> Motion:
    """
    Make the secrets of the next generation, seal them to every lender, and propose the newest ceremony's key.

    What is proposed or announced already is given instead, unless `again` asks for other secrets. Raises
    CreditError(CEREMONY_UNFINISHED) where no ceremony under the version in force made a key.
    """
    view = party.sync()
    known = view.open_motion(NEW_KEY, party.rulebook)
    return known if known is not None and not again else propose(party, announcement(party))


def say_ready(party: Membership) -> bool:
    """
    State on the board that this lender can answer under the announced generation; gives whether that was new.

    Raises CreditError(PROPOSAL_INVALID) where none is announced. A lender that is not active yet has no word to give.
    """
    name, rulebook, me = generation_name(_announced(party)), party.rulebook, party.folder.member
    topic = f"ready/{name.hex()}"
    said = party.board.own(topic)
    if me not in rulebook.roster_set or (said is not None and not said.problem):
        return False
    party.post(topic, DocumentKind.READINESS, lambda: sign_readiness(party.signer, rulebook, me, name, party.now))
    return True


def readiness(party: Membership, view: BoardView) -> Ready:
    """Say who is ready for the announced generation; raises CreditError(PROPOSAL_INVALID) where none is announced."""
    upcoming, missing = _announced(party), view.behind(party.rulebook)
    return Ready(upcoming.generation, tuple(one for one in party.rulebook.roster if one not in missing), missing)


def switch(party: Membership, *, anyway: bool = False) -> Motion:
    """
    Propose to put the announced generation into force; with `anyway` the lenders that are not ready are left behind.

    Otherwise raises CreditError(PROPOSAL_INVALID) naming them: they answer nothing until they are.
    """
    view = party.sync()
    if (known := view.open_motion(SWITCH, party.rulebook)) is not None:
        return known
    missing = readiness(party, view).missing
    if missing and not anyway:
        raise CreditError(Code.PROPOSAL_INVALID, f"not ready: {', '.join(missing)}")
    return propose(party, Switch(missing=missing))


def _announced(party: Membership) -> Oprf:
    upcoming = party.rulebook.document.upcoming
    if upcoming is None:
        raise CreditError(Code.PROPOSAL_INVALID, "no generation is announced")
    return upcoming
