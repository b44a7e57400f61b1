"""What lenders say of their data: the newest word of each, and a lender's own, from its book."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from consortium.canonical import CanonicalValue
from consortium.errors import CreditError
from consortium.model.credit_file import CreditFile
from consortium.model.members import MemberId
from consortium.model.rulebook import Rulebook
from consortium.supervision.documents import FilingKind, QualityStatement, read_filing
from consortium.supervision.quality import QualityTally
from consortium.transparency.supervision_kinds import QUALITY_SHARES
from consortium.wire.supervision import FiledDocument

PROGRESS_FILES = 10_000
Shares = Mapping[str, int | None]
"""By name, in thousandths; None where there is nothing to judge."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The shares of a book, and of how many people they are."""

    people: int
    shares: Shares


def judged(files: Iterable[CreditFile], day: int, progress: Callable[[str, int], None]) -> Judged:
    """Judge the files of a book of one UTC day (days since 1970)."""
    tally, people = QualityTally(day), 0
    for file in files:
        people += 1
        tally.add(file)
        if people % PROGRESS_FILES == 0:
            progress("reading", people)
    return Judged(people, {name: tally.share(name) for name in QUALITY_SHARES})


def newest(filings: Iterable[FiledDocument], rulebook: Rulebook) -> dict[MemberId, QualityStatement]:
    """Give the newest statement of each active lender that its present identity key signed."""
    found: dict[MemberId, QualityStatement] = {}
    for statement in _statements(filings, rulebook):
        earlier = found.get(statement.member)
        if earlier is None or earlier.stated_at <= statement.stated_at:
            found[statement.member] = statement
    return found


def _statements(filings: Iterable[FiledDocument], rulebook: Rulebook) -> Iterator[QualityStatement]:
    for one in filings:
        if one.kind == FilingKind.QUALITY:
            try:
                filing = read_filing(FilingKind.QUALITY, one.signed, rulebook)
            except CreditError:  # of somebody who left, or by a key that was exchanged: there is a newer one
                continue
            if isinstance(filing, QualityStatement):
                yield filing


def shares_of(statement: QualityStatement) -> Shares:
    """Give what a statement says."""
    return {name: getattr(statement, name) for name in QUALITY_SHARES}


def percent(share: int | None) -> str:
    """Show a share."""
    return "" if share is None else f"{share / 10:.1f} %"


def shares_value(shares: Shares) -> dict[str, CanonicalValue]:
    """Give shares for a JSON object."""
    return dict(shares)
