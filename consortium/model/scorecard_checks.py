"""
What a scorecard has to satisfy besides its form: every problem by name, with its place and what to do about it.

A rulebook with a card that has one is refused; `credit-participant scorecard check` shows all of them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from consortium.errors import CreditError
from consortium.model.catalogue import MAX_POINTS, SCORE_DIMENSIONS, Attribute, Family
from consortium.model.credit_file import check_characteristic_id
from consortium.model.scorecard import (
    Bin,
    CardRole,
    Characteristic,
    Dimension,
    FactSource,
    FileSource,
    Scorecard,
    Sharing,
    SumSource,
)
from consortium.model.scorecard_slots import FACT_FAMILIES, card_slots

MAX_TOTAL = 1_000_000
"""The largest score, and the least one below zero, that a card may give."""


class Problem(StrEnum):
    """What can be wrong with a card; the names do not change."""

    MALFORMED = "MALFORMED"
    DATES = "DATES"
    NAME_TWICE = "NAME_TWICE"
    REASON_UNKNOWN = "REASON_UNKNOWN"
    REASON_UNUSED = "REASON_UNUSED"
    BIN_EMPTY = "BIN_EMPTY"
    OVERLAP = "OVERLAP"
    GAP = "GAP"
    BEYOND_SLOT = "BEYOND_SLOT"
    COVERAGE = "COVERAGE"
    SHARING = "SHARING"
    SOURCE_UNKNOWN = "SOURCE_UNKNOWN"
    FAMILY_MISMATCH = "FAMILY_MISMATCH"
    FAMILY_NOT_PERMITTED = "FAMILY_NOT_PERMITTED"
    PROTECTED = "PROTECTED"
    CHAMPIONS = "CHAMPIONS"


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem: where it is in the card (`risk.late_months.bins`) and what to do."""

    problem: Problem
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.problem} at {self.place}: {self.message}"


@dataclass(frozen=True, slots=True)
class CardTerms:
    """What a rulebook allows its cards: the catalogue by id, and the families that the jurisdiction profile permits."""

    catalogue: Mapping[str, Attribute]
    families: frozenset[Family]


def check_cards(cards: Sequence[Scorecard], terms: CardTerms) -> tuple[Finding, ...]:
    """Find everything that is wrong with the cards of one rulebook, each by itself and together."""
    single = [finding for card in cards for finding in check_card(card, terms)]
    return (*single, *_together(cards, terms))


def check_card(card: Scorecard, terms: CardTerms) -> tuple[Finding, ...]:
    """Find everything that is wrong with one well-formed card."""
    found = [*_dates(card), *_names(card), *_range(card)]
    for dimension in card.dimensions:
        found += _dimension(dimension, terms)
    return tuple(Finding(one.problem, f"{card.name}.{one.place}", one.message) for one in found)


def _dates(card: Scorecard) -> Iterator[Finding]:
    if card.effective_until is not None and card.effective_until <= card.effective_from:
        yield Finding(Problem.DATES, "effective_until", "it ends before it begins: choose a later end, or none")


def _names(card: Scorecard) -> Iterator[Finding]:
    reasons = [reason for dimension in card.dimensions for reason in dimension.reasons]
    kinds: dict[str, Iterable[str]] = {
        "dimensions": (dimension.id for dimension in card.dimensions),
        "reasons": (reason.id for reason in reasons),
        "reasons.code": (reason.code for reason in reasons),
        "characteristics": (one.id for one in card.characteristics),
    }
    for place, names in kinds.items():
        for name, times in Counter(names).items():
            if times > 1:
                yield Finding(Problem.NAME_TWICE, place, f"{name} is used {times} times: rename all but one")


def _range(card: Scorecard) -> Iterator[Finding]:
    most = card.base + sum(one.most_points for one in card.characteristics)
    least = card.base + sum(one.least_points for one in card.characteristics)
    if max(most, -least) > MAX_TOTAL:
        yield Finding(Problem.BEYOND_SLOT, "base", f"scores reach {least} to {most}: at most {MAX_TOTAL} either way")


def _dimension(dimension: Dimension, terms: CardTerms) -> Iterator[Finding]:
    family = SCORE_DIMENSIONS[dimension.id]
    yield from _permitted(dimension.id, family, terms)
    yield from _reasons(dimension, terms)
    if dimension.minimum > len(dimension.characteristics):
        yield Finding(
            Problem.COVERAGE,
            f"{dimension.id}.minimum",
            f"{dimension.minimum} of {len(dimension.characteristics)} characteristics can never have a value: lower it",
        )
    room = sum(one.most_points - one.least_points for one in dimension.characteristics)
    if room > MAX_POINTS:
        yield Finding(
            Problem.BEYOND_SLOT,
            f"{dimension.id}",
            f"best and worst are {room} points apart and the slot has room for {MAX_POINTS}: scale the points down",
        )
    for one in dimension.characteristics:
        yield from _characteristic(one, dimension, terms)


def _reasons(dimension: Dimension, terms: CardTerms) -> Iterator[Finding]:
    known, used = {reason.id for reason in dimension.reasons}, {one.reason for one in dimension.characteristics}
    for name in sorted(used - known):
        yield Finding(Problem.REASON_UNKNOWN, f"{dimension.id}.{name}", "no reason of this dimension has that id")
    for name in sorted(known - used):
        yield Finding(Problem.REASON_UNUSED, f"{dimension.id}.{name}", "no characteristic names it: take it out")
    for reason in dimension.reasons:
        yield from _permitted(f"{dimension.id}.{reason.id}", reason.family, terms)


