"""Lists and results at a node: rows in the order of the list, statuses, scores, changes, and files that are whole."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from consortium.errors import Code, CreditError
from consortium.model.catalogue import META_SLOTS
from consortium.model.identifiers import IdentifierKind, NormalisedIdentifier, SubjectKey
from consortium.model.lists import RowList
from consortium.model.rulebook import Rulebook
from consortium.rules.contributions import query_layout
from consortium.scoring.asking import card_attributes
from consortium.scoring.score import Totals, score
from participants.bootstrap import SharedAsks
from participants.lender.portfolio.asking import BlockRows
from participants.lender.portfolio.stages import Answers, PreparedList
from participants.lender.protect import pre_hash, subject_tag
from participants.lender.tokenise import Tokeniser
from participants.portfolio_stages import BulkStages
from participants.storage.output_tables import OutputColumn, TableFormat, write_table
from tests.support import bulk, cards
from tests.support.small_disks import MEGABYTES, UNSHARE, need_small_disks
from tests.support.world import NOW, World, Worlds

PHONES = [f"139123456{n:02}" for n in range(12)]
OPEN = "lenders_with_open_tradeline"


@pytest.fixture(scope="module")
def scored_world(worlds: Worlds) -> World:
    return worlds.make(scorecards=(cards.small_card(),))


@pytest.fixture(scope="module")
def tokeniser(scored_world: World) -> Tokeniser:
    return scored_world.foundation.tokeniser("lender-a")


@pytest.fixture
def stages(scored_world: World, tokeniser: Tokeniser, tmp_path: Path) -> BulkStages:
    @contextmanager
    def asks() -> Iterator[SharedAsks]:
        yield SharedAsks(tokeniser, tmp_path / "requests.lock")

    return BulkStages(asks, lambda: scored_world.rulebook, lambda: NOW)


def silent(_stage: str, _done: int, _total: int) -> None:
    pass


def wanted(folder: Path, name: str = "list.csv", to: str = "out.csv", **changes: object) -> bytes:
    value: dict[str, object] = {
        "source": str(folder / name),
        "out": str(folder / to),
        "columns": {"id": "loan", "phone": "phone"},
        "attributes": ["balance", OPEN],
        "max_refused_percent": 10,
    }
    return json.dumps(value | changes).encode()


def rows_in(path: Path) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The columns and rows of a result file."""
    with duckdb.connect(":memory:") as connection:
        read = "read_parquet(?)" if path.suffix == ".parquet" else "read_csv(?)"
        found = connection.execute(f"SELECT * FROM {read}", [str(path)])  # noqa: S608  one of two
        return [name for name, *_ in found.description or ()], found.fetchall()


def write_list(folder: Path, phones: Sequence[str] = PHONES) -> Path:
    """Everybody once, the first three again, and a row that is broken."""
    rows = [f"loan {n},{phone}" for n, phone in enumerate([*phones, *phones[:3]])]
    (folder / "list.csv").write_text("loan,phone\n" + "\n".join([*rows[:5], '"no, this" one,1', *rows[5:]]) + "\n")
    return folder


def prepared(stages: BulkStages, request: bytes, folder: Path) -> PreparedList:
    folder.mkdir(exist_ok=True)
    stages.check(request)
    return stages.prepare(request, folder, silent)


def answers(rulebook: Rulebook, found: PreparedList, block: Callable[[int, range], BlockRows | None]) -> Answers:
    """A job's answers over blocks of five rows, of which `block` gives each."""
    rows = RowList(bytes(32), len(found.people.tags), 5)
    header = replace(bulk.header(found.question.attributes, NOW), rows=rows)
    made = [block(number, rows.rows_of(number)) for number in range(rows.blocks)]
    return Answers(header, rulebook, [one for one in made if one is not None])


def block_of(rulebook: Rulebook, attributes: Sequence[str], rows: range, **changes: object) -> BlockRows:
    """Person number n has n in every number, n % 3 lenders, and the fifth is frozen."""
    numbers = np.arange(rows.start, rows.stop, dtype=np.uint64)
    zeros = dict.fromkeys((*META_SLOTS, *attributes), np.zeros(len(rows), dtype=np.uint64))
    totals = zeros | dict.fromkeys(attributes, numbers)
    totals |= {"matched_by_phone": numbers % np.uint64(3), "security_freezes": (numbers == 4).astype(np.uint64)}
    kept = np.ones(len(rows), dtype=bool)
    return replace(BlockRows(rows, kept, totals, zeros, rulebook.roster_set), **changes)  # type: ignore[arg-type]


