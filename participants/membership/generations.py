"""
A new key: its secrets, its announcement, who is ready for it, and the version that puts it into force.

The ceremony among gateway and custodians makes the key; a lender makes the lenders' secrets of the new generation and
announces both. Every lender loads a book for it beside the one in use and says so; then the approvers switch.
"""

from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.membership.proposals import Switch
from consortium.membership.secrets import Opened, generation_fingerprint, new_generation_secrets
from consortium.membership.statements import Acknowledgement, digest_of, sign_acknowledgement
from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus, Oprf, Role
from consortium.wire.membership import DocumentKind
from participants.failpoints import failpoint
from participants.membership.actions import propose, seal_secrets
from participants.membership.ceremonies import announcement
from participants.membership.member import Membership
from participants.membership.view import BoardView, Motion
from participants.secret_files import keep_opened, kept_generation

NEW_KEY, SWITCH = "announce", "switch"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Which active lenders have a book of the announced generation, and which have not."""

    generation: int
    ready: tuple[MemberId, ...]
    missing: tuple[MemberId, ...]


def announce(party: Membership) -> Motion:
    """
    Make the secrets of the next generation, once, and propose the key that the newest ceremony made.

    Raises CreditError(CEREMONY_UNFINISHED) where there is none under the version in force.
    """
    view, rulebook = party.sync(), party.rulebook
    if (known := view.open_motion(NEW_KEY, rulebook)) is not None:
        return known
    generation = rulebook.document.oprf.generation + 1
    if (pair := kept_generation(party.folder, generation)) is None:
        pair = new_generation_secrets(generation, party.rng)
        keep_opened(party.folder, Opened(pair, None))
        failpoint("generation.secrets-kept")
    return propose(party, announcement(party, generation_fingerprint(rulebook.document.consortium, pair)))


def seal_to_all(party: Membership) -> list[MemberId]:
    """Seal the announced generation's secrets to every other active lender; gives to whom. Safe to repeat."""
    party.sync()
    upcoming = _announced(party)
    lenders = [one for one in _active_lenders(party) if one != party.folder.member]
    for lender in lenders:
        seal_secrets(party, lender, upcoming)
    return lenders


def say_ready(party: Membership) -> None:
    """State on the board that this lender has loaded its book of the announced generation."""
    upcoming = _announced(party)
    digest = digest_of(upcoming.to_bytes())
    said = Acknowledgement(
        consortium=party.folder.file.consortium, member=party.folder.member, document=digest, seen_at=party.now
    )
    party.post(f"ready/{digest.hex()}", DocumentKind.ACKNOWLEDGEMENT, lambda: sign_acknowledgement(party.signer, said))


def readiness(party: Membership, view: BoardView) -> Readiness:
    """Say who is ready for the announced generation; raises CreditError(PROPOSAL_INVALID) where none is announced."""
    upcoming = _announced(party)
    signed = upcoming.to_bytes()
    said = {one for one in _active_lenders(party) if view.acknowledged(signed, one) is not None}
    lenders = _active_lenders(party)
    missing = tuple(one for one in lenders if one not in said)
    return Readiness(upcoming.generation, tuple(one for one in lenders if one in said), missing)


def switch(party: Membership, *, anyway: bool = False) -> Motion:
    """
    Propose to put the announced generation into force.

    Raises CreditError(PROPOSAL_INVALID) naming the lenders that are not ready: they would be missing from answers.
    """
    view = party.sync()
    if (known := view.open_motion(SWITCH, party.rulebook)) is not None:
        return known
    missing = readiness(party, view).missing
    if missing and not anyway:
        raise CreditError(Code.PROPOSAL_INVALID, f"not ready: {', '.join(missing)}")
    return propose(party, Switch())


def _announced(party: Membership) -> Oprf:
    upcoming = party.rulebook.document.upcoming
    if upcoming is None:
        raise CreditError(Code.PROPOSAL_INVALID, "no generation is announced")
    return upcoming


def _active_lenders(party: Membership) -> list[MemberId]:
    members = party.rulebook.document.members
    return [one.id for one in members if one.role is Role.LENDER and one.status is MemberStatus.ACTIVE]
