"""
A serving node's part in a change of the key's generation, in a thread of its own.

The next book is kept ready beside the one in use, and takes over with the version that puts the generation into force.
"""

import logging
import time

from consortium.errors import CreditError
from consortium.membership.changeover import generation_before
from consortium.model.rulebook import Rulebook
from participants.generations import Books
from participants.membership.generations import say_ready
from participants.membership.member import Membership

LOG = logging.getLogger("participants.node")
LOOK_SECONDS = 30.0
"""How often a node looks whether the next book can be made, where it is not ready."""


class ChangingOver:
    """For one thread at a time; the books see to it that two do nothing twice."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._look_at = 0.0
        self._linked = True

    def to(self, rulebook: Rulebook) -> None:
        """Have the book of the generation in force take over, where it only has to; what fails is tried again."""
        try:
            self._books.change_over(rulebook)
        except CreditError as error:
            LOG.warning("not-changed-over", extra={"code": error.code, "cause": error.cause})

    def round(self, party: Membership) -> None:
        """Change over, or keep the next book ready and say so on the board."""
        rulebook = party.rulebook
        self.to(rulebook)
        if rulebook.document.upcoming is None:
            self._look_at = 0.0
            self._forget(rulebook)
        elif time.monotonic() >= self._look_at:
            self._prepare(party, rulebook)

    def _prepare(self, party: Membership, rulebook: Rulebook) -> None:
        self._linked = True
        self._look_at = time.monotonic() + LOOK_SECONDS
        try:
            if self._books.prepare(rulebook):
                self._look_at = 0.0
                say_ready(party)
        except CreditError as error:
            LOG.warning("not-ready", extra={"code": error.code, "cause": error.cause})

    def _forget(self, rulebook: Rulebook) -> None:
        """Forget tags of the generation before, once no query carries them any more."""
        if self._linked and generation_before(rulebook.document, int(time.time())) is None:
            try:
                self._books.in_use(rulebook).forget_links()
                self._linked = False
            except CreditError as error:
                LOG.warning("links", extra={"code": error.code, "cause": error.cause})
