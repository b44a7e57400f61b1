"""`credit-gateway members` and `suspend`: who belongs to the consortium, what waits, and the operator's one power."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from consortium.errors import Code, CreditError
from consortium.membership.emergency import EmergencySuspension
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, reported
from gateway.membership.desk import desk
from gateway.settings import Settings, load_settings

WIDTH = 80


def members(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:  # noqa: FBT002
    """Show every member with its status in effect, the applications that wait, and whose vote is missing."""
    with reported():
        found = asyncio.run(_members(load_settings(config)))
    if as_json:
        typer.echo(json.dumps(found))
        return
    console = Console(width=WIDTH, highlight=False)
    table = Table("member", "role", "group", "status", box=None)
    for one in found["members"]:
        table.add_row(one["member"], one["role"], one["group"], _status(one))
    console.print(table)
    for one in found["applications"]:
        console.print(f"applied: {one['member']} since {_time(one['applied'])}; next: {one['sponsor']} proposes it")
    for one in found["proposals"]:
        console.print(f"version {one['version']} ({one['change']}): waits for {', '.join(one['waiting_for'])}")


def suspend(
    member: Annotated[str, typer.Argument(help="Who is to be cut off.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; everybody reads it.")],
    emergency: Annotated[  # noqa: FBT002
        bool, typer.Option("--emergency", help="By the operator alone, for 72 hours at most.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,  # noqa: FBT002
) -> None:
    """Cut a member off at once; it ends after 72 hours unless the approvers ratify it."""
    with reported():
        if not emergency:
            raise CreditError(
                Code.ROLE_NOT_ALLOWED, "the operator suspends in an --emergency only; approvers otherwise"
            )
        notice = asyncio.run(_suspend(load_settings(config), member, reason))
    if as_json:
        typer.echo(json.dumps({"member": member, "version": notice.version, "lapses_at": notice.lapses_at}))
    else:
        typer.echo(f"{member} is cut off until {_time(notice.lapses_at)}, unless the approvers decide otherwise")


async def _members(settings: Settings) -> dict[str, Any]:
    async with desk(settings) as open_desk:
        return {
            "version": open_desk.rulebooks.trusted.version,
            "members": open_desk.members(),
            "applications": open_desk.applications(),
            "proposals": open_desk.proposals(),
        }


async def _suspend(settings: Settings, member: str, reason: str) -> EmergencySuspension:
    async with desk(settings) as open_desk:
        return await open_desk.suspend(member, reason)


def _status(one: dict[str, Any]) -> str:
    lapses = one["emergency_lapses_at"]
    return f"{one['status']} (emergency, until {_time(lapses)})" if lapses else str(one["status"])


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
