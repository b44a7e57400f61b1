"""
Every kind of key exchanged during a minute of steady questions, by the commands that engineers type.

Gateway, two custodians and five lenders as processes; three lenders keep asking about new people. Meanwhile a lender's
mask, query, identity, HPKE and TLS keys are exchanged, the sealing key of the epoch, the shares of the OPRF key, a
custodian's keys, and at last the OPRF key itself with a book that is carried over. A question that a node has to ask
anew because of it, and gets answered, is answered.
"""

import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.rows import Row, row
from benchmarks.steady import Steady, question_about, steady_questions
from consortium.model.query import Suite
from demo.consortium import LENDERS, Terms
from demo.founding import found_in
from participants.lender.question_input import parse_question, with_request_id
from participants.rpc.local_client import LocalClient
from participants.sandbox.founding import CUSTODIANS
from participants.sandbox.ports import Ports
from participants.sandbox.processes import BIN, Processes, free_ports
from participants.settings import NodeSettings

SECONDS = 60.0
ASKING = (LENDERS[0], LENDERS[2], LENDERS[4])
FIRST, SECOND = LENDERS[:2]
ROTATING, HOLDING = LENDERS[2], LENDERS[3]
PERSON, BALANCE = "13800007777", 1_100
_EVENT = {
    "identifiers": {"country": "CN", "phone": PERSON},
    "tradeline": {
        "account": "a-1",
        "portfolio": "R",
        "status": "11",
        "opened": "2024-01-01",
        "reported": "2024-02-01",
        "balance": BALANCE,
    },
}
_PEOPLE = """\
[source]
kind = "csv"
path = "people.csv"
[identifiers]
country = { constant = "CN" }
phone = "mobile"
[freeze]
frozen = { constant = "false" }
"""


