"""Full disks of running processes: refused with a code, nothing half done, and all right again when there is room."""

import json
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_processes import portfolio
from tests.support.processes import LENDERS, consortium
from tests.support.small_disks import SEED, SmallDisks, need_small_disks

POOR = "lender-three"
SPARES = (0, 24_000, 40_000, 56_000, 80_000)
"""Bytes left: the disk is full at one write of a query or another."""


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisks]:
    """All processes; the gateway's log and one lender's answers are on small disks."""
    need_small_disks(tmp_path_factory.mktemp("small"))
    with consortium(tmp_path_factory.mktemp("consortium") / "out", more_suites="MASKED_SUM") as written:
        change(written.out / "gateway" / "gateway.toml", "sqlite:///gateway.db", "sqlite:///store/gateway.db")
        seed_gateway(written.out / "gateway")
        change(written.out / POOR / "node.toml", "[rulebook]", 'answers = "store/answers.db"\n[rulebook]')
        with SmallDisks(written.out, written.port, ("gateway", POOR)) as parties:
            parties.start_all()
            yield parties


def seed_gateway(folder: Path) -> None:
    """Put what the founding has written on the small disk."""
    (folder / SEED).mkdir()
    for path in folder.glob("gateway.db*"):
        path.rename(folder / SEED / path.name)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def ask(parties: SmallDisks, number: int, *, fails: bool | None = False) -> dict[str, Any]:
    """Ask about a person of this number, always under the same request id."""
    person, changes = {"phone": f"138{number:08d}"}, {"request_id": f"{number:032x}"}
    if fails is not None:
        return dict(parties.query("lender-one", person, fails=fails, changes=changes))
    try:
        return dict(parties.query("lender-one", person, changes=changes))
    except AssertionError:
        return dict(parties.query("lender-one", person, fails=True, changes=changes))


def rows(database: Path, sql: str) -> list[tuple[Any, ...]]:
    """Read a copy of a database and its log: SQLite itself cannot follow the way to another party's disk."""
    with tempfile.TemporaryDirectory() as folder:
        for path in (database, database.with_name(f"{database.name}-wal")):
            shutil.copy(path, folder)
        with closing(sqlite3.connect(Path(folder) / database.name)) as connection:
            return connection.execute(sql).fetchall()


def check_log(parties: SmallDisks) -> Counter[str]:
    """The log has no gap, and every kept response has its entry and the other way round; gives the kinds of entries."""
    database = parties.disk("gateway") / "gateway.db"
    entries = [json.loads(line) for (line,) in rows(database, 'SELECT line FROM entries ORDER BY "index"')]
    assert [entry["index"] for entry in entries] == list(range(len(entries)))
    answered = [entry["query"] for entry in entries if entry["kind"] == "query-answered"]
    digests = [raw.hex() for (raw,) in rows(database, "SELECT query_digest FROM requests WHERE response IS NOT NULL")]
    assert sorted(answered) == sorted(digests)
    return Counter(entry["kind"] for entry in entries)


@pytest.mark.slow
def test_a_gateway_without_room_refuses_and_recovers(parties: SmallDisks) -> None:
    first = ask(parties, 1)
    before = check_log(parties)
    refused = 0
    for number, spare in enumerate(SPARES, 2):
        with parties.full("gateway", spare):
            answer = ask(parties, number, fails=None)
            if "error" in answer:
                assert (answer["error"]["code"], answer["error"]["cause"]) == ("STORAGE_FULL", "the gateway's disk")
                refused += 1
            assert ask(parties, 1) == first, "what was answered before can still be read"
            check_log(parties)
        again = ask(parties, number)
        assert again["missing"] == []
        assert "error" in answer or again == answer
    assert refused >= 2, "with no room at all it must refuse"
    after = check_log(parties)
    assert after["query-answered"] == before["query-answered"] + len(SPARES)
    parties.check()


def test_a_lender_without_room_is_missing_and_recovers(parties: SmallDisks) -> None:
    assert ask(parties, 20)["missing"] == []
    with parties.full(POOR):
        assert ask(parties, 21)["missing"] == [POOR]
    database = parties.disk("gateway") / "gateway.db"
    lines = [json.loads(line) for (line,) in rows(database, 'SELECT line FROM entries ORDER BY "index" DESC LIMIT 20')]
    last = next(entry for entry in lines if entry["kind"] == "query-answered")  # lenders state their counts meanwhile
    outcomes = {one["member"]: one["outcome"] for one in last["contributions"]}
    assert outcomes == dict.fromkeys(LENDERS, "OK") | {POOR: "STORAGE_FULL"}
    for number, spare in enumerate(SPARES, 22):
        with parties.full(POOR, spare):
            answer = ask(parties, number, fails=None)
        again = ask(parties, number)
        if "error" in answer:
            assert answer["error"]["code"] == "TOO_FEW_CONTRIBUTORS"
            assert POOR in answer["error"]["cause"]
            assert again["missing"] == [], "nothing was half released"
        else:
            assert again == answer
    assert ask(parties, 40)["missing"] == []
    parties.check()
    store = parties.disk(POOR) / "answers.db"
    released = "SELECT count(*) + count(correction) FROM exchanges"
    assert rows(store, released) == rows(store, "SELECT value FROM numbers WHERE name = 'counter'"), "no gap"


def test_a_portfolio_without_room_for_its_output_is_written_when_there_is(parties: SmallDisks) -> None:
    """The node's own answers have no room either: it is missing from its own portfolio, which is whole all the same."""
    out = parties.out / POOR / "store" / "out.csv"
    request = json.dumps(portfolio(out))
    with parties.full(POOR):
        stopped = parties.command(POOR, "portfolio", "run", "--id", "ab" * 16, given=request, fails=True)
        assert (stopped["phase"], stopped["error"]["code"]) == ("stopped", "STORAGE_FULL")
        assert [path.name for path in parties.disk(POOR).iterdir() if "out" in path.name] == []
    done = parties.command(POOR, "portfolio", "resume", "ab" * 16)
    assert (done["phase"], done["summary"]["statuses"]) == ("done", {"INCOMPLETE": 20})
    written = (parties.disk(POOR) / "out.csv").read_text().splitlines()
    assert len(written) == 21
    parties.check()
