"""What is kept beside the entries of queries, and how it ends: by its retention period, or by an order of two."""

from collections.abc import Mapping

from consortium.errors import Code, CreditError
from consortium.model.bodies import BodyAction, BodyOrder, EntryBody, check_order
from consortium.model.members import MemberId
from consortium.model.query import SignedQuery
from consortium.model.rounds import Transcript
from consortium.model.rulebook import Rulebook
from consortium.wire.bodies import entry_body_to_bytes
from gateway.ports import GatewayTransaction
from gateway.usecases import entries
from gateway.usecases.blocks import BlockRun
from gateway.usecases.query import QueryRun

DAY_MS = 86_400_000
OPEN_MS = 2 * 3_600_000
"""So long nothing is erased: a query may still be carried, and a repeat may want its answer."""
EXPIRED_AT_ONCE = 512


def of_query(query: SignedQuery) -> bytes:
    """Give the body of an admission, or of a refusal before one."""
    return entry_body_to_bytes(EntryBody(query=query))


def of_answer(run: QueryRun, transcript: Transcript) -> bytes:
    """Give the body of an answer, without its receipt."""
    first, second = run.messages
    body = EntryBody(None, transcript.roster, first, second, transcript.product, transcript.block)
    return entry_body_to_bytes(body)


def of_block(run: BlockRun, transcript: Transcript) -> bytes:
    """Give the body of a block's answer, without its receipt and without vectors."""
    first = tuple(run.round1[member].signed for member in sorted(run.round1))
    second = tuple(run.round2[member].signed for member in sorted(run.round2))
    return entry_body_to_bytes(EntryBody(None, transcript.roster, first, second, transcript.product, transcript.block))


def of_refusal(query: SignedQuery, run: QueryRun | None, *, admitted: bool) -> bytes:
    """Give the body of a refusal: the query where no admission has it, and what came in until then."""
    first, second = run.messages if run else ((), ())
    return entry_body_to_bytes(EntryBody(query=None if admitted else query, round1=first, round2=second))


def carry_out(
    order: BodyOrder, signatures: Mapping[MemberId, bytes], rulebook: Rulebook, transaction: GatewayTransaction
) -> int:
    """
    Carry an order out and log it, in one unit; gives its entry's index.

    Raises what `check_order` raises, ORDER_INVALID for an entry without a readable body or one too young to erase,
    and BODY_HELD for a held one that is to be erased.
    """
    check_order(order, signatures, rulebook)
    erasing = order.action is BodyAction.ERASE
    for index in order.entries:
        _check_state(index, order, transaction, erasing=erasing)
    appended = transaction.append(entries.ordered(order, signatures, rulebook.digest))
    for index in order.entries:
        if erasing:
            transaction.bodies.erase(index, appended.index)
        else:
            transaction.bodies.hold(index, held=order.action is BodyAction.HOLD)
    return appended.index


def _check_state(index: int, order: BodyOrder, transaction: GatewayTransaction, *, erasing: bool) -> None:
    state = transaction.bodies.state(index)
    if state is None or not state.readable:
        raise CreditError(Code.ORDER_INVALID, f"entry {index} has no body that could be read")
    if erasing and state.held:
        raise CreditError(Code.BODY_HELD, f"entry {index}")
    if erasing and state.time_ms + OPEN_MS > order.issued_at * 1000:
        raise CreditError(Code.ORDER_INVALID, f"entry {index} is too young")


def expire(rulebook: Rulebook, now: int, transaction: GatewayTransaction) -> int:
    """Erase what is older than the rulebook's retention period, some at a time, and log it; gives how many."""
    days = rulebook.policy.retention_days
    old = transaction.bodies.older_than(now * 1000 - days * DAY_MS, EXPIRED_AT_ONCE)
    if old:
        appended = transaction.append(entries.expired(old, days, rulebook.digest))
        for index in old:
            transaction.bodies.erase(index, appended.index)
    return len(old)
