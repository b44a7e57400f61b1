"""The conformance run passes on this code, and each planted defect fails the check that is there for it."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from consortium.errors import Code, CreditError
from consortium.membership.statements import Finding, read_report, report_digest
from consortium.model.identifiers import SubjectTag
from consortium.model.query import Suite
from consortium.model.signing import Ed25519Signer
from consortium.rules import contributions
from consortium.sums.packing import Layout
from consortium.sums.words import words_of
from consortium.wire import rounds
from participants.cli import conformance as command
from participants.cli.main import app
from participants.conformance import checks
from participants.conformance.run import conformance
from participants.lender import admit, answer, hiding, normalise, tokenise
from tests.support.codes import refused
from tests.support.nodes import foundation, node_folder

SMALL = Suite.INSECURE_TEST_1024_MASKED
OWN = "lender-new", Ed25519Signer(b"i" * 32)


def run(suite: Suite = SMALL) -> dict[str, Finding]:
    findings = conformance(OWN, suite, secrets.token_bytes, int(time.time()))
    return {finding.name: finding for finding in findings}


def failed(suite: Suite = SMALL) -> set[str]:
    return {name for name, finding in run(suite).items() if not finding.passed}


@pytest.mark.parametrize("suite", [SMALL, Suite.MASKED_SUM], ids=lambda suite: suite.name)
def test_this_code_passes(suite: Suite) -> None:
    assert {name: finding.note for name, finding in run(suite).items()} == {name: "" for name, _ in checks.CHECKS}


def test_a_wrong_mask_of_words_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hiding, "words_correction", lambda value, *_: words_of(value, 64))
    assert "masked sum" in failed(Suite.MASKED_SUM)


def other_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalise, "_local_part", lambda text: text)


def other_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenise, "subject_tag", lambda _secrets, key: SubjectTag(key.value[:32]))


def wider_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = Layout.width
    monkeypatch.setattr(Layout, "width", lambda self, slot: narrow(self, slot) + 1)


def wrong_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    right = contributions.contribution_values

    def lie(*args: object) -> dict[str, int]:
        values = right(*args)  # type: ignore[arg-type]  # passed through
        return values | {"balance": values["balance"] // 2}

    monkeypatch.setattr(answer, "contribution_values", lie)


def unlinked_commitment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "contribution_commitment", lambda *_: bytes(32))


def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "SLOWEST_SECONDS", 0.0)


def accepts_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admit, "check_query", lambda *_: None)


def telling_size(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: Iterator[int] = iter(range(1000))
    monkeypatch.setattr(answer, "SALT_BYTES", 32)
    serialise: Callable[..., bytes] = rounds.signed_body_to_bytes
    monkeypatch.setattr(
        answer,
        "signed_body_to_bytes",
        lambda signed: serialise(signed) + b"\xfa\x3e" + bytes([n := next(sizes) % 100]) + bytes(n),
    )


@pytest.mark.parametrize(
    ("defect", "check"),
    [
        (other_case, "normalisation corpus"),
        (other_tags, "subject keys and tags"),
        (wider_slots, "packing"),
        (wrong_sum, "masked sum"),
        (unlinked_commitment, "reveal"),
        (slow, "answer times"),
        (telling_size, "unknown people"),
        (accepts_everything, "bad queries"),
    ],
)
def test_a_defect_is_found(
    monkeypatch: pytest.MonkeyPatch, defect: Callable[[pytest.MonkeyPatch], None], check: str
) -> None:
    defect(monkeypatch)
    assert check in failed()


def test_a_refusal_inside_a_check_is_a_finding_with_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise CreditError(Code.REVEAL_INVALID)

    monkeypatch.setattr(checks, "open_record", refuse)
    finding = run()["reveal"]
    assert not finding.passed
    assert Code.REVEAL_INVALID in finding.note


def test_the_command_signs_and_keeps_its_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "run_checks", lambda own, _suite, rng, now: conformance(own, SMALL, rng, now))
    node, rulebook = node_folder(tmp_path), foundation().rulebook
    result = CliRunner().invoke(app, ["conformance", "--node", str(node), "--json"])
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    signed = (node / command.REPORT).read_bytes()
    kept = read_report(signed, rulebook)
    assert kept.passed
    assert shown["passed"] is True
    assert shown["digest"] == report_digest(signed).hex()
    assert kept.rulebook == rulebook.digest
    with refused(Code.SIGNATURE_INVALID):
        read_report(signed.replace(b'"passed":true', b'"passed":false'), rulebook)


def test_the_command_ends_with_1_where_a_check_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "run_checks", lambda *_: (Finding(name="packing", passed=False, note="another"),))
    result = CliRunner().invoke(app, ["conformance", "--node", str(node_folder(tmp_path))])
    assert result.exit_code == 1
    assert "FAILED  packing: another" in result.stdout
