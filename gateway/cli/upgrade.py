"""`credit-gateway upgrade`: bring the database to this version's schema."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.engine import make_url

from consortium.errors import CreditError
from gateway.settings import load_settings
from gateway.storage.schema import current_version, upgrade_schema
from gateway.storage.sql import open_engine


def upgrade(
    config: Annotated[Path, typer.Option("--config", help="The gateway's TOML settings.")] = Path("gateway.toml"),
) -> None:
    """Upgrade the database; make a back-up first."""
    try:
        engine = open_engine(make_url(load_settings(config).storage))
        before = current_version(engine)
        upgrade_schema(engine)
        typer.echo(f"schema {before or 'none'} -> {current_version(engine)}")
    except CreditError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
