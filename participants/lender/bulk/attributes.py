"""
Attributes and scorecard slots of many credit files: `consortium.model.attributes.evaluate` over columns.

The same values for every file, clamped and counted alike; a property test compares them with `evaluate` one by one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import TypeAlias

import numpy as np

from consortium.errors import Code, CreditError
from consortium.model.catalogue import DPD_BUCKETS, INQUIRY_WINDOWS, META_SLOTS, MONTHS_ON_FILE_BUCKETS
from consortium.model.facts import NO_BUCKET, Moment
from consortium.model.identifiers import IdentifierKind
from consortium.model.query import QueryHeader
from consortium.model.rulebook import Rulebook
from consortium.model.scorecard import Characteristic, Dimension, FileSource, Scorecard, SumSource
from consortium.model.scorecard_slots import slot_name
from consortium.rules.contributions import CAPPED, FROZEN, MATCHED
from participants.lender.bulk.columns import Column, FileColumns
from participants.lender.bulk.facts import FactColumns, Flags

ColumnReader: TypeAlias = Callable[[FactColumns], Column]
HeldReader: TypeAlias = Callable[[FactColumns], tuple[Column, Flags]]
"""Gives everybody's value of a characteristic, and who has one."""


def rulebook_readers(rulebook: Rulebook) -> Mapping[str, ColumnReader]:
    """Give what reads each attribute of this version, the slots of the rulebook's scorecards among them."""
    return {**slot_columns(rulebook.document.scorecards), **READERS}


def query_columns(
    part: FileColumns, header: QueryHeader, rulebook: Rulebook, readers: Mapping[str, ColumnReader]
) -> dict[str, Column]:
    """
    Give the value of every slot of a query that is not live, a row for each file.

    Raises CreditError(ATTRIBUTE_UNKNOWN) for an id that the rulebook or this version does not know.
    """
    policy = rulebook.policy
    moment = Moment.of(header.issued_at, live=False, retention_days=policy.retention_days, clock_skew=policy.clock_skew)
    try:
        asked = [(name, readers[name], rulebook.attributes[name].bound) for name in header.attributes]
    except KeyError:
        raise CreditError(Code.ATTRIBUTE_UNKNOWN) from None
    return clamped_columns(part, FactColumns(part, moment), asked)


def clamped_columns(
    part: FileColumns, facts: FactColumns, asked: Iterable[tuple[str, ColumnReader, int]]
) -> dict[str, Column]:
    """Read and clamp each of (name, reader, bound) for every file, and add the meta slots; a frozen file has zeros."""
    thawed = 1 - part.frozen.astype(np.int64)
    values: dict[str, Column] = {FROZEN: 1 - thawed}
    for kind in IdentifierKind:
        values[MATCHED[kind]] = thawed * (part.kinds == kind)
    capped = np.zeros(len(part), dtype=np.int64)
    for name, read, bound in asked:
        found = read(facts)
        clamped = np.clip(found, 0, bound)
        capped += found != clamped
        values[name] = clamped * thawed
    values[CAPPED] = np.minimum(capped, META_SLOTS[CAPPED]) * thawed
    return values


def _bucket(read: ColumnReader, place: int) -> ColumnReader:
    return lambda facts: (read(facts) == place).astype(np.int64)


def _window(place: int) -> ColumnReader:
    return lambda facts: facts.inquiries[place]


