"""
Attributes of a credit file: the pure function that every contribution is computed with, and every reveal checked.

It depends on nothing but the file, the as-of time and the rulebook's terms. One table says how each attribute of the
catalogue is read from the file's `Facts`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from consortium.errors import Code, CreditError
from consortium.model.catalogue import (
    DEFAULT_CATALOGUE,
    DPD_BUCKETS,
    INQUIRY_WINDOWS,
    META_SLOTS,
    MONTHS_ON_FILE_BUCKETS,
    Attribute,
)
from consortium.model.credit_file import CreditFile
from consortium.model.facts import Facts, Moment
from consortium.model.identifiers import IdentifierKind

DEFAULT_CLOCK_SKEW = 300
DEFAULT_ATTRIBUTES: Mapping[str, Attribute] = {attribute.id: attribute for attribute in DEFAULT_CATALOGUE}

Reader: TypeAlias = Callable[[Facts], int]
NO_READERS: Mapping[str, Reader] = {}

_MATCHED_BY = {
    IdentifierKind.NATIONAL_ID: "matched_by_id",
    IdentifierKind.PHONE: "matched_by_phone",
    IdentifierKind.EMAIL: "matched_by_email",
}


def evaluate(
    file: CreditFile | None,
    attribute_ids: Iterable[str],
    as_of: int,
    *,
    live: bool,
    retention_days: int,
    attributes: Mapping[str, Attribute] = DEFAULT_ATTRIBUTES,
    clock_skew: int = DEFAULT_CLOCK_SKEW,
    more: Mapping[str, Reader] = NO_READERS,
) -> dict[str, int]:
    """
    Compute the asked attributes and the meta slots of one file at one time (Unix seconds).

    Every value is clamped to 0 .. bound of its attribute, and the meta slot `capped` counts how many were. No file
    gives zeros; a frozen file gives `security_freezes` = 1 and zeros. With `live` unset the file must be the day's
    book file, and what happened on the day of `as_of` (UTC) and pending grants are left out. `more` computes what no
    catalogue of this version has: the slots of scorecards. Raises CreditError(ATTRIBUTE_UNKNOWN) for an id that the
    catalogue or this version does not know.
    """
    readers = [_reader(name, attributes, more) for name in attribute_ids]
    values = dict.fromkeys((name for name, _, _ in readers), 0) | dict.fromkeys(META_SLOTS, 0)
    if file is None:
        return values
    if file.frozen:
        values["security_freezes"] = 1
        return values
    facts = Facts(file, Moment.of(as_of, live=live, retention_days=retention_days, clock_skew=clock_skew))
    values[_MATCHED_BY[file.identifier]] = 1
    capped = 0
    for name, read, bound in readers:
        value = read(facts)
        if not 0 <= value <= bound:
            value = min(max(value, 0), bound)
            capped += 1
        values[name] = value
    values["capped"] = min(capped, META_SLOTS["capped"])
    return values


def _reader(name: str, attributes: Mapping[str, Attribute], more: Mapping[str, Reader]) -> tuple[str, Reader, int]:
    try:
        return name, EVALUATORS.get(name) or more[name], attributes[name].bound
    except KeyError:
        raise CreditError(Code.ATTRIBUTE_UNKNOWN) from None


def _worst_now(place: int) -> Reader:
    return lambda facts: int(facts.worst_now == place)


def _worst_12m(place: int) -> Reader:
    return lambda facts: int(facts.worst_12m == place)


def _months_on_file(place: int) -> Reader:
    return lambda facts: int(facts.months_on_file == place)


def _inquiries(place: int) -> Reader:
    return lambda facts: facts.inquiries[place]


EVALUATORS: Mapping[str, Reader] = {
    "lenders_with_open_tradeline": lambda facts: int(facts.open_tradelines > 0),
    "open_tradelines": lambda facts: facts.open_tradelines,
    "credit_limit": lambda facts: facts.credit_limit,
    "balance": lambda facts: facts.balance,
    "scheduled_payments_30d": lambda facts: facts.scheduled,
    "tradelines_opened_30d": lambda facts: facts.opened_30d,
    "tradelines_opened_90d": lambda facts: facts.opened_90d,
    "pending_grants": lambda facts: facts.pendings,
    "pending_grant_amount": lambda facts: facts.pending_amount,
    "amount_past_due": lambda facts: facts.amount_past_due,
    "charged_off_amount": lambda facts: facts.charged_off,
    "in_collection_amount": lambda facts: facts.in_collection,
    "disputed_tradelines": lambda facts: facts.disputed,
    **{f"months_on_file_{bucket}": _months_on_file(i) for i, bucket in enumerate(MONTHS_ON_FILE_BUCKETS)},
    **{f"worst_dpd_now_{bucket}": _worst_now(i) for i, bucket in enumerate(DPD_BUCKETS)},
    **{f"worst_dpd_12m_{bucket}": _worst_12m(i) for i, bucket in enumerate(DPD_BUCKETS)},
    **{f"hard_inquiries_{window}": _inquiries(i) for i, window in enumerate(INQUIRY_WINDOWS)},
}
