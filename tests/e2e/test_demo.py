"""The demonstration from end to end, small: every total is the truth, and nothing printed names anybody."""

import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

import demo.__main__ as command
from consortium.errors import Code, CreditError
from consortium.model.credit_file import Channel, Scene
from consortium.model.identifiers import IdentifierKind
from consortium.model.query import Suite
from demo.assessments import ROLES
from demo.audit import EXPORT, FORGED
from demo.books import Books, load_command
from demo.consortium import LENDERS as PARTIES
from demo.dataset import Asked, Dataset, Expected
from demo.made_up import ATTRIBUTES, made_up
from demo.population import LENDERS, make_population
from demo.portfolio import ATTRIBUTES as NUMBERS
from demo.portfolio import CHECKED
from demo.progress import Meter, Stages
from demo.questions import Answer, Result, Timed, Value, compare
from demo.run import Options, run
from demo.statistics import FARTHEST, Released
from demo.summary import Run, latency, summarise
from demo.taiwan import COLUMNS, KAGGLE_HEADER, MADE_COLUMNS, UCI_HEADER, taiwan
from participants.lender.ask import ValueStatus
from participants.sandbox.processes import Processes, ProcessFailedError
from tests.support.processes import consortium, own_ports

POPULATION, PEOPLE, SEED = 210, 60, 5
NOW = 20_773 * 86_400 + 10 * 3_600
INTEGERS = ("members", "queries", "totals_equal", "totals_unequal", "asked", "answered", "bytes_per_query")
SMALL = ("--population", "90", "--people", "200", "--profile", "INSECURE_TEST_1024")


def options(out: Path, **changes: object) -> Options:
    plain = Options(None, PEOPLE, POPULATION, SEED, out, Suite.INSECURE_TEST_1024_MASKED, own_ports())
    return replace(plain, **changes)  # type: ignore[arg-type]  # tests vary single fields by name


@dataclass(frozen=True)
class Finished:
    wrong: int
    printed: str
    out: Path

    @property
    def summary(self) -> dict[str, object]:
        read: dict[str, object] = json.loads((self.out / "summary.json").read_text())
        return read


def finish(chosen: Options) -> Finished:
    console = Console(file=io.StringIO(), width=140)
    wrong = run(chosen, console)
    assert isinstance(console.file, io.StringIO)
    return Finished(wrong, console.file.getvalue(), chosen.out)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return finish(options(tmp_path_factory.mktemp("demo")))


def test_every_total_is_the_truth(finished: Finished) -> None:
    summary = finished.summary
    assert finished.wrong == 0
    assert summary["totals_equal"] == PEOPLE * len(ATTRIBUTES)
    assert summary["totals_unequal"] == summary["queries_with_other_differences"] == 0


