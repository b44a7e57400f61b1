"""`credit-participant serve`: attach to the gateway, answer, and open the local service until a signal says stop."""

import asyncio
import signal

import typer
import uvloop

from consortium.errors import CreditError
from participants.cli.output import NodeOption
from participants.cli.passphrase import PresentOption
from participants.logs import configure
from participants.private_files import use_passphrase_file
from participants.serving import LenderServer
from participants.settings import NodeSettings


def serve(node: NodeOption, passphrase_file: PresentOption = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    use_passphrase_file(passphrase_file)
    try:
        configure(NodeSettings(node).file.log_level)
        uvloop.run(_run(LenderServer(node)))
    except CreditError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


async def _run(server: LenderServer) -> None:
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    await server.run(stopping)
