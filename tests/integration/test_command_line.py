"""The command line on whole node folders: load, check, status, record; codes, exit status, and nothing that leaks."""

import datetime as dt
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner, Result

from consortium.errors import Code
from participants.cli.main import app
from participants.cli.output import LateProgress
from participants.lender.connectors import BATCH_ROWS, CsvSource
from participants.regulator.access import tags_from_text
from participants.storage import database
from participants.storage.book_rows import SCHEMA_VERSION
from tests.support.nodes import node_folder
from tests.support.sources import GOOD_PHONES, MAPPING, good_rows, read_rows, write_csv

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "csv" / "mapping.toml"
PHONE = "13912345678"
WHO = {"country": "CN", "phone": PHONE}
EXPIRES = "2100-01-01T00:00:00Z"
LINE = {"account": "x-1", "portfolio": "I", "status": "11", "opened": "2026-01-31", "reported": "2026-02-01"}


@pytest.fixture
def node(tmp_path: Path) -> Path:
    return node_folder(tmp_path)


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "mapping.toml"
    path.write_text(MAPPING.replace('"csv"', '"csv"\npath = "rows.csv"'))
    return path


def run(*arguments: object, told: object = None) -> Result:
    text = json.dumps(told) if told is not None else ""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=text)


def succeed(*arguments: object, told: object = None) -> dict[str, Any]:
    result = run(*arguments, "--json", told=told)
    assert result.exit_code == 0, result.output + result.stderr
    value: dict[str, Any] = json.loads(result.stdout)
    return value


def fail(code: Code, *arguments: object, told: object = None) -> dict[str, Any]:
    result = run(*arguments, "--json", told=told)
    value: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == 1
    assert value["error"]["code"] == code.value, value
    assert value["error"]["message"]
    return value


def status(node: Path) -> dict[str, Any]:
    return succeed("book", "status", "--node", node)


def test_the_example_is_loaded(node: Path) -> None:
    assert status(node)["book"]["subjects"] == 0
    done = succeed("book", "load", "--node", node, "--mapping", EXAMPLE)
    assert done["reports"][0]["rows"] == {"read": 20, "accepted": 20, "refused": 0, "without_content": 0}
    assert (done["book"]["subjects"], done["pieces"], done["carried"]) == (17, 44, 0)
    assert status(node) == {key: done[key] for key in ("member", "book", "journal")}


def test_people_get_tables(node: Path) -> None:
    for command in (["book", "check"], ["book", "load", "--node", node]):
        result = run(*command, "--mapping", EXAMPLE)
        assert result.exit_code == 0, result.stderr
        assert "20 rows read, 20 accepted, 0 refused" in result.stdout
    assert "17" in run("book", "status", "--node", node).stdout
    pending = run("record", "pending", "--node", node, told={"identifiers": WHO, "amount": 5, "expires": EXPIRES})
    assert "pending grant" in pending.stdout


def test_check_needs_no_node_and_writes_nothing_unasked(tmp_path: Path, mapping: Path) -> None:
    write_csv(tmp_path / "rows.csv", [*good_rows(30), f"{PHONE},[bold]x,2025-01-31,1"])
    before = sorted(tmp_path.iterdir())
    done = succeed("book", "check", "--mapping", mapping)
    assert sorted(tmp_path.iterdir()) == before
    assert done["reports"][0]["refusals"][0] == {
        "column": "account",
        "reason": "NOT_ALLOWED",
        "meaning": "out of the target's range or form",
        "count": 1,
        "examples": [{"row": 31, "line": 32}],
    }
    aside = tmp_path / "aside.csv"
    asked = succeed("book", "check", "--mapping", mapping, "--set-aside", aside)
    assert asked["reports"][0]["set_aside"] == str(aside)
    assert "[bold]x" in aside.read_text()


