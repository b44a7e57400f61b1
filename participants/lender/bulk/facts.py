"""
What many credit files amount to at one moment: `consortium.model.facts` over columns, number for number.

Each number is worked out for everybody when it is first read. Sums saturate at SATURATED, which lies beyond every
bound and every edge of a bin, so that nothing overflows where `Facts` has integers of any size.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from consortium.canonical import MAX_INTEGER
from consortium.model.catalogue import INQUIRY_WINDOWS
from consortium.model.credit_file import HISTORY_MONTHS, MAX_DAY, AccountStatus
from consortium.model.facts import (
    DPD_EDGES,
    ENDED,
    INQUIRY_EDGES,
    LOST,
    MONTHS_ON_FILE_EDGES,
    NEXT_PAYMENTS_DAYS,
    NO_BUCKET,
    STATUS_BUCKETS,
    YEAR_DAYS,
    Moment,
)
from consortium.silent import Silent
from participants.lender.bulk.columns import NO_DAY, Column, FileColumns

SATURATED = MAX_INTEGER + 1
_HALF_BITS = 27
_CURRENT, _CHARGE_OFF = STATUS_BUCKETS[AccountStatus.CURRENT], STATUS_BUCKETS[AccountStatus.CHARGED_OFF]
_BUCKETS = np.array([STATUS_BUCKETS[status] for status in AccountStatus], dtype=np.int64)
_ENDED = np.array([status in ENDED for status in AccountStatus])
_LOST = np.array([status in LOST for status in AccountStatus])

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, repr=False)
class LineFacts(Silent):
    """Of every tradeline whether it counts, its bucket of days past due, and its amounts as a query would add them."""

    counted: Flags
    bucket: Column
    balance: Column
    past_due: Column
    limit: Column


class FactColumns:
    """The numbers of a part's files; a moment of live data has no columns."""

    def __init__(self, part: FileColumns, moment: Moment) -> None:
        self._part = part
        self._lines = part.lines
        self._moment = moment
        person = part.lines.person
        self._starts = np.flatnonzero(np.diff(person, prepend=-1))
        self._owners = person[self._starts]

    @property
    def lines(self) -> LineFacts:
        """Every tradeline by itself, as `Facts` says of a file with nothing else in it."""
        lines, seen = self._lines, self._seen
        return LineFacts(
            counted=self._counted,
            bucket=self._now,
            balance=np.where(seen, lines.balance, 0),
            past_due=np.where(self._contributed, lines.past_due, 0),
            limit=np.where(self._open, lines.limit, 0),
        )

    @cached_property
    def open_tradelines(self) -> Column:
        """How many are open."""
        return self._count(self._open)

    @cached_property
    def credit_limit(self) -> Column:
        """Limits of the open ones."""
        return self._sum(np.where(self._open, self._lines.limit, 0))

    @cached_property
    def balance(self) -> Column:
        """Balances of all."""
        return self._sum(np.where(self._seen, self._lines.balance, 0))

    @cached_property
    def scheduled(self) -> Column:
        """Payments due in the next days."""
        due = self._lines.payment_due
        ahead = due.astype(np.int64) - self._moment.day
        soon = (due == NO_DAY) | ((ahead >= 0) & (ahead < NEXT_PAYMENTS_DAYS))
        return self._sum(np.where(self._seen & self._running & soon, self._lines.payment, 0))

    @cached_property
    def amount_past_due(self) -> Column:
        """Amounts past due that are not too old."""
        return self._sum(np.where(self._contributed, self._lines.past_due, 0))

    @cached_property
    def charged_off(self) -> Column:
        """Amounts charged off that are not too old."""
        return self._sum(np.where(self._contributed, self._lines.charged_off, 0))

    @cached_property
    def in_collection(self) -> Column:
        """Amounts in collection that are not too old."""
        return self._sum(np.where(self._contributed, self._lines.in_collection, 0))

    @cached_property
    def disputed(self) -> Column:
        """How many are disputed."""
        return self._count(self._seen & (self._lines.disputed != 0))

    @cached_property
    def opened_30d(self) -> Column:
        """How many were opened in 30 days."""
        return self._count(self._seen & (self._age < 30))

    @cached_property
    def opened_90d(self) -> Column:
        """How many were opened in 90 days."""
        return self._count(self._seen & (self._age < 90))

    @cached_property
    def worst_now(self) -> Column:
        """The bucket of the worst delinquency now, NO_BUCKET where there is none to tell."""
        return self._worst(np.where(self._counted, self._now, NO_BUCKET))

    @cached_property
    def _counted(self) -> Flags:
        """Which ones are running, or owed."""
        owed = (self._lines.balance != 0) | (self._now != 0) | self._open
        return np.asarray(self._seen & ~self._ended & owed)

    @cached_property
    def worst_12m(self) -> Column:
        """The bucket of the worst delinquency in twelve months, NO_BUCKET where there is none to tell."""
        closed = self._lines.closed
        counted = self._seen & ((closed == NO_DAY) | (closed > self._moment.day - YEAR_DAYS))
        return self._worst(np.where(counted, np.maximum(self._now, self._of_history), NO_BUCKET))

    @cached_property
    def months_on_file(self) -> Column:
        """The bucket of the age of the oldest tradeline, NO_BUCKET where there is none."""
        oldest = np.full(len(self._part), MAX_DAY, dtype=np.int64)
        if len(self._starts):
            opened = np.where(self._seen, self._lines.opened, MAX_DAY)
            oldest[self._owners] = np.minimum.reduceat(opened, self._starts)
        buckets = np.searchsorted(MONTHS_ON_FILE_EDGES, _full_months(oldest, self._moment.day), side="right")
        return np.where(oldest <= self._moment.day, buckets, NO_BUCKET)

    @cached_property
    def inquiries(self) -> tuple[Column, ...]:
        """How many inquiries lie in each window, and how many before all of them."""
        age = self._moment.seconds - self._part.inquiries.time
        window = np.searchsorted(INQUIRY_EDGES, age, side="right")
        width, past = len(INQUIRY_WINDOWS) + 1, age >= 0
        place = self._part.inquiries.person.astype(np.int64) * width + window
        counts = np.bincount(place[past], minlength=len(self._part) * width).reshape(-1, width)
        return tuple(counts.T.astype(np.int64))

    @property
    def pendings(self) -> Column:
        """Nothing: grants are live."""
        return np.zeros(len(self._part), dtype=np.int64)

    def characteristic(self, name: str) -> tuple[Column, Flags]:
        """Give everybody's value of a characteristic, and who has one."""
        value, held = np.zeros(len(self._part), dtype=np.int64), np.zeros(len(self._part), dtype=bool)
        if name in self._part.names:
            found = self._part.characteristics.name == list(self._part.names).index(name)
            person = self._part.characteristics.person[found]
            value[person], held[person] = self._part.characteristics.value[found], True
        return value, held

    @cached_property
    def _bucket(self) -> Column:
        return _BUCKETS[self._lines.status]

    @cached_property
    def _ended(self) -> Flags:
        return np.asarray(_ENDED[self._lines.status])

    @cached_property
    def _lost(self) -> Flags:
        return np.asarray(_LOST[self._lines.status])

    @cached_property
    def _running(self) -> Flags:
        return ~self._ended & ~self._lost

    @cached_property
    def _age(self) -> Column:
        return self._moment.day - self._lines.opened.astype(np.int64)

    @cached_property
    def _adverse_days(self) -> Column:
        """Days since each one became adverse, 0 where it is not."""
        lines = self._lines
        ended_badly = (self._bucket != _CURRENT) | (lines.charged_off != 0) | (lines.in_collection != 0)
        late = np.maximum(lines.opened, lines.reported - lines.days_past_due)
        since = np.where(ended_badly, lines.opened, late)
        since = np.where(lines.first_delinquency != NO_DAY, lines.first_delinquency, since)
        adverse = ended_badly | (lines.days_past_due != 0) | (lines.past_due != 0)
        return np.where(adverse, self._moment.day - since.astype(np.int64), 0)

    @cached_property
    def _seen(self) -> Flags:
        """Which ones count at all: opened by the moment, and not lost so long ago."""
        forgotten = self._lost & (self._adverse_days > self._moment.retention_days)
        return (self._lines.opened <= self._moment.day) & ~forgotten

    @cached_property
    def _contributed(self) -> Flags:
        """Of which ones what is adverse counts."""
        recent = (self._adverse_days >= 0) & (self._adverse_days <= self._moment.retention_days)
        return self._seen & recent

    @cached_property
    def _open(self) -> Flags:
        closed = self._lines.closed
        return np.asarray(self._seen & self._running & ((closed == NO_DAY) | (closed > self._moment.day)))

    @cached_property
    def _now(self) -> Column:
        late = np.searchsorted(DPD_EDGES, self._lines.days_past_due, side="right")
        bucket = np.where(self._lines.charged_off != 0, _CHARGE_OFF, np.maximum(late, self._bucket))
        return np.where(self._contributed, bucket, _CURRENT)

    @cached_property
    def _of_history(self) -> Column:
        first = self._moment.month - _civil(self._lines.reported.astype(np.int64))[0]
        age = first[:, None] + np.arange(HISTORY_MONTHS)
        counted = (age >= 0) & (age < HISTORY_MONTHS) & (age * 31 <= self._moment.retention_days)
        worst = np.where(counted, self._lines.history, 0).max(axis=1, initial=0)
        return np.asarray(np.searchsorted(DPD_EDGES, worst, side="right"))

    def _count(self, flags: Flags) -> Column:
        return np.bincount(self._lines.person[flags], minlength=len(self._part)).astype(np.int64)

    def _worst(self, buckets: Column) -> Column:
        worst = np.full(len(self._part), NO_BUCKET, dtype=np.int64)
        if len(self._starts):
            worst[self._owners] = np.maximum.reduceat(buckets, self._starts)
        return worst

    def _sum(self, amounts: Column) -> Column:
        """Add amounts (up to 2^53 - 1) of each person, in halves that cannot overflow, up to SATURATED."""
        total = np.zeros(len(self._part), dtype=np.int64)
        if len(self._starts):
            low = np.add.reduceat(amounts & ((1 << _HALF_BITS) - 1), self._starts)
            high = np.add.reduceat(amounts >> _HALF_BITS, self._starts) + (low >> _HALF_BITS)
            rest = low & ((1 << _HALF_BITS) - 1)
            fits = high < SATURATED >> _HALF_BITS
            total[self._owners] = np.where(fits, (high << _HALF_BITS) | rest, SATURATED)
        return total


def _civil(day: Column) -> tuple[Column, Column]:
    """Give (months since 1970-01, day of the month) of epoch days; as `consortium.model.facts` does for one."""
    era, of_era = np.divmod(day + 719_468, 146_097)
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    return (era * 400 + year - 1970) * 12 + month + 2, of_year - (153 * month + 2) // 5 + 1


def _full_months(start: Column, end: int) -> Column:
    first, first_day = _civil(start)
    last, last_day = _civil(np.array([end], dtype=np.int64))
    return last - first - (last_day < first_day)
