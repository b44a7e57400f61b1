"""`credit-regulator`: the commands of a regulator."""

import typer

from participants.cli import (
    membership_decide,
    membership_join,
    membership_status,
    regulator_access,
    regulator_export,
    regulator_init,
    regulator_inspect,
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
for command in (
    regulator_init.init,
    membership_join.apply,
    membership_join.trust,
    membership_join.certificate,
    membership_status.status,
    membership_decide.approve,
    membership_decide.reject,
    membership_decide.rotate,
    membership_decide.leave,
):
    app.command()(command)
app.command("access-report")(regulator_access.access_report)
app.command()(regulator_order.order)
app.add_typer(regulator_inspect.app, name="inspect")