@dataclass(frozen=True)
class Engineers:
    """Everybody's commands, in the folders below `processes.out`."""

    processes: Processes

    def lender(self, name: str, *words: str) -> Any:
        """Run a lender's command and give its JSON."""
        return json.loads(self._wait(self._begin(name, "credit-participant", *words, "--node", ".", "--json")) or "{}")

    def custodians(self, *words: str, first: tuple[str, ...] = ()) -> None:
        """Run a command at both custodians at once; `first` are words for the first one alone."""
        works = [
            self._begin(name, "credit-custodian", *words, *(first if name == CUSTODIANS[0] else ()), "--folder", ".")
            for name in CUSTODIANS
        ]
        for work in works:
            self._wait(work)

    def approve(self, what: str, *approvers: str) -> None:
        """Let approvers vote, and wait until every node has the version."""
        for approver in approvers or (FIRST, SECOND):
            self.lender(approver, "approve", what)

    def exchange_all(self) -> dict[str, float]:
        """Exchange every kind of key; gives when each was done, in seconds from now."""
        start, done = time.monotonic(), dict[str, float]()
        works = {
            "mask, query": lambda: self.lender(ROTATING, "rotate", "mask", "query"),
            "identity, hpke, tls": self._pinned_keys,
            "epoch": self._epoch,
            "shares": self._shares,
            "custodian": self._custodian,
            "generation": self._generation,
        }
        for kind, work in works.items():
            work()
            done[kind] = time.monotonic() - start
        return done

    def _pinned_keys(self) -> None:
        self.lender(ROTATING, "rotate", "identity", "hpke", "tls")
        self.approve(ROTATING)

    def _epoch(self) -> None:
        self.lender(FIRST, "rotate", "epoch")
        self.approve("new-epoch", SECOND)

    def _shares(self) -> None:
        self.custodians("rotate", "share")
        self.approve("new-shares")

    def _custodian(self) -> None:
        name = CUSTODIANS[0]
        self._wait(self._begin(name, "credit-custodian", "rotate", "identity", "hpke", "tls", "--folder", "."))
        self.approve(name)

    def _generation(self) -> None:
        self.custodians("ceremony", first=("--begin", "new"))
        self.lender(FIRST, "generation", "announce")
        self.approve("announce", SECOND)
        secrets = [self.processes.out / name / "secrets" / "generation-0002.json" for name in LENDERS]
        self.processes.wait_for(lambda: all(path.exists() for path in secrets), "the secrets of the generation")
        folder = self.processes.out / HOLDING
        (folder / "people.toml").write_text(_PEOPLE)
        (folder / "people.csv").write_text(f"mobile\n{PERSON}\n")
        self.lender(HOLDING, "book", "retokenise", "--mapping", "people.toml")
        self.processes.wait_for(lambda: not self.lender(FIRST, "generation", "status")["missing"], "everybody's book")
        self.lender(FIRST, "generation", "switch")
        self.approve("switch", SECOND)

    def _begin(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        program, *words = command
        return subprocess.Popen(  # noqa: S603  our own commands
            [BIN / program, *words],
            cwd=self.processes.out / name,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def _wait(self, process: subprocess.Popen[bytes]) -> bytes:
        said, problem = process.communicate(timeout=120)
        if process.returncode:
            raise RuntimeError(f"{process.args!r}: {said.decode()}{problem.decode()}")
        return said


def measured(suite: Suite) -> tuple[Steady, dict[str, float]]:
    """Ask for a minute, and for as long as the exchanges take; gives what came back and when each kind was done."""
    with tempfile.TemporaryDirectory(prefix="credit-bench-") as name, Processes(Path(name) / "consortium") as processes:
        found_in(processes, Ports(free_ports(32_000)), LENDERS, Terms(suite=suite), lambda _: None)
        processes.start_all()
        folder = processes.out / ROTATING
        with LocalClient(NodeSettings(processes.out / HOLDING)) as client:
            client.record("tradeline", json.dumps(_EVENT))
        before = _keys(processes.out)
        with steady_questions(processes.out, *ASKING) as steady:
            start = time.monotonic()
            done = Engineers(processes).exchange_all()
            time.sleep(max(0.0, SECONDS - (time.monotonic() - start)))
        with LocalClient(NodeSettings(folder)) as client:
            asked = with_request_id(parse_question(json.dumps(question_about(PERSON)).encode()))
            answer: Any = client.ask(asked)
        if same := [name for name, key in _keys(processes.out).items() if before.get(name) == key]:
            raise RuntimeError(f"not exchanged: {', '.join(same)}")
        if not any(one["id"] == "balance" and one["value"] == BALANCE for one in answer["attributes"]):
            raise RuntimeError("the person whose tag changed is not found")
        return steady, done


def run() -> list[Row]:
    """Measure; about a minute and a half."""
    steady, done = measured(Suite.PAILLIER_3072_MASKED)
    asked = steady.answered + len(steady.trouble)
    what = "steady questions while every kind of key is exchanged"
    return [
        row(f"{what}: asked", asked, "questions", "higher", None),
        row("failed, or without somebody", len(steady.trouble), "questions", "lower", 0),
        row("all kinds exchanged after", max(done.values()), "s", "lower", None),
    ]


def _keys(out: Path) -> dict[str, bytes]:
    """Give every key file that is to change, and what the rulebook that a lender has pins of the others."""
    names = [ROTATING + "/" + name for name in ("identity.key", "hpke.key", "tls.key", "query-key.bin")]
    names += [CUSTODIANS[0] + "/" + name for name in ("identity.key", "hpke.key", "tls.key")]
    newest = json.loads(
        max(
            (out / FIRST / "rulebooks").glob("rulebook-??????.json"), default=out / FIRST / "rulebook.json"
        ).read_bytes()
    )
    pinned = {"epoch": newest["epoch"], "shares": newest["oprf"]["holders"], "generation": newest["oprf"]["generation"]}
    mask = out / ROTATING / "mask-secrets.json"
    kept = {name: (out / name).read_bytes() for name in names} | {
        name: json.dumps(one).encode() for name, one in pinned.items()
    }
    return kept | {"mask": mask.read_bytes() if mask.exists() else b""}
