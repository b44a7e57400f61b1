"""A Dask cluster of real processes on loopback: a scheduler and workers, each of which a test can kill."""

import datetime as dt
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.certificates import Authority

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


@dataclass(frozen=True)
class ClusterTls:
    """The files of a CA and of one certificate that scheduler, workers and client share."""

    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def made(cls, folder: Path) -> "ClusterTls":
        """Make a CA and a certificate."""
        now = dt.datetime.now(dt.UTC)
        authority = Authority("cluster", now)
        issued = authority.issue("node", now)
        files = cls(folder / "ca.pem", folder / "dask.pem", folder / "dask.key")
        contents = (authority.certificate, issued.certificate, issued.key)
        for path, content in zip((files.ca, files.certificate, files.key), contents, strict=True):
            path.write_bytes(content)
        return files

    @property
    def options(self) -> tuple[str, ...]:
        """What scheduler and workers are started with."""
        files = ("--tls-ca-file", str(self.ca), "--tls-cert", str(self.certificate), "--tls-key", str(self.key))
        return ("--protocol", "tls", *files)

    @property
    def settings(self) -> dict[str, str]:
        """What a client has in its configuration of Dask."""
        known = "distributed.comm.tls"
        pair = {f"{known}.client.cert": str(self.certificate), f"{known}.client.key": str(self.key)}
        return {f"{known}.ca-file": str(self.ca), **pair}


@contextmanager
def dask_cluster(folder: Path, count: int = 2, tls: ClusterTls | None = None) -> Iterator[DaskCluster]:
    """Start a scheduler and so many workers without nannies, and end them all."""
    file, started = folder / "scheduler.json", []
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show"]
    worker = ["worker", "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory"]
    known = "--scheduler-file", str(file), *(tls.options if tls else ())
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