READERS: Mapping[str, ColumnReader] = {
    "lenders_with_open_tradeline": lambda facts: (facts.open_tradelines > 0).astype(np.int64),
    "open_tradelines": lambda facts: facts.open_tradelines,
    "credit_limit": lambda facts: facts.credit_limit,
    "balance": lambda facts: facts.balance,
    "scheduled_payments_30d": lambda facts: facts.scheduled,
    "tradelines_opened_30d": lambda facts: facts.opened_30d,
    "tradelines_opened_90d": lambda facts: facts.opened_90d,
    "pending_grants": lambda facts: facts.pendings,
    "pending_grant_amount": lambda facts: facts.pendings,
    "amount_past_due": lambda facts: facts.amount_past_due,
    "charged_off_amount": lambda facts: facts.charged_off,
    "in_collection_amount": lambda facts: facts.in_collection,
    "disputed_tradelines": lambda facts: facts.disputed,
    **{
        f"months_on_file_{bucket}": _bucket(lambda facts: facts.months_on_file, place)
        for place, bucket in enumerate(MONTHS_ON_FILE_BUCKETS)
    },
    **{
        f"worst_dpd_now_{bucket}": _bucket(lambda facts: facts.worst_now, place)
        for place, bucket in enumerate(DPD_BUCKETS)
    },
    **{
        f"worst_dpd_12m_{bucket}": _bucket(lambda facts: facts.worst_12m, place)
        for place, bucket in enumerate(DPD_BUCKETS)
    },
    **{f"hard_inquiries_{window}": _window(place) for place, window in enumerate(INQUIRY_WINDOWS)},
}
"""What reads each attribute of the default catalogue, as `EVALUATORS` does for one file."""

_BUCKETS: Mapping[str, ColumnReader] = {
    "worst_dpd_now": lambda facts: facts.worst_now,
    "worst_dpd_12m": lambda facts: facts.worst_12m,
    "months_on_file": lambda facts: facts.months_on_file,
}


def slot_columns(cards: Iterable[Scorecard]) -> dict[str, ColumnReader]:
    """Give what reads each slot of some checked cards, as `slot_readers` does for one file."""
    return {name: read for card in cards for dimension in card.dimensions for name, read in _dimension(card, dimension)}


def _dimension(card: Scorecard, dimension: Dimension) -> list[tuple[str, ColumnReader]]:
    local = tuple(dimension.local)
    if not local:
        return []
    found = [(slot_name(card, "points", dimension.id), _sum_of([_above_least(one) for one in local]))]
    for reason, group in groupby(sorted(local, key=lambda one: one.reason), key=lambda one: one.reason):
        found.append((slot_name(card, "lost", reason), _sum_of([_below_most(one) for one in group])))
    return [*found, *((slot_name(card, "held", one.id), _holds(one)) for one in local)]


def _value(one: Characteristic) -> HeldReader:
    source = one.source
    if isinstance(source, SumSource):
        raise TypeError(f"{one.id} is scored by the requester")
    name = source.name
    if isinstance(source, FileSource):
        return lambda facts: facts.characteristic(name)
    if name in _BUCKETS:
        return _held_bucket(_BUCKETS[name])
    read = READERS[name]
    return lambda facts: (values := read(facts), np.ones(len(values), dtype=bool))


def _held_bucket(read: ColumnReader) -> HeldReader:
    return lambda facts: (values := read(facts), values != NO_BUCKET)


def _points(one: Characteristic) -> Callable[[Column], Column]:
    table = one.table()
    points, codes = np.array(table.points, dtype=np.int64), np.array(sorted(table.codes), dtype=np.int64)
    edges = np.array(table.edges, dtype=np.int64)

    def of(values: Column) -> Column:
        found = points[np.searchsorted(edges, values, side="right")]
        return np.where(np.isin(values, codes), table.missing, found)

    return of


def _holds(one: Characteristic) -> ColumnReader:
    value = _value(one)
    return lambda facts: value(facts)[1].astype(np.int64)


def _above_least(one: Characteristic) -> ColumnReader:
    return _of_held(_value(one), _points(one), lambda points: points - one.least_points)


def _below_most(one: Characteristic) -> ColumnReader:
    return _of_held(_value(one), _points(one), lambda points: one.most_points - points)


def _of_held(value: HeldReader, of: Callable[[Column], Column], share: Callable[[Column], Column]) -> ColumnReader:
    def read(facts: FactColumns) -> Column:
        values, held = value(facts)
        return np.where(held, share(of(values)), 0)

    return read


def _sum_of(readers: Sequence[ColumnReader]) -> ColumnReader:
    def read(facts: FactColumns) -> Column:
        return np.asarray(np.sum([each(facts) for each in readers], axis=0, dtype=np.int64))

    return read