def _permitted(place: str, family: Family, terms: CardTerms) -> Iterator[Finding]:
    if family not in terms.families:
        message = f"the jurisdiction profile does not permit the family {family}: take it out, or have it permitted"
        yield Finding(Problem.FAMILY_NOT_PERMITTED, place, message)


def _characteristic(one: Characteristic, dimension: Dimension, terms: CardTerms) -> Iterator[Finding]:
    place = f"{dimension.id}.{one.id}"
    if _is_protected(one.id):
        yield _protected(place, one.id)
    yield from _bins(one.bins, f"{place}.bins")
    alone = sum(other.reason == one.reason for other in dimension.characteristics) == 1
    if one.sharing is Sharing.MEAN and not (alone and one.is_local):
        message = "a mean needs a reason of its own, and is for what lenders evaluate: give it one, or another sharing"
        yield Finding(Problem.SHARING, f"{place}.sharing", message)
    family = next((reason.family for reason in dimension.reasons if reason.id == one.reason), None)
    match one.source:
        case FileSource(name=name):
            yield from _file_source(name, place)
        case FactSource(name=name):
            yield from _fact_source(name, place, family)
        case SumSource():
            yield from _sum_source(one.source, place, family, terms)


def _bins(bins: Sequence[Bin], place: str) -> Iterator[Finding]:
    for i, one in enumerate(bins):
        if one.least is not None and one.most is not None and one.least > one.most:
            yield Finding(Problem.BIN_EMPTY, f"{place}.{i}", f"{one.least} to {one.most} holds no value: swap the ends")
    if bins[0].least is not None:
        yield Finding(Problem.GAP, f"{place}.0", f"nothing covers values below {bins[0].least}: leave the end open")
    if bins[-1].most is not None:
        message = f"nothing covers values above {bins[-1].most}: leave the end open"
        yield Finding(Problem.GAP, f"{place}.{len(bins) - 1}", message)
    for i, (before, after) in enumerate(pairwise(bins), start=1):
        yield from _between(before.most, after.least, f"{place}.{i}")


def _between(most: int | None, least: int | None, place: str) -> Iterator[Finding]:
    if most is None or least is None or least <= most:
        message = "it overlaps the bin before it: bins stand in rising order and each begins after the one before"
        yield Finding(Problem.OVERLAP, place, message)
    elif least > most + 1:
        yield Finding(Problem.GAP, place, f"nothing covers {most + 1} to {least - 1}: join the bins")


def _file_source(name: str, place: str) -> Iterator[Finding]:
    if _is_protected(name):
        yield _protected(f"{place}.source", name)
        return
    try:
        check_characteristic_id(name)
    except CreditError:
        message = "no id of a characteristic: use lower-case letters, digits and _, a letter first"
        yield Finding(Problem.SOURCE_UNKNOWN, f"{place}.source", message)


def _fact_source(name: str, place: str, family: Family | None) -> Iterator[Finding]:
    if name not in FACT_FAMILIES:
        yield _unknown(f"{place}.source", name, "no fact")
    elif family is not None and FACT_FAMILIES[name] is not family:
        yield _mismatch(f"{place}.source", FACT_FAMILIES[name], family)


def _sum_source(source: SumSource, place: str, family: Family | None, terms: CardTerms) -> Iterator[Finding]:
    for name in (*source.attributes, *source.over):
        attribute = terms.catalogue.get(name)
        if attribute is None:
            yield _unknown(f"{place}.source", name, "no attribute of the catalogue")
            continue
        yield from _permitted(f"{place}.source", attribute.family, terms)
        if name in source.attributes and family is not None and attribute.family is not family:
            yield _mismatch(f"{place}.source", attribute.family, family)


def _is_protected(name: str) -> bool:
    try:
        check_characteristic_id(name)
    except CreditError as error:
        return "protected" in error.cause
    return False


def _protected(place: str, name: str) -> Finding:
    return Finding(Problem.PROTECTED, place, f"{name} names a protected attribute: no card may read it, take it out")


def _unknown(place: str, name: str, kind: str) -> Finding:
    shown = "".join(letter if letter.isprintable() and letter.isascii() else "?" for letter in name[:64])
    return Finding(Problem.SOURCE_UNKNOWN, place, f"{shown} is {kind}: see docs/attributes.md and docs/scorecards.md")


def _mismatch(place: str, actual: Family, named: Family) -> Finding:
    message = f"it is of the family {actual} and its reason of {named}: give it a reason of its own family"
    return Finding(Problem.FAMILY_MISMATCH, place, message)


def _together(cards: Sequence[Scorecard], terms: CardTerms) -> Iterator[Finding]:
    for name, times in Counter(card.name for card in cards).items():
        if times > 1:
            yield Finding(Problem.NAME_TWICE, name, f"{times} cards have this id and version: count the version up")
    for name in sorted(set(card_slots(cards)) & set(terms.catalogue)):
        yield Finding(Problem.NAME_TWICE, name, "a slot has the name of an attribute: choose another card id")
    champions = sorted((card for card in cards if card.role is CardRole.CHAMPION), key=lambda card: card.effective_from)
    for before, after in pairwise(champions):
        if before.effective_until is None or before.effective_until > after.effective_from:
            message = f"{before.name} is still champion then: end it first, or make one of them a challenger"
            yield Finding(Problem.CHAMPIONS, after.name, message)