def usual(rulebook: Rulebook, attributes: Sequence[str]) -> Callable[[int, range], BlockRows | None]:
    """Block 1 has no answer from everybody, row 10 was left out, and the last block never came."""

    def block(number: int, rows: range) -> BlockRows | None:
        if number == 1:
            return block_of(rulebook, attributes, rows, answered=rulebook.roster_set - {"lender-c"})
        found = block_of(rulebook, attributes, rows)
        if number == 2:
            kept = np.array([row != 10 for row in rows])
            totals, own = ({name: column[kept] for name, column in one.items()} for one in (found.totals, found.own))
            return replace(found, kept=kept, totals=totals, own=own)
        return found

    return block


def places(found: PreparedList) -> dict[bytes, int]:
    return {tag.tobytes(): place for place, tag in enumerate(found.people.tags)}


def test_every_good_row_is_there_in_the_order_of_the_list(stages: BulkStages, tmp_path: Path) -> None:
    request, rulebook = wanted(write_list(tmp_path)), stages.rulebook()
    found = prepared(stages, request, tmp_path / "job")
    summary = stages.finish(
        request, tmp_path / "job", answers(rulebook, found, usual(rulebook, ["balance", OPEN])), silent
    )
    lines = [line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines()]
    assert lines[0] == ["loan", "status", "lenders", "balance", OPEN]
    assert [line[0] for line in lines[1:]] == [f"loan {n}" for n in range(15)]
    by_name = {line[0]: line[1:] for line in lines[1:]}
    assert all(by_name[f"loan {n + 12}"] == by_name[f"loan {n}"] for n in range(3))
    by_number = {line[2]: line[0] for line in by_name.values() if line[2]}
    expected = {
        "0": "NO_HIT",
        "1": "THIN",
        "2": "OK",
        "3": "NO_HIT",
        **dict.fromkeys("56789", "INCOMPLETE"),
        "11": "OK",
    }
    assert by_number == expected
    empty = {line[0] for line in by_name.values() if not line[1]}
    assert empty == {"NOT_PERMITTED", "INCOMPLETE"}
    assert summary["rows"] == 15
    assert summary["people"] == 12
    assert sum(summary["statuses"].values()) == 15  # type: ignore[union-attr, arg-type]
    assert (tmp_path / "out.csv").stat().st_mode & 0o077 == 0


def test_refused_rows_are_in_a_file_beside_it(stages: BulkStages, tmp_path: Path) -> None:
    request, rulebook = wanted(write_list(tmp_path)), stages.rulebook()
    found = prepared(stages, request, tmp_path / "job")
    refused = (tmp_path / "out.refused.csv").read_text().splitlines()
    assert len(refused) == 2
    assert refused[1].startswith("6,")
    summary = stages.finish(
        request, tmp_path / "job", answers(rulebook, found, usual(rulebook, ["balance", OPEN])), silent
    )
    assert summary["refused"] == str(tmp_path / "out.refused.csv")
    with pytest.raises(CreditError) as error:
        prepared(stages, wanted(tmp_path, max_refused_percent=1), tmp_path / "other")
    assert error.value.code is Code.ROWS_REFUSED
    assert not (tmp_path / "other" / "list.npz").exists()


def test_parquet_in_and_out_say_the_same(stages: BulkStages, tmp_path: Path) -> None:
    """The broken row of the Parquet list is set aside as that of the CSV list is."""
    write_list(tmp_path)
    rows = [(f"loan {n}", phone) for n, phone in enumerate([*PHONES, *PHONES[:3], "nobody"])]
    with duckdb.connect(":memory:") as connection:
        connection.execute("CREATE TABLE list (loan VARCHAR, phone VARCHAR)")
        connection.executemany("INSERT INTO list VALUES (?, ?)", rows)
        connection.execute("COPY list TO ? (FORMAT parquet)", [str(tmp_path / "list.parquet")])
    rulebook, texts = stages.rulebook(), []
    for name, out in (("list.csv", "out.csv"), ("list.parquet", "out.parquet")):
        request = wanted(tmp_path, name, out, own=True)
        found = prepared(stages, request, tmp_path / name.replace(".", "-"))
        known = answers(rulebook, found, usual(rulebook, ["balance", OPEN]))
        stages.finish(request, tmp_path / name.replace(".", "-"), known, silent)
        texts.append(rows_in(tmp_path / out)[1])
    assert texts[0] == texts[1]
    assert rows_in(tmp_path / "out.parquet")[0][-1] == f"{OPEN}_own"
    assert (tmp_path / "out.refused.csv").read_text().splitlines()[1].endswith("loan 15,nobody")


