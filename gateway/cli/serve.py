"""`credit-gateway serve`: run until a signal says to drain."""

import asyncio
import gc
import signal
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from consortium.errors import CreditError
from gateway.bootstrap import GatewayServer, build
from gateway.cli.passphrase import PresentOption
from gateway.founding import FoundingServer, is_founded
from gateway.logs import configure
from gateway.private_files import use_passphrase_file
from gateway.settings import Settings, load_settings

YOUNG_OBJECTS = 10_000
"""How many new objects the collector waits for before it looks through them; one message makes hundreds."""


def serve(
    config: Annotated[Path, typer.Option("--config", help="The gateway's TOML settings.")] = Path("gateway.toml"),
    passphrase_file: PresentOption = None,
) -> None:
    """Serve queries until SIGTERM or SIGINT; then finish what is open and stop."""
    use_passphrase_file(passphrase_file)
    try:
        settings = load_settings(config)
        configure(settings.log_level)
        uvloop.run(_run(settings))
    except CreditError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


async def _run(settings: Settings) -> None:
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    if not is_founded(settings):
        await _found(settings, stopping)
    if stopping.is_set():
        return
    server = GatewayServer(build(settings))
    await server.start()
    gc.collect()
    gc.freeze()  # looking through what was loaded takes the collector 60 ms, in which nobody is answered
    gc.set_threshold(YOUNG_OBJECTS)
    await stopping.wait()
    await server.stop()


async def _found(settings: Settings, stopping: asyncio.Event) -> None:
    """Serve the founders until the first rulebook is in force."""
    founding = FoundingServer(settings)
    await founding.start()
    waiting = [asyncio.create_task(event.wait()) for event in (stopping, founding.founded)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await founding.stop()
