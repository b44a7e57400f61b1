"""
Twenty lenders from empty folders to active members, by the commands that their engineers type, each with a book.

The commands run two at a time, as many as there are cores; what must be one after another (a version follows from the
one before) is done by one thread. Keys have full size. At the end one of the newcomers asks, and everybody answers.
"""

import json
import random
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.rows import Row, row
from consortium.model.query import Suite
from demo.consortium import LENDERS, Terms
from demo.founding import found_in
from participants.sandbox.founding import made_up_lei
from participants.sandbox.persons import MAPPING
from participants.sandbox.ports import Ports
from participants.sandbox.processes import BIN, Processes, free_ports

NEWCOMERS = 20
BOOK = 5_000
TARGET_SECONDS = 300.0
SPONSOR, SECOND = LENDERS[:2]
COMMANDS_AT_ONCE = 2
WAITING = 4
"""Applications that wait at once: a sponsor may have sixteen."""
WARM_UPS = 20
IN_EVERY_BOOK = "13900000001"
_SEED = 20
_TERMS = """\
legal_name = "{name} Ltd"
licence = "BENCH-{number}"
lei = "{lei}"
group = "{member}-group"
contact = "+886 2 1234 5678"
book_size = {book}
tiers = ["defaults-only", "full"]
"""


@dataclass
class Script:
    """The commands of everybody, and the seconds that each kind of them took."""

    out: Path
    local: int
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def run(self, party: str, *words: str) -> Any:
        """Run a command in a party's folder and give its JSON."""
        start = time.monotonic()
        command: list[str | Path] = [BIN / "credit-participant", *words, "--node", ".", "--json"]
        done = subprocess.run(command, cwd=self.out / party, capture_output=True, check=False)  # noqa: S603  our own
        if done.returncode:
            raise RuntimeError(f"{party}: {' '.join(words)}: {done.stdout.decode()}{done.stderr.decode()}")
        self.seconds[words[0]].append(time.monotonic() - start)
        return json.loads(done.stdout)

    def join(self, number: int, invited: dict[str, str]) -> str:
        """Make a newcomer's folder and apply."""
        member = f"newcomer-{number:02d}"
        folder = self.out / member
        folder.mkdir()
        (folder / "invitation.toml").write_text(invited["invitation"])
        (folder / "terms.toml").write_text(
            _TERMS.format(name=member.title(), number=number, lei=made_up_lei(100 + number), member=member, book=BOOK)
        )
        (folder / "mapping.toml").write_text(MAPPING)
        (folder / "persons.csv").write_text(_book(number))
        listen = f"127.0.0.1:{self.local + number}"
        given = ("--member", member, "--invitation", "invitation.toml", "--fingerprint", invited["words"])
        self.run(member, "init", *given, "--listen", listen)
        self.run(member, "apply", "--from", "terms.toml")
        return member

    def admit(self, member: str) -> None:
        """Let two groups admit it, and the sponsor seal the secrets."""
        self.run(SPONSOR, "sponsor", member)
        self.run(SECOND, "approve", member)
        self.run(SPONSOR, "sponsor", member, "--seal")

    def prepare(self, member: str) -> str:
        """Get a certificate, open the secrets, load the book, run the known answers."""
        self.run(member, "certificate")
        self.run(member, "status")
        self.run(member, "book", "load", "--mapping", "mapping.toml")
        self.run(member, "conformance")
        return member

    def activate(self, member: str) -> None:
        """Let two groups put it on the roster."""
        self.run(SPONSOR, "sponsor", member, "--activate")
        self.run(SECOND, "approve", member)


