"""Applications, proposals, votes: from an applicant to a member, through key changes, and out again."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from stdnum import lei as stdnum_lei

from consortium.canonical import canonical_json
from consortium.errors import Code
from consortium.labels import Label
from consortium.membership.applications import (
    APPLICATION_LIFETIME,
    NOTICE_LIFETIME,
    application_digest,
    check_application,
    check_lei,
    check_rotation,
    sign_rotation,
)
from consortium.membership.ballots import Ballot, Decision, Outcome, Vote
from consortium.membership.proposals import (
    Activate,
    Admit,
    Announce,
    Appoint,
    Leave,
    NewEpoch,
    NewShares,
    Reinstate,
    Renew,
    Rotate,
    Suspend,
    Switch,
    next_rulebook,
    read_proposal,
)
from consortium.membership.signed import body_of, parse_document, sign_document
from consortium.model.catalogue import Tier
from consortium.model.rulebook import Approvers, MemberStatus, Oprf, Retired, Role
from consortium.model.signing import Ed25519Signer
from consortium.oprf.group import ORDER
from consortium.oprf.sharing import KeyShare, lagrange
from tests.support.codes import refused
from tests.support.dealer import deal, deal_new
from tests.support.membership import APPROVERS, LEI, Registry, registry
from tests.support.world import NOW, seeded_rng

REPORT = b"r" * 32


@pytest.fixture
def known() -> Registry:
    return registry()


def test_from_application_to_active(known: Registry) -> None:
    application = known.apply()
    admitted = known.change(Admit(application=application))
    assert admitted.members["lender-new"].status is MemberStatus.ADMITTED
    assert admitted.members["lender-new"].application == application_digest(application)
    assert "lender-new" not in admitted.roster
    active = known.change(Activate(member="lender-new", report=REPORT))
    assert active.roster[-1] == "lender-new"
    assert active.members["lender-new"].conformance == REPORT
    with refused(Code.APPLICATION_REPLAYED):
        known.ballot(Admit(application=application))


def test_nobody_is_active_without_a_conformance_report(known: Registry) -> None:
    known.change(Admit(application=known.apply()))
    with refused(Code.TRANSITION_ILLEGAL):
        known.ballot(Activate(member="lender-new"))
    known.change(Admit(application=known.apply("witness-one", role=Role.WITNESS, tiers=())))
    assert known.change(Activate(member="witness-one")).members["witness-one"].status is MemberStatus.ACTIVE


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"consortium": "another-one"}, Code.APPLICATION_INVALID),
        ({"lei": "5493001KJTIIGC8Y1R13"}, Code.APPLICATION_INVALID),
        ({"lei": "5493001kjtiigc8y1r12"}, Code.APPLICATION_INVALID),
        ({"contact": "the night porter"}, Code.APPLICATION_INVALID),
        ({"licence": ""}, Code.APPLICATION_INVALID),
        ({"legal_name": "two\nlines"}, Code.APPLICATION_INVALID),
        ({"tiers": ()}, Code.APPLICATION_INVALID),
        ({"role": Role.REGULATOR}, Code.APPLICATION_INVALID),
        ({"sponsor": "gateway"}, Code.APPLICATION_INVALID),
        ({"sponsor": "nobody-here"}, Code.APPLICATION_INVALID),
        ({"issued_at": NOW + 7200}, Code.CLOCK_OFF),
        ({"issued_at": NOW - APPLICATION_LIFETIME - 1}, Code.APPLICATION_REPLAYED),
        ({"hpke_key": bytes(32)}, Code.PUBLIC_KEY_WEAK),
        ({"identity_key": b"\x01" + bytes(31)}, Code.SIGNATURE_INVALID),
        ({"member": "lender-a"}, Code.MEMBER_ID_CONFUSABLE),
        ({"member": "lendera"}, Code.MEMBER_ID_CONFUSABLE),
        ({"member": "lencler-a"}, Code.MEMBER_ID_CONFUSABLE),
    ],
)
def test_applications_that_are_refused(known: Registry, changes: dict[str, Any], code: Code) -> None:
    with refused(code):
        check_application(known.apply(**{"member": "lender-new", **changes}), known.rulebook, NOW)


def test_used_keys(known: Registry) -> None:
    pinned = known.rulebook.members["lender-c"]
    kinds: list[dict[str, Any]] = [{"hpke_key": pinned.hpke_key}, {"hpke_key": pinned.identity_key}]
    for changes in [*kinds, {"tls_key": pinned.hpke_key}]:
        with refused(Code.KEY_REUSED):
            check_application(known.apply(**changes), known.rulebook, NOW)
    known.newcomers["lender-new"] = known.foundation.keys["lender-c"]
    with refused(Code.KEY_REUSED):
        check_application(known.apply(), known.rulebook, NOW)


def test_a_key_that_was_rotated_away_does_not_come_back(known: Registry) -> None:
    old = known.foundation.keys["lender-c"]
    fresh = Ed25519Signer(known.rng(32))
    request = known.rotation("lender-c", identity_key=fresh.public)
    known.change(Rotate(request=sign_rotation(request, old.signer, fresh)))
    assert known.trusted.key_is_used(old.signer.public)
    known.newcomers["lender-new"] = old
    ballot = known.ballot(
        Admit(application=known.apply(hpke_key=X25519PrivateKey.generate().public_key().public_bytes_raw()))
    )
    for approver in APPROVERS:
        ballot.take(ballot.cast(approver, Decision.APPROVE, "ok", known.keys(approver).signer, NOW), NOW)
    with refused(Code.KEY_REUSED):
        known.trusted.update(ballot.signed())


def test_lei_check_digits_agree_with_stdnum() -> None:
    for number in (LEI, "213800KUD8LAJWSQ9D15", "HWUPKR0MPOU8FGXBT394"):
        assert stdnum_lei.is_valid(number)
        assert check_lei(number) == number
        for place in range(0, 20, 3):
            wrong = number[:place] + ("7" if number[place] != "7" else "8") + number[place + 1 :]
            assert not stdnum_lei.is_valid(wrong)
            with pytest.raises(ValueError, match="check digits"):
                check_lei(wrong)


def test_every_approver_builds_the_same_bytes(known: Registry) -> None:
    proposal = known.propose(Admit(application=known.apply()))
    one, other = (Ballot(proposal, known.rulebook, NOW) for _ in range(2))
    assert one.raw == other.raw == next_rulebook(known.rulebook, one.proposal).to_bytes()


def test_votes_by_group_until_enough(known: Registry) -> None:
    ballot = known.ballot(Renew())
    assert (ballot.outcome, ballot.waiting_for) == (Outcome.OPEN, APPROVERS)
    vote = ballot.cast("lender-a", Decision.APPROVE, "ok", known.keys("lender-a").signer, NOW)
    assert ballot.take(vote, NOW)
    assert not ballot.take(vote, NOW), "a repeat"
    assert (ballot.outcome, ballot.waiting_for) == (Outcome.OPEN, ("lender-b",))
    with refused(Code.RULEBOOK_INVALID):
        ballot.signed()
    ballot.take(ballot.cast("lender-b", Decision.APPROVE, "ok", known.keys("lender-b").signer, NOW), NOW)
    assert ballot.outcome is Outcome.APPROVED
    assert known.trusted.update(ballot.signed())


def test_a_rejection_ends_it_with_its_reason(known: Registry) -> None:
    ballot = known.ballot(Admit(application=known.apply()))
    ballot.take(ballot.cast("lender-b", Decision.REJECT, "no licence found", known.keys("lender-b").signer, NOW), NOW)
    assert ballot.outcome is Outcome.REJECTED
    assert [vote.reason for vote in ballot.votes] == ["no licence found"]


def changed_vote(known: Registry, ballot: Ballot, signer: str = "lender-a", **changes: object) -> bytes:
    signed = ballot.cast("lender-a", Decision.APPROVE, "ok", known.keys("lender-a").signer, NOW)
    vote = parse_document(Vote, body_of(signed), Code.MALFORMED)
    return sign_document(known.keys(signer).signer, Label.VOTE, vote.model_copy(update=changes))


@pytest.mark.parametrize(
    ("signer", "changes", "code"),
    [
        ("lender-a", {"proposal": b"x" * 32}, Code.VOTE_INVALID),
        ("lender-a", {"version": 3}, Code.VOTE_INVALID),
        ("lender-a", {"rulebook": b"x" * 32}, Code.VOTE_INVALID),
        ("lender-a", {"consortium": "another-one"}, Code.VOTE_INVALID),
        ("lender-a", {"decision": Decision.REJECT}, Code.VOTE_INVALID),
        ("lender-a", {"signature": b"x" * 64}, Code.SIGNATURE_INVALID),
        ("lender-a", {"cast_at": NOW + 7200}, Code.CLOCK_OFF),
        ("lender-b", {}, Code.SIGNATURE_INVALID),
        ("gateway", {"approver": "gateway"}, Code.VOTE_INVALID),
        ("lender-c", {"approver": "lender-c"}, Code.VOTE_INVALID),
    ],
)
def test_votes_that_do_not_count(known: Registry, signer: str, changes: dict[str, object], code: Code) -> None:
    ballot = known.ballot(Renew())
    with refused(code):
        ballot.take(changed_vote(known, ballot, signer, **changes), NOW)
    assert ballot.votes == ()


def test_a_second_vote_and_a_vote_for_what_was_changed(known: Registry) -> None:
    ballot = known.ballot(Admit(application=known.apply()))
    signer = known.keys("lender-a").signer
    vote = ballot.cast("lender-a", Decision.APPROVE, "ok", signer, NOW)
    ballot.take(vote, NOW)
    with refused(Code.VOTE_REPEATED):
        ballot.take(ballot.cast("lender-a", Decision.REJECT, "no", signer, NOW), NOW)
    changed = known.ballot(Admit(application=known.apply(book_size=9)))
    with refused(Code.VOTE_INVALID):
        changed.take(vote, NOW)


def test_a_suspended_approver_votes_no_more(known: Registry) -> None:
    known.change(Appoint(approvers=Approvers(members=("lender-a", "lender-b", "lender-c"), threshold=2)))
    suspension = Suspend(member="lender-b", reason="breach", offer=known.offer("lender-a", "lender-b"))
    assert known.trusted.update(known.approve(suspension, ("lender-a", "lender-c")))
    ballot = known.ballot(Renew())
    assert ballot.waiting_for == ("lender-a", "lender-c")
    with refused(Code.VOTE_INVALID):
        ballot.take(ballot.cast("lender-b", Decision.APPROVE, "ok", known.keys("lender-b").signer, NOW), NOW)


def test_proposals_on_another_version_or_by_others(known: Registry) -> None:
    old = known.propose(Renew())
    for bad, code in (
        (known.propose(Renew(), "gateway"), Code.PROPOSAL_INVALID),
        (known.propose(Renew(), consortium="another-one"), Code.PROPOSAL_INVALID),
        (known.propose(Renew(), issued_at=NOW + 7200), Code.CLOCK_OFF),
        (bytes(64) + body_of(old), Code.SIGNATURE_INVALID),
        (old[:64] + b'{"change":{"kind":"none"}}', Code.PROPOSAL_INVALID),
    ):
        with refused(code):
            read_proposal(bad, known.rulebook, NOW)
    with refused(Code.PROPOSAL_INVALID):
        read_proposal(old, known.rulebook, NOW + 15 * 86_400)
    known.change(Renew())
    with refused(Code.PROPOSAL_INVALID):
        read_proposal(old, known.rulebook, NOW)


def test_new_approvers_sign_too(known: Registry) -> None:
    change = Appoint(approvers=Approvers(members=("lender-c", "lender-d"), threshold=2))
    with refused(Code.RULEBOOK_INVALID):
        known.approve(change)
    assert known.trusted.update(known.approve(change, (*APPROVERS, "lender-c", "lender-d")))


def test_an_approver_exchanges_its_own_key(known: Registry) -> None:
    fresh, old = Ed25519Signer(known.rng(32)), known.keys("lender-a").signer
    request = sign_rotation(known.rotation("lender-a", identity_key=fresh.public), old, fresh)
    after = known.change(Rotate(request=request))
    assert after.members["lender-a"].identity_key == fresh.public
    with refused(Code.SIGNATURE_INVALID):
        known.trusted.update(known.sign(known.successor(), *APPROVERS))


def test_rotations_that_are_refused(known: Registry) -> None:
    fresh, old = Ed25519Signer(known.rng(32)), known.keys("lender-c").signer
    request = known.rotation("lender-c", identity_key=fresh.public)
    stranger = Ed25519Signer(known.rng(32))
    hpke = known.rulebook.members["lender-d"].hpke_key
    for signed, code in (
        (sign_rotation(request, stranger, fresh), Code.SIGNATURE_INVALID),
        (sign_rotation(request, old, stranger), Code.SIGNATURE_INVALID),
        (sign_rotation(request, old, None), Code.SIGNATURE_INVALID),
        (sign_rotation(known.rotation("lender-c"), old, None), Code.NOTICE_INVALID),
        (sign_rotation(known.rotation("lender-c", hpke_key=hpke), old, None), Code.KEY_REUSED),
        (sign_rotation(known.rotation("lender-c", hpke_key=bytes(32)), old, None), Code.PUBLIC_KEY_WEAK),
        (sign_rotation(known.rotation("nobody-here", hpke_key=known.rng(32)), old, None), Code.NOTICE_INVALID),
        (b"short", Code.MALFORMED),
    ):
        with refused(code):
            check_rotation(signed, known.rulebook, NOW)
    fine = sign_rotation(request, old, fresh)
    assert check_rotation(fine, known.rulebook, NOW) == request
    with refused(Code.NOTICE_INVALID):
        check_rotation(fine, known.rulebook, NOW + NOTICE_LIFETIME + 1)
    with refused(Code.CLOCK_OFF):
        check_rotation(fine, known.rulebook, NOW - 7200)


def test_leaving_is_for_ever_and_takes_no_key_along(known: Registry) -> None:
    notice = known.leave("lender-e")
    with refused(Code.PROPOSAL_INVALID):
        known.ballot(Leave(notice=notice))
    with refused(Code.PROPOSAL_INVALID):
        known.ballot(Leave(notice=notice, offer=known.offer("lender-a")))
    after = known.change(Leave(notice=notice, offer=known.offer("lender-a", "lender-e")))
    assert (after.members["lender-e"].status, after.document.epoch) == (MemberStatus.LEFT, 2)
    for change, code in (
        (Reinstate(member="lender-e"), Code.PROPOSAL_INVALID),
        (Admit(application=known.apply("lender-e")), Code.MEMBER_ID_CONFUSABLE),
        (Leave(notice=known.leave("lender-e")), Code.NOTICE_INVALID),
    ):
        with refused(code):
            known.ballot(change)
    revived = known.members_with("lender-e", status=MemberStatus.ACTIVE)
    with refused(Code.TRANSITION_ILLEGAL):
        known.trusted.update(known.sign(known.successor(members=revived), *APPROVERS))


def test_suspension_and_reinstatement(known: Registry) -> None:
    suspended = known.change(Suspend(member="lender-e", reason="breach", offer=known.offer("lender-a", "lender-e")))
    assert "lender-e" not in suspended.roster
    assert "lender-e" in known.change(Reinstate(member="lender-e")).roster
    with refused(Code.PROPOSAL_INVALID):
        known.ballot(Suspend(member="lender-d", reason="breach"))
    other = known.emergency("lender-c")
    with refused(Code.PROPOSAL_INVALID):
        known.ballot(Suspend(member="lender-d", reason="x", notice=other, offer=known.offer("lender-a", "lender-d")))


def test_a_new_epoch_without_anybodys_leaving(known: Registry) -> None:
    assert known.change(NewEpoch(offer=known.offer())).document.epoch == 2


def shared(known: Registry, secret: int | None, **changes: object) -> Oprf:
    rng = seeded_rng(b"deal")
    _, key = deal_new(2, 3, rng) if secret is None else deal(secret, 2, 3, rng)
    old = known.document.oprf
    holders = tuple(
        one.model_copy(update={"share_key": share.public})
        for one, share in zip(old.holders, key.share_keys, strict=True)
    )
    return old.model_copy(update={"holders": holders, "transcript": b"t" * 32, **changes})


def whole_secret(shares: tuple[KeyShare, ...]) -> int:
    pairs = zip(lagrange([1, 2]), shares[:2], strict=True)
    return sum(coefficient * share.secret for coefficient, share in pairs) % ORDER


def test_new_shares_of_the_same_key_only(known: Registry) -> None:
    secret = whole_secret(known.foundation.shares)
    assert known.change(NewShares(oprf=shared(known, secret, revision=2))).document.oprf.revision == 2
    with refused(Code.TRANSITION_ILLEGAL):
        known.ballot(NewShares(oprf=shared(known, None, revision=3, transcript=b"u" * 32)))


def test_the_next_generation_is_announced_and_put_into_force(known: Registry) -> None:
    announced = known.announcement()
    upcoming, fingerprint = announced.oprf, announced.oprf.secrets
    same_key = shared(known, whole_secret(known.foundation.shares), generation=2, secrets=fingerprint)
    for bad in (
        same_key,
        upcoming.model_copy(update={"transcript": None}),
        upcoming.model_copy(update={"revision": 2}),
    ):
        with refused(Code.TRANSITION_ILLEGAL):
            known.ballot(Announce(oprf=bad, offer=announced.offer))
    for other in ({"generation": 3}, {"secrets": b"m" * 32}):
        with refused(Code.PROPOSAL_INVALID):
            known.ballot(Announce(oprf=upcoming.model_copy(update=other), offer=announced.offer))
    with refused(Code.PROPOSAL_INVALID):
        known.ballot(Switch())
    first = known.document.oprf
    retired = Retired.of(first, known.document.issued_at)
    for unannounced in (None, shared(known, None, generation=2, secrets=b"m" * 32)):
        jump = {"oprf": unannounced or upcoming, "retired": (retired,), "upcoming": None}
        with refused(Code.TRANSITION_ILLEGAL):
            known.trusted.update(known.sign(known.successor(**jump), *APPROVERS))
    known.change(announced)
    assert (known.document.oprf, known.document.upcoming) == (first, upcoming)
    with refused(Code.PROPOSAL_INVALID):
        known.ballot(Switch(missing=("nobody",)))
    after = known.change(Switch()).document
    assert (after.oprf, after.upcoming, after.retired) == (upcoming, None, (Retired.of(first, known.now),))
    back = known.successor(oprf=first, retired=())
    with refused(Code.RULEBOOK_ROLLBACK):
        known.trusted.update(known.sign(back, *APPROVERS))


def test_a_gateway_that_makes_up_a_member(known: Registry) -> None:
    """It has the application, the channel and its own key, and still lacks two groups' signatures."""
    raw = known.ballot(Admit(application=known.apply())).raw
    for signers in (("gateway",), ("gateway", "lender-a")):
        with refused(Code.RULEBOOK_INVALID):
            known.trusted.update(known.sign(raw, *signers))
    document = json.loads(raw)
    document["approvers"] = {"members": ["lender-c", "lender-d"], "threshold": 2}
    with refused(Code.RULEBOOK_INVALID):
        known.trusted.update(known.sign(canonical_json(document), "lender-c", "lender-d"))


def test_hostile_evidence_never_raises_anything_unmapped(known: Registry) -> None:
    for garbage in (b"", b"x" * 63, b"x" * 200, bytes(64) + b"{}", bytes(64) + b"[" * 5000):
        for change in (
            Admit(application=garbage),
            Rotate(request=garbage),
            Leave(notice=garbage),
            NewEpoch(offer=garbage),
        ):
            with refused(Code.MALFORMED, Code.APPLICATION_INVALID, Code.NOTICE_INVALID, Code.SIGNATURE_INVALID):
                known.ballot(change)


def test_tiers_of_an_application_reach_the_rulebook(known: Registry) -> None:
    after = known.change(Admit(application=known.apply(tiers=(Tier.DEFAULTS_ONLY,))))
    assert after.members["lender-new"].tiers == (Tier.DEFAULTS_ONLY,)
