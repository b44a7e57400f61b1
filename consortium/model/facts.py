"""
What one credit file amounts to at one moment: a single pass over its pieces, read by `consortium.model.attributes`.

Rules that hold for every number: what lies after the moment is ignored; a delinquency, charge-off or collection that
began more than the retention period ago is not contributed, and a lost account that old is left out altogether.
"""

from bisect import bisect_right
from dataclasses import dataclass

from consortium.model.catalogue import DPD_BUCKETS, INQUIRY_WINDOWS
from consortium.model.credit_file import MAX_DAY, AccountStatus, CreditFile, Inquiry, PendingGrant, Tradeline

DAY = 86_400
YEAR_DAYS = 365
HISTORY_MONTHS = 12
NEXT_PAYMENTS_DAYS = 30
DPD_EDGES = (1, 30, 60, 90, 120)  # days past due from which each bucket after "current" begins
MONTHS_ON_FILE_EDGES = (6, 12, 24, 60)
INQUIRY_EDGES = (3_600, DAY, 7 * DAY, 30 * DAY, 90 * DAY)  # age in seconds at which each window ends
NO_BUCKET = -1

_CURRENT, _LATE_120, _CHARGE_OFF = 0, DPD_BUCKETS.index("120_plus"), DPD_BUCKETS.index("charge_off")

ENDED = {
    AccountStatus.TRANSFERRED: _CURRENT,
    AccountStatus.PAID_OR_CLOSED: _CURRENT,
    AccountStatus.PAID_WAS_COLLECTION: _LATE_120,
    AccountStatus.PAID_WAS_SURRENDER: _CHARGE_OFF,
    AccountStatus.PAID_WAS_REPOSSESSION: _CHARGE_OFF,
    AccountStatus.PAID_WAS_CHARGE_OFF: _CHARGE_OFF,
    AccountStatus.PAID_WAS_FORECLOSURE: _CHARGE_OFF,
}
LOST = {
    AccountStatus.IN_COLLECTION: _LATE_120,
    AccountStatus.GOVERNMENT_CLAIM: _CHARGE_OFF,
    AccountStatus.DEED_IN_LIEU: _CHARGE_OFF,
    AccountStatus.FORECLOSED: _CHARGE_OFF,
    AccountStatus.VOLUNTARY_SURRENDER: _CHARGE_OFF,
    AccountStatus.REPOSSESSED: _CHARGE_OFF,
    AccountStatus.CHARGED_OFF: _CHARGE_OFF,
}
_PAST_DUE = {
    AccountStatus.PAST_DUE_30_59: 2,
    AccountStatus.PAST_DUE_60_89: 3,
    AccountStatus.PAST_DUE_90_119: 4,
    AccountStatus.PAST_DUE_120_149: _LATE_120,
    AccountStatus.PAST_DUE_150_179: _LATE_120,
    AccountStatus.PAST_DUE_180_PLUS: _LATE_120,
}
STATUS_BUCKETS = dict.fromkeys(AccountStatus, _CURRENT) | ENDED | LOST | _PAST_DUE


@dataclass(frozen=True, slots=True)
class Moment:
    """
    The time that a file is looked at: seconds, with its day and calendar month (both counted from 1970-01).

    `clock_skew` is by how many seconds another node's clock may run ahead: a pending grant made so shortly after the
    moment counts, because of two simultaneous applications at least one must see the other.
    """

    seconds: int
    day: int
    month: int
    retention_days: int
    clock_skew: int
    live: bool

    @classmethod
    def of(cls, as_of: int, *, live: bool, retention_days: int, clock_skew: int) -> "Moment":
        """
        Take the as-of time itself for live data; for the snapshot the last second of the day before (UTC).

        So the snapshot leaves out the day's events, and its numbers stay the same all day: polling shows nothing.
        """
        seconds = as_of if live else as_of - as_of % DAY - 1
        day = seconds // DAY
        return cls(seconds, day, month_of(day), retention_days, clock_skew, live)


def month_of(day: int) -> int:
    """Count the calendar months from 1970-01 to an epoch day (proleptic Gregorian; Hinnant, days_to_civil)."""
    return _civil(day)[0]


def _civil(day: int) -> tuple[int, int]:
    """Give (months since 1970-01, day of the month); years run from March, so that the leap day comes last."""
    era, of_era = divmod(day + 719_468, 146_097)
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    return (era * 400 + year - 1970) * 12 + month + 2, of_year - (153 * month + 2) // 5 + 1


def full_months(start: int, end: int) -> int:
    """Count the full calendar months between two epoch days."""
    (first, first_day), (last, last_day) = _civil(start), _civil(end)
    return last - first - (last_day < first_day)


