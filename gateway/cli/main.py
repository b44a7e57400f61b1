"""`credit-gateway`: the operator's commands."""

import typer

from gateway.cli import log, passphrase, rulebook
from gateway.cli.init import init
from gateway.cli.members import members, suspend
from gateway.cli.serve import serve
from gateway.cli.upgrade import upgrade

app = typer.Typer(help="The gateway of a credit data consortium.", no_args_is_help=True, pretty_exceptions_enable=False)
app.command()(init)
app.command()(serve)
app.command()(members)
app.command()(suspend)
app.command()(upgrade)
app.add_typer(rulebook.app, name="rulebook")
app.add_typer(log.app, name="log")
app.add_typer(passphrase.app, name="passphrase")
