"""
A lender's node under supervision: it states what it has to, reads what is filed, and answers inspections.

It asks the gateway, again and again, and never listens. Everything that it makes is kept before it is sent, so that a
crash at any point is followed by the same bytes. What is refused or cannot be answered is logged and never blocks
anything else.
"""

import asyncio
import contextlib
import itertools
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.membership.signed import body_of, parse_document
from consortium.model.rulebook import Rulebook
from consortium.silent import Silent
from consortium.supervision.bundle import seal_bundle
from consortium.supervision.documents import Case, FilingKind, InspectionOrder, filing_digest, read_filing
from participants.failpoints import failpoint
from participants.following import resources
from participants.gateway_client.channel import Tls
from participants.gateway_client.supervision import SupervisionClient
from participants.lender.inspections import Inspector
from participants.lender.statements import Stating, parse_statement
from participants.lender.supervision_ports import Filed
from participants.storage.supervision import ANSWERED, REFUSED, SqliteSupervision

LOG = logging.getLogger("participants.supervision")
KNOWN = frozenset(FilingKind)
AWAY = frozenset({Code.UNREACHABLE, Code.DRAINING, Code.DEADLINE})
PERIOD_SECONDS = 3.0
CHANNEL_SECONDS = 3600.0
"""After so long a new channel is opened, with the certificate of then."""
FINAL = frozenset(
    {Code.REVEAL_LIMIT, Code.ORDER_INVALID, Code.CTX_UNKNOWN, Code.HISTORY_GONE, Code.REVEAL_INVALID, Code.MALFORMED}
)
"""Why an order is not answered, now and later; whatever else goes wrong is tried again."""


@dataclass(frozen=True, repr=False)
class Supervised(Silent):
    """One lender's side of supervision; `rulebooks` are those that it trusts, the newest last."""

    stating: Callable[[], Stating]
    inspector: Callable[[], Inspector]
    store: SqliteSupervision
    rulebooks: Callable[[], Sequence[Rulebook]]
    rng: Randomness = secrets.token_bytes
    clock: Callable[[], float] = time.time

    def once(self, client: SupervisionClient) -> None:
        """Read, state and answer once; raises CreditError where the gateway cannot be reached or refuses."""
        self._read(client)
        if self.stating().due(self._now):
            self._state(client)
        self._send_statements(client)
        for filed, order in self._open_orders():
            self._answer(client, filed, order)

    @property
    def _now(self) -> int:
        return int(self.clock())

    def _read(self, client: SupervisionClient) -> None:
        while found := client.filings(self.store.read_to):
            filings = [Filed(one.entry, FilingKind(one.kind), one.signed) for one in found if one.kind in KNOWN]
            for one in filings:
                self._verify(one)
                if one.kind is FilingKind.STATEMENT:
                    self._take_own(one)
            self.store.take(filings, found[-1].entry)

    def _verify(self, filed: Filed) -> None:
        """Verify a filing by any rulebook that is trusted here; raises what the newest one says of it."""
        problem = CreditError(Code.RULEBOOK_INVALID, "none is trusted")
        for rulebook in self.rulebooks():
            try:
                read_filing(filed.kind, filed.signed, rulebook)
            except CreditError as error:
                problem = error
            else:
                return
        raise problem

    def _take_own(self, filed: Filed) -> None:
        """Follow our own chain as the log has it; where this store was put back, it goes on from there."""
        statement = parse_statement(filed.signed)
        if statement.member == self.stating().identity.member:
            self.store.take_statement(statement.number, filed.signed, filed.entry)

    def _state(self, client: SupervisionClient) -> None:
        self.stating().make(self.rulebooks()[-1], self._now)
        failpoint("supervised.statement-kept")
        self._send_statements(client)

    def _send_statements(self, client: SupervisionClient) -> None:
        for signed in self.store.unsent():
            try:
                entry = client.file(FilingKind.STATEMENT, signed)
            except CreditError as error:
                if error.code is Code.COUNTER_GAP:  # the log has other statements of ours: read them first
                    self.store.drop_unsent()
                raise
            failpoint("supervised.statement-sent")
            self.store.take_statement(parse_statement(signed).number, signed, entry)

    def _open_orders(self) -> Iterator[tuple[Filed, InspectionOrder]]:
        done, member = self.store.inspections(), self.stating().identity.member
        for filed in self.store.filings(FilingKind.ORDER):
            order = _parsed_order(filed)
            if order.member == member and filed.entry not in done:
                yield filed, order

    def _answer(self, client: SupervisionClient, filed: Filed, order: InspectionOrder) -> None:
        try:
            self._show(client, filed, order)
        except CreditError as error:
            LOG.warning("inspection", extra={"code": error.code, "cause": error.cause, "entry": filed.entry})
            if error.code in FINAL:
                self.store.note_inspection(filed.entry, REFUSED, f"{error.code}: {error.cause}", self._now)
            return
        self.store.note_inspection(filed.entry, ANSWERED, "", self._now)
        LOG.info("inspected", extra={"entry": filed.entry})

    def _show(self, client: SupervisionClient, filed: Filed, order: InspectionOrder) -> None:
        sealed = self.store.bundle(filed.entry)
        if sealed is None:
            sealed = self._sealed(client, filed, order)
            self.store.keep_bundle(filed.entry, sealed)
        failpoint("supervised.before-show")
        client.show(filed.entry, sealed)
        failpoint("supervised.after-show")

    def _sealed(self, client: SupervisionClient, filed: Filed, order: InspectionOrder) -> bytes:
        rulebook, inspector = self.rulebooks()[-1], self.inspector()
        others = [_parsed_order(one) for one in self.store.filings(FilingKind.ORDER)]
        cases = {one.entry: _parsed_case(one) for one in self.store.filings(FilingKind.CASE)}
        inspector.check(order, others, cases, rulebook)
        self._state(client)  # whatever the contribution came from is in the log before it is shown
        newest = parse_statement(self.store.statements(1)[0])
        digest = filing_digest(FilingKind.ORDER, filed.signed)
        bundle, links = inspector.bundle(order, digest, newest.number)
        return seal_bundle(inspector.identity.signer, bundle, links, rulebook.regulator.hpke_key, self.rng)


def _parsed_order(filed: Filed) -> InspectionOrder:
    return parse_document(InspectionOrder, body_of(filed.signed), Code.MALFORMED)


def _parsed_case(filed: Filed) -> Case:
    return parse_document(Case, body_of(filed.signed), Code.MALFORMED)


async def run_supervised(supervised: Supervised, addresses: Sequence[str], tls: Callable[[], Tls]) -> None:
    """Do it for ever, in a thread, at one replica, at the next where that cannot be reached: they share the log."""
    async with resources() as stack:
        worker = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="supervised"))
        for address in itertools.cycle(addresses):
            with contextlib.closing(SupervisionClient(address, tls())) as client:
                await _run_at(supervised, client, worker)


async def _run_at(supervised: Supervised, client: SupervisionClient, worker: ThreadPoolExecutor) -> None:
    """Do it until the replica is away, or the channel is old."""
    loop = asyncio.get_running_loop()
    until = loop.time() + CHANNEL_SECONDS
    while loop.time() < until:
        await asyncio.sleep(PERIOD_SECONDS)
        try:
            await loop.run_in_executor(worker, supervised.once, client)
        except CreditError as error:
            LOG.info("supervision", extra={"code": error.code, "cause": error.cause})
            if error.code in AWAY:
                return
