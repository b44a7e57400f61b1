"""Exact linear algebra over GF(p): which sums follow from a set of views, and how few people they cover."""

from collections.abc import Iterable, Sequence
from itertools import combinations

P = 2**31 - 1
Row = dict[object, int]


def _eliminate(rows: Iterable[Row], columns: Sequence[object]) -> list[Row]:
    """Remove these unknowns by Gaussian elimination; gives the rows that do not need them."""
    rest = [{key: value % P for key, value in row.items() if value % P} for row in rows]
    for column in columns:
        pivot = next((row for row in rest if column in row), None)
        if pivot is None:
            continue
        rest.remove(pivot)
        inverse = pow(pivot[column], -1, P)
        rest = [_minus(row, pivot, row[column] * inverse) if column in row else row for row in rest]
    return [row for row in rest if row]


def _minus(row: Row, pivot: Row, factor: int) -> Row:
    keys = row.keys() | pivot.keys()
    values = {key: (row.get(key, 0) - factor * pivot.get(key, 0)) % P for key in keys}
    return {key: value for key, value in values.items() if value}


def rank(rows: Iterable[Row]) -> int:
    """The number of independent rows."""
    rest, found = [dict(row) for row in rows if row], 0
    while rest:
        pivot = rest.pop()
        column = next(iter(pivot))
        inverse = pow(pivot[column], -1, P)
        rest = [_minus(row, pivot, row[column] * inverse) if column in row else row for row in rest]
        rest = [row for row in rest if row]
        found += 1
    return found


def smallest_sum(rows: Sequence[Row], secrets: Sequence[object]) -> int:
    """
    The fewest secrets in any combination that the rows reveal without any other unknown; 0 where they reveal none.
    """
    masks = {key for row in rows for key in row} - set(secrets)
    revealed = _eliminate(rows, sorted(masks, key=repr))
    total = rank(revealed)
    if total == 0:
        return 0
    for size in range(1, len(secrets) + 1):
        for inside in combinations(secrets, size):
            outside = [{key: value for key, value in row.items() if key not in inside} for row in revealed]
            if rank(outside) < total:
                return size
    return len(secrets)
