"""`credit-custodian`: the commands of a key holder."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from consortium.errors import CreditError
from participants.custodian.serving import CustodianServer
from participants.custodian.settings import CustodianSettings
from participants.logs import configure

app = typer.Typer(help="A holder of a share of the OPRF key.", no_args_is_help=True, pretty_exceptions_enable=False)
FolderOption = Annotated[Path, typer.Option("--folder", help="The custodian's folder, with custodian.toml.")]


@app.callback()
def main() -> None:
    """Hold a share of the OPRF key and evaluate with it."""


@app.command()
def serve(folder: FolderOption) -> None:
    """Serve until SIGTERM or SIGINT."""
    try:
        configure(CustodianSettings(folder).file.log_level)
        uvloop.run(_run(CustodianServer(folder)))
    except CreditError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


async def _run(server: CustodianServer) -> None:
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    await server.run(stopping)
