"""`credit-gateway log ...`: check the transparency log, show its key, and put a lost guard back."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from consortium.errors import Code, CreditError
from consortium.transparency.notes import KeyType
from gateway.cli.log_order import order
from gateway.log_parts import LogParts, log_parts
from gateway.rulebooks import Rulebooks, first_fingerprint
from gateway.settings import Settings, load_settings
from gateway.tlog.fsck import Checked, Checker
from gateway.tlog.log import Log

DAMAGED = 1
UNDECIDED = 2
app = typer.Typer(help="The transparency log.", no_args_is_help=True)
app.command()(order)
ConfigOption = Annotated[Path, typer.Option("--config", help="The gateway's TOML settings.")]
YesOption = Annotated[bool, typer.Option("--yes", help="The guard is lost for certain, and the data are no backup.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def fsck(config: ConfigOption = Path("gateway.toml"), as_json: JsonOption = False) -> None:  # noqa: FBT002
    """
    Hash every entry again and hold it to checkpoints, tiles and guard.

    Exit status 0: everything fits; 1: something does not; 2: the log could not be read to its end.
    """
    with _decided(UNDECIDED):
        checked = _check(log_parts_of(load_settings(config)))
    if as_json:
        typer.echo(json.dumps({"fits": not checked.findings, **_numbers(checked), "findings": checked.findings}))
    else:
        typer.echo(", ".join(f"{number:,} {name}" for name, number in _numbers(checked).items()))
        for finding in checked.findings or ["everything fits"]:
            typer.echo(f"  {finding}")
    raise typer.Exit(DAMAGED if checked.findings else 0)


@app.command()
def key(config: ConfigOption = Path("gateway.toml")) -> None:
    """Print the log's public key as a vkey, for the policies of witnesses and verifiers."""
    with _decided(DAMAGED):
        typer.echo(log_parts_of(load_settings(config)).signer.verifier(KeyType.ED25519).vkey)


@app.command()
def reguard(
    config: ConfigOption = Path("gateway.toml"),
    yes: YesOption = False,  # noqa: FBT002
) -> None:
    """
    Make a lost guard anew from the data's newest checkpoint, after everything was checked.

    Never after a restore: a witness that has seen more would take the log for forked, rightly.
    """
    with _decided(DAMAGED):
        parts = log_parts_of(load_settings(config))
        kept = parts.store.newest()
        if not yes or kept is None or parts.guard.read() is not None:
            raise CreditError(Code.LOG_GUARD_LOST, "needed: --yes, a checkpoint in the data, and no guard")
        findings = [finding for finding in _check(parts).findings if finding != "the guard is empty"]
        if findings:
            raise CreditError(Code.LOG_DAMAGED, findings[0])
        if not parts.guard.swap(None, kept.note):
            raise CreditError(Code.LOG_GUARD_LOST, "somebody else was faster")
        Log(parts.store, parts.guard, parts.signer).start()
        typer.echo(f"the guard holds the checkpoint over {kept.size:,} entries")


def log_parts_of(settings: Settings) -> LogParts:
    """Open the log of a gateway; raises CreditError(SETTINGS_INVALID) where it has none."""
    if settings.log is None:
        raise CreditError(Code.SETTINGS_INVALID, "there is no [log]")
    rulebook = Rulebooks(settings.rulebooks, first_fingerprint(settings.rulebooks, settings.fingerprint)).current()
    return log_parts(settings.log, settings.storage, lambda: rulebook)


def _check(parts: LogParts) -> Checked:
    checker = Checker(parts.store, parts.guard, parts.signer.verifier(KeyType.ED25519))
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("entries", total=None)
        return checker.run(lambda done, of: bar.update(task, completed=done, total=of))


def _numbers(checked: Checked) -> dict[str, int]:
    return {"entries": checked.entries, "checkpoints": checked.checkpoints, "tiles": checked.tiles}


@contextmanager
def _decided(status: int) -> Iterator[None]:
    try:
        yield
    except CreditError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(status) from None
