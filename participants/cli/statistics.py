"""`statistics list | ask | show | publish`: the same commands for lenders, the regulator and observers."""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.table import Table
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from consortium.model.rulebook import Rulebook
from consortium.model.statistic_policy import RHO_UNITS, Template
from consortium.rules.statistics import statistic_of
from consortium.supervision.documents import FilingKind
from consortium.supervision.releases import square_root
from participants.cli.membership_options import FolderOption, moment, party_in
from participants.cli.output import JsonOption, Output, output
from participants.gateway_client.statistics import StatisticsClient
from participants.gateway_client.supervision import SupervisionClient
from participants.membership.member import Membership
from participants.settings import NodeSettings
from participants.statistics.asking import StatisticRequester
from participants.statistics.desk import Release, StatisticsDesk, read_releases, release_named
from participants.statistics.lists import tags_of_portfolio
from participants.statistics.page import release_page, shown_error, shown_rows, write_data_set
from participants.whole_files import write_public

RequestOption = Annotated[
    str, typer.Option("--request-id", help="32 hex digits: the same id again gives the same release.")
]
PageOption = Annotated[Path | None, typer.Option("--html", help="Write it as one page with a chart.")]
ListOption = Annotated[
    str, typer.Option("--list", help="A portfolio's id: the total over its list, for templates of lists.")
]
ReleaseArgument = Annotated[str, typer.Argument(help="The request id of a release, or how it begins.")]
MAXIMUM_LINES = 40


def list_statistics(node: FolderOption, *, as_json: JsonOption = False) -> None:
    """List what may be asked for, by whom and at what cost, and what was released to this folder."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        rulebook = _newest(party, shown)
        policy, role = rulebook.document.statistics, rulebook.active_member(party.folder.member).role.value
        templates = policy.templates if policy else ()
        made = read_releases(party.folder.folder)
        table = Table("template", "cells", "rho", "a period", "error", "may we", "what")
        for one in templates:
            table.add_row(*_template_row(one, rulebook, role))
        value: dict[str, CanonicalValue] = {
            "templates": [cast("CanonicalValue", one.model_dump(mode="json")) for one in templates],
            "releases": [release_value(one) for one in made],
        }
        days = f"periods of {policy.period_days} days, {policy.budget / RHO_UNITS:g} for all" if policy else "none"
        shown.show(value, table, Text(days), _releases_table(made))


def ask(
    node: FolderOption,
    template: Annotated[str, typer.Argument(help="The template's id, as `statistics list` shows.")],
    request_id: RequestOption = "",
    html: PageOption = None,
    over: ListOption = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Ask for a statistic; it costs privacy budget, a repeat under the same request id does not."""
    with output(as_json=as_json) as shown, party_in(node) as party, closing_client(party) as client:
        number = request_of(request_id)
        shown.note({"request_id": number.hex()}, "repeat it with --request-id")
        rulebook = _newest(party, shown)
        tags = tags_of_portfolio(NodeSettings(node), rulebook, over) if over else b""
        show_release(shown, desk_of(party, client).ask(template, number, int(time.time()), tags), html)


def show(node: FolderOption, release: ReleaseArgument, html: PageOption = None, *, as_json: JsonOption = False) -> None:
    """Show a release that this folder has."""
    with output(as_json=as_json) as shown:
        show_release(shown, release_named(node, release), html)


