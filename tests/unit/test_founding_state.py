"""Before version 1 the board takes founders' applications, their ceremony and their signatures, and nothing else."""

from dataclasses import dataclass, field

import pytest

from consortium.errors import Code
from consortium.labels import Label
from consortium.membership.applications import Application, sign_application
from consortium.membership.signed import sign_document
from consortium.membership.statements import Founding, sign_founding
from consortium.model.catalogue import Tier
from consortium.model.members import MemberId
from consortium.model.rulebook import Member, MemberStatus, Role
from consortium.wire.membership import BoardDocument, DocumentKind, Posted
from demo.consortium import CONSORTIUM, HOLDERS, Keys, first_plan
from gateway.membership.founding import SIGNED_VERSIONS, FoundingState
from tests.support.codes import refused
from tests.support.membership import LEI, Registry, registry
from tests.support.world import NOW

PLAN, GENESIS = DocumentKind.CEREMONY_PLAN, DocumentKind.GENESIS


@dataclass
class Room:
    known: Registry
    state: FoundingState = field(default_factory=lambda: FoundingState(CONSORTIUM))
    taken: int = 0

    def post(self, kind: DocumentKind, signed: bytes, by: MemberId | None) -> None:
        checked = self.state.check(Posted(kind, signed), by, NOW)
        self.taken += 1
        self.state.take(BoardDocument(self.taken, kind, signed, NOW * 1000, checked.author))

    def apply(self, member: Member, keys: Keys | None = None, **changes: object) -> bytes:
        made = keys or self.known.keys(member.id)
        application = Application(
            consortium=CONSORTIUM,
            member=member.id,
            role=member.role,
            legal_name=member.legal_name,
            licence="none",
            lei=LEI,
            group=member.group,
            book_size=0,
            tiers=(Tier.FULL,) if member.role is Role.LENDER else (),
            contact="+886 2 1234 5678",
            identity_key=made.signer.public,
            hpke_key=made.hpke.public_key().public_bytes_raw(),
            sponsor=member.id,
            nonce=self.known.rng(32),
            issued_at=NOW,
        )
        return sign_application(made.signer, application.model_copy(update=changes))

    def sign(self, member: MemberId, raw: bytes) -> bytes:
        return sign_founding(self.known.keys(member).signer, CONSORTIUM, member, raw)


@pytest.fixture
def room() -> Room:
    made = Room(registry())
    for member in made.known.document.members:
        made.post(DocumentKind.APPLICATION, made.apply(member), None)
    return made


def test_version_1_is_decided_by_two_groups_over_the_same_bytes(room: Room) -> None:
    raw = room.known.rulebook.raw
    other = room.known.document.model_copy(update={"expires_at": room.known.document.expires_at - 1}).to_bytes()
    room.post(GENESIS, room.sign("lender-a", raw), "lender-a")
    room.post(GENESIS, room.sign("lender-b", other), "lender-b")
    assert room.state.decided() is None
    room.post(GENESIS, room.sign("lender-b", raw), "lender-b")
    decided = room.state.decided()
    assert decided is not None
    assert (decided[0], decided[1].document, sorted(decided[1].signatures)) == (1, raw, ["lender-a", "lender-b"])


def test_founders_signatures_that_are_refused(room: Room) -> None:
    known, raw = room.known, room.known.rulebook.raw
    with refused(Code.RULEBOOK_INVALID):  # no approver
        room.post(GENESIS, room.sign("lender-c", raw), "lender-c")
    with refused(Code.RULEBOOK_INVALID):
        room.post(GENESIS, room.sign("gateway", raw), "gateway")
    with refused(Code.ROLE_NOT_ALLOWED):
        room.post(GENESIS, room.sign("lender-a", raw), "lender-b")
    with refused(Code.RULEBOOK_INVALID):
        room.post(GENESIS, room.sign("lender-a", known.successor()), "lender-a")
    swapped = known.members_with("lender-c", identity_key=Keys.create(known.rng).signer.public)
    with refused(Code.RULEBOOK_INVALID):  # a key that nobody applied with
        room.post(
            GENESIS,
            room.sign("lender-a", known.document.model_copy(update={"members": swapped}).to_bytes()),
            "lender-a",
        )
    inner = Founding(consortium=CONSORTIUM, member="lender-a", rulebook=raw, signature=bytes(64))
    with refused(Code.SIGNATURE_INVALID):
        room.post(GENESIS, sign_document(known.keys("lender-a").signer, Label.FOUNDING, inner), "lender-a")
    assert room.state.decided() is None


def test_one_founder_signs_no_endless_row_of_versions(room: Room) -> None:
    document = room.known.document
    for number in range(SIGNED_VERSIONS):
        raw = document.model_copy(update={"expires_at": document.expires_at - number}).to_bytes()
        room.post(GENESIS, room.sign("lender-a", raw), "lender-a")
    with refused(Code.QUOTA_EXCEEDED):
        last = document.model_copy(update={"expires_at": document.expires_at - SIGNED_VERSIONS}).to_bytes()
        room.post(GENESIS, room.sign("lender-a", last), "lender-a")


def test_an_applicant_cannot_take_anothers_place(room: Room) -> None:
    known = room.known
    lender = known.document.members[0]
    with refused(Code.MEMBER_ID_CONFUSABLE):
        room.post(DocumentKind.APPLICATION, room.apply(lender, Keys.create(known.rng)), None)
    with refused(Code.APPLICATION_INVALID):
        room.post(DocumentKind.APPLICATION, room.apply(lender, consortium="other-one"), None)
    with refused(Code.CLOCK_OFF):
        room.post(DocumentKind.APPLICATION, room.apply(lender, issued_at=NOW + 3600), None)


def test_the_first_ceremony_is_the_holders_own(room: Room) -> None:
    keys = {name: room.known.keys(name).signer.public for name in HOLDERS}
    plan = first_plan(keys)
    with refused(Code.ROLE_NOT_ALLOWED):
        room.post(PLAN, plan.to_bytes(), "lender-a")
    with refused(Code.CEREMONY_INVALID):
        foreign = first_plan({**keys, "gateway": Keys.create(room.known.rng).signer.public})
        room.post(PLAN, foreign.to_bytes(), "custodian-one")
    with refused(Code.CEREMONY_INVALID):
        lenders = first_plan({name: room.known.keys(name).signer.public for name in ("lender-a", "lender-b")})
        room.post(PLAN, lenders.to_bytes(), "lender-a")
    room.post(PLAN, plan.to_bytes(), "custodian-one")
    with refused(Code.CEREMONY_OTHER):
        room.post(PLAN, plan.to_bytes(), "custodian-two")
    with refused(Code.ROLE_NOT_ALLOWED):
        room.post(DocumentKind.VOTE, bytes(100), "lender-a")
    assert room.known.document.members[0].status is MemberStatus.ACTIVE
