"""A custodian's shares in service: those that the rulebook pins, exchanged whenever it pins others."""

import threading

from consortium.custody import EvaluationLedger, KeyHolder, KeyHolders, Members
from consortium.errors import CreditError
from consortium.hashing import Randomness
from consortium.model.members import MemberId
from consortium.model.rulebook import Rulebook
from consortium.oprf.sharing import KeyShare
from consortium.silent import Silent
from participants.share_files import ShareFiles


class SharesInService(Silent):
    """Answers with the shares of the rulebook in force and of an announced generation."""

    def __init__(self, files: ShareFiles, member: MemberId, members: Members, ledger: EvaluationLedger) -> None:
        self._files, self._member, self._members, self._ledger = files, member, members, ledger
        self._holders = KeyHolders({})
        self._lock = threading.Lock()

    def use(self, rulebook: Rulebook) -> int:
        """
        Take the shares that this version pins; those that it replaced are destroyed. Gives how many were.

        Raises CreditError(SETTINGS_INVALID) where the share of the key in force is not here.
        """
        document, holders = rulebook.document, {}
        holders[document.oprf.generation] = self._holder(
            document.oprf.generation, self._files.pinned(document.oprf, self._member)
        )
        if document.upcoming is not None and (share := self._upcoming(rulebook)) is not None:
            holders[document.upcoming.generation] = share
        with self._lock:
            self._holders = KeyHolders(holders)
        return self._files.destroy_before(document.oprf)

    def answer(self, signed: bytes, rng: Randomness) -> bytes:
        """Answer a request; raises as `KeyHolder.answer`."""
        with self._lock:
            holders = self._holders
        return holders.answer(signed, rng)

    def _upcoming(self, rulebook: Rulebook) -> KeyHolder | None:
        upcoming = rulebook.document.upcoming
        try:
            return self._holder(upcoming.generation, self._files.pinned(upcoming, self._member)) if upcoming else None
        except CreditError:  # who has no part in the next generation goes on with the present one
            return None

    def _holder(self, generation: int, share: KeyShare) -> KeyHolder:
        return KeyHolder(share, generation, self._members, self._ledger)
