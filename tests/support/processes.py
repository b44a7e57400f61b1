"""A consortium of real processes for the tests: armed failpoints, and the commands that an engineer types."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import participants.sandbox.processes as real_processes
from demo.consortium import LENDERS as LENDERS  # noqa: PLC0414  the tests' name for it
from participants.sandbox.processes import BIN, free_ports


class Processes(real_processes.Processes):
    """Starts, stops and kills the parties, and runs their commands; `port` is the gateway's."""

    def __init__(self, out: Path, port: int) -> None:
        super().__init__(out)
        self.port = port

    def environment(self, name: str) -> Mapping[str, str]:
        """Give each party a failpoint of its own."""
        return {"CREDIT_FAILPOINT": str(self.failpoint(name))}

    def failpoint(self, name: str) -> Path:
        """Give the file in which a party's failpoint is armed."""
        return self.out / f"{name}.failpoint"

    def command(self, lender: str, *arguments: str, given: str = "", fails: bool = False) -> Any:
        """Run `credit-participant ... --json` in a lender's folder and give what it printed."""
        node = () if arguments[0] == "serve" else ("--node", ".")
        done = subprocess.run(
            [BIN / "credit-participant", *arguments, *node, "--json"],
            cwd=self.out / lender,
            input=given.encode(),
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stdout.decode() + done.stderr.decode()
        return json.loads(done.stdout)

    def query(
        self,
        lender: str,
        identifiers: Mapping[str, str],
        *,
        fails: bool = False,
        changes: Mapping[str, object] | None = None,
    ) -> Any:
        """Ask about somebody."""
        question = {**self.question(identifiers), **(changes or {})}
        return self.command(lender, "query", given=json.dumps(question), fails=fails)

    def question(self, identifiers: Mapping[str, str]) -> dict[str, object]:
        """Give a question about somebody as `query` takes it."""
        return question_about(identifiers)


def question_about(identifiers: Mapping[str, str]) -> dict[str, object]:
    """Give a question about somebody, under a consent that lasts."""
    return {
        "identifiers": {"country": "CN", **identifiers},
        "purpose": "origination",
        "attributes": ["balance", "open_tradelines"],
        "lifetime_seconds": 20,
        "consent": {
            "families": ["exposure", "repayment"],
            "issued": "2020-01-01T00:00:00+00:00",
            "expires": "2100-01-01T00:00:00+00:00",
            "maximum_uses": 100,
            "notice_digest": "aa" * 32,
            "notice_language": "zh-CN",
            "evidence_digest": "bb" * 32,
        },
    }


@contextmanager
def consortium(out: Path, storage: str = "sqlite:///gateway.db", more_suites: str = "") -> Iterator[Processes]:
    """Write the folders of a consortium with small keys and run nobody yet."""
    port = own_ports()
    command = [sys.executable, "-m", "demo.consortium", str(out), "--port", str(port)]
    command += ["--suite", "INSECURE_TEST_1024_MASKED", "--storage", storage]
    command += ["--more-suites", *([more_suites] if more_suites else [])]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    with Processes(out, port) as processes:
        yield processes


PORT_PLACES = 11


def own_ports() -> int:
    """
    Find a run of ports that nobody listens on; workers start at different places, and so do most test runs at once.

    All places lie below those that systems give to outgoing connections.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    run = int(os.environ.get("PYTEST_XDIST_TESTRUNUID", "0")[:8], 16)
    return free_ports(21_000 + 1_000 * ((run + worker) % PORT_PLACES))
