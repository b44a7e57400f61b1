"""`credit-participant conformance`: run the known answers, sign the report, keep it, and hand it in on the board."""

import json
import secrets
import time
from pathlib import Path

import typer

from consortium.errors import CreditError
from consortium.membership.statements import Finding, report_digest, sign_report
from consortium.rules.queries import taking_part
from consortium.wire.membership import DocumentKind
from participants.bootstrap import open_rulebook, own_signer
from participants.cli.membership_options import party_in
from participants.cli.output import JsonOption, NodeOption
from participants.conformance.run import conformance as run_checks
from participants.conformance.run import report
from participants.failpoints import failpoint
from participants.membership.folder import FILE_NAME
from participants.settings import NodeSettings
from participants.whole_files import write_public

REPORT = "conformance-report.signed"


def conformance(node: NodeOption, as_json: JsonOption = False) -> None:  # noqa: FBT002  a flag of the command line
    """Check this installation against known answers; exit code 1 where one is missed. Takes some seconds."""
    try:
        settings = NodeSettings(node)
        now = int(time.time())
        rulebook = open_rulebook(settings, now)
        signer = own_signer(settings, taking_part(rulebook, settings.file.member))
        findings = run_checks((settings.file.member, signer), rulebook.policy.suites[0], secrets.token_bytes, now)
        signed = sign_report(signer, report(settings.file.member, rulebook, findings, now))
        write_public(node / REPORT, signed)
        failpoint("conformance.report-kept")
        _hand_in(node, signed, passed=all(finding.passed for finding in findings))
    except CreditError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    _show(findings, report_digest(signed), node / REPORT, as_json=as_json)
    if not all(finding.passed for finding in findings):
        raise typer.Exit(1)


def _hand_in(node: Path, signed: bytes, *, passed: bool) -> None:
    """Post the report, where this folder is a member's; of those under one version, one that passed stands."""
    if not (node / FILE_NAME).exists():
        return
    with party_in(node) as party:
        topic = f"conformance/{party.rulebook.document.version}/{'passed' if passed else report_digest(signed).hex()}"
        party.post(topic, DocumentKind.CONFORMANCE_REPORT, lambda: signed)


def _show(findings: tuple[Finding, ...], digest: bytes, path: Path, *, as_json: bool) -> None:
    passed = all(finding.passed for finding in findings)
    if as_json:
        rows = [finding.model_dump() for finding in findings]
        typer.echo(json.dumps({"passed": passed, "digest": digest.hex(), "file": str(path), "findings": rows}))
        return
    for finding in findings:
        note = f": {finding.note}" if finding.note else ""
        typer.echo(f"{'passed' if finding.passed else 'FAILED'}  {finding.name}{note}")
    typer.echo(
        f"{'Everything passed' if passed else 'Not everything passed'}. Signed report: {path}\ndigest {digest.hex()}"
    )