def test_the_summary_adds_up(finished: Finished) -> None:
    summary = finished.summary
    assert all(type(summary[name]) is int for name in INTEGERS)
    assert summary["processes"] == 8
    assert summary["members"] == len(LENDERS)
    assert summary["queries"] == PEOPLE
    assert summary["asked"] == summary["answered"] == PEOPLE * len(LENDERS)
    assert summary["people_per_book"] == [POPULATION // 3] * 5
    assert summary["identifiers"] == POPULATION // 3 * 5
    assert summary["rows_refused"] == 20
    assert summary["in_flight"] == 4
    for name in ("latency_ms", "latency_in_flight_ms"):
        percentiles = summary[name]
        assert isinstance(percentiles, dict)
        assert list(percentiles) == ["p50", "p95", "p99"]
        assert 0 < percentiles["p50"] <= percentiles["p95"] <= percentiles["p99"]
    assert isinstance(summary["bytes_per_query"], int)
    assert 10_000 < summary["bytes_per_query"] < 60_000, "all messages of two rounds with five lenders"
    assert isinstance(summary["identifiers_per_second"], int)
    assert summary["identifiers_per_second"] > 0


def test_every_stage_is_a_plain_line_where_there_is_no_terminal(finished: Finished) -> None:
    stages = [line.split()[1].rstrip(":") for line in finished.printed.splitlines() if line.startswith("== ")]
    expected = ["data", "consortium", "books", "questions", "assessments", "portfolio", "statistics", "audit"]
    assert stages == expected == list(finished.summary["seconds"])  # type: ignore[call-overload]


def test_nothing_printed_or_summed_up_names_anybody(finished: Finished) -> None:
    text = finished.printed + (finished.out / "summary.json").read_text()
    text += "".join(path.read_text() for path in (finished.out / "consortium").glob("*.log"))
    people = make_population(SEED, POPULATION)
    for known in (*people.national_ids, *people.phones, *people.emails):
        assert known not in text
    tags = []
    for lender in LENDERS:
        with closing(sqlite3.connect(finished.out / "consortium" / lender / "book.db")) as book:
            tags += [row[0] for row in book.execute("SELECT tag FROM subjects")]
    assert len(tags) >= POPULATION // 3 * 5  # and the four who are assessed
    assert not any(tag.hex() in text.lower() or repr(tag) in text for tag in tags)


def test_refused_rows_are_set_aside_by_source(finished: Finished) -> None:
    folder = finished.out / "consortium"
    found = {path.name for path in folder.glob("*/refused-*.csv")}
    assert {"refused-pay-later-accounts.csv", "refused-bank-accounts.csv"} <= found
    assert "refused-bank-enquiries.csv" not in found


def test_the_tables_show_what_they_should(finished: Finished) -> None:
    for words in ("consortium total", "own part", "truth", "matched how", "asked", "answered", "NO_HIT"):
        assert words in finished.printed
    for reason in ("IDENTIFIER_CHECKSUM", "NOT_A_DATE", "NOT_A_NUMBER", "NO_IDENTIFIER", "NOT_IN_TABLE"):
        assert reason in finished.printed


def test_four_applications_come_to_what_they_must(finished: Finished) -> None:
    four = finished.summary["assessments"]
    assert isinstance(four, dict)
    assert {name: (one["decision"], one["situation"]) for name, one in four.items()} == {
        role.name: (role.decision, role.situation) for role in ROLES
    }
    assert {one["alone"]["decision"] for one in four.values()} == {"APPROVE"}
    assert four["stolen"]["travel"]["verdict"] == "BLOCK"
    assert all(one["dimensions"]["repayment"]["status"] == "OK" for one in four.values())
    for role in ROLES:
        assert role.phone not in json.dumps(four)


def test_a_list_has_the_numbers_of_each_person_alone(finished: Finished) -> None:
    figures = finished.summary["portfolio"]
    assert isinstance(figures, dict)
    assert (figures["rows"], figures["numbers_unequal"]) == (PEOPLE, 0)
    assert figures["numbers_compared"] == len(NUMBERS) * CHECKED


def test_a_released_statistic_is_the_books_with_the_stated_noise(finished: Finished) -> None:
    figures = finished.summary["statistics"]
    assert isinstance(figures, dict)
    assert figures["cells"] == len(Scene) * len(Channel)
    assert 0 < figures["farthest_in_standard_errors"] < FARTHEST
    assert "scenes: epsilon" in finished.printed


def test_a_released_number_that_no_noise_explains_is_counted() -> None:
    made = Released("scenes", ("a", "b", "c"), (100, -40, 1_000), (0, 0, 0), 20.0, "0.3", 7)
    assert (made.wrong, made.farthest) == (1, 50.0)


def test_it_ends_with_an_export_that_is_complete_and_a_forged_one_that_is_not(finished: Finished) -> None:
    figures, folder = finished.summary["audit"], finished.out / "audit"
    assert isinstance(figures, dict)
    assert (figures["verdict"], figures["changed_in_one_byte"]) == ("COMPLETE", "FAILED")
    assert "lines" in figures["found_by"]
    assert figures["queries_answered"] == PEOPLE + len(ROLES) + CHECKED
    parts = ("entries.jsonl", "checkpoint", "proof.json", "entries.csv", "entries.parquet", "data-dictionary.md")
    for name in (*parts, "report.html", "rulebooks", "bodies"):
        assert (folder / name).exists(), name
    with zipfile.ZipFile(folder / EXPORT) as export, zipfile.ZipFile(folder / FORGED) as forged:
        before, after = export.read("entries.jsonl"), forged.read("entries.jsonl")
        others = {name for name in export.namelist() if export.read(name) != forged.read(name)}
    assert (folder / "entries.jsonl").read_bytes() == before
    assert before.count(b"\n") == figures["entries"]
    assert len(before) == len(after)
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
    assert others == {"entries.jsonl", "proof.json"}, "the digest of the changed file is made to fit"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return made_up(SEED, 3_000, 1_000, tmp_path_factory.mktemp("data"), NOW)


def expected_at(data: Dataset, moment: int, asked: Sequence[Asked] = ()) -> tuple[Expected, ...]:
    people = asked or data.asked
    return data.truth.expected(people, [moment] * len(people), data.requester, data.attributes)


def test_the_questions_are_telling(data: Dataset) -> None:
    """Most attributes are above zero for somebody, each kind of identifier matches, the own part is not everything."""
    expected = expected_at(data, NOW + 100)
    telling = {name for item in expected for name, total in item.totals.items() if total}
    assert telling == set(ATTRIBUTES)
    assert {kind for item in expected for kind, count in item.matched.items() if count} == set(IdentifierKind)
    assert any(0 < item.own["balance"] < item.totals["balance"] for item in expected)
    assert any(item.frozen for item in expected)


def test_the_truth_is_that_of_the_second_of_each_question(data: Dataset) -> None:
    def total(moment: int, name: str) -> int:
        return sum(item.totals[name] for item in expected_at(data, moment))

    assert total(NOW + 100, "pending_grants") > 0
    assert total(NOW + 2 * 86_400, "pending_grants") == 0, "grants lapse"
    hours = [total(NOW + moment, "hard_inquiries_0_1h") for moment in (0, 1_800, 3_600)]
    assert hours[0] > hours[1] > hours[2] == 0
    mixed = data.truth.expected(data.asked[:2] * 2, [NOW, NOW, NOW, NOW + 3_600], data.requester, data.attributes)
    assert mixed[:3] == expected_at(data, NOW, data.asked[:2] + data.asked[:1])
    assert mixed[3:] == expected_at(data, NOW + 3_600, data.asked[1:2])


def answered(truth: Expected) -> Timed:
    """An answer that is the truth."""
    values = tuple(Value(name, total, truth.own[name], "count", ValueStatus.OK) for name, total in truth.totals.items())
    lenders = tuple(sorted(LENDERS))
    result = Result(ValueStatus.OK, values, dict(truth.matched), truth.frozen, 0, lenders, lenders, NOW)
    return Timed(result, 0.05, 1)


def summed_up(answers: Sequence[Answer]) -> dict[str, object]:
    done = Run("title", "suite", 8, Books((), 0.0), answers, 3_000, {"data": 1.0})
    return dict(summarise(done))


def test_a_wrong_total_is_found(data: Dataset) -> None:
    few = replace(data, asked=data.asked[:3])
    right = [answered(truth) for truth in expected_at(few, NOW)]
    assert summed_up(compare(few, right))["totals_equal"] == 3 * len(ATTRIBUTES)

    def with_first(**changes: object) -> dict[str, object]:
        result = replace(right[0].result, **changes)  # type: ignore[arg-type]  # tests vary single fields by name
        return summed_up(compare(few, [replace(right[0], result=result), *right[1:]]))

    first = right[0].result.values
    off = with_first(values=(replace(first[0], total=first[0].total + 1), *first[1:]))
    assert (off["totals_unequal"], off["totals_equal"]) == (1, 3 * len(ATTRIBUTES) - 1)
    matched = {kind: count + 1 for kind, count in right[0].result.matched.items()}
    for changes in (
        {"values": (replace(first[0], own=first[0].own + 1), *first[1:])},
        {"matched": matched},
        {"frozen": right[0].result.frozen + 1},
        {"capped": 1},
    ):
        beside = with_first(**changes)
        assert (beside["queries_with_other_differences"], beside["totals_unequal"]) == (1, 0), changes


@pytest.mark.parametrize(("wrong", "exit_code"), [(0, 0), (3, 1)])
def test_the_command_fails_on_differences(
    wrong: int, exit_code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "run", lambda _options, _console: wrong)
    result = CliRunner().invoke(command.app, ["--out", str(tmp_path), "--profile", "INSECURE_TEST_1024"])
    assert result.exit_code == exit_code
    assert "PROTECT NOTHING" in result.output


def test_a_file_that_is_not_there_is_called_that(tmp_path: Path) -> None:
    missing = tmp_path / "nothing.csv"
    result = CliRunner().invoke(command.app, ["--out", str(tmp_path), "--data", str(missing)])
    assert result.exit_code == 1
    assert Code.SOURCE_UNREADABLE in result.output
    flowing = "".join(result.output.split())
    assert f"nofile{missing}" in flowing
    assert "docs/demo.md" in flowing
    assert CliRunner().invoke(command.app, ["--profile", "SMALL"]).exit_code == 2


def test_a_folder_of_somebody_else_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "thesis.txt").touch()
    with pytest.raises(CreditError) as caught:
        finish(options(tmp_path))
    assert caught.value.code is Code.SETTINGS_INVALID
    assert (tmp_path / "sources" / "thesis.txt").exists()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["a lender is killed", "the demonstration is told to stop"])
