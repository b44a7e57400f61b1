"""Parties whose databases lie on a file system of their own, a few megabytes in memory, that a test can fill."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from participants.sandbox.processes import BIN
from tests.support.processes import Processes

UNSHARE = "/usr/bin/unshare"
FOLDER = "store"
SEED = "store-seed"
"""What lies on the small disk from the start."""
MEGABYTES = 8
MOUNT = f"mount -t tmpfs -o size={MEGABYTES}m,mode=700 tmpfs {FOLDER}"


class SmallDisks(Processes):
    """The parties named in `small` see a small disk in their folder `store`; nobody else sees it."""

    def __init__(self, out: Path, port: int, small: Sequence[str]) -> None:
        super().__init__(out, port)
        self._small = small
        for name in small:
            (out / name / FOLDER).mkdir(exist_ok=True)
            (out / name / SEED).mkdir(exist_ok=True)

    def _command(self, name: str) -> Sequence[str]:
        program, *arguments = super()._command(name)
        if name not in self._small:
            return program, *arguments
        started = f'{MOUNT} && cp -a {SEED}/. {FOLDER}/ && exec "$0" "$@"'
        return UNSHARE, "--mount", "sh", "-c", started, str(BIN / program), *arguments

    def disk(self, name: str) -> Path:
        """Give the small disk of a running party, as it sees it."""
        return Path(f"/proc/{self.pid(name)}/root") / (self.out / name / FOLDER).resolve().relative_to("/")

    @contextmanager
    def full(self, name: str, spare: int = 0) -> Iterator[None]:
        """Fill a party's disk but for so many bytes, and make room again at the end."""
        filler = self.disk(name) / "filler"
        free = os.statvfs(self.disk(name))
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(free.f_bavail * free.f_bsize - spare, 1))
        try:
            yield
        finally:
            filler.unlink()


def need_small_disks(folder: Path) -> None:
    """Skip the test where this process may not mount a file system in a name space of its own."""
    (folder / FOLDER).mkdir()
    command = [UNSHARE, "--mount", "sh", "-c", MOUNT]
    if not Path(UNSHARE).exists() or subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here, not even in a name space of our own")
