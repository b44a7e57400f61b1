"""`credit-participant inspections`: the orders to this lender, and what became of them, from the node's own records."""

from contextlib import closing

from rich.table import Table

from consortium.canonical import CanonicalValue
from consortium.errors import Code
from consortium.membership.signed import body_of, parse_document
from consortium.supervision.documents import FilingKind, InspectionOrder
from participants.cli.cases import as_date
from participants.cli.output import JsonOption, NodeOption, output
from participants.settings import NodeSettings
from participants.storage.supervision import SqliteSupervision

COLUMNS = ("order", "entry", "reason", "due", "state", "cause")


def inspections(node: NodeOption, *, as_json: JsonOption = False) -> None:
    """List the inspections of this lender: open, answered, or refused and why."""
    with output(as_json=as_json) as shown:
        settings = NodeSettings(node)
        with closing(SqliteSupervision(settings.path(settings.file.supervision))) as store:
            found = _orders(store, settings.file.member)
        table = Table(title="Inspections", title_justify="left")
        for column in COLUMNS:
            table.add_column(column)
        for one in found:
            table.add_row(*(str(one[column]) for column in COLUMNS))
        shown.show({"inspections": [*found]}, table)


def _orders(store: SqliteSupervision, member: str) -> list[dict[str, CanonicalValue]]:
    done, found = store.inspections(), list[dict[str, CanonicalValue]]()
    for filed in store.filings(FilingKind.ORDER):
        order = parse_document(InspectionOrder, body_of(filed.signed), Code.MALFORMED)
        if order.member == member:
            state = done.get(filed.entry)
            found.append(
                {
                    "order": filed.entry,
                    "entry": order.entry,
                    "reason": order.reason,
                    "due": as_date(order.due_at),
                    "state": state.state if state else "open",
                    "cause": state.cause if state else "",
                }
            )
    return found
