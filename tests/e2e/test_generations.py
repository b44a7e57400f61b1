"""Another OPRF key for everybody, under steady queries: announced, re-tokenised beside the old one, switched to."""

import datetime as dt
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from participants.sandbox.persons import MAPPING, PERSONS, persons_csv
from participants.sandbox.processes import BIN
from tests.support.processes import LENDERS, Processes, consortium
from tests.support.steady import steady_questions

pytestmark = pytest.mark.slow

EVERYWHERE = {"national_id": next(one for one in PERSONS if one.name == "everywhere").identifiers["national_id"]}
LATE = {"phone": "13800009999"}


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """All eight processes; four lenders have the sandbox's test persons in their books, the fifth has one too."""
    with consortium(tmp_path_factory.mktemp("consortium") / "out") as processes:
        processes.start_all()
        today = dt.datetime.now(dt.UTC).date().isoformat()
        for place, lender in enumerate(LENDERS):
            (processes.out / lender / "mapping.toml").write_text(MAPPING)
            (processes.out / lender / "persons.csv").write_text(persons_csv(place % 4, "2025-01-01", today))
            load(processes, lender)
        yield processes


def load(parties: Processes, lender: str, *more: str) -> None:
    parties.command(lender, "book", "load", "--mapping", "mapping.toml", *more)


def new_key(parties: Processes) -> None:
    command: list[str | Path] = [BIN / "credit-custodian", "ceremony", "--folder", ".", "--seconds", "90"]
    both = [
        subprocess.Popen([*command, *more], cwd=parties.out / name, stdout=subprocess.DEVNULL)
        for name, more in (("custodian-one", ("--begin", "new")), ("custodian-two", ()))
    ]
    assert [process.wait(100) for process in both] == [0, 0]


def record(parties: Processes, lender: str, person: dict[str, str], account: str, balance: int) -> None:
    tradeline = {
        "account": account,
        "portfolio": "R",
        "status": "11",
        "opened": "2024-01-01",
        "reported": "2024-02-01",
        "balance": balance,
    }
    event = {"identifiers": {"country": "CN", **person}, "tradeline": tradeline}
    parties.command(lender, "record", "tradeline", given=json.dumps(event))


def totals(parties: Processes, asking: str, person: dict[str, str]) -> Any:
    answer = parties.query(asking, person)
    assert answer["missing"] == []
    return [one["value"] for one in answer["attributes"]]


def tag(parties: Processes, lender: str, name: str) -> str:
    target = Path(f"tags-{name}")
    given = json.dumps({"identifiers": {"country": "CN", **EVERYWHERE}})
    done = subprocess.run(
        [BIN / "credit-participant", "tags", "--node", ".", target],
        cwd=parties.out / lender,
        input=given.encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return (parties.out / lender / target).read_text()


def test_another_key_without_a_lost_query(parties: Processes) -> None:
    record(parties, "lender-three", EVERYWHERE, "before", 700)
    before, old_tag = totals(parties, "lender-one", EVERYWHERE), tag(parties, "lender-one", "old")

    with steady_questions(parties, "lender-two", "lender-four") as steady:
        new_key(parties)
        parties.command("lender-one", "generation", "announce")
        parties.command("lender-two", "approve", "announce")
        parties.command("lender-one", "generation", "seal")
        parties.wait_for(lambda: all(len(secrets(parties, one)) == 2 for one in LENDERS), "the new secrets", 20)
        for lender in LENDERS[:4]:
            load(parties, lender, "--upcoming")
        refused = parties.command("lender-one", "generation", "switch", fails=True)
        assert "lender-five" in refused["error"]["cause"], "a lender that is not ready would be missing from answers"
        load(parties, "lender-five", "--upcoming")
        record(parties, "lender-three", EVERYWHERE, "before", 700)  # a live event of the book before: told again
        record(parties, "lender-four", LATE, "while", 900)
        assert totals(parties, "lender-one", LATE)[0] == 900
        status = parties.command("lender-two", "generation", "status")
        assert (status["generation"], status["missing"]) == (2, [])
        parties.command("lender-one", "generation", "switch")
        parties.command("lender-two", "approve", "switch")
        parties.wait_for(lambda: all(renewed_to(parties, one, 3) for one in LENDERS), "the new key in use", 20)
        assert totals(parties, "lender-one", EVERYWHERE) == before
        assert totals(parties, "lender-five", LATE)[0] == 900, "an event between the load and the switch"
    assert steady.told == []
    assert steady.answered > 20
    assert tag(parties, "lender-one", "new") != old_tag

    parties.kill("lender-five")
    incomplete = parties.query("lender-two", {"phone": "13800001234"}, fails=True)
    assert incomplete["error"]["code"] == "DIFFERENCING", "the ledger is empty: for a window only everybody together"
    parties.start("lender-five")
    parties.wait_attached("lender-five")
    assert totals(parties, "lender-one", EVERYWHERE) == before, "a start under the new generation"


def secrets(parties: Processes, lender: str) -> list[Path]:
    return list((parties.out / lender / "secrets").glob("generation-*.json"))


def renewed_to(parties: Processes, lender: str, version: int) -> bool:
    lines = parties.log(lender).read_text().splitlines()
    return any(f'"event": "renewed", "version": {version}' in line for line in lines)
