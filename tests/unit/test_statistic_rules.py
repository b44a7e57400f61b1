"""Templates of statistics: what the rulebook takes and refuses, their cells, their noise, and who may ask."""

import json
from fractions import Fraction
from functools import lru_cache
from typing import Any

import pytest

from consortium.canonical import canonical_json
from consortium.errors import Code
from consortium.membership.proposals import SetSection
from consortium.model.credit_file import AccountStatus, Channel, CreditFile, PortfolioType, Scene, Tradeline
from consortium.model.facts import Moment
from consortium.model.identifiers import IdentifierKind
from consortium.model.rulebook import Rulebook, parse_rulebook
from consortium.model.rulebook_document import read_section
from consortium.model.statistic_policy import HOLDERS_WEIGHT, StatisticsPolicy, Template
from consortium.rules.statistic_cells import CellReader, Surroundings, hit_cells, holder_cells
from consortium.rules.statistic_defaults import DEFAULT_STATISTICS, DELINQUENCY, EXPOSURE, HITS
from consortium.rules.statistics import Statistic, sensitivity_square, statistic_of
from tests.support.codes import refused
from tests.support.membership import registry
from tests.support.world import LENDERS, NOW

MOMENT = Moment.of(NOW, live=False, retention_days=1_825, clock_skew=300)
CITY = Surroundings("tier-1", "26-35")


def section(**changes: Any) -> bytes:
    """The shipped section, with its first template changed."""
    value = DEFAULT_STATISTICS.model_dump(mode="json")
    first = value["templates"][0] | changes
    kept = {name: one for name, one in first.items() if one is not None}
    return canonical_json({**value, "templates": [kept, *value["templates"][1:]]})


@lru_cache(maxsize=1)
def plain() -> Rulebook:
    return registry().rulebook


def with_statistics(content: bytes = b"") -> Rulebook:
    wanted = read_section("statistics", content or section())
    raw = plain().document.model_copy(update={"statistics": wanted}).to_bytes()
    return Rulebook(parse_rulebook(raw), raw)


def line(**changes: Any) -> Tradeline:
    usual: dict[str, Any] = {
        "account": "a1",
        "portfolio": PortfolioType.REVOLVING,
        "status": AccountStatus.CURRENT,
        "opened": 20_000,
        "reported": 20_490,
        "limit": 10**6,
        "balance": 500,
        "channel": Channel.APP,
        "scene": Scene.RIDE,
    }
    return Tradeline(**(usual | changes))


def person(*lines: Tradeline, **changes: Any) -> CreditFile:
    return CreditFile(IdentifierKind.PHONE, tradelines=lines, **changes)


def by_names(found: Statistic, cells: dict[int, int]) -> dict[tuple[str, ...], int]:
    return {found.cells[cell]: value for cell, value in cells.items()}


def test_the_section_is_in_the_bytes_only_where_it_is() -> None:
    known = registry()
    assert b'"statistics":' not in known.rulebook.raw
    assert known.change(SetSection(section="statistics", content=section())).document.statistics == DEFAULT_STATISTICS
    assert b'"statistics":' not in known.change(SetSection(section="statistics")).raw


@pytest.mark.parametrize("missing", ["bound", "touches"])
def test_a_template_that_nothing_bounds_is_refused(missing: str) -> None:
    for nothing in (0, None):
        with refused(Code.STATISTIC_UNBOUNDED, cause="exposure"):
            with_statistics(section(**{missing: nothing}))


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"rho": 7_000}, "within its budget"),
        ({"budget": 60_001}, "within the whole"),
        ({"id": "arrears"}, "used twice"),
        ({"unit": "query"}, "queries are the unit of hits"),
        ({"unit": "tradeline"}, "touches one cell"),
        ({"days": 3}, "days are for hits"),
        ({"dimensions": [{"axis": "requester", "values": []}]}, "does not have"),
        ({"dimensions": [{"axis": "product", "values": ["X"]}]}, "product has no X"),
        ({"dimensions": [{"axis": "product", "values": []}]}, "no values"),
        ({"dimensions": [{"axis": "product", "values": ["C", "C"]}]}, "twice"),
        ({"dimensions": [{"axis": "product", "values": ["C"]}] * 2}, "an axis twice"),
        ({"measure": "files"}, "does not have"),
        ({"minimum_contributors": 2}, "minimum_contributors"),
        ({"bound": 2**41}, "bound"),
    ],
)
def test_what_contradicts_itself_is_refused(changes: dict[str, Any], cause: str) -> None:
    with refused(Code.RULEBOOK_INVALID, cause=cause):
        with_statistics(section(**changes))


