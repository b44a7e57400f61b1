"""
What a query asks for a scorecard, and how a lender's part of it is computed: a pure function of the file's facts.

Every dimension has slots of its own, which are asked for together or not at all:

- `score_CARD_VERSION_points_DIMENSION`: over the characteristics that the lender holds, the points above the least
  that each can give, so that nothing is negative;
- `score_CARD_VERSION_lost_REASON`: over those of one reason, the points below the most that each can give;
- `score_CARD_VERSION_held_CHARACTERISTIC`: 1 where the lender holds the characteristic.

From the sums follow the points themselves (`consortium.scoring`), and that the two ways of counting agree.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from consortium.model.attributes import EVALUATORS, Reader
from consortium.model.catalogue import (
    DEFAULT_CATALOGUE,
    LENDING,
    SCORE_DIMENSIONS,
    Attribute,
    Family,
    Tier,
    Unit,
)
from consortium.model.facts import NO_BUCKET, Facts
from consortium.model.scorecard import Characteristic, Dimension, FileSource, Scorecard, SumSource

ValueReader: TypeAlias = Callable[[Facts], int | None]
"""Gives the value of a characteristic in a lender's file, None where the lender does not hold it."""


def _bucket(value: int) -> int | None:
    return None if value == NO_BUCKET else value


PREFIX = "score_"
"""How the id of every slot begins."""

BUCKETS: Mapping[str, tuple[Family, ValueReader]] = {
    "worst_dpd_now": (Family.REPAYMENT, lambda facts: _bucket(facts.worst_now)),
    "worst_dpd_12m": (Family.REPAYMENT, lambda facts: _bucket(facts.worst_12m)),
    "months_on_file": (Family.EXPOSURE, lambda facts: _bucket(facts.months_on_file)),
}
"""Facts beside those of the catalogue: the number of the bucket, from 0, not held by a lender without a tradeline."""

FACT_FAMILIES: Mapping[str, Family] = {
    **{attribute.id: attribute.family for attribute in DEFAULT_CATALOGUE},
    **{name: family for name, (family, _) in BUCKETS.items()},
}
"""The family of every fact that a card can read."""


def slot_name(card: Scorecard, kind: str, part: str) -> str:
    """Give the attribute id of a slot; `kind` is points, lost or held."""
    return f"{PREFIX}{card.id}_{card.version}_{kind}_{part}"


def slot_names(card: Scorecard, dimension: Dimension) -> frozenset[str]:
    """Give the ids of a dimension's slots: those of `dimension_slots`, made faster, for every query and every score."""
    local = tuple(dimension.local)
    if not local:
        return frozenset()
    lost = {slot_name(card, "lost", one.reason) for one in local}
    return frozenset(
        {slot_name(card, "points", dimension.id), *lost, *(slot_name(card, "held", one.id) for one in local)}
    )


def dimension_slots(card: Scorecard, dimension: Dimension) -> tuple[Attribute, ...]:
    """Give what is asked for one dimension; nothing where all of it is scored by the requester."""
    local = tuple(dimension.local)
    if not local:
        return ()
    families = {reason.id: reason.family for reason in dimension.reasons}
    return (
        _slot(card, "points", dimension.id, SCORE_DIMENSIONS[dimension.id], _room(local)),
        *(_slot(card, "lost", name, families[name], _room(group)) for name, group in _by_reason(local).items()),
        *(_slot(card, "held", one.id, families[one.reason], 1) for one in local),
    )


def card_slots(cards: Iterable[Scorecard]) -> dict[str, Attribute]:
    """Give the slots of cards by their names."""
    return {
        slot.id: slot for card in cards for dimension in card.dimensions for slot in dimension_slots(card, dimension)
    }


def slot_readers(cards: Iterable[Scorecard]) -> dict[str, Reader]:
    """Give what computes each slot of some checked cards from a lender's facts."""
    return {name: read for card in cards for dimension in card.dimensions for name, read in _readers(card, dimension)}


def _readers(card: Scorecard, dimension: Dimension) -> Iterator[tuple[str, Reader]]:
    local = tuple(dimension.local)
    if not local:
        return
    yield slot_name(card, "points", dimension.id), _sum_of([_above_least(one) for one in local])
    for name, group in _by_reason(local).items():
        yield slot_name(card, "lost", name), _sum_of([_below_most(one) for one in group])
    for one in local:
        yield slot_name(card, "held", one.id), _holds(one)


def _by_reason(local: Sequence[Characteristic]) -> dict[str, list[Characteristic]]:
    groups: dict[str, list[Characteristic]] = {}
    for one in local:
        groups.setdefault(one.reason, []).append(one)
    return groups


def _room(characteristics: Sequence[Characteristic]) -> int:
    return max(1, sum(one.most_points - one.least_points for one in characteristics))


def _slot(card: Scorecard, kind: str, part: str, family: Family, bound: int) -> Attribute:
    unit = Unit.COUNT if kind == "held" else Unit.POINTS
    title = f"scorecard {card.name}: {kind} {part}"
    return Attribute(slot_name(card, kind, part), title, unit, bound, family, Tier.FULL, LENDING)


def _value(one: Characteristic) -> ValueReader:
    source = one.source
    if isinstance(source, SumSource):
        raise TypeError(f"{one.id} is scored by the requester")
    name = source.name
    if isinstance(source, FileSource):
        return lambda facts: facts.characteristics.get(name)
    return BUCKETS[name][1] if name in BUCKETS else EVALUATORS[name]


def _holds(one: Characteristic) -> Reader:
    value = _value(one)
    return lambda facts: int(value(facts) is not None)


def _above_least(one: Characteristic) -> Reader:
    value, table, least = _value(one), one.table(), one.least_points
    return lambda facts: 0 if (found := value(facts)) is None else table.of(found) - least


def _below_most(one: Characteristic) -> Reader:
    value, table, most = _value(one), one.table(), one.most_points
    return lambda facts: 0 if (found := value(facts)) is None else most - table.of(found)


def _sum_of(readers: Sequence[Reader]) -> Reader:
    return lambda facts: sum(read(facts) for read in readers)
