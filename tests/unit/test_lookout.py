"""What a serving party makes of sightings and emergencies on its copy of the board, with a clock of the test's own."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.membership.emergency import EMERGENCY_SECONDS, EmergencySuspension
from consortium.membership.proposals import Renew, Suspend
from consortium.membership.sightings import Sighting
from consortium.membership.signed import body_of, parse_document, sign_document
from consortium.membership.trusted import TrustedSet
from consortium.model.rulebook import MemberStatus
from consortium.rules.queries import taking_part
from consortium.wire.gateway import SignedRulebook
from consortium.wire.membership import BoardDocument, DocumentKind
from participants.membership import lookout
from participants.membership.lookout import Lookout
from participants.rulebooks import TrustedRulebooks
from participants.storage.board import SqliteBoard
from tests.support.codes import refused
from tests.support.membership import Registry, registry
from tests.support.world import NOW

ME = "lender-c"
SIGHTING, EMERGENCY = DocumentKind.SIGHTING, DocumentKind.EMERGENCY


@dataclass
class Ear:
    """A party that listens: its rulebooks, its copy of the board, and the registry of everybody's keys."""

    known: Registry
    rulebooks: TrustedRulebooks
    board: SqliteBoard
    folder: Path
    lookout: Lookout
    posted: int = 0

    def post(self, kind: DocumentKind, signed: bytes) -> None:
        """Let the copy of the board grow by one document."""
        self.posted += 1
        self.board.take([BoardDocument(self.posted, kind, signed, 0, "")], self.posted)

    def sight(self, member: str, of: Registry | None = None, at: int | None = None) -> None:
        trusted = (of or self.known).trusted
        self.post(SIGHTING, trusted.own_sighting(member, self.known.keys(member).signer, at or self.known.now))

    def look(self) -> None:
        """Look twice: a sighting is taken a look later than it was read."""
        self.lookout.look()
        self.lookout.look()

    def usable(self) -> None:
        self.rulebooks.usable(self.known.now)

    def evidence(self) -> list[dict[str, object]]:
        files = sorted((self.folder / lookout.FOLDER).glob("*.json"))
        return [json.loads(path.read_text()) for path in files]

    def begin_again(self) -> None:
        self.lookout = Lookout(self.rulebooks, self.board, ME, self.folder, lambda: self.known.now)
        self.lookout.begin()


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    known = registry()
    board = SqliteBoard(tmp_path / "board.db")
    rulebooks = TrustedRulebooks(known.rulebook, tmp_path / "rulebooks")
    made = Ear(known, rulebooks, board, tmp_path, Lookout(rulebooks, board, ME, tmp_path, lambda: known.now))
    made.lookout.begin()
    yield made
    board.close()


def ahead(known: Registry) -> Registry:
    return Registry(known.foundation, TrustedSet(known.rulebook), known.rng, known.now)


def test_a_suspension_in_an_emergency_holds_until_it_lapses(ear: Ear) -> None:
    ear.post(EMERGENCY, ear.known.emergency("lender-e"))
    ear.lookout.look()
    in_effect = ear.rulebooks.usable(NOW)
    with refused(Code.MEMBER_NOT_ACTIVE):
        taking_part(in_effect, "lender-e")
    assert in_effect.roster == ear.known.rulebook.roster, "everybody computes with the roster: it stays"
    assert in_effect.digest == ear.known.rulebook.digest
    ear.sight("lender-a", at=NOW + EMERGENCY_SECONDS)
    ear.known.now = NOW + EMERGENCY_SECONDS
    ear.look()
    assert taking_part(ear.rulebooks.usable(ear.known.now), "lender-e").status is MemberStatus.ACTIVE


def test_a_suspension_is_known_after_a_restart(ear: Ear) -> None:
    ear.post(EMERGENCY, ear.known.emergency("lender-e"))
    ear.rulebooks = TrustedRulebooks(ear.known.rulebook, ear.folder / "rulebooks")
    ear.begin_again()
    with refused(Code.MEMBER_NOT_ACTIVE):
        taking_part(ear.rulebooks.usable(NOW), "lender-e")


def test_a_suspension_under_a_version_that_is_still_to_come(ear: Ear) -> None:
    there = ahead(ear.known)
    there.change(Renew())
    ear.post(EMERGENCY, there.emergency("lender-e"))
    ear.look()
    assert taking_part(ear.rulebooks.usable(NOW), "lender-e")
    assert ear.rulebooks.take(as_received(there))
    ear.look()
    with refused(Code.MEMBER_NOT_ACTIVE):
        taking_part(ear.rulebooks.usable(NOW), "lender-e")


def test_a_suspension_that_a_stranger_made_is_nothing(ear: Ear) -> None:
    notice = ear.known.emergency("lender-e")
    claimed = parse_document(EmergencySuspension, body_of(notice), Code.MALFORMED)
    forged = sign_document(ear.known.keys("lender-d").signer, Label.EMERGENCY_SUSPENSION, claimed)
    ear.post(EMERGENCY, forged)
    ear.look()
    assert taking_part(ear.rulebooks.usable(NOW), "lender-e")


