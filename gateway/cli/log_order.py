"""`credit-gateway log order`: carry out an order about bodies, with the operator's signature beside the regulator's."""

from pathlib import Path
from typing import Annotated

import typer

from consortium.errors import CreditError
from consortium.labels import Label
from consortium.model.bodies import BodyOrder, order_from_file
from consortium.model.members import MemberId
from gateway.keys import read_signer
from gateway.rulebooks import Rulebooks
from gateway.settings import Settings, load_settings
from gateway.storage.sql import SqlStore
from gateway.usecases.bodies import carry_out

ConfigOption = Annotated[Path, typer.Option("--config", help="The gateway's TOML settings.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Sign as the operator and carry it out; without: show it only.")]
MAXIMUM_FILE = 1 << 20


def order(
    file: Annotated[Path, typer.Argument(help="The order, as `credit-regulator order` wrote it.")],
    config: ConfigOption = Path("gateway.toml"),
    yes: YesOption = False,  # noqa: FBT002
) -> None:
    """
    Erase, hold or release bodies beside the log; the gateway may be running.

    What is erased cannot be brought back. The entry that says so, with both signatures, is durable with it.
    """
    try:
        wanted, signatures = order_from_file(_read(file))
        typer.echo(f"{wanted.action}: entries {', '.join(map(str, wanted.entries))}; reason: {wanted.reason}")
        if not yes:
            typer.echo("nothing was done: add --yes")
            raise typer.Exit(1)
        typer.echo(f"carried out, entry {carry(load_settings(config), wanted, signatures)}")
    except CreditError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def carry(settings: Settings, wanted: BodyOrder, signatures: dict[MemberId, bytes]) -> int:
    """Sign, check, carry out and log an order; gives its entry's index. Raises CreditError."""
    rulebook = Rulebooks(settings.rulebooks, bytes.fromhex(settings.fingerprint)).current()
    signed = {
        **signatures,
        settings.member: read_signer(settings.identity_key).sign(Label.BODY_ORDER, wanted.to_bytes()),
    }
    store = SqlStore(settings.storage)
    try:
        (result,) = store.transact([lambda transaction: carry_out(wanted, signed, rulebook, transaction)])
    finally:
        store.close()
    if isinstance(result, CreditError):
        raise result
    return result


def _read(file: Path) -> bytes:
    return file.read_bytes()[:MAXIMUM_FILE] if file.is_file() else b""
