"""`credit-participant`: the commands of a lender's node."""

import typer

from participants.cli import (
    book_check,
    book_load,
    book_status,
    conformance,
    doctor,
    founding,
    membership_decide,
    membership_join,
    membership_status,
    query,
    record,
    sandbox,
    serve,
    tags,
)

app = typer.Typer(
    help="A lender's node: join the consortium, load a book, serve, ask, vote.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and those hold people's data
)
book_app = typer.Typer(help="The node's book.", no_args_is_help=True)
record_app = typer.Typer(help="Live events, from JSON on standard input or in a file.", no_args_is_help=True)

book_app.command("check")(book_check.check)
book_app.command("load")(book_load.load)
book_app.command("status")(book_status.status)
for command in (
    record.tradeline,
    record.inquiry,
    record.freeze,
    record.dispute,
    record.pending,
    record.confirm,
    record.release,
):
    record_app.command()(command)
app.command()(conformance.conformance)
app.command()(serve.serve)
app.command()(query.query)
app.command()(tags.tags)
app.command()(membership_status.status)
for joining in (
    membership_join.init,
    membership_join.apply,
    membership_join.trust,
    membership_join.certificate,
    membership_join.invitation,
    membership_decide.sponsor,
    membership_decide.approve,
    membership_decide.reject,
    membership_decide.suspend,
    membership_decide.rotate,
    membership_decide.leave,
    doctor.doctor,
):
    app.command()(joining)
app.add_typer(book_app, name="book")
app.add_typer(record_app, name="record")
app.command("sandbox")(sandbox.sandbox_command)
app.add_typer(founding.app, name="found")
