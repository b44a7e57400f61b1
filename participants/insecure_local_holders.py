"""
Key holders inside the lender's own node, from shares that lie in its folder: for development, and insecure.

Whoever holds threshold shares turns identifiers into subject keys alone, without quota and without trace. In
operation a share lies with its holder, and the node reaches it by its address.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from consortium.custody import KeyHolder
from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.model.members import MemberId
from consortium.model.rulebook import Role, Rulebook
from consortium.oprf import group
from consortium.oprf.sharing import KeyShare, ShareKey
from participants.settings import ShareFile
from participants.storage.evaluations import SqliteEvaluations

QUOTA = 2**40  # none: the node holds the key in its own hands anyway


@dataclass(frozen=True, slots=True)
class RulebookMembers:
    """The rulebook's active lenders as a key holder knows them."""

    rulebook: Rulebook

    def identity_key(self, member: MemberId) -> bytes:
        """Give an active lender's identity key."""
        found = self.rulebook.active_member(member)
        if found.role is not Role.LENDER:
            raise CreditError(Code.MEMBER_NOT_ACTIVE, member)
        return found.identity_key

    def evaluation_quota(self, member: MemberId) -> int:  # noqa: ARG002  the port asks for each member
        """Give the quota of all."""
        return QUOTA


class InsecureLocalHolder:
    """The way to a holder whose share is in the node's folder; its ledger lies beside the share."""

    def __init__(
        self, share: ShareFile, rulebook: Rulebook, ledger: Path, rng: Randomness, clock: Callable[[], float]
    ) -> None:
        secret = int.from_bytes(share.secret, "little")
        key_share = KeyShare(share.holder, secret)
        _check_share(key_share.key, share.generation, rulebook)
        self._ledger = SqliteEvaluations(ledger, clock)
        self._holder = KeyHolder(key_share, share.generation, RulebookMembers(rulebook), self._ledger)
        self._rng = rng

    def evaluate(self, request: bytes) -> bytes:
        """Have a request answered."""
        return self._holder.answer(request, self._rng)

    def close(self) -> None:
        """Close the ledger."""
        self._ledger.close()


def _check_share(key: ShareKey, generation: int, rulebook: Rulebook) -> None:
    oprf = rulebook.document.oprf
    pinned = {ShareKey(holder.index, holder.share_key) for holder in oprf.holders}
    if key not in pinned or generation != oprf.generation:
        raise CreditError(Code.SETTINGS_INVALID, f"the share of holder {key.holder} is not of the rulebook's key")


def share_secret(share: KeyShare) -> bytes:
    """Encode a share's scalar as `ShareFile` holds it."""
    return group.encode_scalar(share.secret)
