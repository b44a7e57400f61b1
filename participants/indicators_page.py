"""The indicators of a member as one page: what others know of its customers, the lift, what everybody contributes."""

from collections.abc import Mapping
from dataclasses import dataclass

from consortium.model.members import MemberId
from consortium.model.signal_policy import Hint
from consortium.supervision.documents import QualityStatement
from consortium.transparency.supervision_kinds import QUALITY_SHARES
from participants.indicators import Coverage
from participants.lender.backtest import Backtest
from participants.lender.ports import day_text
from participants.quality import percent, shares_of
from participants.regulator.charts import bars
from participants.regulator.markup import bullets, cards, page_head, paragraphs, section, table

NOT_PROVEN = (
    "Quality is each lender's own signed word; an inspection of the book of that day can hold it to it.",
    "A customer whom others know under another identifier counts as known to nobody else.",
    "The lift is that of the file that was tested: nobody knows how people who were refused then would have paid.",
)


@dataclass(frozen=True, slots=True)
class Indicators:
    """Everything that is known; what was not given is None."""

    member: MemberId
    coverage: Coverage | None
    backtest: Backtest | None
    quality: Mapping[MemberId, QualityStatement]


def indicators_page(found: Indicators) -> str:
    """Render the page."""
    parts = [page_head(f"Indicators of {found.member}"), f"<h1>Indicators of {found.member}</h1>"]
    if found.coverage is not None:
        parts += [_coverage(found.coverage)]
    if found.backtest is not None:
        parts += [_lift(found.backtest)]
    parts += [_quality(found.quality), section("What this does not prove", bullets(NOT_PROVEN)), "</body></html>\n"]
    return "".join(parts)


def _coverage(found: Coverage) -> str:
    shown = [
        ("people on the list", f"{found.rows:,}", False),
        ("known elsewhere", "" if found.covered is None else f"{found.covered:.1%}", False),
        ("other lenders a person", "" if found.others is None else f"{found.others:.2f}", False),
    ]
    overlap = [(f"{number}", float(count)) for number, count in sorted(found.lenders.items())]
    depth = [
        (name, f"{one.added_to:,}", f"{one.own:,}", f"{one.total:,}", _times(one.own, one.total))
        for name, one in found.depths.items()
    ]
    return section(
        "What others know of the customers",
        cards(shown),
        bars("People by the number of lenders that know them, this one included", overlap),
        bars("Rows by status", [(name, float(count)) for name, count in found.statuses.items() if count]),
        table(("attribute", "#people to whom others add", "#own", "#with the consortium", "#times"), depth),
    )


def _times(own: int, total: int) -> str:
    return f"{total / own:.2f}" if own else ""


def _lift(found: Backtest) -> str:
    alone = found.alone[Hint.APPROVE]
    lift = "nothing was approved alone" if found.lift is None else f"{found.lift:+.1%}"
    text = (
        f"Of {found.rows:,} past applications the own book alone approves {alone.count:,}, and {alone.bad_rate:.2%} of "
        f"them went bad. In the consortium's order {found.at_equal_bad_rate:,} can be approved at that rate: {lift}."
    )
    return section("Approvals at equal bad rate", paragraphs([text]))


def _quality(found: Mapping[MemberId, QualityStatement]) -> str:
    rows = [
        (member, day_text(one.day) or "", *(percent(shares_of(one)[name]) for name in QUALITY_SHARES))
        for member, one in sorted(found.items())
    ]
    meanings = [f"{name}: {meaning}" for name, meaning in QUALITY_SHARES.items()]
    head = ("lender", "book of", *(f"#{name}" for name in QUALITY_SHARES))
    told = table(head, rows) if rows else paragraphs(["No lender has stated the quality of its data yet."])
    return section("Quality of data, by contributor", told, bullets(meanings))
