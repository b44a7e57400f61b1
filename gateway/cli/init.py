"""`credit-gateway init`: a folder with own keys, the consortium's CA and an application as a founder."""

import time
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.options import reported
from gateway.membership.folder import SETTINGS, Operator, Places, make_folder

FolderArgument = Annotated[Path, typer.Argument(help="The gateway's folder; made if it is not there.")]


def init(
    folder: FolderArgument,
    consortium: Annotated[str, typer.Option("--consortium", help="The consortium's id.")],
    legal_name: Annotated[str, typer.Option("--legal-name", help="The operator's legal name.")],
    lei: Annotated[str, typer.Option("--lei", help="Its legal entity identifier.")],
    group: Annotated[str, typer.Option("--group", help="Its controlling group.")],
    contact: Annotated[str, typer.Option("--contact", help="Who answers at any hour: an address or a number.")],
    licence: Annotated[str, typer.Option("--licence", help="Its licence or registration.")] = "none",
    member: Annotated[str, typer.Option("--member", help="The gateway's member id.")] = "gateway",
    listen: Annotated[str, typer.Option("--listen", help="Address for members.")] = "127.0.0.1:7400",
    join_listen: Annotated[str, typer.Option("--join-listen", help="Address for applicants.")] = "127.0.0.1:7399",
    guard: Annotated[
        str, typer.Option("--guard", help="Where the newest checkpoint is guarded: a path on another volume, or a URL.")
    ] = "",
    storage: Annotated[
        str, typer.Option("--storage", help="An SQLAlchemy URL; several replicas need postgresql+psycopg://...")
    ] = "sqlite:///gateway.db",
    metrics_port: Annotated[int, typer.Option("--metrics-port", help="Loopback port of the metrics; 0 = off.")] = 0,
    host: Annotated[list[str] | None, typer.Option("--host", help="A DNS name or address of this gateway.")] = None,
) -> None:
    """Make what is missing of a gateway's folder; what is there is left as it is."""
    with reported():
        operator = Operator(consortium, member, legal_name, licence, lei, group, contact)
        places = Places(listen, join_listen, tuple(host or ("localhost", "127.0.0.1")), guard, metrics_port, storage)
        made = make_folder(folder, operator, places, int(time.time()))
    typer.echo(f"made {', '.join(made)}" if made else "everything was there")
    typer.echo(f"give invitation.toml to the others; next: credit-gateway serve --config {folder / SETTINGS}")
