"""The verifier in docs/audit.md, run as it stands there on real exports, good and changed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from consortium.transparency.notes import KeyType
from participants.regulator import archive
from tests.integration.test_audit_exports import CHANGES, Made, made
from tests.support.audits import rewritten
from tests.support.logs import LOG_SIGNER, SECOND, WITNESS

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"
LOG_KEY = LOG_SIGNER.verifier(KeyType.ED25519).vkey
WITNESS_KEY = WITNESS.verifier(KeyType.COSIGNATURE).vkey
NOT_ITS_PART = {"a rulebook", "no rulebook"}

__all__ = ["made"]


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 70
    path = tmp_path_factory.mktemp("verifier") / "verifier.py"
    path.write_text(code)
    return path


def run(verifier: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-I", verifier, *arguments], capture_output=True, text=True, check=False)


def test_it_accepts_whole_and_partial_exports(made: Made, verifier: Path) -> None:
    for name in ("whole", "part"):
        done = run(verifier, made[name], LOG_KEY, WITNESS_KEY)
        assert (done.returncode, done.stderr) == (0, "")
        assert "unchanged and complete" in done.stdout


def test_it_refuses_what_is_changed_chosen_or_not_witnessed(made: Made, verifier: Path, tmp_path: Path) -> None:
    assert run(verifier, made["chosen"], LOG_KEY).returncode
    assert run(verifier, made["whole"], LOG_KEY, SECOND.verifier(KeyType.COSIGNATURE).vkey).returncode
    assert run(verifier, made["whole"], SECOND.verifier(KeyType.ED25519).vkey).returncode
    for name in CHANGES.keys() - NOT_ITS_PART:
        changed = rewritten(made["whole"], tmp_path / "changed.zip", CHANGES[name])
        assert run(verifier, changed, LOG_KEY, WITNESS_KEY).returncode, name


def test_it_holds_a_range_to_the_time_that_was_asked_for(made: Made, verifier: Path, tmp_path: Path) -> None:
    def claim(name: str, data: bytes) -> bytes:
        value = json.loads(data) if name == archive.PROOF else {}
        return json.dumps({**value, "selection": {**value["selection"], "from_ms": 1}}).encode() if value else data

    assert run(verifier, rewritten(made["part"], tmp_path / "claimed.zip", claim), LOG_KEY).returncode
