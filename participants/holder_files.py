"""
How many lenders a lender's own customers have: two histograms in a file of its folder, as statistics need them.

A portfolio over the whole own book writes it at its end; it names nobody.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from consortium.errors import Code, CreditError
from consortium.model.members import MemberSet
from consortium.rules.contributions import MATCHED
from participants.lender.portfolio.asking import BlockRows
from participants.lender.statistic_cells import HolderCounts
from participants.settings import Table
from participants.whole_files import write_whole

OWNER_ONLY = 0o600
WITH_OPEN = "lenders_with_open_tradeline"
"""The attribute that a portfolio has to ask for, that people are counted by it."""
LEAST_COVERED = 0.95
"""So much of the own book a portfolio has to cover."""


class _File(Table):
    as_of: int
    open: dict[int, int]
    files: dict[int, int]


def write_holder_counts(path: Path, counts: HolderCounts) -> None:
    """Write the file, atomically and durably, in place of an earlier one; raises STORAGE_FULL or STORAGE_BROKEN."""
    value = {"as_of": counts.as_of, "open": _texts(counts.open), "files": _texts(counts.files)}
    write_whole(path, json.dumps(value, indent=2).encode() + b"\n", OWNER_ONLY)


def read_holder_counts(path: Path) -> HolderCounts | None:
    """Read the file, None where there is none; raises CreditError(SETTINGS_INVALID) for one that is damaged."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError:
        raise CreditError(Code.SOURCE_UNREADABLE, path.name) from None
    try:
        found = _File.model_validate_json(data)
    except ValidationError:
        raise CreditError(Code.SETTINGS_INVALID, f"{path.name}: not as a portfolio run writes it") from None
    return HolderCounts(found.as_of, found.open, found.files)


def count_holders(blocks: Iterable[BlockRows], roster: MemberSet, as_of: int, book_size: int) -> HolderCounts | None:
    """
    Count the own customers among a portfolio's rows by how many lenders they have.

    Rows that not every lender answered are no basis. None where the rows are not the whole own book, or where the
    portfolio did not ask for WITH_OPEN.
    """
    with_open, files = Counter[int](), Counter[int]()
    for block in blocks:
        if WITH_OPEN not in block.totals or block.answered != roster:
            continue
        matched = np.sum([block.totals[name] for name in MATCHED], axis=0)
        mine = np.sum([block.own[name] for name in MATCHED], axis=0) > 0
        _add(files, matched[mine])
        _add(with_open, block.totals[WITH_OPEN][mine & (block.own[WITH_OPEN] > 0)])
    if files.total() < max(1, LEAST_COVERED * book_size):
        return None
    return HolderCounts(as_of, with_open, files)


def _add(counts: Counter[int], numbers: np.ndarray) -> None:
    values, found = np.unique(numbers, return_counts=True)
    counts.update(dict(zip(map(int, values), map(int, found), strict=True)))


def _texts(counts: Mapping[int, int]) -> dict[str, int]:
    return {str(lenders): counts[lenders] for lenders in sorted(counts)}
