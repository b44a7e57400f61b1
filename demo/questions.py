"""
Asking: one lender asks all five about person after person, and every answer is held against the truth.

The third stage of the demonstration. Every message travels in bytes between the gateway's state machine, the nodes
and the key holders; the clock is the time from the identifiers to the decrypted and checked result.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from consortium.model.catalogue import Purpose
from consortium.model.members import MemberId
from consortium.silent import Silent
from consortium.sums.secret import SecretKey
from demo.consortium import Foundation, lender_node
from demo.dataset import Asked, Dataset, Expected
from demo.hub import Hub
from demo.lines import Desk, LocalLine, tokeniser
from participants.lender.answer_ports import BookReader
from participants.lender.ask import ConsentTerms, QueryResult, Question
from participants.lender.encryptor import PooledEncryptor
from participants.lender.node import LenderNode
from participants.lender.tokenise import RequestJournal
from participants.storage.answers import SqliteAnswers

CONSENT_SECONDS = 3_600


@dataclass(frozen=True, slots=True, repr=False)
class Answer(Silent):
    """What came back about one person, what had to, and what it took."""

    asked: Asked
    result: QueryResult
    expected: Expected
    seconds: float
    carried: int

    @property
    def equal(self) -> int:
        """Count the attributes whose total is the truth."""
        return sum(item.total == self.expected.totals[item.attribute.id] for item in self.result.attributes)

    @property
    def unequal(self) -> int:
        """Count the others."""
        return len(self.result.attributes) - self.equal

    @property
    def beside_equal(self) -> bool:
        """Tell whether own parts, matched lenders and freezes are those of the truth, and nothing was clamped."""
        own = all(item.own == self.expected.own[item.attribute.id] for item in self.result.attributes)
        matched = dict(self.result.matched) == dict(self.expected.matched)
        return own and matched and self.result.frozen == self.expected.frozen and not self.result.capped


@dataclass(frozen=True, repr=False)
class Circle(Silent):
    """The nodes of all lenders with the hub between them, and the way to the key holders."""

    hub: Hub
    nodes: Mapping[MemberId, LenderNode]
    desk: Desk

    @property
    def carried(self) -> int:
        """The bytes of all messages so far, those to the key holders among them."""
        return self.hub.carried + self.desk.carried

    def close(self) -> None:
        """Close what the nodes keep of their answers."""
        for node in self.nodes.values():
            if isinstance(node.contributor.store, SqliteAnswers):
                node.contributor.store.close()


def join(
    foundation: Foundation,
    books: Mapping[MemberId, BookReader],
    journals: Mapping[MemberId, RequestJournal],
    desk: Desk,
    encryptor: PooledEncryptor,
    key: SecretKey,
    folder: Path,
    now: int,
) -> Circle:
    """Start the node of every lender; `key` is the asking lender's, and stands in for the others', who never ask."""
    nodes = {}
    for lender, book in books.items():
        node = lender_node(foundation, lender, book, folder / f"{lender}.answers", encryptor, key, now)
        line = LocalLine(lender, desk, lambda _lender, _stage, _done: None)
        nodes[lender] = replace(node, tokeniser=tokeniser(foundation, lender, journals[lender], line))
    return Circle(Hub(foundation.rulebook, nodes), nodes, desk)


def ask_all(circle: Circle, dataset: Dataset, foundation: Foundation) -> Iterator[Answer]:
    """Ask about everybody in turn."""
    expected = dataset.truth.expected(dataset.asked, dataset.requester, dataset.attributes)
    question = Question(Purpose.ORIGINATION, dataset.attributes, foundation.suite)
    terms = _consent_terms(dataset, foundation)
    for asked, truth in zip(dataset.asked, expected, strict=True):
        before, start = circle.carried, time.perf_counter()
        result = _ask(circle, dataset, asked, question, terms)
        yield Answer(asked, result, truth, time.perf_counter() - start, circle.carried - before)


def _ask(circle: Circle, dataset: Dataset, asked: Asked, question: Question, terms: ConsentTerms) -> QueryResult:
    node, now = circle.nodes[dataset.requester], dataset.asked_at
    subject = node.subject(asked.identifiers)
    query = node.ask(subject, question, node.consent(subject, terms), now)
    return node.conclude(query, circle.hub.ask(query, now))


def _consent_terms(dataset: Dataset, foundation: Foundation) -> ConsentTerms:
    families = frozenset(foundation.rulebook.attributes[name].family for name in dataset.attributes)
    return ConsentTerms(
        purpose=Purpose.ORIGINATION,
        families=families,
        issued_at=dataset.asked_at - 60,
        expires_at=dataset.asked_at + CONSENT_SECONDS,
        maximum_uses=1,
        notice_digest=hashlib.sha256(b"the notice of the demonstration").digest(),
        notice_language="en",
        evidence_digest=hashlib.sha256(b"a ticked box").digest(),
    )
