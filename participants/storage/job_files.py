"""
A lender's own jobs over lists, each a folder: the signed query, the sealed blocks, and every block's opened sums.

Everything is owner-only. A job's folder holds no identifier, no subject key and no tag in clear; sums are in clear, as
in the file that they are written to in the end.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from consortium.canonical import canonical_json, parse_canonical
from consortium.errors import Code, CreditError
from consortium.sums.words import words_from_bytes, words_to_bytes
from participants.lender.portfolio.job_ports import JobState, KeepsJobs, KeptResult
from participants.storage.database import storage_errors
from participants.whole_files import write_whole

HEAD_BYTES = 4


class JobFiles:
    """The jobs of a node, by their request ids."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def jobs(self) -> list[bytes]:
        """Give every job's id."""
        with storage_errors():
            return sorted(bytes.fromhex(path.parent.name) for path in self._folder.glob("*/query"))

    def create(self, job: bytes, query: bytes, sealed: Sequence[bytes], now: int) -> None:
        """Make a job known; its sealed blocks are there already."""
        self._write(job, "sealed", b"".join(sealed))
        self.keep_state(job, JobState(now))
        self._write(job, "query", query)

    def query(self, job: bytes) -> bytes:
        """Give a job's signed query; raises CreditError(JOB_UNKNOWN)."""
        return self._read(job, "query")

    def sealed(self, job: bytes) -> bytes:
        """Give the digests of a job's sealed blocks, 32 bytes each."""
        return self._read(job, "sealed")

    def state(self, job: bytes) -> JobState:
        """Give where a job stands."""
        return JobState(**json.loads(self._read(job, "state")))

    def keep_state(self, job: bytes, state: JobState) -> None:
        """Keep where a job stands."""
        self._write(job, "state", json.dumps(asdict(state)).encode())

    def keep_rows(self, job: bytes, block: int, sealed: bytes) -> None:
        """Keep a sealed block."""
        self._write(job, f"rows/{block}", sealed)

    def rows(self, job: bytes, block: int) -> bytes:
        """Give a sealed block."""
        return self._read(job, f"rows/{block}")

    def folder(self, job: bytes) -> Path:
        """Give a job's folder, for what goes with it."""
        return self._job(job)

    def noted(self) -> list[bytes]:
        """Give the ids of all jobs that were asked for, whether they were built or not."""
        with storage_errors():
            return sorted(bytes.fromhex(path.parent.name) for path in self._folder.glob("*/note"))

    def keep_note(self, job: bytes, note: bytes) -> None:
        """Keep what was asked for."""
        self._write(job, "note", note)

    def note(self, job: bytes) -> bytes:
        """Give what was asked for; raises CreditError(JOB_UNKNOWN)."""
        return self._read(job, "note")

    def find_note(self, job: bytes) -> bytes | None:
        """Give what was asked for, None where nothing was."""
        return self._find(job, "note")

    def keep_summary(self, job: bytes, summary: bytes) -> None:
        """Keep what a job that is done says of itself."""
        self._write(job, "summary", summary)

    def summary(self, job: bytes) -> bytes | None:
        """Give that, None where the job is not done."""
        return self._find(job, "summary")

    def keep_trouble(self, job: bytes, trouble: bytes) -> None:
        """Keep what stopped a job."""
        self._write(job, "trouble", trouble)

    def trouble(self, job: bytes) -> bytes | None:
        """Give what stopped a job, None where nothing did."""
        return self._find(job, "trouble")

    def drop_trouble(self, job: bytes) -> None:
        """Forget what stopped a job: it is tried again."""
        with storage_errors():
            (self._job(job) / "trouble").unlink(missing_ok=True)

    def keep_result(self, job: bytes, block: int, result: KeptResult) -> None:
        """Keep a block's result durably."""
        head = canonical_json(
            {
                "kept": result.kept.hex(),
                "answered": sorted(result.answered),
                "index": result.index,
                "leaf_hash": result.leaf_hash.hex(),
                "own": len(result.own),
            }
        )
        parts = (len(head).to_bytes(HEAD_BYTES, "big"), head, words_to_bytes(result.totals), words_to_bytes(result.own))
        self._write(job, f"results/{block}", b"".join(parts))

    def result(self, job: bytes, block: int) -> KeptResult:
        """Give a block's result; raises CreditError(JOB_UNKNOWN) where there is none."""
        raw = self._read(job, f"results/{block}")
        start = HEAD_BYTES + int.from_bytes(raw[:HEAD_BYTES], "big")
        words = words_from_bytes(raw[start:], (len(raw) - start) // 8)
        match parse_canonical(raw[HEAD_BYTES:start]):
            case {
                "kept": str(kept),
                "answered": list(answered),
                "index": int(index),
                "leaf_hash": str(leaf),
                "own": int(own),
            }:
                totals = words[: len(words) - own]
                members = frozenset(map(str, answered))
                return KeptResult(
                    bytes.fromhex(kept), totals, words[len(words) - own :], members, index, bytes.fromhex(leaf)
                )
        raise CreditError(Code.STORAGE_BROKEN, "a block's result has another form")

    def results(self, job: bytes) -> Iterator[int]:
        """Give the blocks that have results."""
        with storage_errors():
            return iter(sorted(int(path.name) for path in (self._job(job) / "results").glob("[0-9]*")))

    def forget(self, job: bytes) -> None:
        """Remove a job's folder."""
        shutil.rmtree(self._job(job), ignore_errors=True)

    def _job(self, job: bytes) -> Path:
        return self._folder / job.hex()

    def _write(self, job: bytes, name: str, data: bytes) -> None:
        path = self._job(job) / name
        with storage_errors():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, data, 0o600)

    def _find(self, job: bytes, name: str) -> bytes | None:
        try:
            return self._read(job, name)
        except CreditError as error:
            if error.code is not Code.JOB_UNKNOWN:
                raise
            return None

    def _read(self, job: bytes, name: str) -> bytes:
        try:
            return (self._job(job) / name).read_bytes()
        except FileNotFoundError:
            raise CreditError(Code.JOB_UNKNOWN, f"no {name.partition('/')[0]} here") from None
        except OSError:
            raise CreditError(Code.STORAGE_BROKEN, f"{name} cannot be read") from None


_: type[KeepsJobs] = JobFiles
