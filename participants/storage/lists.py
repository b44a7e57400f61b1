"""A lender's memory of lists: in SQLite beside its answers what is bound of them, in files their tags and blocks."""

import secrets
import shutil
import sqlite3
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId, MemberSet
from consortium.sealing.rows import TAG_BYTES
from participants.lender.answer_ports import Binding
from participants.lender.portfolio.ports import BoundRange, KnownList, ListFiles, ListTransaction
from participants.lender.portfolio.rows import ListTags, prefixes_of
from participants.storage.database import storage_errors
from participants.whole_files import Buffer, create_whole, write_whole

LISTS = """
CREATE TABLE lists (
    number INTEGER PRIMARY KEY, digest BLOB NOT NULL, requester TEXT NOT NULL, rows INTEGER NOT NULL,
    used INTEGER NOT NULL, UNIQUE (requester, digest)
);
CREATE TABLE list_jobs (
    job BLOB PRIMARY KEY, requester TEXT NOT NULL, rows INTEGER NOT NULL, at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE list_bindings (
    list INTEGER NOT NULL, first INTEGER NOT NULL, past INTEGER NOT NULL, bits BLOB NOT NULL, members TEXT NOT NULL,
    roster TEXT NOT NULL, since INTEGER NOT NULL
);
CREATE INDEX list_bindings_of ON list_bindings (list, first)
"""
TAG_FILES = 8
"""How many lists' tags are kept open."""


