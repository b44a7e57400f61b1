"""How every party's `serve` runs: its log, the signals that say stop, and what the collector need not look through."""

import asyncio
import gc
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import typer
import uvloop

from consortium.errors import CreditError
from participants.logs import configure
from participants.private_files import use_passphrase_file

YOUNG_OBJECTS = 10_000


class Server(Protocol):
    """A party that serves from its folder."""

    async def run(self, stopping: asyncio.Event, started: asyncio.Event | None = None) -> None:
        """Serve until `stopping` is set; raises CreditError."""
        ...


def serve_folder(level: Callable[[], str], server: Callable[[], Server], passphrase_file: Path | None) -> None:
    """Serve until SIGTERM or SIGINT; an error is said on standard error, and ends with exit code 1."""
    use_passphrase_file(passphrase_file)
    try:
        configure(level())
        uvloop.run(_run(server()))
    except CreditError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


async def _run(server: Server) -> None:
    stopping, started = asyncio.Event(), asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    settling = asyncio.create_task(_settle(started))
    try:
        await server.run(stopping, started)
    finally:
        settling.cancel()


async def _settle(started: asyncio.Event) -> None:
    """
    Have the collector never again look through what was loaded: that takes 60 ms, in which nobody is answered.

    What comes after that is messages, and looked through less often than every 700 objects.
    """
    await started.wait()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