def test_scores_are_those_of_one_person(stages: BulkStages, tmp_path: Path) -> None:
    card, rulebook = cards.small_card(), stages.rulebook()
    request = wanted(write_list(tmp_path), scorecard="base-1", attributes=[])
    found = prepared(stages, request, tmp_path / "job")
    asked = card_attributes(card)
    assert found.question.attributes == asked
    query_layout(bulk.header(asked), rulebook)
    files = [cards.file_of({"late_months": n % 5}) if n % 4 else None for n in range(12)]
    totals = [cards.totals_of([one, None], card) for one in files]

    def block(_: int, rows: range) -> BlockRows:
        part = [totals[row] for row in rows]
        sums = {name: np.array([one.sums[name] for one in part], dtype=np.uint64) for name in asked}
        matched = np.array([one.matched for one in part], dtype=np.uint64)
        made = block_of(rulebook, asked, rows)
        frozen = {"security_freezes": np.zeros(len(rows), dtype=np.uint64)}
        return replace(made, totals={**made.totals, **sums, **frozen, "matched_by_phone": matched})

    stages.finish(request, tmp_path / "job", answers(rulebook, found, block), silent)
    columns, rows = rows_in(tmp_path / "out.csv")
    assert columns == ["loan", "status", "lenders", "score", "score_status", "reasons"]
    of_name = {f"loan {n}": place for n, place in enumerate(_places_of_phones(stages, found))}
    assert len(rows) == 15
    for name, _, _, total, status, reasons in rows:
        if name not in of_name:
            continue
        one = totals[of_name[name]]
        expected = score(card, Totals(one.sums, NOW, one.matched))
        assert (total, status) == (expected.total, expected.status.value)
        assert (reasons or "") == " ".join(lost.reason.code for lost in expected.lost)[:20]
    assert len({row[3] for row in rows}) > 2


def _places_of_phones(stages: BulkStages, found: PreparedList) -> list[int]:
    known = places(found)
    with stages.asks() as asks:
        inputs = [pre_hash(asks.secrets, NormalisedIdentifier(IdentifierKind.PHONE, "", f"+86{one}")) for one in PHONES]
        tags = [subject_tag(asks.secrets, SubjectKey(output)).value for output in asks.evaluate(inputs)]
    return [known[tag] for tag in tags]


def test_what_has_changed_since_is_counted_and_listed(stages: BulkStages, tmp_path: Path) -> None:
    rulebook, request = stages.rulebook(), wanted(write_list(tmp_path))
    found = prepared(stages, request, tmp_path / "first")
    stages.finish(request, tmp_path / "first", answers(rulebook, found, usual(rulebook, ["balance", OPEN])), silent)
    again = wanted(tmp_path, since=str(tmp_path / "out.csv"))
    (tmp_path / "list.csv").write_text((tmp_path / "list.csv").read_text().replace("loan 0,", "loan new,"))
    found = prepared(stages, again, tmp_path / "second")

    def block(number: int, rows: range) -> BlockRows | None:
        made = usual(rulebook, ["balance", OPEN])(number, rows)
        assert made is not None
        return replace(made, totals={**made.totals, "balance": made.totals["balance"] + np.uint64(7 * (number == 0))})

    summary = stages.finish(again, tmp_path / "second", answers(rulebook, found, block), silent)
    changes = summary["changes"]
    assert isinstance(changes, dict)
    assert (changes["added"], changes["removed"]) == (1, 1)
    header, found_changes = rows_in(tmp_path / "out.changes.csv")
    assert len(found_changes) == 2 + int(str(changes["changed"]))
    assert changes["by_column"] == {"balance": changes["changed"]}
    before = ["status_before", "status", "lenders_before", "lenders", "balance_before", "balance"]
    assert header[:8] == ["loan", "change", *before]
    unknown = wanted(tmp_path, since=str(tmp_path / "nothing.csv"))
    with pytest.raises(CreditError) as error:
        stages.finish(unknown, tmp_path / "second", answers(rulebook, found, block), silent)
    assert error.value.code is Code.SOURCE_UNREADABLE


