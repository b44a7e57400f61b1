"""Location events in a credit file: the last ones kept, in one form, and in no number that can be asked for."""

from dataclasses import replace
from random import Random

from consortium.model.attributes import EVALUATORS, evaluate
from consortium.model.credit_file import CreditFile, Inquiry, Location
from consortium.model.credit_file_bytes import credit_file_from_bytes, credit_file_of, credit_file_to_bytes
from consortium.model.identifiers import IdentifierKind
from consortium.model.journal_entry import JournalEntry, apply_event, journal_entry_from_bytes
from consortium.travel.policy import KEPT_EVENTS
from participants.lender.book import LOCATION_SECONDS, carried_pieces
from tests.support.books import NOW, subject
from tests.support.world import tradeline

FILE = CreditFile(IdentifierKind.PHONE, (tradeline(5),), (Inquiry(NOW - 60),))
SEEN = [Location(NOW - 60 * number, 39_923_600, 116_349_600 + number) for number in range(40)]


def test_the_last_ones_are_kept_in_whatever_order_they_come() -> None:
    newest = tuple(sorted(SEEN[:KEPT_EVENTS], key=lambda one: one.time))
    shuffled = [*SEEN]
    for seed in range(5):
        Random(seed).shuffle(shuffled)
        recorded = FILE
        for event in shuffled:
            recorded = apply_event(recorded, event)
        assert recorded.locations == newest
        assert credit_file_of(FILE.identifier, shuffled).locations == newest


def test_a_repeat_or_one_before_all_kept_changes_nothing() -> None:
    full = replace(FILE, locations=tuple(sorted(SEEN[:KEPT_EVENTS], key=lambda one: one.time)))
    assert apply_event(full, SEEN[3]) == full
    assert apply_event(full, SEEN[30]) == full


def test_they_have_one_form_and_one_entry() -> None:
    file = apply_event(apply_event(FILE, SEEN[5]), Location(NOW, -90_000_000, -180_000_000))
    assert credit_file_from_bytes(credit_file_to_bytes(file)) == file
    entry = JournalEntry(0, NOW, subject(1).tag, IdentifierKind.PHONE, SEEN[0])
    assert journal_entry_from_bytes(entry.to_bytes()) == entry


def test_no_attribute_sees_them() -> None:
    moved = replace(FILE, locations=tuple(sorted(SEEN[:KEPT_EVENTS], key=lambda one: one.time)))
    values = [evaluate(file, EVALUATORS, NOW, live=True, retention_days=365) for file in (FILE, moved)]
    assert values[0] == values[1]


def test_a_load_carries_those_over_that_a_check_may_still_see() -> None:
    old = Location(NOW - LOCATION_SECONDS, 0, 0)
    file = replace(FILE, locations=(old, SEEN[0]))
    assert [piece for piece in carried_pieces(file, frozenset(), NOW) if isinstance(piece, Location)] == [SEEN[0]]
