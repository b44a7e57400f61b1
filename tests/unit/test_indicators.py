"""Coverage, overlap and depth from the result file of a portfolio, and the page with everything."""

from pathlib import Path

import duckdb
import pytest

from consortium.errors import Code
from consortium.model.signal_policy import Hint
from consortium.supervision.documents import QualityStatement
from participants.indicators import Coverage, Depth, lift_value
from participants.indicators_page import Indicators, indicators_page
from participants.lender.backtest import Backtest, Outcome
from participants.storage.result_figures import coverage_in
from tests.support.books import DAY
from tests.support.codes import refused

RESULT = """\
customer,status,lenders,balance,balance_own,open_tradelines
k1,OK,3,900,100,4
k2,THIN,1,50,50,1
k3,NO_HIT,0,0,0,0
k4,INCOMPLETE,,,,
k5,NOT_PERMITTED,2,,,
"""


@pytest.fixture(params=["csv", "parquet"])
def result(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / "result.csv"
    file.write_text(RESULT)
    if request.param == "csv":
        return file
    made = tmp_path / "result.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (FROM read_csv('{file}')) TO '{made}'")
    return made


def test_people_are_counted_by_the_lenders_that_know_them(result: Path) -> None:
    found = coverage_in(result)
    assert found.rows == 5
    assert found.statuses == {"INCOMPLETE": 1, "NO_HIT": 1, "NOT_PERMITTED": 1, "OK": 1, "THIN": 1}
    assert found.lenders == {0: 1, 1: 1, 2: 1, 3: 1}
    assert (found.known_elsewhere, found.covered, found.others) == (2, 0.5, 0.75)
    assert found.depths == {"balance": Depth(1, 150, 950)}
    assert found.to_json()["covered"] == 500


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "status\nOK\n"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "other.csv"
    file.write_text(text)
    with refused(Code.SOURCE_UNREADABLE):
        coverage_in(file)


def test_nobody_with_an_answer_has_no_share() -> None:
    empty = Coverage(2, {"INCOMPLETE": 2}, {}, {})
    assert (empty.covered, empty.others) == (None, None)
    assert empty.to_json()["covered"] is None


def outcome(approved: int, equal: int) -> Backtest:
    none = dict.fromkeys(Hint, Outcome(0, 0))
    return Backtest(100, (), none | {Hint.APPROVE: Outcome(approved, 2)}, none, none, equal)


def test_the_page_says_what_is_known_and_nothing_of_what_is_not() -> None:
    statement = QualityStatement(
        consortium="demo-consortium",
        member="lender-b",
        day=DAY,
        root=b"r" * 32,
        identified=1000,
        current=None,
        history=500,
        dated=None,
        described=0,
        stated_at=1_790_000_000,
    )
    coverage = Coverage(4, {"OK": 4}, {1: 2, 3: 2}, {"balance": Depth(2, 100, 250)})
    page = indicators_page(Indicators("lender-a", coverage, outcome(40, 50), {"lender-b": statement}))
    for text in ("50.0%", "2.50", "+25.0%", "lender-b", "100.0 %", "Indicators of lender-a"):
        assert text in page
    assert "<script" not in page
    bare = indicators_page(Indicators("lender-a", None, None, {}))
    assert "No lender has stated" in bare
    assert "equal bad rate" not in bare


def test_a_lift_over_nothing_is_none() -> None:
    assert lift_value(outcome(0, 5))["lift"] is None
    assert lift_value(outcome(40, 50))["lift"] == 250
