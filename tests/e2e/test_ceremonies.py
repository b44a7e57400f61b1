"""New shares of the OPRF key over real processes: nobody who asks notices, and a crash changes nothing."""

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from participants.sandbox.processes import BIN
from tests.support.journey import KILLED
from tests.support.processes import LENDERS, Processes, consortium

pytestmark = pytest.mark.slow

CUSTODIANS = ("custodian-one", "custodian-two")
PERSON = {"phone": "13912345678"}
EVENT = {
    "identifiers": {"country": "CN", **PERSON},
    "tradeline": {
        "account": "a-1",
        "portfolio": "R",
        "status": "11",
        "opened": "2024-01-01",
        "reported": "2024-02-01",
        "balance": 123400,
    },
}


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """All eight processes."""
    with consortium(tmp_path_factory.mktemp("consortium") / "out") as processes:
        processes.start_all()
        yield processes


def ceremony(parties: Processes, custodian: str, *arguments: str, dies_at: str = "") -> Any:
    failpoint = parties.out / f"{custodian}.command-failpoint"
    if dies_at:
        failpoint.write_text(dies_at)
    done = subprocess.run(
        [BIN / "credit-custodian", "ceremony", "--folder", ".", "--json", *arguments],
        cwd=parties.out / custodian,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "CREDIT_FAILPOINT": str(failpoint)},
    )
    said = done.stdout.decode() + done.stderr.decode()
    if dies_at:
        assert done.returncode == KILLED, said
        return None
    assert done.returncode == 0, said
    return json.loads(done.stdout)


def test_a_refresh_that_is_killed_at_every_step(parties: Processes) -> None:
    parties.command("lender-two", "record", "tradeline", given=json.dumps(EVENT))
    before = parties.query("lender-one", PERSON)
    assert before["attributes"][0]["value"] == 123400

    ceremony(parties, "custodian-one", "--begin", "refresh", dies_at="member.posted-ceremony_plan")
    helping = subprocess.Popen(
        [BIN / "credit-custodian", "ceremony", "--folder", "."],
        cwd=parties.out / "custodian-two",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for point in ("member.queued-ceremony_message", "member.delivered", "member.posted-ceremony_message"):
        ceremony(parties, "custodian-one", dies_at=point)
    done = ceremony(parties, "custodian-one", "--propose")
    assert helping.wait(30) == 0
    assert [one["share_kept"] for one in done["ceremonies"]] == [True]

    parties.command("lender-one", "approve", "new-shares")
    parties.command("lender-two", "approve", "new-shares")
    names = (*LENDERS, *CUSTODIANS)
    parties.wait_for(lambda: all("rulebook" in parties.events(name) for name in names), "the new share keys", 10)
    parties.wait_for(
        lambda: all("old-shares-destroyed" in parties.events(name) for name in CUSTODIANS), "the old shares' end", 10
    )
    for name in CUSTODIANS:
        shares = sorted(path.name for path in (parties.out / name / "shares").iterdir())
        assert shares == ["generation-0001-revision-000002.json"], "no old share, no state"
    after = parties.query("lender-three", PERSON)
    assert after["attributes"][0]["value"] == 123400, "the same person has the same key"
