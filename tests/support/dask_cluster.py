"""A Dask cluster of real processes on loopback: a scheduler and workers, each of which a test can kill."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 60


@dataclass
class DaskCluster:
    """A running cluster."""

    address: str
    workers: list["subprocess.Popen[bytes]"]

    def kill_one(self) -> None:
        """Kill the first worker that runs, as kill -9 does."""
        worker = next(one for one in self.workers if one.poll() is None)
        worker.kill()
        worker.wait()


@contextmanager
def dask_cluster(folder: Path, count: int = 2) -> Iterator[DaskCluster]:
    """Start a scheduler and so many workers without nannies, and end them all."""
    file, started = folder / "scheduler.json", []
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show"]
    worker = ["worker", "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory"]
    known = "--scheduler-file", str(file)
    try:
        started.append(_start(folder, "scheduler", [*scheduler, *known]))
        started += [
            _start(folder, f"worker{number}", [*worker, str(folder / f"work{number}"), *known])
            for number in range(count)
        ]
        yield DaskCluster(_address(file), started[1:])
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


def _start(folder: Path, name: str, arguments: list[str]) -> "subprocess.Popen[bytes]":
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen([sys.executable, "-m", "dask", *arguments], stdout=log, stderr=log, cwd=folder)


def _address(file: Path) -> str:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            return str(json.loads(file.read_text())["address"])
        except (OSError, ValueError):
            time.sleep(0.05)
    raise TimeoutError
