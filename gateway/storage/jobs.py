"""Jobs over lists in the gateway's database: written within a unit of work together with their entries."""

from typing import Any

from consortium.model.members import MemberId
from gateway.ports import JobTransaction, KnownBlock, KnownJob
from gateway.storage.statements import Statements

COLUMNS = "job, requester, request_id, begin, admission, expires_at, ended"
BY_REQUEST = f"SELECT {COLUMNS} FROM jobs WHERE requester = :requester AND request_id = :request_id"  # noqa: S608
BY_DIGEST = f"SELECT {COLUMNS} FROM jobs WHERE job = :job"  # noqa: S608  no input
OPEN = """
INSERT INTO jobs (job, requester, request_id, begin, admission, expires_at)
VALUES (:job, :requester, :request_id, :begin, :admission, :expires_at)
"""
END = "UPDATE jobs SET ended = :ended WHERE job = :job AND ended IS NULL"
OVERDUE = f"SELECT {COLUMNS} FROM jobs WHERE ended IS NULL AND expires_at < :before ORDER BY expires_at"  # noqa: S608
BLOCKS = "SELECT block, fixed, receipt FROM job_blocks WHERE job = :job ORDER BY block"
FIX = """
INSERT INTO job_blocks (job, block, fixed) VALUES (:job, :block, :fixed)
ON CONFLICT (job, block) DO UPDATE SET fixed = excluded.fixed WHERE job_blocks.receipt IS NULL
"""
RECEIPT = "SELECT receipt FROM job_blocks WHERE job = :job AND block = :block"
ANSWER = "UPDATE job_blocks SET receipt = :receipt WHERE job = :job AND block = :block AND receipt IS NULL"


class SqlJobs(Statements):
    """A `JobTransaction` over the statements of one batch."""

    def by_request(self, requester: MemberId, request_id: bytes) -> KnownJob | None:
        """Look a job up by its request."""
        row = self._one(BY_REQUEST, requester=requester, request_id=request_id)
        return _job(row) if row else None

    def find(self, job: bytes) -> KnownJob | None:
        """Look a job up."""
        row = self._one(BY_DIGEST, job=job)
        return _job(row) if row else None

    def open(self, job: KnownJob) -> None:
        """Keep a job."""
        self._run(
            OPEN,
            job=job.digest,
            requester=job.requester,
            request_id=job.request_id,
            begin=job.begin,
            admission=job.admission,
            expires_at=job.expires_at,
        )

    def end(self, job: bytes, ended: bytes) -> None:
        """Keep how a job ended."""
        self._run(END, job=job, ended=ended)

    def overdue(self, before: int) -> list[KnownJob]:
        """Give jobs that expired before a time and have not ended."""
        return [_job(row) for row in self._every(OVERDUE, before=before)]

    def blocks(self, job: bytes) -> list[KnownBlock]:
        """Give what is known of a job's blocks."""
        return [KnownBlock(int(row[0]), bytes(row[1]), _bytes(row[2])) for row in self._every(BLOCKS, job=job)]

    def fix(self, job: bytes, block: int, fixed: bytes) -> None:
        """Keep what was chosen for a block."""
        self._run(FIX, job=job, block=block, fixed=fixed)

    def receipt(self, job: bytes, block: int) -> bytes | None:
        """Give a block's receipt."""
        row = self._one(RECEIPT, job=job, block=block)
        return _bytes(row[0]) if row else None

    def answer(self, job: bytes, block: int, receipt: bytes) -> None:
        """Keep a block's receipt."""
        self._run(ANSWER, job=job, block=block, receipt=receipt)


def _job(row: tuple[Any, ...]) -> KnownJob:
    return KnownJob(bytes(row[0]), row[1], bytes(row[2]), bytes(row[3]), int(row[4]), int(row[5]), _bytes(row[6]))


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)


_: type[JobTransaction] = SqlJobs