class Facts:
    """The numbers of one file at one moment; built once, then only read."""

    __slots__ = (
        "amount_past_due",
        "balance",
        "characteristics",
        "charged_off",
        "credit_limit",
        "disputed",
        "in_collection",
        "inquiries",
        "months_on_file",
        "oldest",
        "open_tradelines",
        "opened_30d",
        "opened_90d",
        "pending_amount",
        "pendings",
        "scheduled",
        "worst_12m",
        "worst_now",
    )

    def __init__(self, file: CreditFile, moment: Moment) -> None:
        self.open_tradelines = self.credit_limit = self.balance = self.scheduled = 0
        self.amount_past_due = self.charged_off = self.in_collection = self.disputed = 0
        self.opened_30d = self.opened_90d = self.pendings = self.pending_amount = 0
        self.worst_now = self.worst_12m = self.months_on_file = NO_BUCKET
        self.inquiries = [0] * (len(INQUIRY_WINDOWS) + 1)
        self.oldest = MAX_DAY
        self.characteristics = dict(file.characteristics.values)
        for line in file.tradelines:
            if line.opened <= moment.day:
                self._add_tradeline(line, moment)
        if self.oldest <= moment.day:
            self.months_on_file = bisect_right(MONTHS_ON_FILE_EDGES, full_months(self.oldest, moment.day))
        for inquiry in file.inquiries:
            self._add_inquiry(inquiry, moment)
        for pending in file.pendings:
            self._add_pending(pending, moment)

    def _add_tradeline(self, line: Tradeline, moment: Moment) -> None:
        adverse_days = moment.day - _adverse_since(line) if _is_adverse(line) else 0
        if adverse_days > moment.retention_days and line.status in LOST:
            return
        contributed = 0 <= adverse_days <= moment.retention_days
        self.oldest = min(self.oldest, line.opened)
        age = moment.day - line.opened
        self.opened_30d += age < 30
        self.opened_90d += age < 90
        self.balance += line.balance
        self.disputed += line.disputed
        if _is_open(line, moment):
            self.open_tradelines += 1
            self.credit_limit += line.limit
        if line.status not in ENDED and line.status not in LOST:
            self._add_payment(line, moment)
        self._add_worst(line, moment, contributed=contributed)
        if contributed:
            self.amount_past_due += line.past_due
            self.charged_off += line.charged_off
            self.in_collection += line.in_collection

    def _add_payment(self, line: Tradeline, moment: Moment) -> None:
        if line.payment_due is None or 0 <= line.payment_due - moment.day < NEXT_PAYMENTS_DAYS:
            self.scheduled += line.payment

    def _add_worst(self, line: Tradeline, moment: Moment, *, contributed: bool) -> None:
        now = _bucket_now(line) if contributed else _CURRENT
        if line.status not in ENDED and (line.balance or now or _is_open(line, moment)):
            self.worst_now = max(self.worst_now, now)
        if line.closed is None or line.closed > moment.day - YEAR_DAYS:
            self.worst_12m = max(self.worst_12m, now, _bucket_of_history(line, moment))

    def _add_inquiry(self, inquiry: Inquiry, moment: Moment) -> None:
        if inquiry.hard and inquiry.time <= moment.seconds:
            self.inquiries[bisect_right(INQUIRY_EDGES, moment.seconds - inquiry.time)] += 1

    def _add_pending(self, pending: PendingGrant, moment: Moment) -> None:
        if moment.live and pending.made <= moment.seconds + moment.clock_skew and moment.seconds < pending.expires:
            self.pendings += 1
            self.pending_amount += pending.amount


def _is_open(line: Tradeline, moment: Moment) -> bool:
    if line.status in ENDED or line.status in LOST:
        return False
    return line.closed is None or line.closed > moment.day


def _is_adverse(line: Tradeline) -> bool:
    figures = line.days_past_due or line.past_due or line.charged_off or line.in_collection
    return bool(figures or STATUS_BUCKETS[line.status])


def _adverse_since(line: Tradeline) -> int:
    """Give the day that the retention period runs from; where none is on file, the earliest that it can be."""
    if line.first_delinquency is not None:
        return line.first_delinquency
    if STATUS_BUCKETS[line.status] or line.charged_off or line.in_collection:
        return line.opened
    return max(line.opened, line.reported - line.days_past_due)


def _bucket_now(line: Tradeline) -> int:
    if line.charged_off:
        return _CHARGE_OFF
    return max(bisect_right(DPD_EDGES, line.days_past_due), STATUS_BUCKETS[line.status])


def _bucket_of_history(line: Tradeline, moment: Moment) -> int:
    """Take the worst of the 12 months that end with the moment's; a month not on file counts as current."""
    age = moment.month - month_of(line.reported)
    worst = 0
    for days in line.history:
        if 0 <= age < HISTORY_MONTHS and age * 31 <= moment.retention_days:
            worst = max(worst, days)
        age += 1
    return bisect_right(DPD_EDGES, worst)
