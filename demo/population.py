"""
A made-up population: who borrows where, and which identifiers each lender has on file.

The first step of the demonstration. Everything is a pure function of a seed and of the size; the figures of each
book come from `demo.portfolios`, the files that lenders keep from `demo.sources`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from consortium.model.identifiers import IdentifierKind
from consortium.silent import Silent
from demo.identifiers import IdentifierMint

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

PEOPLE = 60_000
PEOPLE_PER_BOOK = 20_000


class FileKind(IntEnum):
    """Which identifiers a lender has on file of somebody."""

    FULL = 0  # national ID, phone and e-mail
    ID_AND_PHONE = 1
    ID_ONLY = 2
    PHONE_ONLY = 3
    PHONE_AND_EMAIL = 4
    EMAIL_ONLY = 5

    @property
    def strongest(self) -> IdentifierKind:
        """Give the identifier by which the lender knows the person."""
        if self.has_id:
            return IdentifierKind.NATIONAL_ID
        return IdentifierKind.PHONE if self.has_phone else IdentifierKind.EMAIL

    @property
    def has_id(self) -> bool:
        """Tell whether the national ID is on file."""
        return self <= FileKind.ID_ONLY

    @property
    def has_phone(self) -> bool:
        """Tell whether the phone number is on file."""
        return self not in {FileKind.ID_ONLY, FileKind.EMAIL_ONLY}

    @property
    def has_email(self) -> bool:
        """Tell whether the e-mail address is on file."""
        return self in {FileKind.FULL, FileKind.PHONE_AND_EMAIL, FileKind.EMAIL_ONLY}


@dataclass(frozen=True, slots=True)
class Habit:
    """A lender's way with customers: how it attracts them and what it asks them for, as shares by `FileKind`."""

    pull: float
    kinds: tuple[float, float, float, float, float, float]


HABITS = {
    "pay-later": Habit(1.2, (0.30, 0.45, 0.00, 0.17, 0.08, 0.00)),
    "instalments": Habit(1.0, (0.20, 0.65, 0.05, 0.08, 0.02, 0.00)),
    "merchant-credit": Habit(0.6, (0.10, 0.55, 0.10, 0.20, 0.05, 0.00)),
    "ride-credit": Habit(0.8, (0.05, 0.15, 0.00, 0.50, 0.25, 0.05)),
    "bank": Habit(0.5, (0.20, 0.50, 0.30, 0.00, 0.00, 0.00)),
}
"""The five lenders, by member id."""
LENDERS = tuple(HABITS)


@dataclass(frozen=True, slots=True, repr=False)
class Customers(Silent):
    """The customers of one lender: person numbers, ascending, with the kind of file each has there."""

    person: Ints
    kind: Ints


@dataclass(frozen=True, slots=True, repr=False)
class Population(Silent):
    """Everybody: identifiers by person number, how strained each person's means are, and the customers by lender."""

    national_ids: Sequence[str]
    phones: Sequence[str]
    emails: Sequence[str]
    strain: Floats
    customers: dict[str, Customers]

    def __len__(self) -> int:
        return len(self.national_ids)

    def books_of(self) -> Ints:
        """Count for each person the lenders that know them."""
        counts = np.zeros(len(self), dtype=np.int64)
        for customers in self.customers.values():
            counts[customers.person] += 1
        return counts


def make_population(seed: int, size: int = PEOPLE) -> Population:
    """
    Make a population of `size` people (at least 90), a third of whom are in each of the five books.

    Some people borrow everywhere, because all lenders draw by one appetite, and about a third nowhere.
    """
    rng = np.random.default_rng((seed, 1))
    appetite = rng.normal(0.0, 1.1, size)
    strain = np.exp(0.45 * appetite + rng.normal(0.0, 0.6, size))
    mint = IdentifierMint(seed)
    return Population(
        national_ids=[mint.national_id(number) for number in range(size)],
        phones=[mint.phone(number) for number in range(size)],
        emails=[mint.email(number) for number in range(size)],
        strain=strain,
        customers={lender: _customers(rng, appetite, habit) for lender, habit in HABITS.items()},
    )


def _customers(rng: np.random.Generator, appetite: Floats, habit: Habit) -> Customers:
    """Draw a third of all people without replacement, by appetite (Gumbel-top-k; Vieira 2014)."""
    size = len(appetite)
    keys = (habit.pull + 0.4) * appetite + rng.gumbel(size=size)
    person = np.sort(np.argpartition(-keys, size // 3)[: size // 3]).astype(np.int64)
    kind = rng.choice(len(FileKind), size=len(person), p=habit.kinds)
    return Customers(person, kind.astype(np.int64))
