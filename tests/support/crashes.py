"""Killing a party of a running consortium at a chosen point of a query, and what must hold afterwards."""

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.model.identifiers import Secret
from consortium.model.rounds import Signed, exchange_ctx
from consortium.transparency.tree import leaf_hash
from consortium.wire.gateway import answered_from_proto
from consortium.wire.rounds import (
    round1_request_from_bytes,
    signed_round1_from_bytes,
    signed_round2_from_bytes,
    transcript_from_bytes,
)
from gateway.usecases.two_rounds import opening_of
from participants.lender.question_input import parse_question
from participants.lender.reveal import open_record
from participants.rpc.local_client import LocalClient
from participants.settings import NodeSettings
from protos.credit.v1 import gateway_pb2
from tests.support.processes import LENDERS, Processes

ASKER = "lender-one"
CONTRIBUTOR = "lender-three"
GATEWAY_POINTS = (
    "gateway.before-admit",
    "gateway.after-admit",
    "gateway.after-round1",
    "gateway.before-round2",
    "gateway.after-round2",
    "gateway.before-finish",
    "gateway.inside-finish",
    "gateway.after-finish",
    "gateway.before-response",
)
ASKER_POINTS = ("asker.before-keep", "asker.after-keep", "asker.before-conclude")
ROUND1_POINTS = ("lender.round1-before-store", "lender.round1-inside-store", "lender.round1-after-store")
ROUND2_POINTS = ("lender.round2-before-store", "lender.round2-inside-store", "lender.round2-after-store")
POINTS: tuple[tuple[str, str], ...] = (
    *(("gateway", point) for point in GATEWAY_POINTS),
    *((ASKER, point) for point in ASKER_POINTS),
    *((victim, point) for victim in (CONTRIBUTOR, ASKER) for point in ROUND1_POINTS + ROUND2_POINTS),
)
TEMPORARY = frozenset(
    {
        Code.NOT_ATTACHED,
        Code.UNREACHABLE,
        Code.TOO_FEW_CONTRIBUTORS,
        Code.DIFFERENCING,
        Code.DEADLINE,
        Code.DRAINING,
    }
)
"""What a repeat may meet while the victim is coming back."""
RECOVERY_SECONDS = 45.0


