"""`credit-regulator`: the commands of a regulator."""

import typer

from participants.cli import (
    regulator_access,
    regulator_export,
    regulator_order,
    regulator_serve,
    regulator_verify,
    regulator_watch,
)

app = typer.Typer(
    help="A regulator: witness the log, watch it, export it, verify and report.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(regulator_serve.serve)
app.command()(regulator_watch.watch)
app.command()(regulator_export.export)
app.command()(regulator_verify.verify)
app.command()(regulator_verify.report)
app.command("access-report")(regulator_access.access_report)
app.command()(regulator_order.order)