def test_too_many_refused_rows_leave_book_and_file(tmp_path: Path, node: Path, mapping: Path) -> None:
    write_csv(tmp_path / "rows.csv", good_rows(5))
    succeed("book", "load", "--node", node, "--mapping", mapping)
    before = status(node)
    bad = write_csv(tmp_path / "bad.csv", [*good_rows(9), f"{PHONE},a,31.12.2025,1"])
    arguments = ("book", "load", "--node", node, "--mapping", mapping, "--source", bad)
    value = fail(Code.ROWS_REFUSED, *arguments)
    assert value["reports"][0]["rows"]["refused"] == 1
    aside = Path(value["reports"][0]["set_aside"])
    assert aside == node / "refused-mapping.csv"
    assert aside.stat().st_mode & 0o777 == 0o600
    assert PHONE in aside.read_text()
    assert PHONE not in json.dumps(value)
    assert status(node) == before
    assert succeed(*arguments, "--max-refused", "10")["book"]["subjects"] == 9
    shown = run(*arguments)
    assert shown.exit_code == 1
    assert "31.12.2025" not in shown.output + shown.stderr
    assert "ROWS_REFUSED" in shown.stderr
    assert "row 10 (line 11)" in shown.stdout
    assert list(node.glob("*refused-*")) == [aside]
    assert f"  {aside}\n" in shown.stdout


def test_only_the_newest_refused_rows_of_a_source_are_kept(tmp_path: Path, node: Path, mapping: Path) -> None:
    load = ("book", "load", "--node", node, "--mapping", mapping)
    aside = node / "refused-mapping.csv"
    for number in range(3):
        write_csv(tmp_path / "rows.csv", [*good_rows(9), f"{PHONE},try-{number},31.12.2025,1"])
        fail(Code.ROWS_REFUSED, *load)
        assert f"try-{number}" in aside.read_text()
        assert aside.read_text().count("\n") == 2
        assert aside.stat().st_mode & 0o777 == 0o600
        assert list(node.glob("*refused-*")) == [aside]
    (tmp_path / "rows.csv").unlink()
    fail(Code.SOURCE_UNREADABLE, *load)
    assert "try-2" in aside.read_text(), "a source that cannot be read says nothing new"
    write_csv(tmp_path / "rows.csv", good_rows(9))
    succeed(*load)
    assert not list(node.glob("*refused-*")), "nothing is refused any more"


def test_check_says_nothing_of_a_book(tmp_path: Path, mapping: Path) -> None:
    write_csv(tmp_path / "rows.csv", [*good_rows(3), f"{PHONE},a,31.12.2025,1"])
    shown = run("book", "check", "--mapping", mapping)
    assert "[ROWS_REFUSED]" in shown.stderr
    assert "unchanged" not in shown.output + shown.stderr
    assert "book" not in (shown.output + shown.stderr).lower()


