"""A scorecard's contribution is held to the book, byte for byte: an honest one passes, a changed one does not."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from consortium.errors import Code
from consortium.model.credit_file import Characteristics, CreditFile
from consortium.model.credit_file_bytes import credit_file_from_bytes, credit_file_to_bytes
from consortium.scoring.score import score
from participants.lender.scoring import card_attributes, totals_of
from tests.support.books import rows
from tests.support.cards import small_card
from tests.support.codes import refused
from tests.support.supervised import Asked, Supervised
from tests.support.world import ALICE, Worlds, tradeline

CARD = small_card()


@pytest.fixture(scope="module")
def told(worlds: Worlds, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Supervised, Asked]]:
    supervised = Supervised(worlds.make(scorecards=(CARD,)), Path(tmp_path_factory.mktemp("inspected")))
    subject = supervised.world.subject(ALICE)
    held = supervised.held(subject)
    supervised.load(rows(held, tradeline(500, "loaded"), Characteristics.of({"late_months": 2})))
    asked = supervised.ask(subject, attributes=card_attributes(CARD))
    supervised.record(held, replace(tradeline(900, "late"), days_past_due=45))  # would cost points
    supervised.state()
    yield supervised, asked
    supervised.close()


def test_an_honest_card_passes_whatever_the_book_says_later(told: tuple[Supervised, Asked]) -> None:
    supervised, asked = told
    result = supervised.world.nodes["lender-a"].conclude(asked.query, asked.transcript)
    assert score(CARD, totals_of(result)).dimensions[0].points == 5 + 20
    assert supervised.inspect(asked) == ()


def test_other_points_do_not_pass(told: tuple[Supervised, Asked]) -> None:
    supervised, asked = told
    bundle, links = supervised.bundle(asked)
    with refused(Code.REVEAL_INVALID):
        supervised.examine(asked, bundle.model_copy(update={"value": f"{int(bundle.value, 16) + 1:x}"}), links)


def test_another_characteristic_than_the_book_s_does_not_pass(told: tuple[Supervised, Asked]) -> None:
    supervised, asked = told
    bundle, links = supervised.bundle(asked)
    place = bundle.places[1]
    assert place.file is not None
    file = credit_file_from_bytes(place.file)
    other = CreditFile(file.identifier, file.tradelines, characteristics=Characteristics.of({"late_months": 0}))
    places = (bundle.places[0], place.model_copy(update={"file": credit_file_to_bytes(other)}), bundle.places[2])
    with refused(Code.REVEAL_INVALID):
        supervised.examine(asked, bundle.model_copy(update={"places": places}), links)
