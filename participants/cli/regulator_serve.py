"""`credit-regulator serve`: witness the log until a signal says to stop."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from consortium.errors import CreditError
from participants.cli.passphrase import PresentOption
from participants.logs import configure
from participants.private_files import use_passphrase_file
from participants.regulator.serving import RegulatorServer
from participants.regulator.settings import RegulatorSettings

FolderOption = Annotated[
    Path, typer.Option("--folder", envvar="CREDIT_REGULATOR", help="The regulator's folder, with regulator.toml.")
]


def serve(folder: FolderOption, passphrase_file: PresentOption = None) -> None:
    """Witness the gateway's log until SIGTERM or SIGINT."""
    use_passphrase_file(passphrase_file)
    try:
        configure(RegulatorSettings(folder).file.log_level)
        uvloop.run(_run(RegulatorServer(folder)))
    except CreditError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


async def _run(server: RegulatorServer) -> None:
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    await server.run(stopping)
