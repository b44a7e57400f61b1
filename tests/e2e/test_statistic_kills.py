"""A statistic is released whoever is killed at whatever point, and what each party has charged for it is never less."""

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from consortium.rules.statistic_defaults import _RHO, DEFAULT_STATISTICS
from tests.support.processes import LENDERS, Processes, consortium

ROUND_1 = ("lender.statistic-reserved", "lender.statistic-kept")
ROUND_2 = ("lender.statistic-inside-release", "lender.statistic-released")
VICTIM, ASKER = "lender-two", "lender-three"


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    folder = tmp_path_factory.mktemp("statistics")
    section = folder / "statistics.json"
    section.write_bytes(DEFAULT_STATISTICS.to_bytes())
    with consortium(folder / "out") as processes:
        processes.start("gateway", "custodian-one", "custodian-two")
        processes.start(*LENDERS)
        processes.wait_attached(*LENDERS)
        processes.command("lender-one", "statistics", "propose", str(section))
        processes.command("lender-two", "approve", "statistics")
        for lender in LENDERS:
            processes.wait_for(partial(processes.has_logged, lender, "rulebook"), f"{lender}'s rulebook")
        yield processes


def charged(parties: Processes, lender: str) -> tuple[int, int]:
    """What a lender has reserved or spent, and for how many releases."""
    path = f"file:{parties.out}/{lender}/answers.db?mode=ro"
    with closing(sqlite3.connect(path, uri=True)) as database:
        sql = "SELECT coalesce(sum(rho), 0), coalesce(sum(released), 0) FROM statistics WHERE NOT dead"
        found: tuple[int, int] = database.execute(sql).fetchone()
    return found


def asked(parties: Processes, template: str, number: str, *, fails: bool = False) -> Any:
    return parties.command(ASKER, "statistics", "ask", template, "--request-id", number, fails=fails)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "template"),
    [*((one, "scenes") for one in ROUND_1), *zip(ROUND_2, ("arrears", "exposure"), strict=True)],
)
def test_a_lender_that_is_killed_is_left_out_and_charged_for_what_it_released(
    parties: Processes, place: str, template: str
) -> None:
    before, others = charged(parties, VICTIM), charged(parties, "lender-one")
    parties.failpoint(VICTIM).write_text(place)
    release = asked(parties, template, secrets.token_hex(16))
    assert release["contributors"] == sorted({*LENDERS} - {VICTIM})
    parties.wait_for(lambda: parties.running[VICTIM].poll() is not None, f"{VICTIM} at {place}")
    parties.start_again(VICTIM)
    parties.wait_attached(VICTIM)
    after = charged(parties, VICTIM)
    assert after[0] - before[0] == _RHO, "reserved before the draw, in every case"
    assert after[1] - before[1] == (place == "lender.statistic-released")
    attempts = 1 if place in ROUND_1 else 2
    assert charged(parties, "lender-one")[0] - others[0] == attempts * _RHO


@pytest.mark.slow
def test_a_gateway_that_is_killed_before_its_entry_gives_the_release_to_the_repeat(parties: Processes) -> None:
    number = secrets.token_hex(16)
    parties.failpoint("gateway").write_text("gateway.statistic-before-finish")
    refusal = asked(parties, "delinquency", number, fails=True)
    assert refusal["error"]["code"] in {"UNREACHABLE", "INTERNAL", "DEADLINE"}
    parties.wait_for(lambda: parties.running["gateway"].poll() is not None, "gateway")
    before = charged(parties, "lender-one")
    parties.start_again("gateway")
    parties.wait_attached(*LENDERS)
    release = asked(parties, "delinquency", number)
    assert release["contributors"] == sorted(LENDERS)
    assert asked(parties, "delinquency", number) == release
    assert charged(parties, "lender-one") == before, "the same exchange: the same bytes, and no further charge"
    with closing(sqlite3.connect(f"file:{parties.out}/gateway/gateway.db?mode=ro", uri=True)) as database:
        lines = [json.loads(row[0]) for row in database.execute("SELECT line FROM entries")]
    charges = [one["budget"]["after"] for one in lines if one.get("template") == "delinquency"]
    assert charges == [_RHO, 2 * _RHO], "what a gateway charged before it died it does not get back"


def test_the_points_are_in_the_code() -> None:
    code = "".join(
        (Path(__file__).parents[2] / name).read_text()
        for name in ("participants/lender/statistics.py", "gateway/usecases/statistics.py")
    )
    for place in (*ROUND_1, *ROUND_2, "gateway.statistic-before-finish"):
        assert f'failpoint("{place}")' in code