@dataclass
class Campaign:
    """Asks one question after another, each about a new person, and kills a party at each."""

    parties: Processes
    number: int = 0
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    workers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    def kill_at(self, victim: str, point: str) -> dict[str, Any]:
        """Ask, kill the victim at a point, start it again, and repeat the question until it is answered."""
        self.number += 1
        person, request_id = {"phone": f"139{self.number:08d}"}, f"{self.number:032x}"
        for power, lender in enumerate(LENDERS):
            self._record(lender, person, 100**power * (1 + self.number % 9))
        self.parties.failpoint(victim).write_text(point)
        asking = self.workers.submit(self._ask, person, request_id)
        died = self.parties.running[victim].wait(30)
        assert died == -9, f"{victim} ended with {died} at {point}"
        assert not self.parties.failpoint(victim).exists()
        self.parties.start_again(victim)
        answer = self._answer(asking, person, request_id)
        self._check(answer, victim, point)
        assert self._ask(person, request_id) == answer, "a repeat gets the same answer"
        self.answers[request_id] = answer
        self._wait_until_all_are_back()
        return answer

    def _answer(self, asking: "Future[dict[str, Any]]", person: dict[str, str], request_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + RECOVERY_SECONDS
        while True:
            try:
                return asking.result()
            except CreditError as error:
                if error.code not in TEMPORARY or time.monotonic() > deadline:
                    raise
                self.failures[error.code.value] += 1
            time.sleep(0.1)
            asking = self.workers.submit(self._ask, person, request_id)

    def _check(self, answer: dict[str, Any], victim: str, point: str) -> None:
        """The sum is right, and complete but for a contributor that died in round 1."""
        missing = [victim] if answer["missing"] and point in ROUND1_POINTS else []
        assert answer["missing"] == missing, (point, answer["missing"])
        balance = next(item["value"] for item in answer["attributes"] if item["id"] == "balance")
        answered = sum(100**power for power, lender in enumerate(LENDERS) if lender not in missing)
        assert balance == answered * (1 + self.number % 9), (point, balance)
        assert sorted(answer["answered"] + missing) == sorted(LENDERS)

    def _ask(self, person: dict[str, str], request_id: str) -> dict[str, Any]:
        question = {**self.parties.question(person), "request_id": request_id, "lifetime_seconds": 60}
        with LocalClient(NodeSettings(self.parties.out / ASKER)) as client:
            return dict(client.ask(parse_question(json.dumps(question).encode())))

    def _record(self, lender: str, person: dict[str, str], balance: int) -> None:
        event = {
            "identifiers": {"country": "CN", **person},
            "tradeline": {
                "account": f"a-{self.number}",
                "portfolio": "R",
                "status": "11",
                "opened": "2024-01-01",
                "reported": "2024-02-01",
                "balance": balance,
            },
        }
        with LocalClient(NodeSettings(self.parties.out / lender)) as client:
            client.record("tradeline", json.dumps(event))

    def _wait_until_all_are_back(self) -> None:
        def attached() -> bool:
            for lender in LENDERS:
                with LocalClient(NodeSettings(self.parties.out / lender)) as client:
                    if not client.status()["attached"]:
                        return False
            return True

        self.parties.wait_for(attached, "all lenders to be attached again")


def check_everything(parties: Processes, answers: dict[str, dict[str, Any]]) -> None:
    """What must hold of all the stores together, whoever died when."""
    lines = _column(parties.out / "gateway" / "gateway.db", 'SELECT line FROM entries ORDER BY "index"')
    entries = [json.loads(line) for line in lines]
    assert [entry["index"] for entry in entries] == list(range(len(entries))), "the log has no gap"
    _check_receipts(parties, lines, entries, answers)
    sent: dict[str, set[str]] = {}
    for lender in LENDERS:
        messages = _check_lender(parties.out / lender)
        sent[lender] = {transcript_hash(label, one.raw, one.signature).hex() for label, one in messages.values()}
        _check_transcripts(parties, lender, messages)
    for entry in entries:
        for contribution in entry.get("contributions", ()):
            for said in filter(None, (contribution["round1"], contribution["round2"])):
                assert said["digest"] in sent[contribution["member"]], "only bytes that their author has kept"


def _check_receipts(
    parties: Processes, lines: list[bytes], entries: list[dict[str, Any]], answers: dict[str, dict[str, Any]]
) -> None:
    answered = [entry["index"] for entry in entries if entry["kind"] == "query-answered"]
    queries = Counter(entries[index]["query"] for index in answered)
    assert set(queries.values()) <= {1}, "one entry a query"
    for answer in answers.values():
        receipt = answer["receipt"]
        assert receipt["index"] in answered
        assert leaf_hash(lines[receipt["index"]]).hex() == receipt["leaf_hash"]
    kept = [answered_from_proto(gateway_pb2.AskResponse.FromString(raw)) for raw in _responses(parties)]
    assert sorted(one.receipt.index for one in kept) == answered, "an entry for every answer, an answer for every entry"
    assert {one.request_id.hex() for one in kept} >= set(answers)


def _responses(parties: Processes) -> list[bytes]:
    return _column(parties.out / "gateway" / "gateway.db", "SELECT response FROM requests WHERE response IS NOT NULL")


Messages = dict[tuple[Label, bytes], tuple[Label, Signed[Any]]]


def _check_lender(folder: Path) -> Messages:
    """Counters have no gap, each exchange is answered once, no obfuscator is used twice; gives what was signed."""
    secret = Secret(bytes.fromhex(json.loads((folder / "own-keys.json").read_text())["audit_secret"]))
    messages: Messages = {}
    seeds = []
    for ctx, request, answer, reveal, correction in _rows(folder / "answers.db", "SELECT * FROM exchanges"):
        assert round1_request_from_bytes(request).ctx == ctx
        seeds.append(open_record(reveal, secret, ctx).obfuscator_seed)
        messages[Label.ROUND1, ctx] = Label.ROUND1, signed_round1_from_bytes(answer)
        if correction is not None:
            messages[Label.ROUND2, ctx] = Label.ROUND2, signed_round2_from_bytes(correction)
    counters = sorted(opening_of(one).counter for _, one in messages.values())
    assert counters == list(range(1, len(counters) + 1)), "counters have no gap"
    (last,) = _column(folder / "answers.db", "SELECT value FROM numbers WHERE name = 'counter'")
    assert last == len(counters)
    assert len(set(seeds)) == len(seeds), "no obfuscator twice"
    assert all(one.body.ctx == ctx for (_, ctx), (_, one) in messages.items())
    return messages


def _check_transcripts(parties: Processes, lender: str, messages: Messages) -> None:
    """Every signed message that reached a requester is the one that its author has kept for this exchange."""
    opened = dict(_rows(parties.out / lender / "answers.db", "SELECT ctx, request FROM exchanges"))
    for raw in _responses(parties):
        transcript = transcript_from_bytes(answered_from_proto(gateway_pb2.AskResponse.FromString(raw)).transcript)
        for label, parts in ((Label.ROUND1, transcript.round1), (Label.ROUND2, transcript.round2)):
            for part in parts:
                if part.body.contributor == lender:
                    assert messages[label, part.body.ctx][1].raw == part.raw
                    query = round1_request_from_bytes(opened[part.body.ctx]).query
                    shape = transcript.roster, transcript.attempt, transcript.intended, transcript.block
                    assert exchange_ctx(query, *shape) == part.body.ctx


def _column(database: Path, sql: str) -> list[Any]:
    return [row[0] for row in _rows(database, sql)]


def _rows(database: Path, sql: str) -> Iterator[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        yield from connection.execute(sql).fetchall()