def publish(
    node: FolderOption,
    release: Annotated[str, typer.Argument(help="A release to put into the log; without one, those that are.")] = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="A folder for the data set of all that was published.")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Put a release into the log, and write what was published as a data set: JSON, CSV, pages, index, checksums."""
    with output(as_json=as_json) as shown, party_in(node) as party:
        if not release and out is None:
            raise CreditError(Code.SETTINGS_INVALID, "name a release, or --out")
        value: dict[str, CanonicalValue] = {}
        if release:
            value["entry"] = _file(party, release_named(node, release))
            shown.show(value, Text(f"entry {value['entry']} of the log"))
        if out is not None:
            there = [one for one in read_releases(node) if one.entry is not None]
            files = write_data_set(out, there)
            shown.show({"releases": len(there), "files": [*files]}, Text(f"{len(files)} files in {out}"))


def _file(party: Membership, release: Release) -> int:
    if release.entry is not None:
        return release.entry
    with closing(SupervisionClient(party.folder.file.gateways[0], party.tls())) as client:
        entry = client.file(FilingKind.RELEASE, release.signed)
    with closing_client(party) as asking:
        desk_of(party, asking).published(release, entry)
    return entry


@contextmanager
def closing_client(party: Membership) -> Iterator[StatisticsClient]:
    """Open the way to the gateway; an observer, whom nobody keeps up, renews its certificate first."""
    if party.certificate_ends()[1] <= party.now:
        party.certify()
    with closing(StatisticsClient(party.folder.file.gateways[0], party.tls())) as client:
        yield client


def desk_of(party: Membership, client: StatisticsClient) -> StatisticsDesk:
    """Give the member's side of statistics."""
    requester = StatisticRequester(party.folder.member, party.signer, secrets.token_bytes)
    known = party.rulebooks
    return StatisticsDesk(
        party.folder.folder,
        requester,
        client,
        party.rulebook,
        lambda digest: known.with_digest(digest) if known else None,
    )


def request_of(text: str) -> bytes:
    """Read a request id, or draw one; raises CreditError(SETTINGS_INVALID)."""
    try:
        found = bytes.fromhex(text) if text else secrets.token_bytes(16)
    except ValueError:
        found = b""
    if len(found) != 16:
        raise CreditError(Code.SETTINGS_INVALID, "--request-id: 32 hex digits")
    return found


def show_release(shown: Output, release: Release, html: Path | None) -> None:
    """Show a release: what it is worth, and its cells."""
    document = release.document
    if html is not None:
        write_public(html, release_page(release).encode())
    table = Table(" / ".join(release.table.axes), "number", "standard error")
    rows = shown_rows(release)
    for label, number in rows[:MAXIMUM_LINES]:
        table.add_row(label, f"{number:,.0f}", f"{shown_error(document):,.0f}")
    cost = f"epsilon {document.epsilon} at delta {document.delta} for one {document.unit}"
    worth = f"as of {moment(document.as_of)}, {cost}, rho {document.rho / RHO_UNITS:g}"
    left = len(rows) - MAXIMUM_LINES
    more = f"{left} more cells: --json, or --html FILE\n" if left > 0 else ""
    last = Text(f"{more}request id {release.name}: `statistics publish` puts it into the log")
    value = release_value(release) | {"cells": release.table.to_value()}
    shown.show(value, Text(document.title, style="bold"), Text(worth), table, last)


def release_value(release: Release) -> dict[str, CanonicalValue]:
    """Give a release without its cells."""
    value: dict[str, CanonicalValue] = json.loads(release.document.to_bytes())
    return {"request_id": release.name, "entry": release.entry, **value}


def _newest(party: Membership, shown: Output) -> Rulebook:
    """Follow the rulebooks, if the gateway can be reached."""
    try:
        party.follow()
    except CreditError as error:
        shown.warn(f"the gateway cannot be reached ({error.code}); the rulebook known last is used")
    return party.rulebook


def _template_row(template: Template, rulebook: Rulebook, role: str) -> tuple[str, ...]:
    found = statistic_of(template.id, rulebook)
    return (
        template.id,
        f"{found.count:,}",
        f"{template.rho / RHO_UNITS:g}",
        f"{template.budget / RHO_UNITS:g}",
        square_root(found.noise.total_variance(len(rulebook.roster))).split(".")[0],
        "yes" if role in template.roles else "no",
        template.title,
    )


def _releases_table(made: list[Release]) -> Table:
    table = Table("released", "template", "as of", "entry")
    for one in made:
        entry = "" if one.entry is None else f"{one.entry}"
        table.add_row(one.name[:12], one.document.template, moment(one.document.as_of), entry)
    return table
