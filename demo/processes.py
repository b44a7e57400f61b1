"""The parties of a written consortium as processes on loopback: started, watched, and ended by their id."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from demo.consortium import HOLDERS, LENDERS

BIN = Path(sys.executable).parent
PORT_RUN = 30
STOP_SECONDS = 15
COMMANDS: Mapping[str, tuple[str, ...]] = {
    HOLDERS[0]: ("credit-gateway", "serve", "--config", "gateway.toml"),
    **dict.fromkeys(HOLDERS[1:], ("credit-custodian", "serve", "--folder", ".")),
    **dict.fromkeys(LENDERS, ("credit-participant", "serve", "--node", ".")),
}


class Processes(AbstractContextManager["Processes"]):
    """Runs the parties whose folders lie below `out`; leaving the context ends every process that was started."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()

    def start(self, *names: str, environment: Mapping[str, str] | None = None) -> None:
        """Start parties and wait until their logs say that they serve."""
        for name in names:
            program, *arguments = COMMANDS[name]
            with self.log(name).open("ab") as log:
                self.running[name] = subprocess.Popen(  # noqa: S603  our own commands
                    [BIN / program, *arguments],
                    cwd=self.out / name,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **(environment or {})},
                )
        for name in names:
            self.wait_for(partial(self.has_logged, name, "serving"), f"{name} to serve")

    def start_all(self) -> None:
        """Start everybody and wait until every lender is attached."""
        self.start(*HOLDERS)
        self.start(*LENDERS)
        for lender in LENDERS:
            self.wait_for(partial(self.has_logged, lender, "attached"), f"{lender} to attach")

    def log(self, name: str) -> Path:
        """Give the file with what a party logs."""
        return self.out / f"{name}.log"

    def events(self, name: str) -> list[str]:
        """Give the events that a party has logged."""
        lines = self.log(name).read_text("utf-8", errors="replace").splitlines()
        return [json.loads(line)["event"] for line in lines if line.startswith("{") and line.endswith("}")]

    def has_logged(self, name: str, event: str) -> bool:
        """Tell whether a party has logged an event; raises RuntimeError where it has ended instead."""
        code = self.running[name].poll()
        if code is not None:
            raise RuntimeError(f"{name} ended with {code}: {self.log(name).read_text('utf-8', 'replace')[-800:]}")
        return event in self.events(name)

    def wait_for(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Poll until a condition holds; raises RuntimeError after so many seconds."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited {seconds} s for {what}")
            time.sleep(0.05)

    def pid(self, name: str) -> int:
        """Give a party's process id."""
        return self.running[name].pid

    def signal(self, name: str, number: int) -> None:
        """Send a signal to one party."""
        self.running[name].send_signal(number)

    def kill(self, name: str) -> None:
        """Kill a party at once, and forget what it logged."""
        self.running[name].kill()
        self.running.pop(name).wait()
        self.log(name).write_bytes(b"")

    def stop_all(self) -> None:
        """End every process that was started here."""
        for process in self.running.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()


def free_ports(first: int = 21_000) -> int:
    """Find a run of loopback ports that nobody listens on, at `first` or above."""
    for base in range(first, 60_000, PORT_RUN):
        if all(_is_free(base + offset) for offset in range(PORT_RUN)):
            return base
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
