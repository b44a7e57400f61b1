"""A live event in the book that is in use, and first in the one of an announced generation, where there is one."""

import time

from participants.bootstrap import open_book, open_tokeniser
from participants.generations import prepared
from participants.lender.event_input import EventInput
from participants.lender.ports import BookStore
from participants.lender.recording import Recorded, record_event
from participants.lender.tokenise import Alarm
from participants.lender.tokens import Tokenises
from participants.rulebooks import TrustedRulebooks
from participants.settings import NodeSettings


def record_in_books(
    settings: NodeSettings,
    rulebooks: TrustedRulebooks,
    book: BookStore,
    tokens: Tokenises,
    told: EventInput,
    alarm: Alarm,
) -> Recorded:
    """
    Record an event, durable in both books on return; where the first fails, nothing is in the second.

    Raises as `record_event`, for either book. An event that is told again changes nothing (but inquiries count).
    """
    now = int(time.time())
    if (upcoming := prepared(settings, rulebooks.current())) is not None:
        with (
            open_book(settings, upcoming) as following,
            open_tokeniser(settings, alarm, upcoming=True) as following_tokens,
        ):
            record_event(following, following_tokens, told, now)
    return record_event(book, tokens, told, now)
