"""A witness that is nothing else: its journey by commands, then it cosigns the gateway's log."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from participants.sandbox.founding import made_up_lei
from participants.sandbox.processes import BIN
from tests.support.processes import Processes, consortium

pytestmark = pytest.mark.slow


def run(parties: Processes, party: str, program: str, *words: str) -> Any:
    command: list[str | Path] = [BIN / program, *words, "--json"]
    done = subprocess.run(command, cwd=parties.out / party, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return json.loads(done.stdout)


def test_a_witness_comes_in_and_cosigns(tmp_path: Path) -> None:
    with consortium(tmp_path / "out") as parties:
        parties.start("gateway", "custodian-one", "custodian-two", "lender-one", "lender-two")
        folder = parties.out / "archive"
        folder.mkdir()
        invited = run(parties, "lender-one", "credit-participant", "invitation", "--node", ".")
        (folder / "invitation.toml").write_text(invited["invitation"])
        terms = {"legal_name": "Archive", "licence": "A-1", "lei": made_up_lei(77), "group": "archive-group"}
        text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in terms.items())
        (folder / "terms.toml").write_text(f'{text}contact = "+86 10 5555 0101"\n')
        here = ("--folder", ".")
        given = ("--invitation", "invitation.toml", "--fingerprint", invited["words"], "--only-witness")
        run(parties, "archive", "credit-regulator", "init", *here, "--member", "archive", *given)
        run(parties, "archive", "credit-regulator", "apply", *here, "--from", "terms.toml")
        for _ in ("admitted", "active"):
            run(parties, "lender-one", "credit-participant", "sponsor", "--node", ".", "archive")
            run(parties, "lender-two", "credit-participant", "approve", "--node", ".", "archive")
        run(parties, "archive", "credit-regulator", "certificate", *here)
        journey = run(parties, "archive", "credit-regulator", "status", *here)["journey"]
        assert [step["name"] for step in journey if step["state"] != "done"] == []
        parties.run_beside("archive", "serve", ("credit-regulator", "serve", "--folder", "."), {})
        cosigned = folder / "witness"
        parties.wait_for(
            lambda: not parties.has_finished("archive", "serve") and any(cosigned.glob("*")), "a cosignature"
        )
