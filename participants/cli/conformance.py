"""`credit-participant conformance`: run the known answers, sign the report and keep it in the node's folder."""

import json
import secrets
import time
from pathlib import Path

import typer

from consortium.errors import CreditError
from consortium.membership.statements import Finding, report_digest, sign_report
from consortium.model.signing import Ed25519Signer
from participants.bootstrap import open_rulebook
from participants.cli.output import JsonOption, NodeOption
from participants.conformance.run import conformance as run_checks
from participants.conformance.run import report
from participants.settings import NodeSettings

REPORT = "conformance-report.signed"


def conformance(node: NodeOption, as_json: JsonOption = False) -> None:  # noqa: FBT002  a flag of the command line
    """Check this installation against known answers; exit code 1 where one is missed. Takes some seconds."""
    try:
        settings = NodeSettings(node)
        now = int(time.time())
        rulebook = open_rulebook(settings, now)
        signer = Ed25519Signer(settings.own_keys().identity_key)
        findings = run_checks((settings.file.member, signer), rulebook.policy.suites[0], secrets.token_bytes, now)
        signed = sign_report(signer, report(settings.file.member, rulebook, findings, now))
        (node / REPORT).write_bytes(signed)
    except CreditError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    _show(findings, report_digest(signed), node / REPORT, as_json=as_json)
    if not all(finding.passed for finding in findings):
        raise typer.Exit(1)


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
