"""Lenders that keep asking while something happens to the consortium; what went wrong is counted by its code."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from consortium.errors import CreditError
from participants.lender.question_input import parse_question, with_request_id
from participants.rpc.local_client import LocalClient
from participants.sandbox.persons import PERSONS, question_for
from participants.settings import NodeSettings

PAUSE_SECONDS = 0.15
ATTRIBUTES = ("balance", "open_tradelines")


@dataclass
class Steady:
    """What came back: answers, those that lacked somebody, and failures, with the second at which each came."""

    answered: int = 0
    trouble: list[tuple[float, str, str]] = field(default_factory=list)
    _start: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, lender: str, problem: str) -> None:
        """Count what came back: an answer of everybody, or a problem."""
        with self._lock:
            if problem:
                self.trouble.append((round(time.monotonic() - self._start, 1), lender, problem))
            else:
                self.answered += 1

    @property
    def told(self) -> list[str]:
        """Failures and answers that lacked somebody, each with how often and between which seconds it came."""
        kinds = Counter((lender, problem) for _, lender, problem in self.trouble)
        times = {kind: [at for at, *rest in self.trouble if tuple(rest) == kind] for kind in kinds}
        return [f"{min(times[kind])}-{max(times[kind])} s, {count} times: {kind}" for kind, count in kinds.items()]


@contextmanager
def steady_questions(out: Path, *lenders: str) -> Iterator[Steady]:
    """Let each of these lenders, in folders below `out`, ask about one new person after another, until this is left."""
    found, stop = Steady(), threading.Event()
    threads = [
        threading.Thread(target=_ask_on, args=(out / lender, number, found, stop))
        for number, lender in enumerate(lenders)
    ]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _ask_on(folder: Path, number: int, found: Steady, stop: threading.Event) -> None:
    person = 0
    with LocalClient(NodeSettings(folder)) as client:
        while not stop.is_set():
            person += 1
            question = question_about(f"13{number}{person:08d}")
            try:
                answer = client.ask(with_request_id(parse_question(json.dumps(question).encode())))
            except CreditError as error:
                found.note(folder.name, f"{error.code}: {error.cause}")
            else:
                missing = answer["missing"]
                found.note(folder.name, f"missing {missing}" if missing else "")
            stop.wait(PAUSE_SECONDS)


def question_about(phone: str) -> dict[str, object]:
    """Give a question about whoever has this number."""
    about = {"country": "CN", "phone": phone}
    return question_for(PERSONS[0], ATTRIBUTES) | {"identifiers": about, "lifetime_seconds": 20}
