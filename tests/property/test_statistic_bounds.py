"""What one file adds to any statistic stays within what its noise reckons with; sums are exact but for that noise."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consortium.model.credit_file import CreditFile
from consortium.model.credit_file_bytes import credit_file_to_bytes
from consortium.model.facts import Moment
from consortium.model.identifiers import SubjectTag
from consortium.model.rulebook import Rulebook
from consortium.model.statistic_policy import PrivacyUnit, Template
from consortium.rules.statistic_cells import CellReader, Surroundings
from consortium.rules.statistic_defaults import ARREARS, DELINQUENCY, EXPOSURE, SCENES
from consortium.rules.statistics import sensitivity_square, statistic_of
from participants.lender import statistics as contributing
from participants.lender.bulk.column_maker import CharacteristicNames, columns_of
from participants.lender.bulk.columns import FileColumns, Keys
from participants.lender.bulk.statistic_columns import sum_of_columns
from participants.lender.statistic_cells import person_places, sum_of_files
from tests.support import books
from tests.support.statistics import SMALL, RecordedDraws, StatisticWorld, policy, statistic_world
from tests.support.world import LENDERS, Worlds
from tests.unit.test_statistic_rules import with_statistics

MOMENT = Moment.of(books.NOW, live=False, retention_days=1_825, clock_skew=300)
AROUND = st.builds(
    Surroundings, st.sampled_from(["tier-1", "unknown", "mars"]), st.sampled_from(["18-25", "66+", "unknown", "ten"])
)


@lru_cache(maxsize=1)
def rulebook() -> Rulebook:
    return with_statistics()


@settings(max_examples=150, deadline=None)
@given(books.credit_files, AROUND, st.sampled_from([EXPOSURE, ARREARS, DELINQUENCY, SCENES]))
def test_one_file_is_within_the_sensitivity(file: CreditFile, around: Surroundings, template: Template) -> None:
    found = statistic_of(template.id, rulebook())
    cells = CellReader(found, MOMENT).cells(file, around)
    assert len(cells) <= found.template.touches
    assert all(0 <= cell < found.count and 0 < value <= found.template.bound for cell, value in cells.items())
    assert sum(value * value for value in cells.values()) <= sensitivity_square(found.template, 1)
    assert found.template.unit is PrivacyUnit.PERSON
    assert found.noise.variance * 2 * found.rho == sensitivity_square(found.template, len(LENDERS))


@pytest.fixture(scope="module")
def consortium(worlds: Worlds) -> StatisticWorld:
    return statistic_world(worlds, statistics=policy(budget=10**6, whole=10**6))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    away=st.sampled_from([(), ("lender-e",), ("lender-b",)]),
    silent=st.sampled_from([(), ("lender-b",), ("lender-c",)]),
)
def test_a_release_is_the_sum_of_who_answered_and_of_their_draws(
    consortium: StatisticWorld,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    away: Sequence[str],
    silent: Sequence[str],
) -> None:
    if len({*away, *silent}) > 1:
        silent = ()  # too few would be left
    recorded = RecordedDraws()
    monkeypatch.setattr(contributing, "discrete_gaussians", recorded)
    cells = np.random.default_rng(seed).integers(0, 2**40, (len(LENDERS), 60))
    for member, own in zip(LENDERS, cells, strict=True):
        consortium.cells[member].values = own
    consortium.offline, consortium.silent = frozenset(away), frozenset(silent)
    released = np.array(consortium.ask(SMALL))
    answered = consortium.runs[-1].answering
    expected = np.sum([cells[LENDERS.index(member)] for member in answered], axis=0)
    assert answered == frozenset(LENDERS) - {*away, *silent}
    assert np.array_equal(released - expected, np.sum(recorded.draws[-len(answered) :], axis=0))


class FixedDimensions:
    def __init__(self, known: dict[SubjectTag, Surroundings]) -> None:
        self._known = known

    def around(self) -> dict[SubjectTag, Surroundings]:
        return self._known

    def state(self) -> bytes:
        return b""


class FixedColumns:
    def __init__(self, made: tuple[Keys, FileColumns]) -> None:
        self._made = made

    def keys(self) -> Keys:
        return self._made[0]

    def parts(self) -> Iterator[FileColumns]:
        yield self._made[1]


@settings(max_examples=60, deadline=None)
@given(
    files=st.lists(books.credit_files, max_size=6),
    around=st.lists(AROUND, min_size=6, max_size=6),
    template=st.sampled_from([EXPOSURE, ARREARS, DELINQUENCY, SCENES]),
    unit=st.sampled_from([*PrivacyUnit][:3]),
    touches=st.integers(1, 3),
)
def test_columns_give_the_sums_of_single_files(
    files: Sequence[CreditFile],
    around: Sequence[Surroundings],
    template: Template,
    unit: PrivacyUnit,
    touches: int,
) -> None:
    changed = template.model_copy(update={"unit": unit, "touches": 1 if unit is PrivacyUnit.TRADELINE else touches})
    found = replace(statistic_of(template.id, rulebook()), template=changed)
    people = sorted((books.subject(number) for number in range(len(files))), key=lambda one: one.tag.value)
    dimensions = FixedDimensions({one.tag: where for one, where in zip(people[1:], around, strict=False)})
    booked = [
        (one.tag.value, one.key.value, None, credit_file_to_bytes(file))
        for one, file in zip(people, files, strict=True)
    ]
    made = FixedColumns(columns_of(booked, CharacteristicNames()))
    by_columns = sum_of_columns(made, person_places(made.keys(), dimensions, found), found, MOMENT)
    by_files = sum_of_files(
        ((one.tag, file) for one, file in zip(people, files, strict=True)), dimensions, found, MOMENT
    )
    assert by_columns.tolist() == by_files.tolist()
