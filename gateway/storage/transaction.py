"""
What one unit of work may do in the gateway's database.

The statements are plain SQL that SQLite and PostgreSQL share. They are compiled for the driver once, not at every
use: building an expression costs several times what the database needs to run it.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.engine import Dialect

from consortium.canonical import CanonicalValue, canonical_json
from consortium.custody import Answered
from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from consortium.transparency.tree import leaf_hash
from gateway.ports import Appended, GatewayTransaction, KnownRequest, ResultT, Unit
from gateway.storage.board import SqlBoard
from gateway.storage.bodies import SqlBodies
from gateway.storage.filings import SqlFilings
from gateway.storage.jobs import SqlJobs

LAST = 'SELECT "index", line FROM entries ORDER BY "index" DESC LIMIT 1'
LINE = 'SELECT line FROM entries WHERE "index" = :index'
APPEND = 'INSERT INTO entries ("index", line) VALUES (:index, :line)'
REQUEST = "SELECT query_digest, response FROM requests WHERE requester = :requester AND request_id = :request_id"
OPEN_REQUEST = """
INSERT INTO requests (requester, request_id, query_digest) VALUES (:requester, :request_id, :query_digest)
"""
CLOSE_REQUEST = """
UPDATE requests SET response = :response WHERE requester = :requester AND request_id = :request_id
"""
USE_CONSENT = "INSERT INTO consent_uses (consent, query) VALUES (:consent, :query) ON CONFLICT DO NOTHING"
GIVE_BACK_CONSENT = "DELETE FROM consent_uses WHERE consent = :consent AND query = :query"
CONSENT_USES = "SELECT count(*) FROM consent_uses WHERE consent = :consent"
SPEND = """
INSERT INTO quotas (member, quota, period, used) VALUES (:member, :quota, :period, :used)
ON CONFLICT (member, quota, period) DO UPDATE SET used = quotas.used + excluded.used RETURNING used
"""
SPENT = "SELECT used FROM quotas WHERE member = :member AND quota = :quota AND period = :period"
KEEP_MASK_KEY = """
INSERT INTO mask_keys (member, day, certified) VALUES (:member, :day, :certified)
ON CONFLICT (member, day) DO UPDATE SET certified = excluded.certified
"""
MASK_KEYS = "SELECT member, certified FROM mask_keys WHERE day = :day"
LAST_EVALUATION = """
SELECT counter, request_digest, answer FROM evaluations WHERE member = :member AND generation = :generation
"""
KEEP_EVALUATION = """
INSERT INTO evaluations (member, generation, counter, request_digest, answer)
VALUES (:member, :generation, :counter, :request_digest, :answer)
ON CONFLICT (member, generation) DO UPDATE
SET counter = excluded.counter, request_digest = excluded.request_digest, answer = excluded.answer
"""
COUNTER = "SELECT counter FROM counters WHERE member = :member"
SEE_COUNTER = """
INSERT INTO counters (member, counter) VALUES (:member, :counter)
ON CONFLICT (member) DO UPDATE SET counter = excluded.counter WHERE excluded.counter > counters.counter
"""

Clock = Callable[[], int]
"""Gives Unix milliseconds."""
EntryCheck = Callable[[Mapping[str, CanonicalValue]], object]
"""Raises CreditError(ENTRY_INVALID) for what may not stand in the log."""


class SqlTransaction:
    """The operations of one batch; see `GatewayTransaction`."""

    def __init__(self, connection: Connection, clock: Clock, check: EntryCheck) -> None:
        self._connection = connection
        self._clock = clock
        self._check = check
        self._cursor: Any = connection.connection.cursor()  # SQLAlchemy's results cost several times the statements
        self.board = SqlBoard(self._one, self._run)
        self.bodies = SqlBodies(self._one, self._run, self._every)
        self.filings = SqlFilings(self._one, self._run, self._every)
        self.jobs = SqlJobs(self._one, self._run, self._every)
        last = self._one(LAST)
        self.size: int = last[0] + 1 if last else 0
        self._time: int = json.loads(bytes(last[1]))["time_ms"] if last else 0

    def run(self, unit: Unit[ResultT]) -> ResultT | CreditError:
        """Run a unit between savepoints, so that one that refuses leaves the rest of the batch alone."""
        size, execute = self.size, self._cursor.execute
        execute("SAVEPOINT unit")
        try:
            result = unit(self)
        except CreditError as error:
            execute("ROLLBACK TO SAVEPOINT unit")
            self.size = size
            return error
        execute("RELEASE SAVEPOINT unit")
        return result

    def line(self, index: int) -> bytes | None:
        """Give an entry's bytes."""
        row = self._one(LINE, index=index)
        return bytes(row[0]) if row else None

    def append(self, entry: dict[str, CanonicalValue]) -> Appended:
        """Append an entry."""
        index, now = self.size, max(self._clock(), self._time)  # time never runs backwards, whatever the clock does
        whole: dict[str, CanonicalValue] = {**entry, "index": index, "time_ms": now}
        self._check(whole)
        line = canonical_json(whole)
        self._run(APPEND, index=index, line=line)
        self.size, self._time = index + 1, now
        return Appended(index, leaf_hash(line), now)

    def request(self, requester: MemberId, request_id: bytes) -> KnownRequest | None:
        """Look a request up."""
        row = self._one(REQUEST, requester=requester, request_id=request_id)
        return KnownRequest(row[0], row[1]) if row else None

    def open_request(self, requester: MemberId, request_id: bytes, query_digest: bytes) -> None:
        """Remember a request."""
        self._run(OPEN_REQUEST, requester=requester, request_id=request_id, query_digest=query_digest)

    def close_request(self, requester: MemberId, request_id: bytes, response: bytes) -> None:
        """Keep the response."""
        self._run(CLOSE_REQUEST, requester=requester, request_id=request_id, response=response)

    def use_consent(self, consent_digest: bytes, query_digest: bytes) -> int:
        """Count a query under a consent record once."""
        self._run(USE_CONSENT, consent=consent_digest, query=query_digest)
        return self._number(CONSENT_USES, consent=consent_digest)

    def give_back_consent(self, consent_digest: bytes, query_digest: bytes) -> None:
        """Count a query no more."""
        self._run(GIVE_BACK_CONSENT, consent=consent_digest, query=query_digest)

    def spend(self, member: MemberId, quota: str, period: int, amount: int) -> int:
        """Add to what a member has used."""
        return self._number(SPEND, member=member, quota=quota, period=period, used=amount)

    def spent(self, member: MemberId, quota: str, period: int) -> int:
        """Give what a member has used."""
        return self._number(SPENT, member=member, quota=quota, period=period)

    def keep_mask_key(self, member: MemberId, day: int, certified: bytes) -> None:
        """Keep a member's certified mask key of a day."""
        self._run(KEEP_MASK_KEY, member=member, day=day, certified=certified)

    def mask_keys(self, day: int) -> dict[MemberId, bytes]:
        """Give every member's certified mask key of a day."""
        self._run(MASK_KEYS, day=day)
        return dict(self._cursor.fetchall())

    def last_evaluation(self, member: MemberId, generation: int) -> Answered | None:
        """Give the last committed answer."""
        row = self._one(LAST_EVALUATION, member=member, generation=generation)
        return Answered(row[0], row[1], row[2]) if row else None

    def keep_evaluation(self, member: MemberId, generation: int, answered: Answered) -> None:
        """Keep an answer whose counter follows."""
        last = self.last_evaluation(member, generation)
        if answered.counter != (last.counter if last else 0) + 1:
            raise CreditError(Code.COUNTER_GAP, "another request came between")
        self._run(
            KEEP_EVALUATION,
            member=member,
            generation=generation,
            counter=answered.counter,
            request_digest=answered.request_digest,
            answer=answered.answer,
        )

    def counter(self, member: MemberId) -> int:
        """Give the number of the last signed message seen."""
        return self._number(COUNTER, member=member)

    def see_counters(self, seen: Mapping[MemberId, int]) -> None:
        """Remember the highest number of each member; in one order, so that replicas do not wait for each other."""
        for member in sorted(seen):
            self._run(SEE_COUNTER, member=member, counter=seen[member])

    def _run(self, sql: str, **values: object) -> None:
        self._cursor.execute(_compiled(self._connection.dialect, sql), values)

    def _one(self, sql: str, **values: object) -> tuple[Any, ...] | None:
        self._run(sql, **values)
        row: tuple[Any, ...] | None = self._cursor.fetchone()
        return row

    def _every(self, sql: str, **values: object) -> list[tuple[Any, ...]]:
        self._run(sql, **values)
        rows: list[tuple[Any, ...]] = self._cursor.fetchall()
        return rows

    def _number(self, sql: str, **values: object) -> int:
        row = self._one(sql, **values)
        return int(row[0]) if row else 0


@cache
def _compiled(dialect: Dialect, sql: str) -> str:
    return str(text(sql).compile(dialect=dialect))


_: type[GatewayTransaction] = SqlTransaction
