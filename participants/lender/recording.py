"""Live events: from what an application tells the node to an entry of the book's journal."""

from dataclasses import dataclass

from consortium.model.credit_file import PendingGrant
from consortium.transparency.journal import JournalHead
from participants.lender.event_input import EventInput
from participants.lender.ports import BookStore, Subject
from participants.lender.tokens import Tokenises


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where the journal stands once an event is durable; for a pending grant also its id."""

    journal: JournalHead
    pending_id: str | None


def record_event(store: BookStore, tokens: Tokenises, told: EventInput, now: int) -> Recorded:
    """
    Record an event about the person named in it, as of `now` (Unix seconds); durable on return.

    The same event again changes nothing, but for inquiries: each counts. Raises CreditError: RECORD_INVALID,
    IDENTIFIER_MALFORMED, IDENTIFIER_CHECKSUM, IDENTIFIER_UNSUPPORTED, TOO_FEW_HOLDERS and as `BookStore.record`.
    """
    identifier = told.identifiers.strongest()
    (token,) = tokens.tokenise([identifier])
    event = told.event(store.find(token.tag), now)
    if event is None:
        return Recorded(store.status().journal, None)
    journal = store.record(Subject(token.tag, token.key, identifier.kind), event, now)
    return Recorded(journal, event.id if isinstance(event, PendingGrant) else None)