def test_no_code_is_cut_and_no_hash_broken_on_a_narrow_screen(
    tmp_path: Path, node: Path, mapping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    write_csv(tmp_path / "rows.csv", [*good_rows(60), f"{PHONE},a,31.12.2025,1", "110105194912310021,b,2025-01-01,1"])
    shown = run("book", "check", "--mapping", mapping)
    assert "opened: NOT_A_DATE in 1 row\n" in shown.stdout
    assert "IDENTIFIER_MALFORMED" in shown.stdout
    assert "row 61 (line 62)" in shown.stdout
    loaded = run("book", "load", "--node", node, "--mapping", mapping)
    recorded = run("record", "freeze", "--node", node, told={"identifiers": WHO, "frozen": True})
    now = status(node)
    known = run("book", "status", "--node", node)
    assert now["book"]["root"] in loaded.stdout.split()
    assert now["journal"]["head"] in recorded.stdout.split()
    assert {now["book"]["root"], now["journal"]["head"], now["book"]["day"]} <= set(known.stdout.split())
    lines = (shown.stdout + loaded.stdout + recorded.stdout + known.stdout).splitlines()
    assert max(len(line) for line in lines if str(tmp_path) not in line) <= 80


def test_a_load_says_how_many_identifiers_it_had_evaluated(tmp_path: Path, node: Path, mapping: Path) -> None:
    write_csv(tmp_path / "rows.csv", [*good_rows(7), *good_rows(7)[:2]])
    done = succeed("book", "load", "--node", node, "--mapping", mapping, "--max-refused", "50")
    assert done["tokenised"]["identifiers"] == 7
    assert done["tokenised"]["cpu_milliseconds"] > 0


def test_parquet_and_sql_load_the_same_book_as_csv(tmp_path: Path, node: Path, mapping: Path) -> None:
    path = write_csv(tmp_path / "rows.csv", good_rows(50))
    succeed("book", "load", "--node", node, "--mapping", mapping)
    root = status(node)["book"]["root"]
    with duckdb.connect(":memory:") as connection:
        select = f"SELECT * FROM read_csv('{path}', types = {{'phone': 'VARCHAR'}})"  # noqa: S608  a path of the test's own
        connection.execute(f"COPY ({select}) TO '{tmp_path / 'rows.parquet'}' (FORMAT parquet)")
        rows = connection.execute(select).fetchall()
    with sqlite3.connect(tmp_path / "rows.sqlite") as lite:
        lite.execute('CREATE TABLE accounts (phone TEXT, account TEXT, opened TEXT, "limit" INTEGER)')
        lite.executemany("INSERT INTO accounts VALUES (?, ?, ?, ?)", [(a, b, str(c), d) for a, b, c, d in rows])
    lite.close()
    for kind in ('"parquet"\npath = "rows.parquet"', '"sql"\nurl = "sqlite:///rows.sqlite"\ntable = "accounts"'):
        mapping.write_text(MAPPING.replace('"csv"', kind))
        succeed("book", "load", "--node", node, "--mapping", mapping)
        assert status(node)["book"]["root"] == root


def test_a_grant_goes_from_promise_to_account(node: Path) -> None:
    told = {"identifiers": WHO, "id": "g-1", "amount": 500_000, "expires": EXPIRES}
    first = succeed("record", "pending", "--node", node, told=told)
    assert (first["pending_id"], first["journal"]["size"]) == ("g-1", 1)
    assert succeed("record", "pending", "--node", node, told=told) == first
    fail(Code.RECORD_INVALID, "record", "pending", "--node", node, told=told | {"amount": 6})
    confirmed = {"identifiers": WHO, "id": "g-1", "tradeline": LINE}
    assert succeed("record", "confirm", "--node", node, told=confirmed)["journal"]["size"] == 2
    fail(Code.RECORD_INVALID, "record", "release", "--node", node, told={"identifiers": WHO, "id": "g-1"})
    for command, fields in (
        ("dispute", {"account": "x-1", "disputed": True}),
        ("tradeline", {"tradeline": LINE | {"balance": 7}}),
        ("inquiry", {}),
        ("freeze", {"frozen": True}),
        ("location", {"latitude": 39.9236, "longitude": 116.3496}),
    ):
        succeed("record", command, "--node", node, told={"identifiers": WHO, **fields})
    assert status(node)["journal"]["size"] == 7
    far = {"identifiers": WHO, "latitude": 95, "longitude": 116.3496}
    fail(Code.RECORD_INVALID, "record", "location", "--node", node, told=far)


@pytest.mark.parametrize("as_of", ["2020-01-01T00:00:00+0000", None, "now"])
def test_a_grant_survives_the_next_load(tmp_path: Path, node: Path, mapping: Path, as_of: str | None) -> None:
    write_csv(tmp_path / "rows.csv", good_rows(3))
    told = {"identifiers": WHO, "id": "g", "amount": 1, "expires": EXPIRES}
    succeed("record", "pending", "--node", node, told=told)
    if as_of == "now":
        time.sleep(1.1)  # so that the grant lies before the source's time and is carried over, not applied again
        as_of = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S%z")
        done = succeed("book", "load", "--node", node, "--mapping", mapping, "--as-of", as_of)
        assert (done["book"]["subjects"], done["carried"], done["journal"]["size"]) == (4, 1, 0)
    else:
        options = ["--as-of", as_of] if as_of else []
        done = succeed("book", "load", "--node", node, "--mapping", mapping, *options)
        assert (done["book"]["subjects"], done["carried"], done["journal"]["size"]) == (3, 0, 1)
    succeed("record", "release", "--node", node, told={"identifiers": WHO, "id": "g"})


def test_the_time_a_source_speaks_of_decides_what_stays(tmp_path: Path, node: Path, mapping: Path) -> None:
    write_csv(tmp_path / "rows.csv", good_rows(3))
    told = {"identifiers": {"country": "CN", "phone": GOOD_PHONES[0]}, "tradeline": LINE}
    load = ("book", "load", "--node", node, "--mapping", mapping, "--as-of")
    succeed("record", "tradeline", "--node", node, told=told)
    assert succeed(*load, "2020-01-01T00:00:00+0000")["journal"]["size"] == 1
    fail(Code.SETTINGS_INVALID, *load, "2100-01-01T00:00:00+0000")


def test_an_event_may_come_from_a_file(tmp_path: Path, node: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"identifiers": WHO}))
    succeed("record", "inquiry", path, "--node", node)
    fail(Code.SOURCE_UNREADABLE, "record", "inquiry", tmp_path / "absent.json", "--node", node)


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (Code.SETTINGS_INVALID, ["book", "status", "--node", "/nowhere"]),
        (Code.SOURCE_UNREADABLE, ["book", "check", "--mapping", "/nowhere/mapping.toml"]),
        (Code.SOURCE_UNREADABLE, ["book", "check", "--mapping", EXAMPLE, "--source", "/nowhere.csv"]),
    ],
)
def test_errors_have_a_code_and_status_1(code: Code, arguments: list[str]) -> None:
    fail(code, *arguments)
    shown = run(*arguments)
    assert shown.exit_code == 1
    assert f"[{code}]" in shown.stderr


