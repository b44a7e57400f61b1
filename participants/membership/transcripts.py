"""The key ceremonies on the board, put together from plans and messages; every reader comes to the same."""

from collections.abc import Iterable

from consortium.ceremony.driver import read_transcript
from consortium.ceremony.plan import Plan
from consortium.ceremony.transcript import Transcript
from consortium.errors import CreditError
from consortium.wire.membership import BoardDocument, DocumentKind


def transcripts(documents: Iterable[BoardDocument]) -> list[Transcript]:
    """Give every ceremony of the board with the messages that belong to it, in the order of the plans."""
    found = list(documents)
    messages = [one.signed for one in found if one.kind is DocumentKind.CEREMONY_MESSAGE]
    plans: dict[bytes, Plan] = {}
    for document in found:
        if document.kind is DocumentKind.CEREMONY_PLAN:
            try:
                plan = Plan.from_bytes(document.signed)
            except CreditError:
                continue
            plans.setdefault(plan.id, plan)
    return [read_transcript(plan, messages) for plan in plans.values()]