def run() -> list[Row]:
    """Measure; about four minutes."""
    with tempfile.TemporaryDirectory(prefix="credit-bench-") as name:
        out = Path(name) / "consortium"
        with _founders(out) as processes:
            script = Script(out, free_ports(28_000))
            start = time.monotonic()
            members = onboard(script)
            onboarded = time.monotonic() - start
            _serve(processes, members)
            serving = time.monotonic() - start
            _warm_up(script, members[-1])
            answer = _ask(script, members[-1], IN_EVERY_BOOK)
            _check(answer)
    own = ("init", "apply", "certificate", "status", "book", "conformance")
    each = sum(median(script.seconds[name]) for name in own)
    return [
        row(f"{NEWCOMERS} lenders active, books of {BOOK:,}", onboarded, "s", "lower", TARGET_SECONDS),
        row("the same, and all of them serving", serving, "s", "lower", None),
        row("lenders that answer a newcomer", len(answer["answered"]), "lenders", "higher", NEWCOMERS + len(LENDERS)),
        row("one newcomer's own commands, sum of medians", each, "s", "lower", 600.0),
        *(
            row(f"... {name}", median(script.seconds[name]), "s", "lower", None)
            for name in (*own, "sponsor", "approve")
        ),
    ]


def onboard(script: Script) -> list[str]:
    """Onboard all; gives their ids. What a version follows from is done here, one after another."""
    invited = script.run(SPONSOR, "invitation")
    with ThreadPoolExecutor(COMMANDS_AT_ONCE) as workers:
        joining = [workers.submit(script.join, number, invited) for number in range(min(WAITING, NEWCOMERS))]
        preparing: list[Future[str]] = []
        for number in range(NEWCOMERS):
            script.admit(member := joining[number].result())
            if number + WAITING < NEWCOMERS:
                joining.append(workers.submit(script.join, number + WAITING, invited))
            preparing.append(workers.submit(script.prepare, member))
        for prepared in as_completed(preparing):
            script.activate(prepared.result())
    return [one.result() for one in joining]


@contextmanager
def _founders(out: Path) -> Iterator[Processes]:
    with Processes(out) as processes:
        ports = Ports(free_ports(27_000))
        found_in(processes, ports, LENDERS, Terms(suite=Suite.PAILLIER_3072_MASKED), lambda _: None)
        processes.start_all()
        yield processes


def _serve(processes: Processes, members: list[str]) -> None:
    for first in range(0, len(members), COMMANDS_AT_ONCE):
        processes.start(*members[first : first + COMMANDS_AT_ONCE])
    processes.wait_attached(*members)


def _ask(script: Script, member: str, phone: str) -> Any:
    """Ask about a person; gives the answer."""
    question = {
        "identifiers": {"country": "CN", "phone": phone},
        "purpose": "origination",
        "attributes": ["balance", "open_tradelines"],
        "consent": {
            "families": ["exposure"],
            "issued": "2020-01-01T00:00:00+00:00",
            "expires": "2100-01-01T00:00:00+00:00",
            "notice_digest": "aa" * 32,
            "notice_language": "zh-CN",
            "evidence_digest": "bb" * 32,
        },
    }
    (script.out / member / "question.json").write_text(json.dumps(question))
    return script.run(member, "query", "question.json")


def _warm_up(script: Script, member: str) -> None:
    """Ask until everybody answers: each lender prepares its arithmetic for a key that asks for the first time."""
    for number in range(WARM_UPS):
        try:
            if not _ask(script, member, f"137000000{number:02d}")["missing"]:
                return
        except RuntimeError:
            if number + 1 == WARM_UPS:
                raise


def _check(answer: Any) -> None:
    expected = {"balance": NEWCOMERS * 10_000, "open_tradelines": NEWCOMERS}
    got = {one["id"]: one["value"] for one in answer["attributes"]}
    if got != expected:
        raise RuntimeError(f"{got} instead of {expected}")


def _book(number: int) -> str:
    """Make up a book: person 1 is in every newcomer's, the others in one each."""
    seeded = random.Random(_SEED + number)
    head = "account,id_card,mobile,mail,state,opened_on,as_of,credit_limit,balance,overdue_amount,days_overdue,frozen"
    rows = [f"{number}-1,,{IN_EVERY_BOOK},,open,2025-01-01,2026-01-01,200.00,100.00,0.00,0,"]
    for person in range(2, BOOK + 1):
        phone, balance = f"138{number:02d}{person:06d}", seeded.randrange(1, 5_000)
        rows.append(f"{number}-{person},,{phone},,open,2025-01-01,2026-01-01,9000.00,{balance}.00,0.00,0,")
    return "\n".join([head, *rows]) + "\n"
