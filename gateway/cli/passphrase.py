"""`credit-gateway passphrase set | remove | status`: the gateway's secret files under a passphrase, or under none."""

import getpass
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from consortium.errors import Code, CreditError
from consortium.vault.vault import Vault
from gateway.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, reported
from gateway.private_files import VARIABLE, read_passphrase, root_of, use_passphrase_file, vault_of
from gateway.settings import Settings, load_settings

app = typer.Typer(help="The passphrase over the secret files.", no_args_is_help=True, pretty_exceptions_enable=False)
PresentOption = Annotated[
    Path | None, typer.Option("--passphrase-file", envvar=VARIABLE, help="A file with the present passphrase.")
]
NewOption = Annotated[
    Path | None, typer.Option("--new-passphrase-file", help="A file with the new one; without it you are asked.")
]


@app.command("set")
def set_passphrase(config: ConfigOption = DEFAULT_CONFIG, present: PresentOption = None, new: NewOption = None) -> None:
    """Put the secret files under a passphrase, or under another one; safe to stop and to repeat."""
    with reported():
        use_passphrase_file(present)
        passphrase = _new(new)
        count = sum(vault.set_passphrase(passphrase) for vault in _vaults(load_settings(config)))
        typer.echo(f"{count} files are sealed; serve needs {VARIABLE} from now on")


@app.command()
def remove(config: ConfigOption = DEFAULT_CONFIG, present: PresentOption = None) -> None:
    """Take the passphrase away: the secret files lie open to whoever reads the folder; safe to stop and to repeat."""
    with reported():
        use_passphrase_file(present)
        count = sum(vault.remove_passphrase() for vault in _vaults(load_settings(config)))
        typer.echo(f"{count} files lie open" if count else "there was no passphrase")


@app.command()
def status(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:  # noqa: FBT002  a flag
    """Show which secret files are sealed; needs no passphrase."""
    with reported():
        states = {name: locked for vault in _vaults(load_settings(config)) for name, locked in vault.states().items()}
        lines = [f"{'sealed' if locked else 'open  '}  {name}" for name, locked in states.items()]
        typer.echo(json.dumps({"files": states}) if as_json else "\n".join(lines))


def _vaults(settings: Settings) -> Iterator[Vault]:
    """Give the vault of every folder that a secret file of the settings lies in: one, as `init` makes it."""
    paths = [settings.identity_key, settings.key_share, settings.tls.key]
    paths += [settings.log.key] if settings.log else []
    paths += [settings.authority.key] if settings.authority else []
    for root in sorted({root_of(path) for path in paths}):
        yield vault_of(root)


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
