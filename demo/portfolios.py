"""
The figures of one made-up book: accounts, inquiries, pending grants and freezes, as columns of integers.

Amounts are in minor units (fen), days and seconds count from 1970-01-01 UTC; `NONE` stands for no day. Everything is
counted back from the moment at which the sources are written: the same seed gives the same figures on any day, with
other dates.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np

from consortium.silent import Silent
from demo.population import LENDERS, Customers, Floats, Ints

DAY = 86_400
NONE = -(10**6)
MONTHS = 12


class State(IntEnum):
    """How an account stands."""

    CURRENT = 0
    LATE_1 = 1
    LATE_30 = 2
    LATE_60 = 3
    LATE_90 = 4
    LATE_120 = 5
    COLLECTION = 6
    CHARGED_OFF = 7
    CLOSED = 8


_LATE_SHARES = (0.46, 0.18, 0.09, 0.06, 0.09, 0.05, 0.07)  # of the accounts in trouble, LATE_1 to CHARGED_OFF
_DAYS_FROM = np.array([0, 1, 30, 60, 90, 120, 150, 200, 0])
_DAYS_TO = np.array([0, 29, 59, 89, 119, 210, 720, 2_600, 0])  # a charge-off may lie beyond the retention period
_CLOSED_SHARE = 0.09
_DISPUTED_SHARE = 0.008
_FROZEN_SHARE = 0.004
_PENDING_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Style:
    """
    What a lender's accounts are like.

    `accounts` are the shares of customers with 0, 1, 2 ... accounts, `limit` the median in yuan and the spread of its
    logarithm, `used` the two parameters of the beta distribution of limit use, `age` the median months of an account,
    `trouble` the share of accounts past due for somebody of usual means, `terms` the number of monthly payments,
    `inquiries` the mean number in 120 days.
    """

    portfolios: tuple[str, ...]
    channels: tuple[str, ...]
    scenes: tuple[str, ...]
    accounts: tuple[float, ...]
    limit: tuple[float, float]
    used: tuple[float, float]
    age: float
    trouble: float
    terms: int
    inquiries: float
    report_lag: int


STYLES: Mapping[str, Style] = {
    "pay-later": Style(("R",), ("app",), ("online",), (0.03, 0.97), (3_000, 0.8), (1.2, 2.0), 16, 0.07, 1, 0.5, 0),
    "instalments": Style(
        ("I",),
        ("app", "web", "merchant"),
        ("online", "education", "home"),
        (0.06, 0.5, 0.28, 0.12, 0.04),
        (6_000, 0.9),
        (2.0, 1.6),
        9,
        0.08,
        12,
        0.9,
        1,
    ),
    "merchant-credit": Style(
        ("C", "I"),
        ("merchant", "agent"),
        ("offline-merchant", "home", "vehicle"),
        (0.05, 0.8, 0.15),
        (20_000, 1.0),
        (1.5, 1.8),
        20,
        0.06,
        6,
        0.3,
        3,
    ),
    "ride-credit": Style(
        ("R",), ("app",), ("ride", "travel"), (0.02, 0.9, 0.08), (800, 0.6), (1.0, 3.5), 14, 0.05, 1, 0.3, 0
    ),
    "bank": Style(
        ("R", "R", "I", "C"),
        ("branch", "app", "web"),
        ("cash", "home", "vehicle", "rent"),
        (0.04, 0.6, 0.26, 0.1),
        (40_000, 1.1),
        (1.1, 2.2),
        44,
        0.035,
        24,
        0.4,
        16,
    ),
}


@dataclass(frozen=True, slots=True, repr=False)
class Accounts(Silent):
    """One row an account; `customer` is the row in the lender's `Customers`, `past_m0` the worst days of this month."""

    customer: Ints
    portfolio: Ints
    channel: Ints
    scene: Ints
    state: Ints
    opened: Ints
    reported: Ints
    closed: Ints
    first_delinquency: Ints
    credit_limit: Ints
    balance: Ints
    past_due: Ints
    payment: Ints
    payment_due: Ints
    days_past_due: Ints
    charged_off: Ints
    in_collection: Ints
    disputed: Ints
    history: Ints

    def columns(self) -> dict[str, Ints]:
        """Give the columns by name; the 12 months of history as one column each, newest first."""
        plain = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "history"}
        return plain | {f"past_m{month}": self.history[:, month].copy() for month in range(MONTHS)}


@dataclass(frozen=True, slots=True, repr=False)
class Events(Silent):
    """One row an inquiry (`hard` or not) or a pending grant (amount and expiry), by customer and time."""

    customer: Ints
    time: Ints
    hard: Ints
    amount: Ints
    expires: Ints


@dataclass(frozen=True, slots=True, repr=False)
class Figures(Silent):
    """Everything in one book; `frozen` has the customers (rows) who froze their file."""

    accounts: Accounts
    inquiries: Events
    pendings: Events
    frozen: Ints


