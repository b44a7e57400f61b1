"""`credit-participant sandbox`: a consortium of test persons on this machine, to integrate against before signing."""

import datetime as dt
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from consortium.model.query import Suite
from participants.cli.output import JsonOption, Output, output
from participants.sandbox.processes import ProcessFailedError
from participants.sandbox.run import YOURS, Told, ask_about_everybody, local_service, sandbox

SMALL = Suite.INSECURE_TEST_1024_MASKED
FolderArgument = Annotated[Path, typer.Argument(help="Where the sandbox lies; one that is there is started again.")]


def sandbox_command(
    folder: FolderArgument = Path("sandbox"),
    port: Annotated[int, typer.Option("--port", min=1024, max=60_000, help="The first port to try.")] = 7_700,
    full_size: Annotated[bool, typer.Option("--full-size", help="Keys of 3072 bits, as in operation.")] = False,  # noqa: FBT002
    check: Annotated[bool, typer.Option("--check", help="Ask about every test person, then stop.")] = False,  # noqa: FBT002
    *,
    as_json: JsonOption = False,
) -> None:
    """Found and run a consortium of test persons here: gateway, custodians, four lenders, and a node that is yours."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    suite = Suite.PAILLIER_3072_MASKED if full_size else SMALL
    told: list[Told] = []
    with output(as_json=as_json) as shown:
        if not full_size:
            shown.warn(f"{suite.name}: keys of this size protect nothing; for test persons only")
        try:
            with sandbox(folder, port, suite, dt.datetime.now(dt.UTC), shown.warn):
                told = ask_about_everybody(folder)
                _show(shown, folder, told)
                if not check:
                    shown.warn("running; Ctrl-C ends it")
                    stop.wait()
        except ProcessFailedError as error:
            raise CreditError(Code.UNREACHABLE, str(error)) from None
    if not all(one.right for one in told):
        raise typer.Exit(1)


def _show(shown: Output, folder: Path, told: list[Told]) -> None:
    value: list[CanonicalValue] = [
        {"name": one.person.name, "status": one.status, "right": one.right, "got": {**one.got}} for one in told
    ]
    lines = [Text("test person   shows                                     status        sums", style="bold")]
    for one in told:
        sums = "as written down" if one.right else f"{one.got}, expected {one.expected}"
        lines.append(Text(f"{one.person.name:<13} {one.person.shows:<41} {one.status:<13} {sums}"))
    lines += [
        Text(),
        Text(f"your node      {folder / YOURS}"),
        Text(f"local service  {local_service(folder)}, token in {folder / YOURS / 'local-token'}"),
        Text(f"test persons   {folder / 'persons.json'}"),
        Text(
            f"ask            credit-participant query --node {folder / YOURS} {folder / 'question.json'}", style="bold"
        ),
    ]
    shown.show({"persons": value, "node": str(folder / YOURS), "local": local_service(folder)}, *lines)
