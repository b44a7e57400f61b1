"""`credit-participant conformance`: run the known answers, sign the report, keep it, hand it in; or show a report."""

import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from consortium.membership.statements import ConformanceReport, Finding, report_digest, sign_report
from consortium.rules.queries import taking_part
from consortium.wire.membership import DocumentKind
from participants.bootstrap import open_rulebook, own_signer
from participants.cli.membership_options import moment, party_in, synced
from participants.cli.output import JsonOption, NodeOption, Output, output
from participants.conformance.run import conformance as run_checks
from participants.conformance.run import report
from participants.failpoints import failpoint
from participants.membership.folder import FILE_NAME
from participants.membership.member import FINAL
from participants.membership.view import Told
from participants.settings import NodeSettings
from participants.storage.board import Own
from participants.whole_files import write_public

REPORT = "conformance-report.signed"
ShowOption = Annotated[bool, typer.Option("--show", help="Show the newest report on the board; nothing is run.")]
OfArgument = Annotated[str, typer.Argument(help="With --show: whose report; your own if nobody is named.")]


@dataclass(frozen=True, slots=True)
class _Made:
    """A signed report of this run, what it says, and its delivery state where there is a board."""

    signed: bytes
    findings: tuple[Finding, ...]
    own: Own | None

    @property
    def passed(self) -> bool:
        return all(finding.passed for finding in self.findings)


def conformance(
    node: NodeOption, member: OfArgument = "", *, show: ShowOption = False, as_json: JsonOption = False
) -> None:
    """Check this installation against known answers; exit code 1 where one is missed. Takes some seconds."""
    if show or member:
        with output(as_json=as_json) as shown:
            _show_report(shown, node, member)
        return
    try:
        made = _run(node)
    except CreditError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    _show_run(made, node / REPORT, as_json=as_json)
    if not made.passed:
        raise typer.Exit(1)


def _run(node: Path) -> _Made:
    settings = NodeSettings(node)
    now = int(time.time())
    rulebook = open_rulebook(settings, now)
    signer = own_signer(settings, taking_part(rulebook, settings.file.member))
    findings = run_checks((settings.file.member, signer), rulebook.policy.suites[0], secrets.token_bytes, now)
    signed = sign_report(signer, report(settings.file.member, rulebook, findings, now))
    write_public(node / REPORT, signed)
    failpoint("conformance.report-kept")
    return _Made(signed, findings, _hand_in(node, signed))


def _hand_in(node: Path, signed: bytes) -> Own | None:
    """Post the report, where this folder is a member's; where nobody can be reached, it waits in the outbox."""
    if not (node / FILE_NAME).exists():
        return None
    with party_in(node) as party:
        topic = f"conformance/{report_digest(signed).hex()}"
        try:
            return party.post(topic, DocumentKind.CONFORMANCE_REPORT, lambda: signed)
        except CreditError as error:
            if error.code not in FINAL:
                raise
            return party.board.own(topic)


def _show_run(made: _Made, path: Path, *, as_json: bool) -> None:
    digest, delivery = report_digest(made.signed).hex(), _delivery(made.own)
    if as_json:
        rows = [finding.model_dump() for finding in made.findings]
        value = {"passed": made.passed, "digest": digest, "file": str(path), "delivery": delivery, "findings": rows}
        typer.echo(json.dumps(value))
        return
    typer.echo("\n".join(_lines(made.findings)))
    verdict = "Everything passed" if made.passed else "Not everything passed"
    typer.echo(f"{verdict}. Signed report: {path}\ndigest {digest}\n{delivery}")


def _delivery(own: Own | None) -> str:
    if own is None:
        return "kept here only: this folder belongs to no member"
    if own.sequence is None:
        return "it waits in the outbox: the gateway cannot be reached; status, or the serving node, delivers it"
    return f"handed in: document {own.sequence} of the board"


def _lines(findings: tuple[Finding, ...]) -> list[str]:
    return [
        f"{'passed' if one.passed else 'FAILED'}  {one.name}{f': {one.note}' if one.note else ''}" for one in findings
    ]


def _show_report(shown: Output, node: Path, member: str) -> None:
    """Show the newest report of a member: verified by the key that the rulebook pins for it."""
    with party_in(node) as party:
        whose = member or party.folder.member
        found = synced(party, shown).report_of(whose)
        if found is None:
            raise CreditError(Code.REPORT_MISSING, whose)
        pinned = party.rulebook.members.get(whose)
        activated = pinned is not None and pinned.conformance == report_digest(found[0].signed)
    shown.show(_report_value(*found, activated=activated), *map(Text, _report_lines(*found, activated=activated)))


def _report_value(told: Told, found: ConformanceReport, *, activated: bool) -> dict[str, CanonicalValue]:
    rows: list[CanonicalValue] = [finding.model_dump() for finding in found.findings]
    return {
        "member": found.member,
        "passed": found.passed,
        "digest": report_digest(told.signed).hex(),
        "made_at": found.made_at,
        "sequence": told.sequence,
        "rulebook": found.rulebook.hex(),
        "activated_on": activated,
        "findings": rows,
    }


def _report_lines(told: Told, found: ConformanceReport, *, activated: bool) -> list[str]:
    return [
        f"{found.member}'s run of {moment(found.made_at)}, signed by its identity key; document {told.sequence}",
        *_lines(found.findings),
        "Everything passed" if found.passed else "Not everything passed",
        f"digest {report_digest(told.signed).hex()}",
        *(["the rulebook activates it on this report"] if activated else []),
    ]