def make_figures(seed: int, lender: str, customers: Customers, strain: Floats, now: int) -> Figures:
    """Make the figures of one lender as of `now` (Unix seconds); `strain` is that of every person (1 is usual)."""
    rng = np.random.default_rng((seed, 2, LENDERS.index(lender)))
    style, own = STYLES[lender], strain[customers.person]
    size = len(own)
    counts = rng.choice(len(style.accounts), size=size, p=style.accounts)
    customer = np.repeat(np.arange(size), counts)
    return Figures(
        accounts=_accounts(rng, style, customer, own[customer], now // DAY),
        inquiries=_inquiries(rng, style, own, counts, now),
        pendings=_pendings(rng, style, size, now),
        frozen=np.flatnonzero((rng.random(size) < _FROZEN_SHARE) & (counts > 0)),
    )


def _accounts(rng: np.random.Generator, style: Style, customer: Ints, strain: Floats, today: int) -> Accounts:
    size = len(customer)
    state = _states(rng, style, strain)
    late = rng.integers(_DAYS_FROM[state], _DAYS_TO[state] + 1)
    age = np.maximum(3 + rng.gamma(1.6, style.age * 30 / 1.3, size).astype(np.int64), late + 40 * (late > 0))
    reported = today - rng.integers(0, style.report_lag + 1, size)
    is_closed = state == State.CLOSED
    age += 40 * is_closed  # an account is open for a while before it is closed
    closed = np.where(is_closed, today - rng.integers(1, 30 + (age - 40).clip(1)), NONE)
    delinquent = np.where(late > 0, reported - late, NONE)
    limit, balance = _amounts(rng, style, state, size)
    payment = np.where(np.isin(state, [*range(State.COLLECTION)]), balance // style.terms // 2, 0)
    due = np.where((payment > 0) & (rng.random(size) < 0.9), today + rng.integers(-3, 40, size), NONE)
    return Accounts(
        customer=customer,
        portfolio=rng.integers(0, len(style.portfolios), size),
        channel=rng.integers(0, len(style.channels), size),
        scene=rng.integers(0, len(style.scenes), size),
        state=state,
        opened=today - age,
        reported=reported,
        closed=closed,
        first_delinquency=delinquent,
        credit_limit=limit,
        balance=balance,
        past_due=_past_due(style, state, late, balance),
        payment=payment,
        payment_due=due,
        days_past_due=np.where(state < State.COLLECTION, late, 0),
        charged_off=np.where(state == State.CHARGED_OFF, balance, 0),
        in_collection=np.where(state == State.COLLECTION, balance, 0),
        disputed=(rng.random(size) < _DISPUTED_SHARE).astype(np.int64),
        history=_history(rng, strain, late, age),
    )


def _states(rng: np.random.Generator, style: Style, strain: Floats) -> Ints:
    size = len(strain)
    trouble = rng.random(size) < np.minimum(style.trouble * strain, 0.6)
    late = rng.choice(np.arange(State.LATE_1, State.CLOSED), size=size, p=_LATE_SHARES)
    closed = rng.random(size) < _CLOSED_SHARE
    return np.where(trouble, late, np.where(closed, State.CLOSED, State.CURRENT)).astype(np.int64)


def _amounts(rng: np.random.Generator, style: Style, state: Ints, size: int) -> tuple[Ints, Ints]:
    """Draw limits in whole hundreds of yuan and balances to the fen; who is past due has used more."""
    median, spread = style.limit
    limit = np.maximum(np.round(np.exp(rng.normal(np.log(median), spread, size)) / 100), 2).astype(np.int64) * 10_000
    used = np.where(state == State.CURRENT, rng.beta(*style.used, size), rng.uniform(0.3, 1.08, size))
    balance = np.where(state == State.CLOSED, 0, (limit * used).astype(np.int64))
    return limit, balance


def _past_due(style: Style, state: Ints, late: Ints, balance: Ints) -> Ints:
    """Count the payments missed; an account in collection is due in full, a charged-off one no longer."""
    missed = np.minimum(balance, balance // style.terms * (late // 30 + 1))
    missed[state == State.COLLECTION] = balance[state == State.COLLECTION]
    return np.where((late > 0) & (state < State.CHARGED_OFF), missed, 0)


def _history(rng: np.random.Generator, strain: Floats, late: Ints, age: Ints) -> Ints:
    """Give the worst days past due by month, newest first: the present trouble, and now and then an earlier one."""
    months = np.arange(MONTHS)
    present = (late[:, None] - 30 * months).clip(0)
    earlier = rng.random((len(late), MONTHS)) < (0.012 * strain).clip(max=0.25)[:, None]
    past = np.where(earlier, rng.integers(1, 75, (len(late), MONTHS)), 0)
    return np.where(age[:, None] >= 30 * months, np.maximum(present, past), 0)


def _inquiries(rng: np.random.Generator, style: Style, strain: Floats, accounts: Ints, now: int) -> Events:
    """Draw inquiries over 120 days, more of them lately; who has no account is there for having applied."""
    counts = np.maximum(rng.poisson(np.minimum(style.inquiries * strain**0.7, 8.0)), accounts == 0)
    customer = np.repeat(np.arange(len(strain)), counts)
    size = len(customer)
    back = np.exp(rng.uniform(np.log(600), np.log(120 * DAY), size)).astype(np.int64)
    spread = rng.integers(0, 120 * DAY, size)
    time = now - np.where(rng.random(size) < 0.3, back, spread)
    zeros = np.zeros(size, dtype=np.int64)
    return Events(customer, time, (rng.random(size) < 0.85).astype(np.int64), zeros, zeros)


def _pendings(rng: np.random.Generator, style: Style, size: int, now: int) -> Events:
    """Draw the promises that are made today; each holds for one to two days."""
    customer = np.flatnonzero(rng.random(size) < _PENDING_SHARE)
    amount = np.round(np.exp(rng.normal(np.log(style.limit[0]), 0.5, len(customer)))).astype(np.int64) * 100
    expires = now + rng.integers(DAY, 2 * DAY, len(customer))
    return Events(customer, np.full(len(customer), now), np.ones(len(customer), dtype=np.int64), amount, expires)
