"""The demonstration from end to end, small: every total is the truth, and nothing printed names anybody."""

import io
import json
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

import demo.__main__ as command
import demo.run as demo_run
from consortium.errors import Code, CreditError
from consortium.model.identifiers import IdentifierKind
from consortium.model.query import Suite
from demo.books import LoadJob, Origin, jobs, load_all
from demo.consortium import Terms
from demo.dataset import Asked, Dataset, Expected
from demo.lines import Desk
from demo.made_up import ATTRIBUTES, made_up
from demo.population import LENDERS, make_population
from demo.run import Options, run
from demo.summary import latency
from demo.taiwan import COLUMNS, KAGGLE_HEADER, UCI_HEADER, taiwan

POPULATION, PEOPLE, SEED = 210, 60, 5
INTEGERS = ("members", "queries", "totals_equal", "totals_unequal", "asked", "answered", "bytes_per_query")


def options(out: Path, **changes: object) -> Options:
    plain = Options(None, PEOPLE, POPULATION, SEED, out, Suite.INSECURE_TEST_1024_MASKED, processes=False)
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
    assert summary["members"] == len(LENDERS)
    assert summary["queries"] == PEOPLE
    assert summary["asked"] == summary["answered"] == PEOPLE * len(LENDERS)
    assert summary["people_per_book"] == [POPULATION // 3] * 5
    assert summary["identifiers"] == POPULATION // 3 * 5
    assert summary["rows_refused"] == 20
    percentiles = summary["latency_ms"]
    assert isinstance(percentiles, dict)
    assert list(percentiles) == ["p50", "p95", "p99"]
    assert 0 < percentiles["p50"] <= percentiles["p95"] <= percentiles["p99"]
    assert isinstance(summary["identifiers_per_second"], int)
    assert summary["identifiers_per_second"] > 0


def test_nothing_printed_or_summed_up_names_anybody(finished: Finished) -> None:
    text = finished.printed + (finished.out / "summary.json").read_text()
    people = make_population(SEED, POPULATION)
    for known in (*people.national_ids, *people.phones, *people.emails):
        assert known not in text
    tags = [
        row[0]
        for lender in LENDERS
        for row in sqlite3.connect(finished.out / "books" / f"{lender}.book").execute("SELECT tag FROM subjects")
    ]
    assert len(tags) == POPULATION // 3 * 5
    assert not any(tag.hex() in text.lower() or repr(tag) in text for tag in tags)


def test_the_tables_show_what_they_should(finished: Finished) -> None:
    for words in ("consortium total", "own part", "truth", "matched how", "asked", "answered", "NO_HIT"):
        assert words in finished.printed
    for reason in ("IDENTIFIER_CHECKSUM", "NOT_A_DATE", "NOT_A_NUMBER", "NO_IDENTIFIER", "NOT_IN_TABLE"):
        assert reason in finished.printed


def test_the_questions_are_telling(tmp_path: Path) -> None:
    """Most attributes are above zero for somebody, each kind of identifier matches, the own part is not everything."""
    data = made_up(SEED, 3_000, 1_000, tmp_path)
    expected = data.truth.expected(data.asked, data.requester, data.attributes)
    telling = {name for item in expected for name, total in item.totals.items() if total}
    assert telling == set(ATTRIBUTES)
    assert {kind for item in expected for kind, count in item.matched.items() if count} == set(IdentifierKind)
    assert any(0 < item.own["balance"] < item.totals["balance"] for item in expected)


@dataclass(frozen=True)
class Lying:
    """A truth that is off by one for the first person."""

    data: Dataset

    def expected(self, asked: tuple[Asked, ...], requester: str, attributes: tuple[str, ...]) -> tuple[Expected, ...]:
        first, *others = self.data.truth.expected(asked, requester, attributes)
        wrong = {name: total + 1 for name, total in first.totals.items()}
        return replace(first, totals=wrong), *others


def test_a_wrong_total_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lying(*arguments: object) -> Dataset:
        data = made_up(*arguments)  # type: ignore[arg-type]  # passed through
        return replace(data, truth=Lying(data))

    monkeypatch.setattr(demo_run, "made_up", lying)
    found = finish(options(tmp_path, population=90, people=3))
    assert found.wrong == len(ATTRIBUTES)
    assert found.summary["totals_unequal"] == len(ATTRIBUTES)
    assert found.summary["totals_equal"] == 2 * len(ATTRIBUTES)


@pytest.mark.parametrize(("wrong", "exit_code"), [(0, 0), (3, 1)])
def test_the_command_fails_on_differences(
    wrong: int, exit_code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "run", lambda _options, _console: wrong)
    result = CliRunner().invoke(command.app, ["--out", str(tmp_path), "--profile", "INSECURE_TEST_1024"])
    assert result.exit_code == exit_code
    assert "PROTECT NOTHING" in result.output


def test_the_command_reports_an_error_by_its_code(tmp_path: Path) -> None:
    result = CliRunner().invoke(command.app, ["--out", str(tmp_path), "--data", str(tmp_path / "nothing.csv")])
    assert result.exit_code == 1
    assert Code.SOURCE_UNREADABLE in result.output
    assert CliRunner().invoke(command.app, ["--profile", "SMALL"]).exit_code == 2


def test_a_folder_of_somebody_else_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "thesis.txt").touch()
    with pytest.raises(CreditError) as caught:
        finish(options(tmp_path))
    assert caught.value.code is Code.SETTINGS_INVALID
    assert (tmp_path / "sources" / "thesis.txt").exists()


