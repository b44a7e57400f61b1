"""How an assessment looks on a terminal: the hint, the reasons, and a view of before and after."""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from participants.cli.output import field_lines
from participants.lender.assessment import Assessment, Given, Value

STYLES = {"APPROVE": "bold green", "REFER": "bold yellow", "DECLINE": "bold red"}


def officer_screen(one: Assessment) -> list[Text | Table]:
    """Give what a loan officer reads."""
    return [_headline(one), *_reasons(one.reasons), Text(), _before_and_after(one), Text(), *field_lines(_facts(one))]


def applicant_screen(one: Assessment) -> list[Text]:
    """Give what the applicant is told: reasons in plain words, source and dispute contact, no number of anybody."""
    told = dict.fromkeys(reason.applicant for reason in one.reasons)
    lines = [Text("What counted in the assessment of your application:")]
    lines += [Text(f"  - {text}") for text in told or ["Nothing in the information that was found spoke against it."]]
    return [
        *lines,
        Text(f"Where this is from: {one.notice.source}."),
        Text(f"If you think that it is wrong, write to: {one.notice.dispute_contact}."),
        Text(f"Please name this number: {one.request_id}."),
    ]


def _headline(one: Assessment) -> Text:
    shadow = "  (shadow: nothing was recorded)" if one.shadow else ""
    said = Text.assemble((one.decision, STYLES[one.decision]), shadow)
    if one.alone is not None and one.alone.decision != one.decision:
        said.append(f"  (by the own book alone: {one.alone.decision})")
    if one.incumbent:
        said.append(f"  (decided without: {one.incumbent})")
    return said


def _reasons(reasons: Iterable[Given]) -> list[Text]:
    return [Text.assemble("  ", (reason.hint.ljust(8), STYLES[reason.hint]), reason.officer) for reason in reasons]


def _before_and_after(one: Assessment) -> Table:
    table = Table(title="before and after", title_justify="left")
    table.add_column("attribute", overflow="fold")
    for column in ("own book", "others add", "consortium"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("unit")
    table.add_column("status")
    for value in one.attributes:
        table.add_row(value.title, *_numbers(value), value.unit, value.status)
    return table


def _numbers(value: Value) -> tuple[str, str, str]:
    if value.total is None:
        return "", "", ""
    return f"{value.own:,}", f"{value.others:,}", f"{value.total:,}"


def _facts(one: Assessment) -> dict[str, str]:
    receipt, versions, match = one.receipt, one.versions, one.match
    facts = {
        "request_id": one.request_id,
        "matched": f"{match.level} ({match.national_id} by id, {match.phone} by phone, {match.email} by e-mail)",
        "answered": f"{len(one.answered)} of {len(one.asked)}",
        "missing": ", ".join(one.missing) or "nobody",
        "situation": one.situation or "whole picture",
        "undecided rules": ", ".join(one.undecided) or "none",
        "rulebook": f"version {versions.rulebook}, rules version {versions.signals}",
        "entry": f"{receipt.index}" if receipt else f"none: {one.failure}",
    }
    if receipt:
        facts["leaf hash"] = receipt.leaf_hash
    return facts | ({"pending grant": one.pending_id} if one.pending_id else {})
