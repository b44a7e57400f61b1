"""
What a document on the board is checked for before it is taken, and what the documents taken amount to.

Two implementations: `gateway.membership.state` once there is a rulebook, `gateway.membership.founding` before. Both
are rebuilt from the board at every start and hold nothing that is not on it. What they refuse keeps rubbish off the
board; nobody relies on it, since every reader verifies every document itself.
"""

from dataclasses import dataclass
from typing import Protocol

from consortium.membership.trusted import Signed
from consortium.model.members import MemberId
from consortium.wire.membership import BoardDocument, Posted
from gateway.membership.entries import Entry


@dataclass(frozen=True, slots=True)
class Checked:
    """A document that may be taken: who its author is, and what the log is to say of it."""

    author: MemberId
    entries: tuple[Entry, ...] = ()


class Standing(Protocol):
    """Where the consortium stands by its board."""

    def check(self, posted: Posted, caller: MemberId | None, now: int) -> Checked:
        """
        Refuse a document that may not be posted now, by this caller; None is somebody who brings an application.

        Changes nothing. Raises what is wrong with it, ROLE_NOT_ALLOWED for another author than the caller.
        """
        ...

    def take(self, document: BoardDocument) -> None:
        """Take a document that is on the board; one that means nothing any more is passed over."""
        ...

    def decided(self) -> tuple[int, Signed] | None:
        """Give the next version of the rulebook and its number, once enough have signed it."""
        ...

    def identity_key(self, member: MemberId) -> bytes:
        """Give the key by which a request of a member or applicant is verified; raises MEMBER_NOT_ACTIVE."""
        ...

    def sees(self, document: BoardDocument, reader: MemberId) -> bool:
        """Say whether a document is for this reader: for members all of them, for applicants what concerns them."""
        ...
