"""A consortium of real processes on loopback: gateway, two custodians, five lenders, each with its own folder."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from demo.processes import free_ports

BIN = Path(sys.executable).parent
PORTS = 20
LENDERS = ("lender-one", "lender-two", "lender-three", "lender-four", "lender-five")
COMMANDS = {
    "gateway": ("credit-gateway", "serve", "--config", "gateway.toml"),
    "custodian-one": ("credit-custodian", "serve", "--folder", "."),
    "custodian-two": ("credit-custodian", "serve", "--folder", "."),
    **dict.fromkeys(LENDERS, ("credit-participant", "serve", "--node", ".")),
}


@dataclass
class Processes:
    """Starts, stops and kills the parties, and runs their commands."""

    out: Path
    port: int
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, *names: str) -> None:
        """Start parties and wait until their logs say that they serve."""
        for name in names:
            program, *arguments = COMMANDS[name]
            log = (self.out / f"{name}.log").open("ab")
            self.running[name] = subprocess.Popen(
                [BIN / program, *arguments],
                cwd=self.out / name,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "CREDIT_FAILPOINT": str(self.failpoint(name))},
            )
            log.close()
        for name in names:
            self.wait_for(partial(self.has_logged, name, "serving"), f"{name} to serve")

    def failpoint(self, name: str) -> Path:
        """Give the file in which a party's failpoint is armed."""
        return self.out / f"{name}.failpoint"

    def wait_attached(self, *names: str) -> None:
        """Wait until lenders have attached as often as they were started."""
        for name in names:
            self.wait_for(partial(self.has_logged, name, "attached"), f"{name} to attach")

    def has_logged(self, name: str, event: str) -> bool:
        """Tell whether a party has logged an event since its last start."""
        return event in self.events(name)

    def events(self, name: str) -> list[str]:
        """Give the events that a party has logged since its last start."""
        text = (self.out / f"{name}.log").read_text("utf-8", errors="replace")
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return [line["event"] for line in lines]

    def wait_for(self, condition: Callable[[], bool], what: str, seconds: float = 40) -> None:
        """Poll until a condition holds; fails with the logs' ends."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                ends = {path.name: path.read_text("utf-8", "replace")[-600:] for path in self.out.glob("*.log")}
                raise AssertionError(f"waited {seconds} s for {what}: {ends}")
            time.sleep(0.05)

    def signal(self, name: str, number: int) -> None:
        """Send a signal to one party."""
        self.running[name].send_signal(number)

    def start_again(self, name: str) -> None:
        """Start a party that has died; what it logged before is forgotten."""
        self.running.pop(name).wait()
        (self.out / f"{name}.log").write_bytes(b"")
        self.start(name)

    def kill(self, name: str) -> None:
        """Kill a party at once, and forget what it logged."""
        self.running[name].kill()
        self.running.pop(name).wait()
        (self.out / f"{name}.log").write_bytes(b"")

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
        return {
            "identifiers": {"country": "CN", **identifiers},
            "purpose": "origination",
            "attributes": ["balance", "open_tradelines"],
            "lifetime_seconds": 20,
            "consent": {
                "families": ["exposure", "repayment"],
                "issued": "2020-01-01T00:00:00+00:00",
                "expires": "2100-01-01T00:00:00+00:00",
                "maximum_uses": 5,
                "notice_digest": "aa" * 32,
                "notice_language": "zh-CN",
                "evidence_digest": "bb" * 32,
            },
        }

    def stop_all(self) -> None:
        """End every process that was started here."""
        for process in self.running.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def consortium(out: Path) -> Iterator[Processes]:
    """Write the folders of a consortium with small keys and run nobody yet."""
    port = own_ports()
    command = [sys.executable, "-m", "demo.consortium", str(out), "--port", str(port)]
    command += ["--suite", "INSECURE_TEST_1024_MASKED"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    processes = Processes(out, port)
    try:
        yield processes
    finally:
        processes.stop_all()


def own_ports() -> int:
    """Find a run of ports that nobody listens on; workers of one test run start at different places."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    return free_ports(21_000 + 1_000 * worker)