def test_a_progress_bar_comes_late_and_knows_how_far_it_is(
    tmp_path: Path, mapping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = CsvSource(write_csv(tmp_path / "rows.csv", good_rows(10)))
    with LateProgress([rows], hidden=False) as early, LateProgress([rows], hidden=True) as hidden:
        early("reading", 5)
        hidden("reading", 5)
    assert not early.bar.tasks
    monkeypatch.setattr("participants.cli.output.PROGRESS_AFTER_SECONDS", 0.0)
    with LateProgress([rows], hidden=False) as late:
        late("reading", 5)
        read_rows(rows)
        late("reading", 10)
        (task,) = late.bar.tasks
        assert (task.percentage, task.fields["done"]) == (100, 10)
        late("writing", 3)
        (task,) = late.bar.tasks
        assert (task.description, task.total) == ("writing", None)
    assert "10 rows read" in run("book", "check", "--mapping", mapping).stdout


def test_several_mappings_make_one_book(tmp_path: Path, node: Path, mapping: Path) -> None:
    write_csv(tmp_path / "rows.csv", good_rows(3))
    both = ("--mapping", mapping, "--mapping", EXAMPLE)
    done = succeed("book", "load", "--node", node, *both)
    assert done["book"]["subjects"] == 3 + 17
    assert [report["source"] for report in done["reports"]] == ["rows.csv", "accounts.csv"]
    write_csv(tmp_path / "rows.csv", [*good_rows(30), "x"])
    asked = succeed("book", "check", *both, "--set-aside", tmp_path / "aside.csv")
    assert [report["set_aside"] for report in asked["reports"]] == [str(tmp_path / "aside-1.csv"), None]
    assert run("book", "check", *both, "--source", tmp_path / "rows.csv").exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [["book", "load"], ["book", "nothing"], ["book", "check", "--mapping", EXAMPLE, "--max-refused", "101"]],
)
def test_a_wrong_command_line_has_status_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_identifiers_are_in_nothing_that_is_shown(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"identifiers": {"country": "CN", "phone": "1391234567"}}
    result = run("record", "inquiry", "--node", node, told=told)
    assert "IDENTIFIER_MALFORMED" in result.stderr
    assert "1391234567" not in result.output + result.stderr

    def crash(*_: object) -> None:
        raise ValueError(f"cannot handle {PHONE}")

    monkeypatch.setattr("participants.cli.record.record_in_books", crash)
    crashed = run("record", "inquiry", "--node", node, told={"identifiers": WHO})
    assert crashed.exit_code == 1
    assert "[INTERNAL]" in crashed.stderr
    assert "ValueError at test_command_line.py" in crashed.stderr
    assert PHONE not in crashed.output + crashed.stderr


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no database of the node grow by a single page."""
    connect = database.connect

    def on_full_disk(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        if path.name == "book.db":
            connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    monkeypatch.setattr(database, "connect", on_full_disk)
    return iter(())


def test_a_full_disk_records_nothing_and_says_so(node: Path, request: pytest.FixtureRequest) -> None:
    succeed("record", "inquiry", "--node", node, told={"identifiers": WHO})
    before = status(node)
    request.getfixturevalue("full_disk")
    accounts = [LINE | {"account": f"x-{number}"} for number in range(200)]
    codes = []
    for line in accounts:
        result = run("record", "tradeline", "--node", node, "--json", told={"identifiers": WHO, "tradeline": line})
        codes.append(json.loads(result.stdout).get("error", {}).get("code"))
        if codes[-1]:
            break
    assert codes[-1] == Code.STORAGE_FULL
    recorded = codes.count(None)
    assert status(node)["journal"]["size"] == before["journal"]["size"] + recorded


def test_a_database_of_another_version_is_left_alone(node: Path) -> None:
    status(node)
    with sqlite3.connect(node / "book.db") as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    fail(Code.STORAGE_SCHEMA, "book", "status", "--node", node)


def test_the_installed_command_in_processes_of_their_own(tmp_path: Path, node: Path, mapping: Path) -> None:
    write_csv(tmp_path / "rows.csv", good_rows(2 * BATCH_ROWS - 100))
    command = [str(Path(sys.executable).parent / "credit-participant")]
    environment = {"PATH": "/usr/bin:/bin", "CREDIT_NODE": str(node), "HOME": str(tmp_path)}
    options: dict[str, Any] = {"env": environment, "cwd": tmp_path, "text": True, "stdout": subprocess.PIPE}
    loading = subprocess.Popen([*command, "book", "load", "--mapping", str(mapping), "--json"], **options)
    told = json.dumps({"identifiers": WHO, "id": "meanwhile", "amount": 5, "expires": EXPIRES})
    recording = subprocess.run([*command, "record", "pending", "--json"], input=told, timeout=60, check=True, **options)
    assert json.loads(recording.stdout)["pending_id"] == "meanwhile"
    done = json.loads(loading.communicate(timeout=60)[0])
    assert done["reports"][0]["rows"]["accepted"] == 2 * BATCH_ROWS - 100
    succeed("record", "release", "--node", node, told={"identifiers": WHO, "id": "meanwhile"})


def test_a_persons_tags_go_into_a_file_for_the_regulator_alone(node: Path, tmp_path: Path) -> None:
    out = tmp_path / "tags.txt"
    both = {"country": "CN", "phone": PHONE, "email": "li.hua@example.com"}
    done = succeed("tags", out, "--node", node, told={"identifiers": both})
    assert done == {"file": str(out), "tags": 2}
    assert out.stat().st_mode & 0o077 == 0
    phone, email = tags_from_text(out.read_text())
    assert phone.value != email.value
    succeed("tags", tmp_path / "other.txt", "--node", node, told={"identifiers": WHO})
    assert tags_from_text((tmp_path / "other.txt").read_text())[0].value == phone.value
    fail(Code.SETTINGS_INVALID, "tags", out, "--node", node, told={"identifiers": WHO})
    fail(Code.RECORD_INVALID, "tags", tmp_path / "none.txt", "--node", node, told={"identifiers": {"country": "CN"}})
