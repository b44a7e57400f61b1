"""The statistics' part of a lender's store of answers: budgets, exchanges, counts of hits, in its transactions."""

import sqlite3

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from consortium.model.statistic import StatisticHeader, list_mark
from participants.lender.answer_ports import Charge, StatisticExchange
from participants.lender.portfolio.ports import ListAnswerStore
from participants.lender.portfolio.rows import ListTags

STATISTICS = """
CREATE TABLE statistics (
    ctx BLOB PRIMARY KEY, statistic BLOB NOT NULL, template TEXT NOT NULL, period INTEGER NOT NULL,
    rho INTEGER NOT NULL, expires_at INTEGER NOT NULL, dead INTEGER NOT NULL DEFAULT 0,
    released INTEGER NOT NULL DEFAULT 0, request BLOB, answer BLOB, seed BLOB, correction BLOB
) WITHOUT ROWID;
CREATE INDEX statistics_of_period ON statistics (period);
CREATE TABLE query_hits (
    day INTEGER NOT NULL, requester TEXT NOT NULL, hits INTEGER NOT NULL, PRIMARY KEY (day, requester)
) WITHOUT ROWID
"""
KEPT_SECONDS = 3_600
"""So long after its expiry an answer can be repeated; then the bytes go, and what it cost stays."""
HIT_DAYS = 40
_USED = "SELECT coalesce(sum(rho), 0) FROM statistics WHERE period = ? AND NOT dead"


def listed_in(answers: ListAnswerStore, header: StatisticHeader, since: int) -> ListTags | None:
    """Give the tags of the list that a statistic names, where its requester has used it since a time."""
    with answers.transaction() as store:
        known = [one.digest for one in store.lists.known(since) if one.requester == header.requester]
    found = [digest for digest in known if list_mark(header.nonce, digest) == header.list_mark]
    return answers.lists.tags(found[0]) if found else None


class SqliteStatistics:
    """See `StatisticTransaction`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def reserve(self, ctx: bytes, statistic: bytes, charge: Charge, expires_at: int) -> None:
        """Reserve what an exchange costs, exactly or not at all."""
        if self._state(ctx) is not None:
            return
        sql = "UPDATE statistics SET dead = 1, seed = NULL, answer = NULL WHERE statistic = ? AND NOT released"
        self._connection.execute(sql, (statistic,))
        whole, own = self.used(charge.period), self.used(charge.period, charge.template)
        if own + charge.rho > charge.template_limit or whole + charge.rho > charge.whole_limit:
            raise CreditError(Code.STATISTIC_BUDGET_SPENT, f"{charge.template}: {own} of {charge.template_limit}")
        values = (ctx, statistic, charge.template, charge.period, charge.rho, expires_at)
        sql = "INSERT INTO statistics (ctx, statistic, template, period, rho, expires_at) VALUES (?, ?, ?, ?, ?, ?)"
        self._connection.execute(sql, values)

    def exchange(self, ctx: bytes) -> StatisticExchange | None:
        """Give what round 1 stored."""
        if self._state(ctx) is None:
            return None
        row = self._connection.execute("SELECT request, answer, seed FROM statistics WHERE ctx = ?", (ctx,)).fetchone()
        return StatisticExchange(row[0], row[1], row[2] or b"") if row[1] is not None else None

    def keep(self, ctx: bytes, exchange: StatisticExchange) -> None:
        """Keep round 1."""
        sql = (
            "UPDATE statistics SET request = ?, answer = ?, seed = ? "
            "WHERE ctx = ? AND NOT dead AND NOT released AND answer IS NULL"
        )
        values = (exchange.request, exchange.answer, exchange.seed, ctx)
        if self._connection.execute(sql, values).rowcount != 1:
            raise CreditError(Code.STATISTIC_CLOSED)

    def correction(self, ctx: bytes) -> bytes | None:
        """Give the signed answer of round 2."""
        row = self._connection.execute("SELECT correction FROM statistics WHERE ctx = ?", (ctx,)).fetchone()
        return row[0] if row else None

    def release(self, ctx: bytes, answer: bytes) -> None:
        """Spend and release, once."""
        sql = (
            "UPDATE statistics SET released = 1, correction = ?, seed = NULL "
            "WHERE ctx = ? AND NOT dead AND NOT released AND seed IS NOT NULL"
        )
        if self._connection.execute(sql, (answer, ctx)).rowcount != 1:
            raise CreditError(Code.STATISTIC_CLOSED)

    def releases(self, statistic: bytes) -> int:
        """Count the releases."""
        sql = "SELECT count(*) FROM statistics WHERE statistic = ? AND released"
        return int(self._connection.execute(sql, (statistic,)).fetchone()[0])

    def bury(self, now: int) -> int:
        """Put tombstones on what has expired, and forget old bytes."""
        sql = "UPDATE statistics SET dead = 1, seed = NULL, answer = NULL WHERE expires_at <= ? AND NOT released"
        buried = self._connection.execute(f"{sql} AND NOT dead", (now,)).rowcount
        old = now - KEPT_SECONDS
        sql = "UPDATE statistics SET request = NULL, answer = NULL, correction = NULL WHERE expires_at <= ?"
        self._connection.execute(f"{sql} AND request IS NOT NULL", (old,))
        return buried

    def used(self, period: int, template: str = "") -> int:
        """Give what is reserved and spent."""
        if not template:
            return int(self._connection.execute(_USED, (period,)).fetchone()[0])
        return int(self._connection.execute(f"{_USED} AND template = ?", (period, template)).fetchone()[0])

    def count_hit(self, requester: MemberId, day: int, hits: int) -> None:
        """Add to a day's count; counts that no statistic looks back to are dropped."""
        sql = "INSERT INTO query_hits VALUES (?, ?, ?) ON CONFLICT (day, requester) DO UPDATE SET hits = hits + ?"
        self._connection.execute(sql, (day, requester, hits, hits))
        self._connection.execute("DELETE FROM query_hits WHERE day < ?", (day - HIT_DAYS,))

    def hits(self, days: range) -> dict[MemberId, int]:
        """Give the hits by requester."""
        sql = "SELECT requester, sum(hits) FROM query_hits WHERE day >= ? AND day < ? GROUP BY requester"
        return dict(self._connection.execute(sql, (days.start, days.stop)).fetchall())

    def _state(self, ctx: bytes) -> bool | None:
        """Say whether there was a release, None where nothing is known; raises STATISTIC_CLOSED for a tombstone."""
        row = self._connection.execute("SELECT dead, released FROM statistics WHERE ctx = ?", (ctx,)).fetchone()
        if row is None:
            return None
        if row[0]:
            raise CreditError(Code.STATISTIC_CLOSED)
        return bool(row[1])
