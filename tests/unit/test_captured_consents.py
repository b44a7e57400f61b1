"""Consent records that a lender captured: one for each subject and its terms, kept, and dropped when expired."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from participants.lender.consents import Captured, captured_consent
from participants.storage.consents import SqliteConsents
from tests.support.world import ALICE, ALICE_ID, BOB, World

DAY = 86_400


@pytest.fixture
def consents(tmp_path: Path) -> SqliteConsents:
    return SqliteConsents(tmp_path / "consents.db")


def test_the_same_identifiers_and_terms_give_the_same_record(world: World, tmp_path: Path) -> None:
    node, terms = world.nodes["lender-a"], world.terms()
    records = []
    for _ in range(2):
        consents = SqliteConsents(tmp_path / "consents.db")
        for _ in range(2):
            subject, consent = captured_consent(consents, node, world.subject(ALICE), terms, world.now)
            assert subject.commitment == consent.record.subject_commitment
            records.append(consent)
        consents.close()
    assert len({consent.digest for consent in records}) == 1, "also after a restart"
    assert world.ask(subject, consent=consent).missing == ()


def test_other_identifiers_or_terms_give_another_record(world: World, consents: SqliteConsents) -> None:
    node, terms = world.nodes["lender-a"], world.terms()
    people = [world.subject(*who) for who in ((ALICE,), (BOB,), (ALICE_ID,), (ALICE, ALICE_ID))]
    digests = {captured_consent(consents, node, who, terms, world.now)[1].digest for who in people}
    changes: list[dict[str, object]] = [
        {"maximum_uses": 11},
        {"expires_at": terms.expires_at + 1},
        {"issued_at": terms.issued_at - 1},
        {"evidence_digest": b"f" * 32},
        {"families": frozenset(list(terms.families)[:1])},
        {"notice_language": "en"},
    ]
    for change in changes:
        other = replace(terms, **change)  # type: ignore[arg-type]  # single fields by name
        digests.add(captured_consent(consents, node, people[0], other, world.now)[1].digest)
    assert len(digests) == len(people) + len(changes)


def captured(number: int, expires_at: int) -> Callable[[], Captured]:
    return lambda: Captured(bytes([number]), b"s", b"t" * 96, b"o" * 32, expires_at)


def test_the_first_that_was_kept_stays_until_it_expires(consents: SqliteConsents) -> None:
    first, second = b"1" * 32, b"2" * 32
    assert consents.capture(first, captured(1, DAY), 0).record == b"\1"
    assert consents.capture(first, captured(2, DAY), 0).record == b"\1"
    consents.capture(second, captured(3, 3 * DAY), DAY)
    assert consents.capture(first, captured(4, 2 * DAY), DAY).record == b"\4", "the first one had expired"
    assert consents.capture(second, captured(5, 3 * DAY), DAY).record == b"\3"


def test_a_faster_question_wins(consents: SqliteConsents) -> None:
    name = b"1" * 32

    def slow() -> Captured:
        consents.capture(name, captured(1, DAY), 0)
        return captured(2, DAY)()

    assert consents.capture(name, slow, 0).record == b"\1"


def test_nothing_of_a_record_shows(consents: SqliteConsents) -> None:
    assert "ttt" not in repr(consents.capture(b"1" * 32, captured(1, DAY), 0))
