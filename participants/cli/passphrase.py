"""`passphrase set | remove | status`: a folder's secret files under a passphrase, under another one, or under none."""

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from participants.cli.membership_options import FolderOption
from participants.cli.output import JsonOption, output
from participants.private_files import VARIABLE, read_passphrase, use_passphrase_file, vault_of

app = typer.Typer(
    help="The passphrase over the folder's secret files.", no_args_is_help=True, pretty_exceptions_enable=False
)
PresentOption = Annotated[
    Path | None, typer.Option("--passphrase-file", envvar=VARIABLE, help="A file with the present passphrase.")
]
NewOption = Annotated[
    Path | None, typer.Option("--new-passphrase-file", help="A file with the new one; without it you are asked.")
]


@app.command("set")
def set_passphrase(
    folder: FolderOption, present: PresentOption = None, new: NewOption = None, *, as_json: JsonOption = False
) -> None:
    """Put the secret files under a passphrase, or under another one; safe to stop and to repeat."""
    with output(as_json=as_json) as shown:
        use_passphrase_file(present)
        count = vault_of(_existing(folder)).set_passphrase(_new(new))
        shown.show({"sealed": count}, Text(f"{count} files are sealed; serve needs {VARIABLE} from now on"))


@app.command()
def remove(folder: FolderOption, present: PresentOption = None, *, as_json: JsonOption = False) -> None:
    """Take the passphrase away: the secret files lie open to whoever reads this folder; safe to stop and to repeat."""
    with output(as_json=as_json) as shown:
        use_passphrase_file(present)
        count = vault_of(_existing(folder)).remove_passphrase()
        shown.show({"opened": count}, Text(f"{count} files lie open" if count else "there was no passphrase"))


@app.command()
def status(folder: FolderOption, *, as_json: JsonOption = False) -> None:
    """Show which secret files are sealed; needs no passphrase."""
    with output(as_json=as_json) as shown:
        vault = vault_of(_existing(folder))
        states: dict[str, CanonicalValue] = {**vault.states()}
        lines = [Text(f"{'sealed' if locked else 'open  '}  {name}") for name, locked in states.items()]
        shown.show({"under_passphrase": vault.under_passphrase, "files": states}, *lines)


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise CreditError(Code.SETTINGS_INVALID, f"{folder.name}: no such folder")
    return folder.absolute()


def _new(path: Path | None) -> bytes:
    """Read the new passphrase from a file, or ask for it twice."""
    if path is not None:
        return read_passphrase(path)
    if not sys.stdin.isatty():
        raise CreditError(Code.PASSPHRASE_NEEDED, "--new-passphrase-file names the new one")
    first, second = (getpass.getpass(f"{which} passphrase: ").encode() for which in ("New", "Repeat the new"))
    if first != second:
        raise CreditError(Code.PASSPHRASE_WRONG, "you typed two different ones; nothing was changed")
    return first
