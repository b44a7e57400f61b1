"""
How many lenders a lender's own customers have: two histograms in a file of its folder, as statistics need them.

Whoever runs a portfolio over the whole own book writes it at the end; it names nobody.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from consortium.errors import Code, CreditError
from participants.lender.statistic_cells import HolderCounts
from participants.settings import Table
from participants.whole_files import write_whole

OWNER_ONLY = 0o600


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


def _texts(counts: Mapping[int, int]) -> dict[str, int]:
    return {str(lenders): counts[lenders] for lenders in sorted(counts)}
