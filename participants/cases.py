"""Disputes and complaints as the log has them: who opened what, and for how many days it has been open."""

from collections.abc import Iterable
from dataclasses import dataclass

from consortium.canonical import CanonicalValue
from consortium.errors import Code
from consortium.membership.signed import body_of, parse_document
from consortium.supervision.documents import Case, CaseClosed, CaseKind, FilingKind
from consortium.wire.supervision import FiledDocument

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class CaseState:
    """A case with the index of its entry, how it was closed, and its age in days when it was closed, or now."""

    index: int
    case: Case
    closed: CaseClosed | None
    days: int

    def to_json(self) -> dict[str, CanonicalValue]:
        """Give it for a JSON object."""
        case = self.case
        return {
            "case": self.index,
            "kind": case.kind.value,
            "cause": case.cause.value,
            "opened_by": case.member,
            "about": case.about,
            "entry": case.entry,
            "text": case.text,
            "state": self.closed.outcome.value if self.closed else "open",
            "days": self.days,
        }


def case_states(filings: Iterable[FiledDocument], now: int, kind: CaseKind | None = None) -> list[CaseState]:
    """Give the cases of a kind, oldest first; `now` is Unix seconds. Raises CreditError(MALFORMED)."""
    cases: dict[int, Case] = {}
    closed: dict[int, CaseClosed] = {}
    for one in filings:
        if one.kind == FilingKind.CASE:
            cases[one.entry] = parse_document(Case, body_of(one.signed), Code.MALFORMED)
        elif one.kind == FilingKind.CASE_CLOSED:
            end = parse_document(CaseClosed, body_of(one.signed), Code.MALFORMED)
            closed[end.case] = end
    return [
        CaseState(index, case, closed.get(index), _age(case, closed.get(index), now))
        for index, case in cases.items()
        if kind in (None, case.kind)
    ]


def _age(case: Case, closed: CaseClosed | None, now: int) -> int:
    return max(0, (closed.closed_at if closed else now) - case.opened_at) // SECONDS_PER_DAY
