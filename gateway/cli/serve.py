"""`credit-gateway serve`: run until a signal says to drain."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from consortium.errors import CreditError
from gateway.bootstrap import GatewayServer, build
from gateway.logs import configure
from gateway.settings import Settings, load_settings


def serve(
    config: Annotated[Path, typer.Option("--config", help="The gateway's TOML settings.")] = Path("gateway.toml"),
) -> None:
    """Serve queries until SIGTERM or SIGINT; then finish what is open and stop."""
    try:
        settings = load_settings(config)
        configure(settings.log_level)
        uvloop.run(_run(settings))
    except CreditError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


async def _run(settings: Settings) -> None:
    server = GatewayServer(build(settings))
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    await server.start()
    await stopping.wait()
    await server.stop()
