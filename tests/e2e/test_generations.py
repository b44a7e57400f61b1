"""Another OPRF key for everybody, under steady queries: announced, re-tokenised beside the old one, switched to."""

import datetime as dt
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.steady import steady_questions
from participants.sandbox.persons import MAPPING, PERSONS, persons_csv
from participants.sandbox.processes import BIN
from tests.support.journey import KILLED
from tests.support.processes import LENDERS, Processes, consortium

pytestmark = pytest.mark.slow

EVERYWHERE = {"national_id": next(one for one in PERSONS if one.name == "everywhere").identifiers["national_id"]}
UNNAMED = {"phone": "13800007777"}
"""Known from a live event only: no source of the lender names the person."""
LATE = {"phone": "13800009999"}
BOUND = {"phone": "13800001212"}
PEOPLE = MAPPING.split("[identifiers]", maxsplit=1)[0].replace("persons.csv", "people.csv") + (
    '[identifiers]\ncountry = { constant = "CN" }\nphone = "mobile"\n[freeze]\nfrozen = { constant = "false" }\n'
)


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """All eight processes; every lender has the sandbox's test persons in its book, the fifth those of the first."""
    with consortium(tmp_path_factory.mktemp("consortium") / "out") as processes:
        processes.start_all()
        today = dt.datetime.now(dt.UTC).date().isoformat()
        for place, lender in enumerate(LENDERS):
            folder = processes.out / lender
            (folder / "mapping.toml").write_text(MAPPING)
            (folder / "persons.csv").write_text(persons_csv(place % 4, "2025-01-01", today))
            (folder / "people.toml").write_text(PEOPLE)
            (folder / "people.csv").write_text(f"mobile\n{UNNAMED['phone']}\n")
            processes.command(lender, "book", "load", "--mapping", "mapping.toml")
        yield processes


def new_key(parties: Processes) -> None:
    command: list[str | Path] = [BIN / "credit-custodian", "ceremony", "--folder", ".", "--seconds", "90"]
    both = [
        subprocess.Popen([*command, *more], cwd=parties.out / name, stdout=subprocess.DEVNULL)
        for name, more in (("custodian-one", ("--begin", "new")), ("custodian-two", ()))
    ]
    assert [process.wait(100) for process in both] == [0, 0]


def killed(parties: Processes, lender: str, point: str, *arguments: str) -> None:
    """Run a command that dies at a failpoint."""
    failpoint = parties.out / f"{lender}.command-failpoint"
    failpoint.write_text(point)
    done = subprocess.run(
        [BIN / "credit-participant", *arguments, "--node", "."],
        cwd=parties.out / lender,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "CREDIT_FAILPOINT": str(failpoint)},
    )
    assert done.returncode == KILLED, done.stdout + done.stderr


def retokenise(parties: Processes, lender: str, *more: str) -> Any:
    return parties.command(lender, "book", "retokenise", "--mapping", "mapping.toml", *more)


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


def inquire(parties: Processes, lender: str, person: dict[str, str]) -> None:
    parties.command(lender, "record", "inquiry", given=json.dumps({"identifiers": {"country": "CN", **person}}))


def totals(parties: Processes, asking: str, person: dict[str, str]) -> Any:
    answer = parties.query(asking, person)
    assert answer["missing"] == []
    return [one["value"] for one in answer["attributes"]]


def tags(parties: Processes, lender: str, name: str) -> list[str]:
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
    return (parties.out / lender / target).read_text().split()


def renewed_to(parties: Processes, lender: str, version: int) -> bool:
    lines = parties.log(lender).read_text().splitlines()
    return any(f'"event": "renewed", "version": {version}' in line for line in lines)


def secrets(parties: Processes, lender: str) -> list[Path]:
    return list((parties.out / lender / "secrets").glob("generation-0002*.json"))


def bound_without_the_fifth(parties: Processes) -> None:
    """Have a sum released about somebody while lender-five is away."""
    record(parties, "lender-five", BOUND, "b-1", 50_000)
    parties.kill("lender-five")
    answer = parties.query("lender-one", BOUND)
    assert (answer["missing"], answer["attributes"][0]["value"]) == (["lender-five"], 0)
    parties.start("lender-five")
    parties.wait_attached("lender-five")


