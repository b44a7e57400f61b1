"""
Asking: one lender's application asks its node about person after person, and every answer is held against the truth.

The third stage of the demonstration. The questions go to the node's local service, as those of any application; the
truth is computed afterwards, as of the second that each answer names.
"""

import datetime as dt
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from consortium.model.catalogue import DEFAULT_CATALOGUE
from consortium.model.identifiers import IdentifierKind
from consortium.model.members import MemberId
from consortium.silent import Silent
from demo.books import identifiers_value
from demo.dataset import Asked, Dataset, Expected
from demo.progress import Meter
from participants.lender.ask import ValueStatus
from participants.lender.question_input import QuestionInput, parse_question
from participants.rpc.local_client import LocalClient

ALONE_SHARE = 0.2
"""The share of the questions that are asked one at a time, before the rest are asked several at a time."""
IN_FLIGHT = 4
CONSENT = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True, repr=False)
class Value(Silent):
    """One attribute of an answer: total, own part, unit ("minor CNY", "count" ...) and status."""

    id: str
    total: int
    own: int
    unit: str
    status: ValueStatus


@dataclass(frozen=True, slots=True, repr=False)
class Result(Silent):
    """What came back about one person."""

    status: ValueStatus
    values: tuple[Value, ...]
    matched: Mapping[IdentifierKind, int]
    frozen: int
    capped: int
    asked: tuple[MemberId, ...]
    answered: tuple[MemberId, ...]
    as_of: int

    @classmethod
    def parse(cls, answer: Mapping[str, Any]) -> "Result":
        """Read an answer as `credit-participant query --json` prints it."""
        attributes = (
            Value(item["id"], item["value"], item["own"], item["unit"], ValueStatus(item["status"]))
            for item in answer["attributes"]
        )
        return cls(
            status=ValueStatus(answer["status"]),
            values=tuple(attributes),
            matched={kind: answer["match"][kind.name.lower()] for kind in IdentifierKind},
            frozen=answer["frozen"],
            capped=answer["capped"],
            asked=tuple(answer["asked"]),
            answered=tuple(answer["answered"]),
            as_of=answer["as_of"],
        )


@dataclass(frozen=True, slots=True, repr=False)
class Timed(Silent):
    """A result, the seconds that it took, and how many questions were in flight."""

    result: Result
    seconds: float
    in_flight: int


@dataclass(frozen=True, slots=True, repr=False)
class Answer(Silent):
    """What came back about one person, what had to, and what it took."""

    asked: Asked
    result: Result
    expected: Expected
    seconds: float
    in_flight: int

    @property
    def equal(self) -> int:
        """Count the attributes whose total is the truth."""
        return sum(item.total == self.expected.totals[item.id] for item in self.result.values)

    @property
    def unequal(self) -> int:
        """Count the others."""
        return len(self.result.values) - self.equal

    @property
    def beside_equal(self) -> bool:
        """Tell whether own parts, matched lenders and freezes are those of the truth, and nothing was clamped."""
        own = all(item.own == self.expected.own[item.id] for item in self.result.values)
        matched = dict(self.result.matched) == dict(self.expected.matched)
        return own and matched and self.result.frozen == self.expected.frozen and not self.result.capped


def ask_all(client: LocalClient, dataset: Dataset, meter: Meter) -> list[Answer]:
    """Ask about everybody, a first part one at a time, the rest several at a time; then compare with the truth."""
    questions = [_question(asked, dataset) for asked in dataset.asked]
    alone = max(1, round(ALONE_SHARE * len(questions)))
    timed: list[Timed] = []
    for part, in_flight in ((questions[:alone], 1), (questions[alone:], IN_FLIGHT)):
        timed += _ask(client, part, in_flight, meter, len(timed))
    return compare(dataset, timed)


def compare(dataset: Dataset, timed: Sequence[Timed]) -> list[Answer]:
    """Put the truth beside every answer; `timed` is in the order of the people asked about."""
    moments = [one.result.as_of for one in timed]
    expected = dataset.truth.expected(dataset.asked, moments, dataset.requester, dataset.attributes)
    return [
        Answer(asked, one.result, truth, one.seconds, one.in_flight)
        for asked, one, truth in zip(dataset.asked, timed, expected, strict=True)
    ]


def _ask(
    client: LocalClient, questions: Sequence[QuestionInput], in_flight: int, meter: Meter, before: int
) -> list[Timed]:
    """Ask with so many in flight; gives the answers in the order of the questions."""
    with ThreadPoolExecutor(in_flight) as workers:
        working = [workers.submit(_ask_one, client, question, in_flight) for question in questions]
        try:
            for count, done in enumerate(as_completed(working), start=1):
                done.result()
                meter.update(before + count)
        except BaseException:
            workers.shutdown(cancel_futures=True)
            raise
    return [work.result() for work in working]


def _ask_one(client: LocalClient, question: QuestionInput, in_flight: int) -> Timed:
    start = time.perf_counter()
    answer = client.ask(question)
    return Timed(Result.parse(answer), time.perf_counter() - start, in_flight)


def _question(asked: Asked, dataset: Dataset) -> QuestionInput:
    question = {
        "identifiers": identifiers_value(asked.identifiers),
        "purpose": "origination",
        "attributes": dataset.attributes,
        "consent": consent_of(dataset),
    }
    return parse_question(json.dumps(question).encode())


def consent_of(dataset: Dataset) -> dict[str, object]:
    """Give a consent as questions write it, for everything that the demonstration asks for."""
    families = {item.family for item in DEFAULT_CATALOGUE if item.id in dataset.attributes}
    captured = dt.datetime.fromtimestamp(dataset.extracted_at, dt.UTC)
    return {
        "families": sorted(families),
        "issued": captured.isoformat(),
        "expires": (captured + CONSENT).isoformat(),
        "maximum_uses": 1,
        "notice_digest": hashlib.sha256(b"the notice of the demonstration").hexdigest(),
        "notice_language": "en",
        "evidence_digest": hashlib.sha256(b"a ticked box").hexdigest(),
    }
