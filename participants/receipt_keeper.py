"""
Keeping the gateway's receipts: gathered in memory, verified and written together, a second behind at most.

What a crash loses is that second; nothing else depends on it, so that no answer waits for it.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from consortium.errors import Code, CreditError
from consortium.model.receipts import MessageReceipt, Receipt, Subject, check_message_receipt
from consortium.model.rulebook import Rulebook
from consortium.silent import Silent
from consortium.wire.gateway import message_receipt_from_bytes
from participants.gateway_client.lender import gateway_key
from participants.receipt_lines import ReceiptLine
from participants.storage.supervision import SqliteSupervision

LOG = logging.getLogger("participants.receipts")
PERIOD_SECONDS = 1.0
MOST_WAITING = 65_536


@dataclass(repr=False)
class ReceiptKeeper(Silent):
    """A node's receipts; `rulebooks` are those that it trusts, the newest last."""

    store: SqliteSupervision
    rulebooks: Callable[[], Sequence[Rulebook]]
    _messages: list[bytes] = field(default_factory=list)
    _answers: list[ReceiptLine] = field(default_factory=list)
    _flushing: threading.Lock = field(default_factory=threading.Lock)

    def take_messages(self, raw: bytes) -> None:
        """Take a receipt of messages as it came; verified later."""
        if len(self._messages) < MOST_WAITING:
            self._messages.append(raw)

    def take_answer(self, receipt: Receipt, subject: Subject) -> None:
        """Take the receipt of an answer, which was verified."""
        if len(self._answers) < MOST_WAITING:
            self._answers.append((receipt, subject))

    def flush(self) -> None:
        """Verify and write what has come; raises storage errors, after which it is tried again."""
        with self._flushing:
            self._flush()

    def _flush(self) -> None:
        messages, answers = self._messages, self._answers
        self._messages, self._answers = [], []
        found: list[ReceiptLine] = [*answers, *filter(None, map(self._verified, messages))]
        if found:
            try:
                self.store.keep_receipts(found, int(time.time()))
            except CreditError:
                self._messages, self._answers = messages + self._messages, answers + self._answers
                raise

    def last(self) -> None:
        """Flush, and say in the log where that fails."""
        try:
            self.flush()
        except CreditError as error:
            LOG.warning("receipts-unkept", extra={"code": error.code, "cause": error.cause})

    async def run(self) -> None:
        """Flush for ever."""
        while True:
            await asyncio.sleep(PERIOD_SECONDS)
            await asyncio.to_thread(self.last)

    def _verified(self, raw: bytes) -> MessageReceipt | None:
        """Give a receipt that a gateway of any trusted rulebook signed; anything else is worth nothing."""
        problem = CreditError(Code.RULEBOOK_INVALID, "none is trusted")
        for rulebook in self.rulebooks()[::-1]:
            try:
                receipt = message_receipt_from_bytes(raw)
                check_message_receipt(receipt, gateway_key(rulebook))
            except CreditError as error:
                problem = error
            else:
                return receipt
        LOG.warning("receipt-false", extra={"code": problem.code, "cause": problem.cause})
        return None
