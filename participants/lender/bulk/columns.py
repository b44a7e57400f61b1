"""
Credit files as columns: one array a field over all tradelines of many people, instead of one object a tradeline.

What neither a portfolio nor a statistic sees is left out: pending grants, inquiries that were not hard, locations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from consortium.silent import Silent
from participants.lender.bulk.ports import Octets

Column: TypeAlias = npt.NDArray[np.int64]
Small: TypeAlias = npt.NDArray[np.int32]

NO_DAY = -(2**31)
"""Stands for a day that is not on file."""


@dataclass(frozen=True, slots=True, repr=False)
class LineColumns(Silent):
    """
    Tradelines in the order of their people: `person` is the place of each one's person in the part.

    `status`, `portfolio`, `channel` and `scene` are places in their enumerations. Days that are not on file are
    NO_DAY; `history` (n, 12) has 0 where no month is on file.
    """

    person: Small
    status: Small
    opened: Small
    reported: Small
    closed: Small
    first_delinquency: Small
    payment_due: Small
    days_past_due: Small
    disputed: Small
    portfolio: Small
    channel: Small
    scene: Small
    limit: Column
    balance: Column
    past_due: Column
    payment: Column
    charged_off: Column
    in_collection: Column
    history: npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True, repr=False)
class InquiryColumns(Silent):
    """Hard inquiries: each one's person, and its time in Unix seconds."""

    person: Small
    time: Column


@dataclass(frozen=True, slots=True, repr=False)
class CharacteristicColumns(Silent):
    """Values of characteristics: each one's person, and which one it is, as its place in the names of the snapshot."""

    person: Small
    name: Small
    value: Column


@dataclass(frozen=True, slots=True, repr=False)
class FileColumns(Silent):
    """
    The files of `len(kinds)` people: the kind that each is reached by, 1 where the file is frozen, and its pieces.

    `names` are the characteristics that anybody of the whole snapshot has.
    """

    kinds: Small
    frozen: Small
    lines: LineColumns
    inquiries: InquiryColumns
    characteristics: CharacteristicColumns
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.kinds)


@dataclass(frozen=True, slots=True, repr=False)
class Keys(Silent):
    """
    Who a part's files are about: `tags` (n, 32) rising, `keys` (n, 64), `earlier` (n, 32).

    `earlier` has the tag of the generation before, zeros where none is known.
    """

    tags: Octets
    keys: Octets
    earlier: Octets
