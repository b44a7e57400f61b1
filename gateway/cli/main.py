"""`credit-gateway`: the operator's commands."""

import typer

from gateway.cli import log
from gateway.cli.serve import serve
from gateway.cli.upgrade import upgrade

app = typer.Typer(help="The gateway of a credit data consortium.", no_args_is_help=True, pretty_exceptions_enable=False)
app.command()(serve)
app.command()(upgrade)
app.add_typer(log.app, name="log")