def as_received(known: Registry) -> SignedRulebook:
    signed = known.sign(known.rulebook.raw, *known.document.approvers.members)
    return SignedRulebook(signed.document, dict(signed.signatures))


def test_a_version_held_back_is_alarmed_once_and_stops_us_when_two_groups_have_it(
    ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    there = ahead(ear.known)
    there.change(Renew())
    ear.sight("lender-a", there)
    ear.lookout.look()
    ear.usable()
    assert not ear.evidence(), "it may be on its way"
    with caplog.at_level(logging.ERROR):
        ear.lookout.look()
        ear.look()
    assert [record.message for record in caplog.records] == ["rulebook-withheld"]
    ear.usable()
    ear.sight("lender-b", there)
    ear.look()
    with refused(Code.RULEBOOK_FROZEN):
        ear.usable()
    found = ear.evidence()
    assert sorted(str(one["alarm"]) for one in found) == ["rulebook-unusable", "rulebook-withheld", "rulebook-withheld"]
    signed = bytes.fromhex(next(one["sighting"]["signed"] for one in found if "sighting" in one))  # type: ignore[index]
    anybody = TrustedSet(there.rulebook)
    anybody.watch_sightings("lender-d", NOW - 1)
    anybody.take_sighting(signed, NOW)
    assert anybody.sightings
    assert anybody.sightings.confirmed_at({2: there.rulebook}) == NOW, "anybody can verify what was kept"
    assert ear.rulebooks.take(as_received(there))
    ear.look()
    ear.usable()


def test_a_version_that_comes_in_time_is_no_alarm(ear: Ear) -> None:
    there = ahead(ear.known)
    there.change(Renew())
    ear.sight("lender-a", there)
    ear.sight("lender-b", there)
    ear.lookout.look()
    assert ear.rulebooks.take(as_received(there))
    ear.look()
    ear.usable()
    assert not ear.evidence()


def test_another_document_of_our_version_is_a_fork(ear: Ear) -> None:
    other = Sighting(
        consortium=ear.known.document.consortium, member="lender-a", version=1, rulebook=b"x" * 32, seen_at=NOW
    )
    ear.post(SIGHTING, sign_document(ear.known.keys("lender-a").signer, Label.SIGHTING, other))
    ear.look()
    ear.usable()
    (found,) = ear.evidence()
    assert (found["alarm"], found["code"]) == ("rulebook-fork", "RULEBOOK_FORK")
    second = other.model_copy(update={"member": "lender-b"})
    ear.post(SIGHTING, sign_document(ear.known.keys("lender-b").signer, Label.SIGHTING, second))
    ear.look()
    with refused(Code.RULEBOOK_FORK):
        ear.usable()


def test_a_gateway_that_withholds_everybodys_word(ear: Ear) -> None:
    window = ear.known.document.policy.rulebook_freshness
    ear.known.now += window
    ear.look()
    ear.usable()
    ear.known.now += 1
    ear.look()
    with refused(Code.RULEBOOK_FROZEN):
        ear.usable()
    ear.begin_again()
    ear.usable()  # somebody may be heard in a moment ...
    ear.known.now += lookout.GRACE_SECONDS + 1
    with refused(Code.RULEBOOK_FROZEN):  # ... but a restart every day does not make up for it
        ear.usable()
    ear.sight("custodian-one")
    ear.look()
    ear.usable()


def test_a_version_that_fails_is_kept_as_evidence_once(ear: Ear) -> None:
    document = ear.known.document
    invented = document.members[0].model_copy(update={"id": "lender-fake", "identity_key": b"f" * 32})
    raw = ear.known.successor(members=(*document.members, invented))
    made_up = SignedRulebook(raw, {"lender-a": bytes(64), "lender-b": bytes(64)})
    for _ in range(3):
        with pytest.raises(CreditError) as caught:
            ear.rulebooks.take(made_up)
        ear.lookout.refused(made_up, caught.value)
    (found,) = ear.evidence()
    assert bytes.fromhex(found["offered"]["document"]) == raw  # type: ignore[index]
    assert found["alarm"] == "rulebook-refused"


def test_made_up_evidence_fills_no_disk(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout, "MAXIMUM_FILES", 3)
    for number in range(10):
        ear.lookout.refused(SignedRulebook(bytes([number]), {}), CreditError(Code.RULEBOOK_INVALID, "rubbish"))
    assert len(ear.evidence()) == 3


def test_whoever_is_suspended_says_nothing_any_more(ear: Ear) -> None:
    there = ahead(ear.known)
    there.change(Renew())
    ear.sight("lender-d", there)
    ear.sight("lender-e", there)
    ear.look()
    with refused(Code.RULEBOOK_FROZEN):
        ear.usable()
    known = ear.known
    known.change(Suspend(member="lender-e", reason="it lied", offer=known.offer("lender-a", "lender-e")))
    assert ear.rulebooks.take(as_received(known))
    ear.look()
    ear.usable()