def todo(data: Dataset, folder: Path) -> tuple[tuple[LoadJob, ...], Desk]:
    terms = Terms(suite=Suite.INSECURE_TEST_1024_MASKED)
    origin = Origin(data.lenders, data.asked_at, terms, b"s" * 32)
    foundation = origin.found()
    folder.mkdir()
    return jobs(data, origin, folder), Desk(foundation.holders, foundation.rng)


def quiet(_lender: str, _stage: str, _done: int) -> None:
    pass


def test_books_loaded_by_processes_are_those_loaded_here(tmp_path: Path) -> None:
    data = made_up(SEED, 90, 5, tmp_path / "sources")
    here, there = todo(data, tmp_path / "here"), todo(data, tmp_path / "there")
    loaded_here = load_all(*here, quiet, processes=False)
    loaded_there = load_all(*there, quiet, processes=True)
    for one, other in zip(loaded_here, loaded_there, strict=True):
        assert (one.lender, one.people, one.events, one.identifiers) == (
            other.lender,
            other.people,
            other.events,
            other.identifiers,
        )
        assert one.people == one.identifiers == 30
        assert one.journal.requests.keys() == other.journal.requests.keys()


def test_a_load_that_fails_in_its_process_is_raised_here(tmp_path: Path) -> None:
    data = made_up(SEED, 90, 5, tmp_path / "sources")
    (tmp_path / "sources" / "bank" / "enquiries.txt").unlink()
    with pytest.raises(CreditError) as caught:
        load_all(*todo(data, tmp_path / "books"), quiet, processes=True)
    assert caught.value.code is Code.SOURCE_UNREADABLE


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
def test_the_columns_of_a_card_file_come_back_as_totals(header: tuple[str, ...], decimal: str, tmp_path: Path) -> None:
    found = finish(options(tmp_path / "out", data=uci(tmp_path, header, decimal), people=20, population=100))
    assert found.wrong == 0
    assert found.summary["totals_equal"] == 20 * 17
    assert found.summary["people_per_book"] == [100] * 5


def test_lenders_get_their_own_columns_only_and_nobody_a_protected_one(tmp_path: Path) -> None:
    used = [name for names in COLUMNS.values() for name in names]
    assert sorted(used) == sorted(f"X{number}" for number in (1, *range(6, 24)))
    taiwan(uci(tmp_path, UCI_HEADER), 1, 10, tmp_path)
    for lender, names in COLUMNS.items():
        header = (tmp_path / f"{lender}.csv").read_text().splitlines()[0]
        assert header == ",".join(("ID", "identity_number", "mobile", *names))


def test_a_file_with_other_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CreditError) as caught:
        taiwan(uci(tmp_path, tuple(reversed(UCI_HEADER))), 1, 10, tmp_path)
    assert caught.value.code is Code.SOURCE_UNREADABLE


def test_the_real_card_holders(shared: Path, tmp_path: Path) -> None:
    file = shared / "data" / "taiwan" / "UCI_Credit_Card.csv"
    if not file.is_file():
        pytest.skip(f"no {file}")
    found = finish(options(tmp_path, data=file, people=40, population=300))
    assert found.wrong == 0
    assert found.summary["people_per_book"] == [300] * 5
    assert found.summary["totals_equal"] == 40 * 17
