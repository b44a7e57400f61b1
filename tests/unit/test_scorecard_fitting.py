"""Fitting, checking and watching scorecards: figures against an oracle, bad samples, and the commands themselves."""

import json
import re
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve
from typer.testing import CliRunner

from consortium.errors import Code
from consortium.membership.genesis import DEFAULT_FAMILIES
from consortium.model.attributes import DEFAULT_ATTRIBUTES
from consortium.model.catalogue import Family
from consortium.model.scorecard import Scorecard
from consortium.model.scorecard_checks import CardTerms, check_card
from consortium.rules.scorecards import room_of
from participants.cli.main import app
from participants.scorecards.binning import Limits, bin_column
from participants.scorecards.files import parse_card, read_card
from participants.scorecards.fitting import Fitted, fit, wanted_of
from participants.scorecards.measures import Stability, measure, stability, stability_index
from participants.scorecards.plan import Plan, load_plan, parse_plan
from participants.scorecards.report import report
from participants.scorecards.sampled import monitor, score_sample, wanted_by
from participants.scorecards.samples import Column, Sample, read_sample
from tests.support.codes import refused
from tests.support.samples import HEADER, people, write

EXAMPLES = Path(__file__).parents[2] / "examples" / "scorecards"
COUNT = 3_000


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(EXAMPLES / "plan.toml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("samples")
    write(made / "people.csv", people(COUNT))
    write(made / "later.csv", people(COUNT, seed=8, later=True))
    return made


@pytest.fixture(scope="module")
def sample(folder: Path, plan: Plan) -> Sample:
    return read_sample([folder / "people.csv"], wanted_of(plan))


@pytest.fixture(scope="module")
def fitted(plan: Plan, sample: Sample) -> Fitted:
    return fit(plan, sample)


@given(
    st.lists(st.tuples(st.integers(-20, 20), st.booleans()), min_size=2).filter(
        lambda rows: len({bad for _, bad in rows}) == 2
    )
)
def test_figures_are_those_of_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    scores, bad = np.array([score for score, _ in rows]), np.array([each for _, each in rows])
    found = measure(scores, bad)
    assert found.auc == pytest.approx(roc_auc_score(~bad, scores))
    false, true, _ = roc_curve(~bad, scores, drop_intermediate=False)
    assert found.ks == pytest.approx(np.max(np.abs(true - false)))
    assert found.gini == pytest.approx(2 * found.auc - 1)


def test_a_card_is_fitted_that_passes_its_checks(fitted: Fitted) -> None:
    assert check_card(fitted.card, CardTerms(DEFAULT_ATTRIBUTES, frozenset(DEFAULT_FAMILIES))) == ()
    assert fitted.left_out == ()
    assert len(fitted.folds) == 5
    assert fitted.mean_auc > 0.70
    assert abs(fitted.mean_auc - fitted.whole.auc) < 0.02, "a few bins do not learn people by heart"


def test_odds_are_those_of_the_scale(fitted: Fitted, sample: Sample) -> None:
    """What the card says of each tenth of the people is what became of them."""
    scores, scale = score_sample(fitted.card, sample), fitted.card.scale
    expected = 1 / (1 + scale.odds * 2.0 ** ((scores - scale.score) / scale.pdo))
    order = np.argsort(scores, kind="stable")
    for part in np.array_split(order, 10):
        assert expected[part].mean() == pytest.approx(sample.bad[part].mean(), abs=0.06)


def test_a_trend_is_kept(fitted: Fitted) -> None:
    by_id = {one.id: [each.points for each in one.bins] for one in fitted.card.characteristics}
    for name in ("late_months", "use"):
        assert by_id[name] == sorted(by_id[name], reverse=True)
        assert len(by_id[name]) > 1


def test_the_same_sample_gives_the_same_card(plan: Plan, sample: Sample, fitted: Fitted) -> None:
    assert fit(plan, sample, folds=0).card == fitted.card


@given(st.lists(st.tuples(st.integers(-5, 40), st.booleans()), min_size=40, max_size=200))
def test_bins_cover_all_values_and_are_large_enough(rows: list[tuple[int, bool]]) -> None:
    values, bad = np.array([value for value, _ in rows], dtype=np.int64), np.array([each for _, each in rows])
    column = Column(values, values != 0)
    found = bin_column(column, bad, Limits(maximum=4, least_people=10))
    assert list(found.edges) == sorted(set(found.edges))
    assert len(found.edges) < 4
    assert (found.good + found.bad).sum() == len(rows)
    people_in = (found.good + found.bad)[:-1]
    assert len(people_in) == 1 or people_in.min() >= 10
    places = found.places(column)
    assert np.array_equal(np.bincount(places[bad], minlength=len(found.bad)), found.bad)


def test_people_who_have_not_changed_are_stable(folder: Path, fitted: Fitted) -> None:
    card, wanted = fitted.card, wanted_by(fitted.card)
    now, later = (read_sample([folder / name], wanted) for name in ("people.csv", "later.csv"))
    same, changed = monitor(card, now, now), monitor(card, now, later)
    assert {index for index, _ in same.values()} == {0.0}
    assert changed["late_months"][0] > 0.1
    assert changed["orders"][1] is Stability.STABLE


def test_a_stability_index_by_hand() -> None:
    index = stability_index(np.array([50, 50]), np.array([80, 20]))
    assert index == pytest.approx(0.3 * np.log(1.6) - 0.3 * np.log(0.4))
    assert [stability(one) for one in (0.0, 0.1, index)] == [Stability.STABLE, Stability.WATCH, Stability.SHIFTED]
    assert np.isfinite(stability_index(np.array([10, 0]), np.array([0, 10])))


def test_a_pooled_sample_is_the_sample(plan: Plan, sample: Sample, tmp_path: Path) -> None:
    """Three lenders' files by a key; the balance of one person at two of them is added, as the sum is."""
    rows = people(COUNT)
    halves = [{**row, "balance": int(row["balance"]) // 2} for row in rows]
    rests = [{**row, "balance": int(row["balance"]) - int(row["balance"]) // 2} for row in rows]
    parts = [
        write(tmp_path / "a.csv", rows, ("person", "late_months", "bad")),
        write(tmp_path / "b.csv", halves, ("person", "balance", "credit_limit")),
        write(tmp_path / "c.csv", rests[::-1], ("person", "balance", "orders_90d")),
    ]
    pooled = read_sample(parts, wanted_of(plan, "person"))
    for name, column in sample.columns.items():
        assert np.array_equal(pooled.columns[name].values * column.present, column.values * column.present), name
    assert np.array_equal(pooled.bad, sample.bad)


def test_parquet_and_exponents_read_alike(folder: Path, plan: Plan, sample: Sample, tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    duckdb.read_csv(str(folder / "people.csv")).write_parquet(str(path))
    assert np.array_equal(read_sample([path], wanted_of(plan)).bad, sample.bad)
    text = (folder / "people.csv").read_text().replace(",100000,", ",1e+05,")
    assert "1e+05" in text
    (tmp_path / "exponents.csv").write_text(text)
    found = read_sample([tmp_path / "exponents.csv"], wanted_of(plan))
    assert np.array_equal(found.columns["credit_limit"].values, sample.columns["credit_limit"].values)


BAD_SAMPLES = [
    (
        "a value that is no number",
        lambda text: text.replace("p7,", "p7,x", 1),
        "row 8, column late_months: not a number",
    ),
    (
        "a part of one",
        lambda text: re.sub(r"p3,[^,]*,", "p3,1.5,", text),
        "row 4, column late_months: not a whole number",
    ),
    ("a broken row", lambda text: text.replace("p4,", "p4,1,", 1), "row 5: BROKEN_ROW"),
    ("no label", lambda text: text.replace(",bad", ",worse"), "no value of bad"),
    ("no column", lambda text: text.replace("orders_90d", "orders"), "no value of orders_90d"),
    ("too few people", lambda text: "\n".join(text.splitlines()[:40]) + "\n", "30 of each are needed"),
]


@pytest.mark.parametrize(("change", "cause"), [one[1:] for one in BAD_SAMPLES], ids=[one[0] for one in BAD_SAMPLES])
def test_bad_samples(folder: Path, plan: Plan, tmp_path: Path, change: object, cause: str) -> None:
    assert callable(change)
    path = tmp_path / "bad.csv"
    path.write_text(change((folder / "people.csv").read_text()))
    with refused(Code.SAMPLE_INVALID, cause=cause):
        read_sample([path], wanted_of(plan))


def test_bad_pools(folder: Path, plan: Plan, tmp_path: Path) -> None:
    whole = folder / "people.csv"
    with refused(Code.SAMPLE_INVALID, cause="pooled by a key"):
        read_sample([whole, whole], wanted_of(plan))
    with refused(Code.SAMPLE_INVALID, cause="is in an earlier file, too"):
        read_sample([whole, whole], wanted_of(plan, "person"))
    twice = write(tmp_path / "twice.csv", [*people(50), *people(1)])
    with refused(Code.SAMPLE_INVALID, cause="row 51: a key that came before"):
        read_sample([twice], wanted_of(plan, "person"))
    with refused(Code.SAMPLE_INVALID, cause="has no column nobody"):
        read_sample([whole], wanted_of(plan, "nobody"))


def test_a_sample_that_tells_nothing_apart(plan: Plan, tmp_path: Path) -> None:
    rows = [
        {**row, "bad": number % 2, "late_months": 1, "orders_90d": 1, "balance": 0}
        for number, row in enumerate(people(400))
    ]
    path = write(tmp_path / "noise.csv", [{**row, "credit_limit": 10} for row in rows])
    with refused(Code.SAMPLE_INVALID, cause="tells good people from bad"):
        fit(plan, read_sample([path], wanted_of(plan)))


def test_bad_plans() -> None:
    text = (EXAMPLES / "plan.toml").read_bytes()
    for before, after, cause in (
        (b"[scale]", b"[scale", "not TOML"),
        (b'role = "challenger"', b'role = "king"', "the plan, role"),
        (b'reason = "late"', b'reasom = "late"', "the plan, dimensions.0.characteristics.0"),
    ):
        with refused(Code.SCORECARD_INVALID, cause=cause):
            parse_plan(text.replace(before, after))


SWITCHABLE = {
    "repayment": None,
    "risk": None,
    "location": Family.LOCATION,
    "personal": Family.PROFILE,
    "network": Family.NETWORK,
    "online": Family.ONLINE,
}


@pytest.mark.parametrize("dimension", SWITCHABLE)
def test_a_shipped_card_of_every_dimension_passes_check(dimension: str) -> None:
    card, family = read_card(EXAMPLES / f"{dimension}.json"), SWITCHABLE[dimension]
    families = frozenset(DEFAULT_FAMILIES) | ({family} if family else frozenset())
    assert check_card(card, CardTerms(DEFAULT_ATTRIBUTES, families)) == ()
    assert [one.id for one in card.dimensions] == [dimension]
    assert (check_card(card, CardTerms(DEFAULT_ATTRIBUTES, frozenset(DEFAULT_FAMILIES))) == ()) == (family is None)


def test_all_shipped_cards_fit_one_answer() -> None:
    cards = [read_card(EXAMPLES / f"{dimension}.json") for dimension in SWITCHABLE]
    assert room_of(cards, DEFAULT_ATTRIBUTES, roster_maximum=32) < 1_000


def test_the_report_shows_figures_and_nobody(fitted: Fitted, sample: Sample) -> None:
    page = report(fitted, sample)
    for shown in (f"{fitted.mean_auc:.4f}", f"{fitted.whole.ks:.4f}", "late_<wbr>months", "do not prove"):
        assert shown in page
    assert "<script" not in page
    assert "http:" not in page
    assert "https:" not in page


def run(*arguments: str | Path, fails: bool = False) -> dict[str, object]:
    result = CliRunner().invoke(app, ["scorecard", *map(str, arguments), "--json"])
    assert (result.exit_code != 0) is fails, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_the_commands(folder: Path, fitted: Fitted, tmp_path: Path) -> None:
    card, page, people_csv = tmp_path / "card.json", tmp_path / "report.html", folder / "people.csv"
    found = run("fit", EXAMPLES / "plan.toml", "--sample", people_csv, "--out", card, "--report", page)
    assert found["mean_auc"] == f"{fitted.mean_auc:.6f}"
    assert read_card(card) == fitted.card
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert run("check", card)["problems"] == []
    shown = run("show", card)["cards"]
    assert isinstance(shown, list)
    assert "score_small_1_held_late_months" in shown[0]["asks_for"]
    watched = run("monitor", card, "--expected", people_csv, "--actual", folder / "later.csv")["stability"]
    assert isinstance(watched, dict)
    assert watched["late_months"]["says"] != "STABLE"


def test_check_says_every_problem(tmp_path: Path) -> None:
    document = json.loads((EXAMPLES / "repayment.json").read_text())
    document["dimensions"][0]["characteristics"][0]["bins"][1]["least"] = 5
    document["dimensions"][0]["minimum"] = 7
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(document))
    document["scale"] = {"score": 1}
    worse = tmp_path / "worse.json"
    worse.write_text(json.dumps(document))
    found = run("check", bad, worse, EXAMPLES / "location.json", fails=True)
    problems = found["problems"]
    assert isinstance(problems, list)
    assert {one["problem"] for one in problems} == {"MALFORMED", "GAP", "BIN_EMPTY", "COVERAGE", "FAMILY_NOT_PERMITTED"}
    assert isinstance(found["error"], dict)
    assert found["error"]["code"] == "SCORECARD_INVALID"
    malformed = [one["place"] for one in problems if one["problem"] == "MALFORMED"]
    assert malformed == ["worse.json.scale.odds", "worse.json.scale.pdo"]


@given(st.binary(max_size=200))
def test_whatever_a_card_file_holds_gives_findings(data: bytes) -> None:
    found = parse_card(data)
    assert isinstance(found, Scorecard) or len(found) > 0


def test_columns_are_those_of_the_header() -> None:
    assert set(people(1)[0]) == set(HEADER)


def test_without_scikit_learn_only_fit_is_refused(
    plan: Plan, sample: Sample, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with refused(Code.SETTINGS_INVALID, cause="install the extra `scorecards`"):
        fit(plan, sample)
    assert len(score_sample(fitted.card, sample)) == COUNT
