"""A question of the lender's own applications, from identifiers to an answer that can be shown."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from hmac import compare_digest
from typing import Any, Protocol, TypeVar

from consortium.errors import Code, CreditError
from consortium.hashing import derive, keyed_hash, transcript_hash, uint
from consortium.labels import Label
from consortium.model.identifiers import RawIdentifier
from consortium.model.query import SignedQuery
from consortium.model.receipts import Receipt
from consortium.model.rounds import Transcript
from consortium.silent import Silent
from consortium.supervision.sums import CODES, Unreadable
from consortium.wire.queries import signed_query_from_bytes, signed_query_to_bytes
from participants.failpoints import failpoint
from participants.lender.ask import ConsentTerms, QueryResult, Question
from participants.lender.consents import Consents, captured_consent
from participants.lender.node import LenderNode
from participants.lender.supervision_ports import Unreadables
from participants.lender.travel import TravelQuestion

WAIT_AFTER_EXPIRY = 2.0
AGAIN = 3
"""How often a question is asked again because the rulebook changed: a ceremony brings several versions at once."""
RULEBOOK_SECONDS, RULEBOOK_STEPS = 3.0, 60
"""How long a node that is behind the gateway waits for the version that the gateway has."""
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True, repr=False)
class LocalQuery(Silent):
    """What an application asks; `content` is the request's own bytes, by which a repeat is known."""

    request_id: bytes
    identifiers: tuple[RawIdentifier, ...]
    question: Question
    consent: ConsentTerms | None
    staff_id: str
    content: bytes


@dataclass(frozen=True, slots=True, repr=False)
class LocalAnswer(Silent):
    """The checked and decrypted answer to the query of this digest, with the receipt of its entry."""

    request_id: bytes
    query: bytes
    result: QueryResult
    receipt: Receipt


class Questions(Protocol):
    """The lender's durable memory of what it asked."""

    def find(self, request_id: bytes) -> tuple[bytes, bytes] | None:
        """Give digest and signed query of a question."""
        ...

    def keep(self, request_id: bytes, digest: bytes, query: bytes, now: int) -> None:
        """Keep a question durably before it is sent; raises REQUEST_ID_REUSED where the id is taken."""
        ...


AskGateway = Callable[[bytes, bytes, float], Coroutine[Any, Any, tuple[Transcript, Receipt]]]
"""Sends (request id, query, seconds) and gives transcript and receipt."""


@dataclass
class Asker:
    """The use-case with its ports; `workers` run what would hold up the event loop, `clock` gives Unix seconds."""

    node: LenderNode
    questions: Questions
    consents: Consents
    unreadables: Unreadables
    ask_gateway: AskGateway
    workers: Executor
    clock: Callable[[], int]

    async def ask(self, query: LocalQuery) -> LocalAnswer:
        """
        Answer a question; a repeat of one sends the same signed query and so gets the same answer.

        A query that ends because the rulebook changed is made anew, under the new version and an id of its own.

        Raises whatever normalising, tokenising, the gateway or the checks of the answer raise.
        """
        number = await self._off_loop(partial(self._latest, query))
        while True:
            version = self.node.contributor.rulebook().digest
            try:
                signed = await self._off_loop(partial(self._signed_query, query, number))
                version = signed.header.rulebook_digest
                return await self._ask_once(query, _wire_id(query.request_id, number), signed)
            except CreditError as error:
                if error.code is not Code.RULEBOOK_MISMATCH or number >= AGAIN:
                    raise
            await self._newer_rulebook(version)
            number += 1

    async def _ask_once(self, query: LocalQuery, wire_id: bytes, signed: SignedQuery) -> LocalAnswer:
        seconds = max(query.question.lifetime, 1) + WAIT_AFTER_EXPIRY
        raw = signed_query_to_bytes(signed)
        transcript, receipt = await self.ask_gateway(wire_id, raw, seconds)
        failpoint("asker.before-conclude")
        result = await self._off_loop(partial(self._conclude, signed, transcript, query.question.travel))
        return LocalAnswer(query.request_id, signed.digest, result, receipt)

    def _conclude(self, signed: SignedQuery, transcript: Transcript, travel: TravelQuestion | None) -> QueryResult:
        """Check and decrypt; what cannot be used is noted for the next statement, and told to the gateway never."""
        try:
            return self.node.conclude(signed, transcript, travel)
        except CreditError as error:
            self.note_unusable(signed.digest, error)
            raise

    def note_unusable(self, query: bytes, error: CreditError) -> None:
        """Note that the answer to the query of this digest could not be used, where that is what the error says."""
        if error.code in CODES:
            self.unreadables.note_unreadable(Unreadable(query, error.code), self.clock())

    async def _newer_rulebook(self, version: bytes) -> None:
        """Wait until this node has taken another version than this one, or long enough for it."""
        for _ in range(RULEBOOK_STEPS):
            await asyncio.sleep(RULEBOOK_SECONDS / RULEBOOK_STEPS)
            if self.node.contributor.rulebook().digest != version:
                return

    def _latest(self, query: LocalQuery) -> int:
        """Give the number of the last query that was made for a question, 0 where there is none."""
        known = [number for number in range(AGAIN + 1) if self.questions.find(_wire_id(query.request_id, number))]
        return known[-1] if known else 0

    def _signed_query(self, query: LocalQuery, number: int) -> SignedQuery:
        secret = self.node.requester.identity.audit_secret.value
        digest = keyed_hash(secret, Label.QUESTION, query.content)
        wire_id = _wire_id(query.request_id, number)
        known = self._known(wire_id, digest)
        if known is not None:
            return known
        signed = self._new_query(query, secret)
        failpoint("asker.before-keep")
        try:
            self.questions.keep(wire_id, digest, signed_query_to_bytes(signed), self.clock())
        except CreditError:
            earlier = self._known(wire_id, digest)  # the same question at the same time: the first one's query is sent
            if earlier is None:
                raise
            return earlier
        failpoint("asker.after-keep")
        return signed

    def _known(self, wire_id: bytes, digest: bytes) -> SignedQuery | None:
        """Give the query that was kept for a question; raises REQUEST_ID_REUSED where it is another question's."""
        known = self.questions.find(wire_id)
        if known is None:
            return None
        if not compare_digest(known[0], digest):
            raise CreditError(Code.REQUEST_ID_REUSED)
        return signed_query_from_bytes(known[1])

    def _new_query(self, query: LocalQuery, secret: bytes) -> SignedQuery:
        node = self.node  # one state of it for the whole query: keys are exchanged meanwhile
        subject, consent, now = node.subject(query.identifiers), None, self.clock()
        if query.consent:
            subject, consent = captured_consent(self.consents, node, subject, query.consent, now)
        opening = derive(secret, Label.STAFF, query.request_id)
        staff = transcript_hash(Label.STAFF, opening, query.staff_id.encode())
        return node.ask(subject, replace(query.question, staff_commitment=staff), consent, now)

    async def _off_loop(self, work: Callable[[], ResultT]) -> ResultT:
        return await asyncio.get_running_loop().run_in_executor(self.workers, work)


def _wire_id(request_id: bytes, number: int) -> bytes:
    """Give the id that a question's query of this number has at the gateway: the first one has the question's own."""
    if number == 0:
        return request_id
    return transcript_hash(Label.QUESTION, request_id, uint(number))[: len(request_id)]


def overall_status(result: QueryResult) -> str:
    """Give the status of the whole answer."""
    return result.attributes[0].status.value
