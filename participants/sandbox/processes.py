"""
The parties of a written consortium as processes on loopback: started, watched, and ended by their id.

Used by the demonstration, the benchmarks and the tests. Whoever has a folder with settings below `out` is a party;
what it logs goes to `NAME.log` beside its folder.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

BIN = Path(sys.executable).parent
PORT_RUN = 30
STOP_SECONDS = 15
POLL_SECONDS = 0.05
TAIL_CHARACTERS = 800
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "gateway.toml": ("credit-gateway", "serve", "--config", "gateway.toml"),
    "custodian.toml": ("credit-custodian", "serve", "--folder", "."),
    "node.toml": ("credit-participant", "serve", "--node", "."),
}
"""What a party runs, by the settings in its folder; in the order in which everybody is started."""


class ProcessFailedError(RuntimeError):
    """A process that has ended or does not get ready; the text names it, its log and the end of that."""


class Processes(AbstractContextManager["Processes"]):
    """Runs the parties whose folders lie below `out`; leaving the context ends every process that was started."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._beside: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()

    def parties(self, settings: str) -> list[str]:
        """Name the parties that have a settings file of this name."""
        return sorted(path.parent.name for path in self.out.glob(f"*/{settings}"))

    def environment(self, name: str) -> Mapping[str, str]:  # noqa: ARG002  tests give each party its own
        """Give what a party finds in its environment besides our own."""
        return {}

    def start(self, *names: str, until: str = "serving") -> None:
        """Start parties and wait until their logs say that they serve."""
        for name in names:
            with self.log(name).open("ab") as log:
                files = log.fileno(), log.fileno()
                self.running[name] = self._launch(name, self._command(name), files, self.environment(name))
        for name in names:
            self.wait_for(partial(self.has_logged, name, until), f"{name} to log {until}")

    def start_all(self) -> None:
        """Start everybody that does not run yet, and wait until every lender is attached."""
        for settings in COMMANDS:
            self.start(*(name for name in self.parties(settings) if name not in self.running))
        self.wait_attached(*self.parties("node.toml"))

    def wait_attached(self, *names: str) -> None:
        """Wait until lenders have attached since they were started."""
        for name in names:
            self.wait_for(partial(self.has_logged, name, "attached"), f"{name} to attach")

    def run_beside(self, name: str, task: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """
        Start a command in a party's folder, to be awaited by `has_finished`.

        What it prints goes to `NAME.TASK.json`, what it says besides to `NAME.TASK.log`.
        """
        title = f"{name}.{task}"
        with (self.out / f"{title}.json").open("wb") as printed, self.log(title).open("wb") as log:
            self._beside[title] = self._launch(name, command, (printed.fileno(), log.fileno()), environment)

    def has_finished(self, name: str, task: str) -> bool:
        """Tell whether a command that runs beside a party has ended well; raises where it has failed."""
        title = f"{name}.{task}"
        code = self._beside[title].poll()
        if code:
            raise self._failed(title, f"failed with status {code}", self.out / f"{title}.json")
        return code is not None

    def check(self) -> None:
        """Raise ProcessFailedError where a party has ended that nobody stopped."""
        for name, process in self.running.items():
            if (code := process.poll()) is not None:
                raise self._failed(name, f"ended with status {code}")

    def log(self, name: str) -> Path:
        """Give the file with what a party logs."""
        return self.out / f"{name}.log"

    def events(self, name: str) -> list[str]:
        """Give the events that a party has logged."""
        lines = self.log(name).read_text("utf-8", errors="replace").splitlines()
        return [json.loads(line)["event"] for line in lines if line.startswith("{") and line.endswith("}")]

    def has_logged(self, name: str, event: str) -> bool:
        """Tell whether a party has logged an event; raises ProcessFailedError where it has ended instead."""
        if (code := self.running[name].poll()) is not None:
            raise self._failed(name, f"ended with status {code}")
        return event in self.events(name)

    def wait_for(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Poll until a condition holds; raises ProcessFailedError after so many seconds."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                ends = {path.name: _tail(path) for path in sorted(self.out.glob("*.log"))}
                raise ProcessFailedError(f"waited {seconds} s for {what}: {ends}")
            time.sleep(POLL_SECONDS)

    def pid(self, name: str) -> int:
        """Give a party's process id."""
        return self.running[name].pid

    def cpu_seconds(self, name: str) -> float:
        """Give the processor seconds that a party has used; 0 where the system has no /proc."""
        stat = Path(f"/proc/{self.pid(name)}/stat")
        if not stat.exists():
            return 0.0
        fields = stat.read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def signal(self, name: str, number: int) -> None:
        """Send a signal to one party."""
        self.running[name].send_signal(number)

    def kill(self, name: str) -> None:
        """Kill a party at once, and forget what it logged."""
        self.running[name].kill()
        self.running.pop(name).wait()
        self.log(name).write_bytes(b"")

    def start_again(self, name: str) -> None:
        """Start a party that has died; what it logged before is forgotten."""
        self.running.pop(name).wait()
        self.log(name).write_bytes(b"")
        self.start(name)

    def stop_all(self) -> None:
        """End every process that was started here."""
        started = [*self._beside.values(), *self.running.values()]
        for process in started:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in started:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._beside.clear()
        self.running.clear()

    def _command(self, name: str) -> Sequence[str]:
        return next(command for settings, command in COMMANDS.items() if (self.out / name / settings).exists())

    def _launch(
        self, name: str, command: Sequence[str], files: tuple[int, int], environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        program, *arguments = command
        return subprocess.Popen(  # noqa: S603  our own commands
            [BIN / program, *arguments],
            cwd=self.out / name,
            stdin=subprocess.DEVNULL,
            stdout=files[0],
            stderr=files[1],
            env={**os.environ, **environment},
        )

    def _failed(self, name: str, what: str, printed: Path | None = None) -> ProcessFailedError:
        log = self.log(name)
        end = (_tail(printed) if printed else "") + _tail(log)
        return ProcessFailedError(f"{name} {what}. Its log: {log}\n{end.strip() or 'It logged nothing.'}")


def _tail(path: Path) -> str:
    return path.read_text("utf-8", errors="replace")[-TAIL_CHARACTERS:]


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