@pytest.mark.parametrize(
    "changes",
    [
        {"out": "out.csv"},
        {"columns": None},
        {"attributes": []},
        {"attributes": ["nothing"]},
        {"scorecard": "other"},
        {"columns": {"id": "loan"}},
        {"out": "/nowhere/at/all.csv"},
        {"mapping": "/some.toml"},
    ],
)
def test_what_is_wrong_with_a_request_is_said_before_anything_is_begun(
    stages: BulkStages, tmp_path: Path, changes: dict[str, object]
) -> None:
    with pytest.raises(CreditError) as error:
        stages.check(wanted(tmp_path, **changes))  # type: ignore[arg-type]  # fields of a request
    assert error.value.code in {Code.RECORD_INVALID, Code.ATTRIBUTE_UNKNOWN, Code.SCORECARD_NOT_EFFECTIVE}


def test_places_that_cannot_be_are_refused_before_anything_is_begun(stages: BulkStages, tmp_path: Path) -> None:
    write_list(tmp_path)
    (tmp_path / "link.csv").symlink_to(tmp_path / "list.csv")
    (tmp_path / "folder").mkdir()
    for out in ("list.csv", "link.csv", "folder"):
        with pytest.raises(CreditError) as error:
            stages.check(wanted(tmp_path, to=out))
        assert error.value.code is Code.RECORD_INVALID
    with pytest.raises(CreditError) as error:
        stages.check(wanted(tmp_path, since=str(tmp_path / "nothing.csv")))
    assert error.value.code is Code.SOURCE_UNREADABLE
    stages.check(wanted(tmp_path, since=str(tmp_path / "list.csv")))


FILL = """
import sys
from pathlib import Path
import numpy as np
from consortium.errors import CreditError
from participants.storage.output_tables import OutputColumn, TableFormat, write_table
out = Path("store/out." + sys.argv[1])
chunks = lambda rows: iter([{"n": np.random.default_rng(1).integers(0, 2**60, rows)}] * 20)
columns = [OutputColumn("n")]
write_table(out, TableFormat(sys.argv[1]), columns, chunks(1))
before = out.read_bytes()
try:
    write_table(out, TableFormat(sys.argv[1]), columns, chunks(100_000))
except CreditError as error:
    print(error.code.value, out.read_bytes() == before, len(list(Path("store").iterdir())))
write_table(out, TableFormat(sys.argv[1]), columns, chunks(2_000))
print(out.read_bytes() != before)
"""


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_disk_that_fills_up_leaves_the_earlier_file(tmp_path: Path, kind: str) -> None:
    """A real file system of a few megabytes; with room again the same call writes the whole file."""
    need_small_disks(tmp_path)
    started = f'mount -t tmpfs -o size={MEGABYTES}m,mode=700 tmpfs store && exec "$0" "$@"'
    command = [UNSHARE, "--mount", "sh", "-c", started, sys.executable, "-c", FILL, kind]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == ["STORAGE_FULL", "True", "1", "True"], done.stderr


NO_ROOM = """
from pathlib import Path
from consortium.errors import CreditError
from participants.lender.portfolio import outcome
from participants.portfolio_stages import _scratch
wanted = outcome.Wanted(("balance",), False, None)
for rows in (10_000_000, 10_000):
    try:
        with _scratch(Path("store")) as scratch:
            outcome._Gathering(wanted, scratch, rows).columns["balance"][:] = 1
            print("gathered")
    except CreditError as error:
        print(error.code.value, len(list(Path("store").iterdir())))
"""


def test_columns_that_find_no_room_are_refused(tmp_path: Path) -> None:
    """Memory that a full disk is behind would end the process without a word."""
    need_small_disks(tmp_path)
    started = f'mount -t tmpfs -o size={MEGABYTES}m,mode=700 tmpfs store && exec "$0" "$@"'
    command = [UNSHARE, "--mount", "sh", "-c", started, sys.executable, "-c", NO_ROOM]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == ["STORAGE_FULL", "0", "gathered"], (done.returncode, done.stderr)


def test_names_of_any_kind_come_through(tmp_path: Path) -> None:
    names = ["plain", 'with "quotes"', "comma, and\nline", "", "名前", "=1+1"]
    chunk = {"name": np.array(names, dtype=object), "n": np.arange(6), "shown": np.array([1, 0] * 3)}
    for kind in TableFormat:
        out = tmp_path / f"out.{kind}"
        write_table(out, kind, [OutputColumn("name"), OutputColumn("n", "shown")], iter([chunk]))
        _, rows = rows_in(out)
        assert [n for _, n in rows] == [0, None, 2, None, 4, None]
        assert [name or "" for name, _ in rows] == names