def test_another_key_without_a_lost_query(parties: Processes) -> None:
    record(parties, "lender-three", EVERYWHERE, "live", 700)
    record(parties, "lender-two", UNNAMED, "live", 1_100)
    inquire(parties, "lender-three", EVERYWHERE)
    bound_without_the_fifth(parties)
    before, (old_tag,) = totals(parties, "lender-one", EVERYWHERE), tags(parties, "lender-one", "old")

    with steady_questions(parties.out, "lender-two", "lender-four") as steady:
        new_key(parties)
        parties.command("lender-one", "generation", "announce")
        parties.command("lender-two", "approve", "announce")
        parties.wait_for(lambda: all(secrets(parties, one) for one in LENDERS), "the new secrets", 20)

        killed(parties, "lender-one", "retokenise.linked", "book", "retokenise", "--mapping", "mapping.toml")
        killed(parties, "lender-one", "succession.built", "book", "retokenise", "--mapping", "mapping.toml")
        for lender in ("lender-one", "lender-three", "lender-four"):
            assert retokenise(parties, lender)["ready"], lender
        found = retokenise(parties, "lender-two")
        assert (found["ready"], found["unlinked"]) == (False, 1), "a live event about somebody whom no source names"
        assert retokenise(parties, "lender-two", "--mapping", "people.toml")["ready"]
        refused = parties.command("lender-one", "generation", "switch", fails=True)
        assert refused["error"]["cause"] == "not ready: lender-five"
        (parties.out / "lender-five" / "people.csv").write_text(f"mobile\n{BOUND['phone']}\n")
        assert retokenise(parties, "lender-five", "--mapping", "people.toml")["ready"]
        record(parties, "lender-four", LATE, "while", 900)
        assert totals(parties, "lender-one", LATE)[0] == 900
        status = parties.command("lender-two", "generation", "status")
        assert (status["generation"], status["missing"]) == (2, [])

        parties.command("lender-one", "generation", "switch")
        parties.command("lender-two", "approve", "switch")
        parties.wait_for(lambda: all(renewed_to(parties, one, 3) for one in LENDERS), "the new key in use", 20)
        assert totals(parties, "lender-one", EVERYWHERE) == before, "live events of before included"
        assert totals(parties, "lender-one", UNNAMED)[0] == 1_100
        assert totals(parties, "lender-five", LATE)[0] == 900, "an event between the making and the switch"
    assert steady.told == []
    assert steady.answered > 20

    after = parties.query("lender-one", BOUND)
    assert (after["missing"], after["attributes"][0]["value"]) == (["lender-five"], 0), "as it was bound before"
    new_tag, kept_tag = tags(parties, "lender-one", "new")
    assert kept_tag == old_tag, "for access reports the old shares still do"
    assert new_tag != old_tag


def test_answers_go_on_without_somebody_and_after_a_start(parties: Processes) -> None:
    before = totals(parties, "lender-one", EVERYWHERE)
    parties.kill("lender-five")
    answer = parties.query("lender-two", {"phone": "13800001234"})
    assert answer["missing"] == ["lender-five"], "one that is away stops nobody"
    parties.start("lender-five")
    parties.wait_attached("lender-five")
    assert totals(parties, "lender-one", EVERYWHERE) == before, "a start under the new generation"
    record(parties, "lender-five", {"phone": "13800004321"}, "new", 300)
    assert totals(parties, "lender-one", {"phone": "13800004321"})[0] == 300
    loaded = parties.command("lender-one", "book", "load", "--mapping", "mapping.toml")
    assert loaded["book"]["subjects"] > 0
    assert totals(parties, "lender-two", EVERYWHERE) == before


def test_who_was_left_behind_answers_nothing_until_its_book_has_taken_over(parties: Processes) -> None:
    new_key(parties)
    parties.command("lender-one", "generation", "announce")
    parties.command("lender-two", "approve", "announce")
    wanted = [LENDERS[0], *LENDERS[2:]]
    before = totals(parties, "lender-one", EVERYWHERE)
    people = {"lender-five": f"{BOUND['phone']}\n13800004321\n", "lender-four": f"{LATE['phone']}\n"}
    for lender in wanted:
        (parties.out / lender / "people.csv").write_text("mobile\n" + people.get(lender, "13800001111\n"))
        assert retokenise(parties, lender, "--mapping", "people.toml")["ready"], lender
    parties.command("lender-one", "generation", "switch", "--anyway")
    parties.failpoint("lender-three").write_text("succession.applied")
    parties.command("lender-two", "approve", "switch")
    parties.wait_for(lambda: parties.running["lender-three"].poll() is not None, "its death in the middle of it", 20)
    parties.start_again("lender-three")
    parties.wait_attached("lender-three")
    parties.wait_for(lambda: all(renewed_to(parties, one, 5) for one in wanted if one != "lender-three"), "it", 20)
    answer = parties.query("lender-one", {"phone": "13800002345"})
    assert answer["missing"] == ["lender-two"]
    error = parties.command("lender-two", "book", "status", fails=True)["error"]
    assert error["code"] == "BOOK_BEHIND"
    assert retokenise(parties, "lender-two", "--mapping", "people.toml")["ready"]
    parties.wait_for(
        lambda: parties.query("lender-one", {"phone": "13800003456"})["missing"] == [], "lender-two to answer again", 20
    )
    assert totals(parties, "lender-four", EVERYWHERE) == before
    assert totals(parties, "lender-four", UNNAMED)[0] == 1_100
