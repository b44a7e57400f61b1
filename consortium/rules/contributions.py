"""What a contributor's number is made of: the slots of a query, and their values for one file or for none."""

from collections.abc import Sequence
from functools import lru_cache

from consortium.errors import CreditError
from consortium.model.attributes import evaluate
from consortium.model.catalogue import META_SLOTS
from consortium.model.credit_file import AccountStatus, CreditFile, Inquiry, PortfolioType, Tradeline
from consortium.model.identifiers import PLACES, IdentifierKind
from consortium.model.query import QueryHeader, Suite
from consortium.model.rulebook import Rulebook
from consortium.rules.profiles import Room, room_in
from consortium.sums.packing import Layout, Slot

MATCHED = ("matched_by_id", "matched_by_phone", "matched_by_email")
"""The slots that count the lenders matched, by place."""
FROZEN = "security_freezes"
"""The slot that counts the lenders at which the file is frozen."""
CAPPED = "capped"
"""The slot that counts values clamped to their bounds."""

_DECOY = CreditFile(
    IdentifierKind.PHONE,
    tradelines=tuple(
        Tradeline(f"decoy-{i}", PortfolioType.REVOLVING, AccountStatus.CURRENT, opened=18_000, reported=19_000)
        for i in range(2)
    ),
    inquiries=(Inquiry(1_600_000_000),),
)


def query_layout(header: QueryHeader, rulebook: Rulebook) -> Layout:
    """
    Give the packed layout of a query: its attributes and the five meta slots that every query has.

    Every slot has room for a file at each place, from every member of the largest roster. Raises
    CreditError(ATTRIBUTES_DO_NOT_FIT).
    """
    bounds = tuple((name, rulebook.attributes[name].bound) for name in header.attributes)
    return _layout(bounds, rulebook.policy.roster_maximum, room_in(header.suite))


def do_fit(names: Sequence[str], suite: Suite, rulebook: Rulebook) -> bool:
    """Say whether a query could ask for all these attributes at once."""
    bounds = tuple((name, rulebook.attributes[name].bound) for name in names)
    try:
        _layout(bounds, rulebook.policy.roster_maximum, room_in(suite))
    except CreditError:
        return False
    return True


@lru_cache(maxsize=256)
def _layout(bounds: tuple[tuple[str, int], ...], roster_maximum: int, room: Room) -> Layout:
    slots = [Slot(name, bound * PLACES) for name, bound in (*META_SLOTS.items(), *bounds)]
    return Layout.build(slots, roster_maximum, room.bits, room.word_bits)


def contribution_values(files: Sequence[CreditFile | None], header: QueryHeader, rulebook: Rulebook) -> dict[str, int]:
    """
    Give the value of every slot: the sum over the files of all places, a pure function of files, header and rulebook.

    It has to be a sum. Answering with one of the files would make the answer under one tag depend on another tag of
    the query, and whoever controls a file at one lender could switch that lender's answer off.
    """
    values = [_file_values(file, header, rulebook) for file in files]
    return {name: sum(each[name] for each in values) for name in values[0]}


def _file_values(file: CreditFile | None, header: QueryHeader, rulebook: Rulebook) -> dict[str, int]:
    """Evaluate one file; without one a decoy is evaluated, and everything is zero."""
    values = evaluate(
        file or _DECOY,
        header.attributes,
        header.issued_at,
        live=is_live(header, rulebook),
        retention_days=rulebook.policy.retention_days,
        attributes=rulebook.attributes,
        clock_skew=rulebook.policy.clock_skew,
        more=rulebook.slot_readers,
    )
    return values if file else dict.fromkeys(values, 0)


def is_live(header: QueryHeader, rulebook: Rulebook) -> bool:
    """Tell whether a query sees live data: only a purpose that the rulebook says so for, with a consent record."""
    return rulebook.purposes[header.purpose].live and any(header.consent_digest)
