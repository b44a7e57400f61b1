"""`credit-regulator`: the commands of a regulator."""

import typer

from participants.cli import regulator_export, regulator_serve, regulator_verify

app = typer.Typer(
    help="A regulator: witness the log, export it, verify and report.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(regulator_serve.serve)
app.command()(regulator_export.export)
app.command()(regulator_verify.verify)
app.command()(regulator_verify.report)