def test_whatever_ends_it_half_way_leaves_no_process(how: str, tmp_path: Path) -> None:
    arguments = [*SMALL, "--port", str(own_ports()), "--out", str(tmp_path)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    running = subprocess.Popen(
        [sys.executable, "-m", "demo", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    )
    assert running.stdout is not None
    lines = iter(running.stdout.readline, b"")
    started = next(line.decode() for line in lines if b"processes: " in line)
    pids = {name: int(pid) for name, pid in re.findall(r"([a-z-]+) ([0-9]+)[,;]", started)}
    assert len(pids) == 8, started
    if how == "a lender is killed":
        os.kill(pids["ride-credit"], signal.SIGKILL)
    else:
        running.send_signal(signal.SIGTERM)
    said = b"".join(lines).decode()
    assert running.wait(30) not in {0, -signal.SIGTERM}
    running.stdout.close()
    if how == "a lender is killed":
        assert "ride-credit ended with status -9" in said
        assert str(tmp_path / "consortium" / "ride-credit.log") in "".join(said.split())
    assert not [name for name, pid in pids.items() if is_alive(pid)]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "zombie" not in Path(f"/proc/{pid}/status").read_text()


def test_a_load_that_fails_is_named_with_its_log(data: Dataset, tmp_path: Path) -> None:
    source = data.sources["bank"][0]
    broken = tmp_path / "bank.toml"
    broken.write_text(source.mapping.read_text().replace("accounts.txt", "absent.txt"))
    with consortium(tmp_path / "out") as parties:
        call = load_command([replace(source, mapping=broken)], NOW)
        parties.run_beside(PARTIES[0], "load", call, {})
        with pytest.raises(ProcessFailedError, match=Code.SOURCE_UNREADABLE) as caught:
            parties.wait_for(lambda: parties.has_finished(PARTIES[0], "load"), "the load")
    assert f"{PARTIES[0]}.load failed with status 1" in str(caught.value)
    assert str(tmp_path / "out" / f"{PARTIES[0]}.load.log") in str(caught.value)


def test_a_party_that_cannot_start_is_named_with_its_log(tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "node.toml").write_text("nothing = 1\n")
    with (
        Processes(tmp_path) as processes,
        pytest.raises(ProcessFailedError, match="broken ended with status 1") as caught,
    ):
        processes.start_all()
    assert str(tmp_path / "broken.log") in str(caught.value)
    assert Code.SETTINGS_INVALID in str(caught.value)


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_a_bar_on_a_terminal_and_a_line_every_ten_seconds_elsewhere(
    *, terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("demo.progress.time.monotonic", lambda: now[0])
    console = Console(file=io.StringIO(), width=100, force_terminal=terminal)
    with Stages(console).stage("books", "five"), Meter.shown(console, "rows", 9_000) as meter:
        for now[0] in (5.0, 10.0, 11.0, 21.0):
            meter.update(int(now[0]) * 100)
    assert isinstance(console.file, io.StringIO)
    plain = console.file.getvalue()
    lines = ["== books: five", "   rows: 1,000 of 9,000 after 10 s", "   rows: 2,100 of 9,000 after 21 s"]
    assert (plain.splitlines() == lines) is not terminal


def test_latency_is_the_nearest_rank() -> None:
    assert latency([]) == {"p50": 0.0, "p95": 0.0, "p99": 0.0}
    assert latency([0.25]) == {"p50": 250.0, "p95": 250.0, "p99": 250.0}
    hundred = [place / 1000 for place in range(100, 0, -1)]
    assert latency(hundred) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}


def uci(folder: Path, header: tuple[str, ...], decimal: str = "") -> Path:
    """A file of ten made-up card holders with the columns of the real one."""
    rows = [
        [number, 20_000 * number, 1, 2, 1, 30, *((number + month) % 11 - 2 for month in range(6))]
        + [1_000 * number - 3_000 + month for month in range(6)]
        + [100 * month for month in range(6)]
        + [0]
        for number in range(1, 101)
    ]
    lines = [",".join(header), *(",".join(f"{cell}{decimal}" for cell in row) for row in rows)]
    path = folder / "cards.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(("header", "decimal"), [(UCI_HEADER, ""), (KAGGLE_HEADER, ".0")])
def test_both_headers_of_the_card_file_are_read_alike(header: tuple[str, ...], decimal: str, tmp_path: Path) -> None:
    found = taiwan(uci(tmp_path, header, decimal), 1, 10, tmp_path, NOW, 50)
    plain = tmp_path / "plain"
    plain.mkdir()
    assert (tmp_path / "island-bank.csv").read_text().count("\n") == 51
    other = taiwan(uci(plain, UCI_HEADER), 1, 10, plain, NOW, 50)
    assert expected_at(found, NOW) == expected_at(other, NOW)
    for lender in COLUMNS:
        assert (tmp_path / f"{lender}.csv").read_text() == (plain / f"{lender}.csv").read_text()


def test_lenders_get_their_own_columns_only_and_nobody_a_protected_one(tmp_path: Path) -> None:
    used = [name for names in COLUMNS.values() for name in names]
    assert sorted(used) == sorted(f"X{number}" for number in (1, *range(6, 24)))
    taiwan(uci(tmp_path, UCI_HEADER), 1, 10, tmp_path, NOW)
    for lender, names in COLUMNS.items():
        header = (tmp_path / f"{lender}.csv").read_text().splitlines()[0]
        assert header == ",".join((*MADE_COLUMNS, *names))


def test_a_file_with_other_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CreditError) as caught:
        taiwan(uci(tmp_path, tuple(reversed(UCI_HEADER))), 1, 10, tmp_path, NOW)
    assert caught.value.code is Code.SOURCE_UNREADABLE


@pytest.mark.slow
def test_the_real_card_holders(shared: Path, tmp_path: Path) -> None:
    file = shared / "data" / "taiwan" / "UCI_Credit_Card.csv"
    if not file.is_file():
        pytest.skip(f"no {file}")
    found = finish(options(tmp_path, data=file, people=40, population=300))
    assert found.wrong == 0
    assert found.summary["people_per_book"] == [300] * 5
    assert found.summary["totals_equal"] == 40 * 17
