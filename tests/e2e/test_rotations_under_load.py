"""Every kind of key exchanged during a minute of steady queries: none fails, and none lacks a lender."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from participants.sandbox.processes import BIN
from tests.support.processes import Processes, consortium
from tests.support.steady import steady_questions

pytestmark = pytest.mark.slow

ASKERS = ("lender-one", "lender-three", "lender-five")
APPROVERS = ("lender-one", "lender-two")
SECONDS = 60.0


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """All eight processes."""
    with consortium(tmp_path_factory.mktemp("consortium") / "out") as processes:
        processes.start_all()
        yield processes


def rotate(parties: Processes, who: str, *kinds: str) -> None:
    parties.command(who, "rotate", *kinds)


def approve(parties: Processes, what: str, *by: str) -> None:
    for approver in by or APPROVERS:
        parties.command(approver, "approve", what)


def custodian(parties: Processes, name: str, *words: str) -> None:
    command: list[str | Path] = [BIN / "credit-custodian", words[0], "--folder", ".", *words[1:]]
    done = subprocess.run(command, cwd=parties.out / name, capture_output=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def refresh(parties: Processes) -> None:
    helping = subprocess.Popen(
        [BIN / "credit-custodian", "ceremony", "--folder", ".", "--seconds", "60"],
        cwd=parties.out / "custodian-two",
        stdout=subprocess.DEVNULL,
    )
    custodian(parties, "custodian-one", "ceremony", "--begin", "refresh", "--propose")
    helping.wait(60)
    approve(parties, "new-shares")


def test_every_kind_of_key_during_a_minute_of_queries(parties: Processes) -> None:
    files = {
        name: (parties.out / "lender-three" / name) for name in ("identity.key", "hpke.key", "tls.key", "query-key.bin")
    }
    with steady_questions(parties, *ASKERS) as steady:
        start = time.monotonic()
        before = {name: path.read_bytes() for name, path in files.items()}
        rotate(parties, "lender-three", "mask", "query")
        rotate(parties, "lender-three", "identity", "hpke", "tls")
        approve(parties, "lender-three")
        rotate(parties, "lender-two", "mask", "query")
        rotate(parties, "lender-one", "epoch")
        approve(parties, "new-epoch", "lender-two")
        refresh(parties)
        custodian(parties, "custodian-one", "rotate", "identity", "hpke", "tls")
        approve(parties, "custodian-one")
        rotate(parties, "lender-five", "identity", "tls")
        approve(parties, "lender-five")
        took = time.monotonic() - start
        while time.monotonic() - start < SECONDS:
            time.sleep(0.1)
    after = {name: path.read_bytes() for name, path in files.items()}
    assert [name for name in files if before[name] == after[name]] == [], "a key that was not exchanged"
    assert (parties.out / "lender-three" / "mask-secrets.json").exists()
    assert took < SECONDS
    assert steady.answered > 2 * SECONDS
    assert steady.told == []
