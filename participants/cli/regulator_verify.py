"""`credit-regulator verify` and `report`: offline, with the verifier's own policy and fingerprint."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.transparency.policy import parse_policy
from participants.cli.output import JsonOption, Output, output
from participants.regulator.evidence import check, make_evidence
from participants.regulator.report import report as report_page
from participants.regulator.settings import RegulatorSettings
from participants.regulator.trust import Trust
from participants.regulator.verdict import State
from participants.regulator.verify import Audit
from participants.regulator.verify import verify as verify_export

COLOURS = {State.COMPLETE: "green", State.FAILED: "bold red", State.UNDECIDED: "yellow"}
FileArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The export.")]
FolderOption = Annotated[
    Path | None, typer.Option("--folder", envvar="CREDIT_REGULATOR", help="A regulator's folder: policy, fingerprint.")
]
PolicyOption = Annotated[Path | None, typer.Option("--policy", help="A C2SP tlog-policy, in place of the folder's.")]
FingerprintOption = Annotated[
    str | None,
    typer.Option("--fingerprint", help="The first rulebook's, as words or digits, in place of the folder's."),
]
ReceiptsOption = Annotated[Path | None, typer.Option("--receipts", help="Receipts of members, one JSON object a line.")]


def verify(
    file: FileArgument,
    folder: FolderOption = None,
    policy: PolicyOption = None,
    fingerprint: FingerprintOption = None,
    receipts: ReceiptsOption = None,
    evidence_file: Annotated[
        Path | None, typer.Option("--evidence", help="Write what contradicts itself here, for a third party.")
    ] = None,
    as_json: JsonOption = False,  # noqa: FBT002
) -> None:
    """Verify an export. Exit status 0: complete; 1: it fails; 2: it cannot be decided."""
    with _undecided(as_json=as_json) as shown:
        trust = trust_of(folder, policy, fingerprint)
        audit = _verify(file, trust, receipts, hidden=as_json)
        _show(audit, shown)
        found = make_evidence(file, audit, trust) if evidence_file else None
        if evidence_file is not None and found is not None:
            evidence_file.write_bytes(found.to_bytes())
            shown.show_fields({"evidence": str(evidence_file)}, {"evidence": str(evidence_file)})
        elif evidence_file is not None and audit.verdict.state is State.FAILED:
            shown.warn("No few lines show what failed: the export itself is the evidence.")
    raise typer.Exit(audit.verdict.state.value)


def evidence(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="From `verify --evidence`, or a witness.")],
    folder: FolderOption = None,
    policy: PolicyOption = None,
    fingerprint: FingerprintOption = None,
    export: Annotated[
        Path | None, typer.Option("--export", help="An export of everything, beside a witness's evidence.")
    ] = None,
    as_json: JsonOption = False,  # noqa: FBT002
) -> None:
    """Check evidence against a log. Exit status 0: it proves something; 1: it proves nothing; 2: that is open."""
    with _undecided(as_json=as_json) as shown:
        found = check(file.read_bytes(), trust_of(folder, policy, fingerprint), export)
        word = "proves" if found.proven else "is open" if found.open else "proves nothing"
        shown.show(
            {"proven": [*found.proven], "open": [*found.open]},
            *(Text(f"- {text}") for text in (*found.proven, *found.open)),
            Text(word, style="bold red" if found.proven else "yellow"),
        )
    raise typer.Exit(0 if found.proven else 2 if found.open else 1)


def report(
    file: FileArgument,
    out: Annotated[Path | None, typer.Option("--out", help="The HTML file; by default beside the export.")] = None,
    folder: FolderOption = None,
    policy: PolicyOption = None,
    fingerprint: FingerprintOption = None,
    receipts: ReceiptsOption = None,
    as_json: JsonOption = False,  # noqa: FBT002
) -> None:
    """Verify an export and write one HTML file with findings, charts and what is not proven; exits as `verify`."""
    with _undecided(as_json=as_json) as shown:
        audit = _verify(file, trust_of(folder, policy, fingerprint), receipts, hidden=as_json)
        target = out or file.with_suffix(".html")
        target.write_text(report_page(audit), "utf-8")
        shown.show_fields(
            {"report": str(target), "state": audit.verdict.state.name}, {"report": str(target), **_last_line(audit)}
        )
    raise typer.Exit(audit.verdict.state.value)


@contextmanager
def _undecided(*, as_json: bool) -> Iterator[Output]:
    """Run a command in which an error says nothing of the export: exit status 2."""
    try:
        with output(as_json=as_json) as shown:
            yield shown
    except typer.Exit:
        raise typer.Exit(State.UNDECIDED.value) from None


def trust_of(folder: Path | None, policy: Path | None, fingerprint: str | None) -> Trust:
    """
    Give whom to believe: a file and a fingerprint that were named, else those of the folder.

    Without any policy the log key and witnesses are those of the rulebook, which the fingerprint anchors.
    """
    settings = RegulatorSettings(folder) if folder else None
    believed = parse_policy(policy.read_bytes()) if policy else settings.own_policy() if settings else None
    return Trust(believed, fingerprint or (settings.file.rulebook.fingerprint.hex() if settings else None))


def _verify(file: Path, trust: Trust, receipts: Path | None, *, hidden: bool) -> Audit:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as bar:
        tasks = {what: bar.add_task(what, total=None) for what in ("lines", "entries")}
        return verify_export(
            file, trust, receipts, lambda what, done, of: bar.update(tasks[what], completed=done, total=of)
        )


def _show(audit: Audit, shown: Output) -> None:
    findings: list[CanonicalValue] = [
        {"part": one.part, "state": one.state.name, "text": one.text} for one in audit.verdict.findings
    ]
    lines = [
        Text.assemble((f"{one.state.name.lower():<10}", COLOURS[one.state]), f"{one.part}: {one.text}")
        for one in audit.verdict.findings
    ]
    state = audit.verdict.state
    shown.show(
        {"state": state.name, "findings": findings, "failures": {**audit.verdict.counts}},
        *lines,
        Text(state.name, style=COLOURS[state]),
    )


def _last_line(audit: Audit) -> dict[str, str]:
    return {"verdict": audit.verdict.state.name.lower()}
