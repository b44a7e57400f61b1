"""A custodian's shares in service: those that the rulebook pins, exchanged whenever it pins others."""

import threading

from consortium.custody import EvaluationLedger, KeyHolder, KeyHolders, Members
from consortium.errors import CreditError
from consortium.hashing import Randomness
from consortium.membership.changeover import generations_held
from consortium.model.members import MemberId
from consortium.model.rulebook import Oprf, Rulebook
from consortium.oprf.sharing import KeyShare
from consortium.silent import Silent
from participants.share_files import ShareFiles


class SharesInService(Silent):
    """Answers with the shares of the rulebook in force, of an announced generation, and of retired ones for a time."""

    def __init__(self, files: ShareFiles, member: MemberId, members: Members, ledger: EvaluationLedger) -> None:
        self._files, self._member, self._members, self._ledger = files, member, members, ledger
        self._holders = KeyHolders({})
        self._lock = threading.Lock()

    def use(self, rulebook: Rulebook, now: int) -> int:
        """
        Take the shares that this version pins; those that it replaced, or has kept long enough, are destroyed.

        Gives how many were. Raises CreditError(SETTINGS_INVALID) where the share of the key in force is not here.
        """
        document, holders = rulebook.document, {}
        held = generations_held(document, now)
        for oprf in held:
            share = self._share(oprf) if oprf != document.oprf else self._files.pinned(oprf, self._member)
            if share is not None:
                holders[oprf.generation] = self._holder(oprf.generation, share)
        with self._lock:
            self._holders = KeyHolders(holders)
        over = [one for one in document.retired if one not in held]
        return self._files.destroy_before(document.oprf) + sum(map(self._files.destroy_all, over))

    def answer(self, signed: bytes, rng: Randomness) -> bytes:
        """Answer a request; raises as `KeyHolder.answer`."""
        with self._lock:
            holders = self._holders
        return holders.answer(signed, rng)

    def _share(self, oprf: Oprf) -> KeyShare | None:
        try:
            return self._files.pinned(oprf, self._member)
        except CreditError:  # who has no part in another generation goes on with the present one
            return None

    def _holder(self, generation: int, share: KeyShare) -> KeyHolder:
        return KeyHolder(share, generation, self._members, self._ledger)
