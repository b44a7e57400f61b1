"""`credit-regulator serve`: witness the log until a signal says to stop."""

from pathlib import Path
from typing import Annotated

import typer

from participants.cli.passphrase import PresentOption
from participants.cli.serving import serve_folder
from participants.regulator.serving import RegulatorServer
from participants.regulator.settings import RegulatorSettings

FolderOption = Annotated[
    Path, typer.Option("--folder", envvar="CREDIT_REGULATOR", help="The regulator's folder, with regulator.toml.")
]


def serve(folder: FolderOption, passphrase_file: PresentOption = None) -> None:
    """Witness the gateway's log until SIGTERM or SIGINT."""
    serve_folder(lambda: RegulatorSettings(folder).file.log_level, lambda: RegulatorServer(folder), passphrase_file)
