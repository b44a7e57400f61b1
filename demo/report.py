"""What the demonstration prints: tables of books, of refused rows, of a few people, and of the figures."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from consortium.model.catalogue import Unit
from consortium.model.identifiers import IdentifierKind
from demo.books import LoadedBook
from demo.questions import Answer
from demo.questions import Value as Attribute
from demo.summary import Value

FEW = 3
EXAMPLES = ("known to all five", "a file without an ID", "known to one", "a card holder", "known to none")
_KINDS = {IdentifierKind.NATIONAL_ID: "ID", IdentifierKind.PHONE: "phone", IdentifierKind.EMAIL: "e-mail"}


def print_books(console: Console, books: Sequence[LoadedBook]) -> None:
    """Print what was loaded, and which rows were refused."""
    table = Table(title="Books", title_justify="left")
    for column in ("lender", "source"):
        table.add_column(column)
    for column in ("rows", "refused", "live events", "people in the book"):
        table.add_column(column, justify="right")
    for book in books:
        for place, report in enumerate(book.reports):
            first = place == 0
            table.add_row(
                book.lender if first else "",
                report.title,
                f"{report.read:,}",
                f"{report.refused:,}",
                f"{book.events:,}" if first else "",
                f"{book.people:,}" if first else "",
            )
    console.print(table)
    if any(report.refused for book in books for report in book.reports):
        console.print(_refusals(books))


def _refusals(books: Sequence[LoadedBook]) -> Table:
    table = Table(title="Rows refused on loading (set aside, not in any book)", title_justify="left")
    for column in ("source", "column", "reason", "rows", "first at row"):
        table.add_column(column, justify="right" if column in {"rows", "first at row"} else "left")
    for book in books:
        for report in book.reports:
            for found in report.refusals:
                table.add_row(report.title, found.column, found.reason, str(found.rows), str(found.first))
    return table


def print_people(console: Console, answers: Sequence[Answer]) -> None:
    """Print the answers about a few people, known at many lenders and at none; never who they are."""
    for reason in EXAMPLES:
        group = [(place, answer) for place, answer in enumerate(answers, 1) if answer.asked.reason == reason]
        if group:
            console.print(_person(*max(group, key=lambda item: len(_telling(item[1])))))


def _telling(answer: Answer) -> list[Attribute]:
    """Give the attributes that say something: a number, or an error."""
    return [item for item in answer.result.values if item.total or answer.expected.totals[item.id]]


def _person(place: int, answer: Answer) -> Table:
    result, telling = answer.result, _telling(answer)
    given = ", ".join(_KINDS[identifier.kind] for identifier in answer.asked.identifiers)
    matched = ", ".join(f"{count} by {_KINDS[kind]}" for kind, count in result.matched.items() if count) or "none"
    shown = telling or result.values[:FEW]
    table = Table(
        title=f"Question {place}: {answer.asked.reason}; given: {given}; status: {_statuses(answer)}",
        title_justify="left",
        caption=f"{len(result.values) - len(shown)} other attributes asked for are 0",
        caption_justify="left",
    )
    table.add_column("attribute", no_wrap=True)
    for column in ("consortium total", "own part", "truth"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("matched how", no_wrap=True)
    for column in ("asked", "answered"):
        table.add_column(column, justify="right")
    for item in shown:
        truth = answer.expected.totals[item.id]
        numbers = (_number(item.unit, number) for number in (item.total, item.own, truth))
        parties = (str(len(result.asked)), str(len(result.answered)))
        style = None if item.total == truth else "bold red"
        table.add_row(item.id, *numbers, matched, *parties, style=style)
    return table


def _statuses(answer: Answer) -> str:
    return ", ".join(sorted({item.status for item in answer.result.values}))


def _number(unit: str, number: int) -> str:
    name, _, currency = unit.partition(" ")
    return f"{number / 100:,.2f} {currency}" if name == Unit.MINOR else f"{number:,}"


def print_summary(console: Console, summary: Mapping[str, Value]) -> None:
    """Print the figures of the run."""
    table = Table(title="Figures", title_justify="left", show_header=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in summary.items():
        if name == "assessments":  # they have a table of their own
            continue
        table.add_row(name.replace("_", " "), _shown(value))
    console.print(table)


def _shown(value: Value) -> str:
    match value:
        case Mapping():
            return ", ".join(
                f"{name} {item}" if isinstance(item, str) else f"{name} {item:,}" for name, item in value.items()
            )
        case list():
            return ", ".join(f"{number:,}" for number in value)
        case str():
            return value
        case _:
            return f"{value:,}"
