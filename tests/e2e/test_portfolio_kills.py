"""A portfolio goes on whoever is killed at whatever point, and every ctx is answered once."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.test_processes import EXAMPLE, portfolio
from tests.support.processes import LENDERS, Processes, consortium

POINTS = {
    "gateway": (
        *("gateway.before-job", "gateway.after-block1", "gateway.before-block2"),
        *("gateway.before-block-entry", "gateway.after-block-entry"),
    ),
    "lender-two": (
        *("lender.block1-before-store", "lender.block1-after-store"),
        *("lender.block2-inside-store", "lender.block2-after-store"),
    ),
    "lender-one": ("portfolio.before-create", "portfolio.before-result", "portfolio.after-result"),
}


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    with consortium(tmp_path_factory.mktemp("kills") / "out", more_suites="MASKED_SUM") as processes:
        processes.start("gateway", "custodian-one", "custodian-two")
        processes.start(*LENDERS)
        processes.wait_attached(*LENDERS)
        for lender in LENDERS[1:3]:
            processes.command(lender, "book", "load", "--mapping", str(EXAMPLE), "--as-of", "2026-01-01T00:00:00+0000")
        yield processes


@pytest.mark.slow
@pytest.mark.parametrize(("party", "point"), [(party, point) for party, points in POINTS.items() for point in points])
def test_a_portfolio_goes_on(parties: Processes, tmp_path: Path, party: str, point: str) -> None:
    wanted, number = portfolio(tmp_path / "out.csv"), [*sum(POINTS.values(), ())].index(point)
    job = f"{number:02x}" * 16
    parties.failpoint(party).write_text(point)
    parties.command("lender-one", "portfolio", "run", "--id", job, "--detach", given=json.dumps(wanted))
    parties.wait_for(lambda: parties.running[party].poll() is not None, f"{party} at {point}")
    assert not parties.failpoint(party).exists()
    parties.start_again(party)
    parties.wait_attached(*(LENDERS if party == "gateway" else [party]))
    done = parties.command("lender-one", "portfolio", "resume", job)
    while done["phase"] != "done":  # what broke off under its feet is resumed once more
        done = parties.command("lender-one", "portfolio", "resume", job)
    assert done["summary"]["statuses"] == {"OK": 20}
    rows = [row.split(",") for row in (tmp_path / "out.csv").read_text().splitlines()[1:]]
    assert all(int(row[3]) % 2 == int(row[4]) % 2 == 0 for row in rows)
    assert blocks_answered_twice(parties) == []


def blocks_answered_twice(parties: Processes) -> list[tuple[int, int]]:
    """Look into the gateway's database: no block of a job has two entries."""
    with closing(sqlite3.connect(f"file:{parties.out}/gateway/gateway.db?mode=ro", uri=True)) as database:
        lines = [json.loads(row[0]) for row in database.execute("SELECT line FROM entries")]
    seen = Counter((line["admission"], line["block"]) for line in lines if line["kind"] == "portfolio-block")
    return [one for one, count in seen.items() if count > 1]
