"""The gateway as one of the key holders: `KeyHolder` over the gateway's own store and rulebook."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from consortium.custody import Answered, KeyHolder, KeyHolders
from consortium.errors import CreditError
from consortium.hashing import Randomness
from consortium.model.members import MemberId
from consortium.model.rulebook import Rulebook
from consortium.oprf.sharing import KeyShare
from consortium.rules.queries import taking_part
from gateway.ports import GatewayStore, GatewayTransaction, ResultT, Unit

ELEMENTS = "elements-day"


class RulebookMembers:
    """What a holder knows of members: the rulebook in force, and one quota for all."""

    def __init__(self, rulebook: Callable[[], Rulebook], quota: int) -> None:
        self._rulebook = rulebook
        self._quota = quota

    def identity_key(self, member: MemberId) -> bytes:
        """Give the identity key of a lender, active or preparing; raises CreditError(MEMBER_NOT_ACTIVE)."""
        return taking_part(self._rulebook(), member).identity_key

    def evaluation_quota(self, member: MemberId) -> int:  # noqa: ARG002  one quota for all until members have their own
        """Give how many elements a member may have evaluated in a UTC day."""
        return self._quota


class StoredEvaluations:
    """An `EvaluationLedger` in the gateway's store; the period is the UTC day, `clock` gives Unix seconds."""

    def __init__(self, store: GatewayStore, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock

    def last(self, member: MemberId, generation: int) -> Answered | None:
        """Give the last committed answer."""
        return self._run(lambda transaction: transaction.last_evaluation(member, generation))

    def spent(self, member: MemberId) -> int:
        """Give how many elements were evaluated today."""
        return self._run(lambda transaction: transaction.spent(member, ELEMENTS, self._day()))

    def commit(self, member: MemberId, generation: int, answered: Answered, elements: int) -> None:
        """Record the answer and spend the quota in one durable step."""

        def unit(transaction: GatewayTransaction) -> None:
            transaction.keep_evaluation(member, generation, answered)
            transaction.spend(member, ELEMENTS, self._day(), elements)

        self._run(unit)

    def _day(self) -> int:
        return self._clock() // 86_400

    def _run(self, unit: Unit[ResultT]) -> ResultT:
        (result,) = self._store.transact([unit])
        if isinstance(result, CreditError):
            raise result
        return result


class HoldingService:
    """Evaluates off the event loop, one request of a member after another."""

    def __init__(
        self, shares: Mapping[int, KeyShare], members: RulebookMembers, ledger: StoredEvaluations, rng: Randomness
    ) -> None:
        """Take the share of each generation that is answered for."""
        self._members = members
        self._ledger = ledger
        self._rng = rng
        self.exchange(shares)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="key-holder")

    async def evaluate(self, request: bytes) -> bytes:
        """Answer a signed request; raises as `KeyHolder.answer`."""
        work = partial(self._holders.answer, request, self._rng)
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def exchange(self, shares: Mapping[int, KeyShare]) -> None:
        """Answer with these shares from now on."""
        holders = {one: KeyHolder(share, one, self._members, self._ledger) for one, share in shares.items()}
        self._holders = KeyHolders(holders)

    def close(self) -> None:
        """Finish what is being evaluated."""
        self._worker.shutdown()