class SqliteLists:
    """The part of a transaction that is about lists; see `ListTransaction`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def known(self, not_before: int) -> list[KnownList]:
        """Give the lists that count."""
        sql = """
        SELECT number, digest, requester, rows FROM lists WHERE used >= :since
        OR EXISTS (SELECT 1 FROM list_bindings WHERE list = number AND since >= :since) ORDER BY number
        """
        return [KnownList(*row) for row in self._connection.execute(sql, {"since": not_before})]

    def accept(self, job: bytes, digest: bytes, requester: MemberId, rows: int, now: int) -> int:
        """Note the use of a list."""
        self._connection.execute("INSERT OR IGNORE INTO list_jobs VALUES (?, ?, ?, ?)", (job, requester, rows, now))
        sql = """
        INSERT INTO lists (digest, requester, rows, used) VALUES (?, ?, ?, ?)
        ON CONFLICT (requester, digest) DO UPDATE SET used = max(used, excluded.used) RETURNING number
        """
        return int(self._connection.execute(sql, (digest, requester, rows, now)).fetchone()[0])

    def forget(self, not_before: int) -> list[bytes]:
        """Forget the lists that do not count, whole: a longer window later must not look for tags that are gone."""
        kept = self.known(not_before)
        self._connection.execute("CREATE TEMP TABLE IF NOT EXISTS kept_lists (number INTEGER PRIMARY KEY)")
        self._connection.execute("DELETE FROM kept_lists")
        self._connection.executemany("INSERT INTO kept_lists VALUES (?)", [(one.number,) for one in kept])
        self._connection.execute("DELETE FROM list_bindings WHERE list NOT IN (SELECT number FROM kept_lists)")
        self._connection.execute("DELETE FROM lists WHERE number NOT IN (SELECT number FROM kept_lists)")
        return [one.digest for one in kept]

    def rows_since(self, requester: MemberId, since: int, job: bytes) -> int:
        """Count the rows of other jobs."""
        sql = "SELECT coalesce(sum(rows), 0) FROM list_jobs WHERE requester = ? AND at >= ? AND job <> ?"
        return int(self._connection.execute(sql, (requester, since, job)).fetchone()[0])

    def ranges(self, number: int, rows: range, not_before: int) -> list[BoundRange]:
        """Give what is bound of some rows."""
        sql = """
        SELECT first, bits, members, roster, since FROM list_bindings
        WHERE list = ? AND first < ? AND past > ? AND since >= ?
        """
        found = self._connection.execute(sql, (number, rows.stop, rows.start, not_before))
        return [BoundRange(row[0], row[1], Binding(_split(row[2]), _split(row[3]), row[4])) for row in found]

    def bind(self, number: int, bound: BoundRange) -> None:
        """Bind rows."""
        binding, past = bound.binding, bound.first + 8 * len(bound.bits)
        values = (number, bound.first, past, bound.bits, _join(binding.members), _join(binding.roster), binding.since)
        self._connection.execute("INSERT INTO list_bindings VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def single(self, first: bytes, last: bytes, not_before: int) -> list[tuple[bytes, Binding]]:
        """Give the bindings of single tags, by tag."""
        sql = "SELECT tag, members, roster, since FROM bindings WHERE tag BETWEEN ? AND ? AND since >= ? ORDER BY tag"
        found = self._connection.execute(sql, (first, last, not_before))
        return [(row[0], Binding(_split(row[1]), _split(row[2]), row[3])) for row in found]


class ListFolder:
    """A `ListFiles` in one folder, owner-only; nodes of one lender share it as they share their answers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tags: OrderedDict[bytes, ListTags] = OrderedDict()

    def begin(self, job: bytes) -> bytes | None:
        """Give a job's beginning."""
        path = self._job(job) / "begin"
        with storage_errors():
            return path.read_bytes() if path.exists() else None

    def keep_begin(self, job: bytes, raw: bytes) -> None:
        """Keep a job's beginning."""
        self._write(self._job(job) / "begin", raw)

    def blocks(self, job: bytes) -> Sequence[int]:
        """Give the kept blocks."""
        with storage_errors():
            return sorted(int(path.name) for path in (self._job(job) / "rows").glob("[0-9]*"))

    def sealed(self, job: bytes, block: int) -> bytes:
        """Give a sealed block."""
        return self._read(self._job(job) / "rows" / str(block))

    def keep_sealed(self, job: bytes, block: int, sealed: bytes) -> None:
        """Keep a sealed block; a torn one is noticed when it is opened, so that it need not be waited for."""
        path = self._job(job) / "rows" / str(block)
        with storage_errors():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside = path.with_name(f".{block}.{secrets.token_hex(4)}")
            beside.touch(mode=0o600)
            beside.write_bytes(sealed)
            beside.replace(path)

    def keep_values(self, job: bytes, ctx: bytes, sealed: bytes) -> None:
        """Keep the values of an exchange; whoever was first."""
        path = self._job(job) / "values" / ctx.hex()
        with storage_errors():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        create_whole(path, sealed)

    def values(self, job: bytes, ctx: bytes) -> bytes:
        """Give the values of an exchange."""
        return self._read(self._job(job) / "values" / ctx.hex())

    def keep_tags(self, digest: bytes, tags: ListTags) -> None:
        """Keep a list's tags."""
        if not self.has_tags(digest):
            self._write(self._folder / "tags" / digest.hex(), np.ascontiguousarray(tags.tags).data)

    def has_tags(self, digest: bytes) -> bool:
        """Say whether a list's tags are here."""
        return (self._folder / "tags" / digest.hex()).exists()

    def tags(self, digest: bytes) -> ListTags:
        """Give a list's tags; the last few stay mapped."""
        if digest not in self._tags:
            try:
                mapped = np.memmap(self._folder / "tags" / digest.hex(), dtype=np.uint8, mode="r")
            except (OSError, ValueError):
                raise CreditError(Code.STORAGE_BROKEN, "the tags of a list are missing") from None
            tags = mapped.reshape(-1, TAG_BYTES)
            self._tags[digest] = ListTags(tags, prefixes_of(tags))
            while len(self._tags) > TAG_FILES:
                self._tags.popitem(last=False)
        self._tags.move_to_end(digest)
        return self._tags[digest]

    def jobs(self) -> list[bytes]:
        """Give the jobs that have files here."""
        with storage_errors():
            return [bytes.fromhex(path.name) for path in (self._folder / "jobs").glob("*")]

    def forget(self, job: bytes) -> None:
        """Remove a job's files; the list's tags stay for as long as its bindings count."""
        with storage_errors():
            shutil.rmtree(self._job(job), ignore_errors=True)

    def forget_tags(self, kept: Sequence[bytes]) -> None:
        """Remove the tags of all lists but these."""
        names = {digest.hex() for digest in kept}
        with storage_errors():
            for path in (self._folder / "tags").glob("*"):
                if path.name not in names:
                    path.unlink(missing_ok=True)
                    self._tags.pop(bytes.fromhex(path.name), None)

    def _job(self, job: bytes) -> Path:
        return self._folder / "jobs" / job.hex()

    @staticmethod
    def _write(path: Path, data: Buffer) -> None:
        with storage_errors():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, data, 0o600)

    @staticmethod
    def _read(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError:
            raise CreditError(Code.STORAGE_BROKEN, "a file of a job is missing") from None


def _join(members: MemberSet) -> str:
    return " ".join(sorted(members))


def _split(text: str) -> MemberSet:
    return frozenset(text.split())


_: tuple[type[ListTransaction], type[ListFiles]] = SqliteLists, ListFolder