def test_too_many_cells_and_too_little_noise_are_refused_when_asked_for() -> None:
    wide = [{"axis": axis, "values": [f"v{one}" for one in range(200)]} for axis in ("region-tier", "age-band")]
    with refused(Code.RULEBOOK_INVALID, cause="cells"):
        statistic_of("exposure", with_statistics(section(dimensions=wide)))
    loud = section(bound=1, touches=1, unit="file", rho=10**6, budget=10**7)
    value = json.loads(loud) | {"budget": 10**7}
    with refused(Code.RULEBOOK_INVALID, cause="hardly any"):
        statistic_of("exposure", with_statistics(canonical_json(value)))
    with refused(Code.STATISTIC_UNKNOWN):
        statistic_of("nothing", with_statistics())
    with refused(Code.STATISTIC_UNKNOWN):
        statistic_of("exposure", plain())


def test_all_shipped_templates_have_cells_and_noise() -> None:
    rulebook = with_statistics()
    for template in DEFAULT_STATISTICS.templates:
        found = statistic_of(template.id, rulebook)
        assert found.count == len(found.cells) == len(set(found.cells))
        square = sensitivity_square(template, len(LENDERS))
        assert found.noise.variance == Fraction(square * 10**6, 2 * template.rho)
        assert found.noise.honest == template.minimum_contributors - rulebook.policy.colluders
    assert [cell[0] for cell in statistic_of("hits", rulebook).cells] == [*LENDERS]


def test_a_person_counts_at_every_lender_and_a_file_at_one() -> None:
    assert sensitivity_square(EXPOSURE, 5) == 2 * (5 * 5_000_000) ** 2
    rulebook = with_statistics(section(unit="file"))
    assert statistic_of("exposure", rulebook).lenders == 1
    assert statistic_of("delinquency", rulebook).lenders == len(LENDERS)


def reader(template: Template, **changes: Any) -> tuple[Statistic, CellReader]:
    policy = StatisticsPolicy(templates=(template.model_copy(update=changes),), period_days=90, budget=60_000)
    rulebook = with_statistics(policy.to_bytes())
    found = statistic_of(template.id, rulebook)
    return found, CellReader(found, MOMENT)


def test_balances_stand_in_the_cell_of_their_person_and_are_clamped() -> None:
    found, read = reader(EXPOSURE)
    two = person(line(), line(account="a2", portfolio=PortfolioType.INSTALMENT, balance=9_000_000))
    assert by_names(found, read.cells(two, CITY)) == {
        ("R", "tier-1", "26-35"): 500,
        ("I", "tier-1", "26-35"): 5_000_000,
    }
    assert by_names(found, read.cells(person(line()), Surroundings())) == {("R", "unknown", "unknown"): 500}
    assert read.cells(person(line()), Surroundings("mars", "26-35")) == {}
    assert read.cells(person(line(), frozen=True), CITY) == {}
    assert read.cells(person(line(opened=30_000, reported=30_000)), CITY) == {}, "not opened yet"


def test_who_touches_more_cells_than_allowed_stays_in_the_largest() -> None:
    found, read = reader(EXPOSURE, touches=1)
    two = person(line(), line(account="a2", portfolio=PortfolioType.INSTALMENT, balance=700))
    assert by_names(found, read.cells(two, CITY)) == {("I", "tier-1", "26-35"): 700}


def test_accounts_are_counted_by_days_past_due() -> None:
    found, read = reader(DELINQUENCY)
    late = line(account="b", status=AccountStatus.PAST_DUE_60_89, days_past_due=70, first_delinquency=20_420)
    lost = line(account="c", status=AccountStatus.CHARGED_OFF, charged_off=900, balance=0)
    many = person(
        *(line(account=f"a{one}") for one in range(5)), late, lost, line(account="d", closed=20_100, balance=0)
    )
    assert by_names(found, read.cells(many, CITY)) == {
        ("current", "R", "tier-1", "26-35"): 2,
        ("60_89", "R", "tier-1", "26-35"): 1,
        ("charge_off", "R", "tier-1", "26-35"): 1,
    }


def test_a_person_of_n_lenders_weighs_the_same_as_one_of_one() -> None:
    found = statistic_of("thin-files", with_statistics())
    assert by_names(found, holder_cells(found, {1: 10, 2: 4, 5: 5, 0: 7})) == {
        ("1",): 10 * HOLDERS_WEIGHT,
        ("2",): 4 * HOLDERS_WEIGHT // 2,
        ("3",): 5 * HOLDERS_WEIGHT // 5,
    }


def test_hits_are_counted_for_members_of_the_roster() -> None:
    found = statistic_of(HITS.id, with_statistics())
    assert hit_cells(found, {"lender-b": 3, "lender-gone": 9}) == {1: 3}
