"""`credit-participant doctor`: what may go wrong, each with what to do about it; exit status 1 if anything is."""

import typer
from rich.text import Text

from consortium.canonical import CanonicalValue
from participants.cli.membership_options import FolderOption
from participants.cli.output import FAILED, JsonOption, output
from participants.doctor import Finding, examine


def doctor(node: FolderOption, *, as_json: JsonOption = False) -> None:
    """Check clock, DNS, TLS, certificate, rulebook, key holders, book, streams and disk."""
    with output(as_json=as_json) as shown:
        findings = list(examine(node))
        value: list[CanonicalValue] = [
            {"name": one.name, "ok": one.ok, "found": one.found, "do": one.advice} for one in findings
        ]
        shown.show({"healthy": all(one.ok for one in findings), "findings": value}, *map(_line, findings))
    if not all(one.ok for one in findings):
        raise typer.Exit(FAILED)


def _line(finding: Finding) -> Text:
    text = f" {'ok ' if finding.ok else '!! '} {finding.name.ljust(22)} {finding.found}"
    return Text(text if finding.ok else f"{text}\n      do: {finding.advice}", style="" if finding.ok else "red")
