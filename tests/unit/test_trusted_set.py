"""The trusted set: genesis, what follows, and everything that may not."""

import json
from collections.abc import Callable

import pytest

from consortium.canonical import canonical_json
from consortium.errors import Code
from consortium.labels import Label
from consortium.membership.emergency import EMERGENCY_SECONDS, EmergencySuspension
from consortium.membership.files import signatures_from_text, signatures_to_text
from consortium.membership.proposals import Amend, Appoint, Lift, Renew, Suspend
from consortium.membership.sightings import Sighting
from consortium.membership.signed import sign_document
from consortium.membership.trusted import LastSeen, Signed, TrustedSet
from consortium.membership.words import words_text
from consortium.model.members import check_member_id, id_skeleton
from consortium.model.rulebook import Approvers, MemberStatus, Oprf, Retired, Role
from consortium.oprf import group
from demo.consortium import Terms
from tests.support.codes import refused
from tests.support.membership import APPROVERS, DAY, Registry, registry
from tests.support.world import NOW


@pytest.fixture
def known() -> Registry:
    return registry()


def genesis(known: Registry, raw: bytes | None = None, *signers: str) -> Signed:
    return known.sign(raw or known.rulebook.raw, *(signers or APPROVERS))


def test_genesis_by_words_or_digits(known: Registry) -> None:
    for fingerprint in (
        words_text(known.rulebook.digest),
        words_text(known.rulebook.digest, 12),
        known.rulebook.digest.hex(),
    ):
        assert TrustedSet.begin(genesis(known), fingerprint).version == 1
    with refused(Code.FINGERPRINT_MISMATCH):
        TrustedSet.begin(genesis(known), words_text(b"x" * 32))
    with refused(Code.FINGERPRINT_MISTYPED):
        TrustedSet.begin(genesis(known), "abandon " * 24)


@pytest.mark.parametrize(
    "signers", [("lender-a",), ("lender-a", "gateway"), ("lender-a", "lender-c"), ("lender-a", "lender-b", "gateway")]
)
def test_genesis_needs_the_founders_of_two_groups_and_nobody_else(known: Registry, signers: tuple[str, ...]) -> None:
    with refused(Code.RULEBOOK_INVALID):
        TrustedSet.begin(genesis(known, None, *signers), known.rulebook.digest.hex())


def test_two_founders_of_one_group_are_one() -> None:
    with refused(Code.RULEBOOK_INVALID):
        registry(terms=Terms(groups={"lender-a": "one-group", "lender-b": "one-group"}))


def test_a_later_version_is_taken_and_repeats_change_nothing(known: Registry) -> None:
    first = genesis(known)
    second = known.approve(Renew())
    assert known.trusted.update(second)
    assert not known.trusted.update(second)
    assert not known.trusted.update(first)
    assert known.trusted.version == 2


def test_rollback_and_fork(known: Registry) -> None:
    known.change(Renew())
    other = known.successor(version=2, previous=b"x" * 32)
    with refused(Code.RULEBOOK_ROLLBACK):
        known.trusted.update(known.sign(other, "lender-c"))
    with refused(Code.RULEBOOK_FORK):
        known.trusted.update(known.sign(other, *APPROVERS))
    late = TrustedSet(known.rulebook)
    with refused(Code.RULEBOOK_ROLLBACK):
        late.update(known.sign(known.foundation.rulebook.raw, *APPROVERS))


def test_what_was_last_seen_betrays_an_old_folder(known: Registry) -> None:
    last = known.trusted.last_seen
    known.change(Renew())
    newer = LastSeen.from_bytes(known.trusted.last_seen.to_bytes())
    known.trusted.check_last_seen(last)
    with refused(Code.RULEBOOK_ROLLBACK):
        TrustedSet(known.foundation.rulebook).check_last_seen(newer)
    with refused(Code.RULEBOOK_FORK):
        known.trusted.check_last_seen(LastSeen(version=2, rulebook=b"x" * 32))


def test_expiry_and_clock(known: Registry) -> None:
    known.trusted.check_usable(NOW)
    with refused(Code.RULEBOOK_INVALID):
        known.trusted.check_usable(known.document.expires_at)
    with refused(Code.CLOCK_OFF):
        known.trusted.check_usable(NOW - 7200)


def test_a_version_may_not_live_for_ever(known: Registry) -> None:
    with refused(Code.RULEBOOK_INVALID):
        known.ballot(Renew())
        raw = known.successor(expires_at=NOW + 401 * DAY)
        known.trusted.update(known.sign(raw, *APPROVERS))


@pytest.mark.parametrize(
    "signers",
    [
        (),
        ("lender-a",),
        ("lender-a", "gateway"),
        ("lender-a", "lender-b", "gateway"),
        ("lender-a", "lender-b", "lender-c"),
    ],
)
def test_too_few_and_strange_signers(known: Registry, signers: tuple[str, ...]) -> None:
    with refused(Code.RULEBOOK_INVALID):
        known.trusted.update(known.sign(known.successor(), *signers))
    assert known.trusted.version == 1


def test_a_suspended_signer_and_a_stolen_seat(known: Registry) -> None:
    known.change(Appoint(approvers=Approvers(members=("lender-a", "lender-b", "lender-c"), threshold=2)))
    suspension = Suspend(member="lender-b", reason="breach", offer=known.offer("lender-a", "lender-b"))
    assert known.trusted.update(known.approve(suspension, ("lender-a", "lender-c")))
    with refused(Code.RULEBOOK_INVALID):
        known.trusted.update(known.sign(known.successor(), "lender-a", "lender-b"))
    with refused(Code.RULEBOOK_INVALID):
        known.trusted.update(known.sign(known.successor(), "lender-a", "lender-b", "lender-c"))
    assert known.trusted.update(known.sign(known.successor(), "lender-a", "lender-c"))


def test_a_signature_by_another_key(known: Registry) -> None:
    raw = known.successor()
    signed = Signed(
        raw, {**known.sign(raw, "lender-a").signatures, "lender-b": known.sign(raw, "lender-a").signatures["lender-a"]}
    )
    with refused(Code.SIGNATURE_INVALID):
        known.trusted.update(signed)


def test_a_signer_that_occurs_twice_in_the_file(known: Registry) -> None:
    signatures = known.sign(b"raw", "lender-a", "lender-b").signatures
    text = signatures_to_text(signatures)
    assert signatures_from_text(text) == signatures
    twice = text.replace("lender-b", "lender-a")
    for bad in (twice, "[]", "{", '{"lender-a": "zz"}', '{"lender-a": "00"}', '{"lender-a": 7}', '{"No": "00"}'):
        with refused(Code.RULEBOOK_INVALID):
            signatures_from_text(bad)


Changes = Callable[[Registry], dict[str, object]]


def member(name: str, **changes: object) -> Changes:
    return lambda known: {"members": known.members_with(name, **changes)}


def swapped_keys(known: Registry) -> dict[str, object]:
    one, two = known.rulebook.members["lender-c"], known.rulebook.members["lender-d"]
    members = [
        one.model_copy(update={"identity_key": two.identity_key})
        if it.id == one.id
        else two.model_copy(update={"identity_key": one.identity_key})
        if it.id == two.id
        else it
        for it in known.document.members
    ]
    return {"members": tuple(members)}


def newcomer(**changes: object) -> Changes:
    def add(known: Registry) -> dict[str, object]:
        like = known.rulebook.members["lender-c"]
        fresh = {"identity_key": group_key(known), "hpke_key": known.rng(32), "application": b"a" * 32}
        values = {"id": "newcomer", "group": "new-group", "status": MemberStatus.ADMITTED, **fresh, **changes}
        return {"members": (*known.document.members, like.model_copy(update=values))}

    return add


def group_key(known: Registry) -> bytes:
    known.apply("spare-one")
    return known.keys("spare-one").signer.public


def oprf(**changes: object) -> Changes:
    return lambda known: {"oprf": known.document.oprf.model_copy(update=changes)}


def other_key(known: Registry) -> Oprf:
    """Share keys of another key: the present ones doubled."""
    holders = tuple(
        one.model_copy(update={"share_key": group.scale(2, one.share_key)}) for one in known.document.oprf.holders
    )
    return known.document.oprf.model_copy(update={"holders": holders, "transcript": b"t" * 32})


def one_owner(known: Registry) -> dict[str, object]:
    """Both custodians of one group from the first version on."""
    document = known.document
    members = [
        one.model_copy(update={"group": "one-owner"}) if one.id.startswith("custodian") else one
        for one in document.members
    ]
    return {"members": tuple(members)}


ILLEGAL: list[tuple[str, Changes, Code]] = [
    ("gap", lambda _: {"version": 3}, Code.RULEBOOK_INVALID),
    ("predecessor", lambda _: {"previous": b"x" * 32}, Code.RULEBOOK_INVALID),
    ("consortium", lambda _: {"consortium": "another-one"}, Code.RULEBOOK_INVALID),
    ("dated back", lambda _: {"issued_at": NOW - 1}, Code.TRANSITION_ILLEGAL),
    ("dropped", lambda known: {"members": known.document.members[1:]}, Code.RULEBOOK_INVALID),
    ("reordered", lambda known: {"members": tuple(reversed(known.document.members))}, Code.TRANSITION_ILLEGAL),
    ("group changed", member("lender-c", group="other-group"), Code.TRANSITION_ILLEGAL),
    ("holders of one owner", one_owner, Code.RULEBOOK_INVALID),
    ("role changed", member("lender-c", role=Role.WITNESS), Code.TRANSITION_ILLEGAL),
    ("name changed", member("lender-c", legal_name="Somebody Else"), Code.TRANSITION_ILLEGAL),
    ("back to admitted", member("lender-c", status=MemberStatus.ADMITTED), Code.TRANSITION_ILLEGAL),
    ("suspended in the old epoch", member("lender-c", status=MemberStatus.SUSPENDED), Code.TRANSITION_ILLEGAL),
    ("left in the old epoch", member("lender-c", status=MemberStatus.LEFT), Code.TRANSITION_ILLEGAL),
    ("keys swapped", swapped_keys, Code.KEY_REUSED),
    ("small key", member("lender-c", identity_key=bytes(31) + b"\x80"), Code.RULEBOOK_INVALID),
    ("small hpke key", member("lender-c", hpke_key=bytes(32)), Code.RULEBOOK_INVALID),
    ("active at once", newcomer(status=MemberStatus.ACTIVE), Code.TRANSITION_ILLEGAL),
    ("without application", newcomer(application=None), Code.TRANSITION_ILLEGAL),
    ("confusable", newcomer(id="1ender-c".replace("1", "l", 1).replace("-", "")), Code.MEMBER_ID_CONFUSABLE),
    ("epoch back", lambda _: {"epoch": 3}, Code.TRANSITION_ILLEGAL),
    ("epoch key kept", lambda _: {"epoch": 2}, Code.TRANSITION_ILLEGAL),
    ("epoch kept", lambda _: {"epoch_secret": b"x" * 32}, Code.TRANSITION_ILLEGAL),
    ("secrets swapped", oprf(secrets=b"x" * 32), Code.TRANSITION_ILLEGAL),
    ("generation jumps", oprf(generation=2), Code.TRANSITION_ILLEGAL),
    ("revision jumps", oprf(revision=3, transcript=b"t" * 32), Code.TRANSITION_ILLEGAL),
    ("revision without transcript", oprf(revision=2), Code.TRANSITION_ILLEGAL),
    ("share keys swapped in", lambda known: {"oprf": other_key(known)}, Code.TRANSITION_ILLEGAL),
    (
        "another key as a refresh",
        lambda known: {"oprf": other_key(known).model_copy(update={"revision": 2})},
        Code.TRANSITION_ILLEGAL,
    ),
    (
        "announced without transcript",
        lambda known: {"upcoming": known.document.oprf.model_copy(update={"generation": 2})},
        Code.TRANSITION_ILLEGAL,
    ),
    ("retired made up", lambda known: {"retired": (Retired.of(known.document.oprf, NOW),)}, Code.TRANSITION_ILLEGAL),
]


@pytest.mark.parametrize(("changes", "code"), [row[1:] for row in ILLEGAL], ids=[row[0] for row in ILLEGAL])
def test_what_no_number_of_signatures_makes_good(known: Registry, changes: Changes, code: Code) -> None:
    signed = known.sign(known.successor(**changes(known)), *APPROVERS)
    with refused(code):
        known.trusted.update(signed)
    assert known.trusted.version == 1


def test_a_share_key_off_the_polynomial(known: Registry) -> None:
    raw = json.loads(known.successor())
    raw["oprf"]["holders"][1]["share_key"] = group.scale_base(4711).hex()
    with refused(Code.SHARE_KEYS_INCONSISTENT):
        known.trusted.update(known.sign(canonical_json(raw), *APPROVERS))


def test_a_generation_or_epoch_that_goes_back(known: Registry) -> None:
    known.change(Suspend(member="lender-e", reason="breach", offer=known.offer("lender-a", "lender-e")))
    for changes in ({"epoch": 1, "epoch_secret": b"x" * 32},):
        with refused(Code.RULEBOOK_ROLLBACK):
            known.trusted.update(known.sign(known.successor(**changes), *APPROVERS))


def test_operators_emergency_suspension(known: Registry) -> None:
    notice = known.emergency("lender-c")
    assert known.trusted.take_emergency(notice, NOW)
    assert not known.trusted.take_emergency(notice, NOW + 5)
    assert known.trusted.status("lender-c", NOW) is MemberStatus.SUSPENDED
    assert [one.member for one in known.trusted.pending_emergencies(NOW)] == ["lender-c"]
    assert known.trusted.status("lender-c", NOW + EMERGENCY_SECONDS - 1) is MemberStatus.SUSPENDED
    assert known.trusted.status("lender-c", NOW + EMERGENCY_SECONDS) is MemberStatus.ACTIVE
    assert known.trusted.status("lender-d", NOW) is MemberStatus.ACTIVE
    assert known.trusted.status("nobody-here", NOW) is None


def test_an_emergency_is_ratified_or_lifted(known: Registry) -> None:
    notice = known.emergency("lender-c")
    known.trusted.take_emergency(notice, NOW)
    known.change(Renew())
    assert known.trusted.status("lender-c", NOW) is MemberStatus.SUSPENDED, "an unrelated version lifts nothing"
    offer = known.offer("lender-a", "lender-c")
    known.change(Suspend(member="lender-c", reason="ratified", notice=notice, offer=offer))
    assert known.trusted.status("lender-c", NOW + EMERGENCY_SECONDS) is MemberStatus.SUSPENDED
    lifted = known.emergency("lender-d")
    known.trusted.take_emergency(lifted, NOW)
    known.change(Lift(notice=lifted))
    assert known.trusted.status("lender-d", NOW) is MemberStatus.ACTIVE
    fresh = TrustedSet(known.rulebook)
    with refused(Code.NOTICE_INVALID):
        fresh.take_emergency(lifted, NOW)


def test_emergencies_that_do_not_hold(known: Registry) -> None:
    for notice, code in (
        (known.emergency("gateway"), Code.NOTICE_INVALID),
        (known.emergency("nobody-here"), Code.NOTICE_INVALID),
        (known.emergency("lender-c", version=2), Code.NOTICE_INVALID),
        (known.emergency("lender-c", rulebook=b"x" * 32), Code.NOTICE_INVALID),
        (known.emergency("lender-c", consortium="another-one"), Code.NOTICE_INVALID),
        (known.emergency("lender-c", issued_at=NOW + 7200), Code.CLOCK_OFF),
        (known.emergency("lender-d", issued_at=NOW - EMERGENCY_SECONDS), Code.NOTICE_INVALID),
    ):
        with refused(code):
            known.trusted.take_emergency(notice, NOW)
    notice = known.emergency("lender-c")
    forged = sign_document(known.keys("lender-a").signer, Label.EMERGENCY_SUSPENSION, parse(notice))
    with refused(Code.SIGNATURE_INVALID):
        known.trusted.take_emergency(forged, NOW)
    known.trusted.take_emergency(notice, NOW)
    with refused(Code.NOTICE_INVALID):
        known.trusted.take_emergency(known.emergency("lender-c", reason="again"), NOW)


def test_an_emergency_is_not_prolonged_where_a_party_starts_again(known: Registry) -> None:
    first, later = known.emergency("lender-c"), NOW + EMERGENCY_SECONDS + 1
    second = known.emergency("lender-c", issued_at=later)
    known.trusted.take_emergency(first, NOW)
    started = TrustedSet(known.rulebook)  # it reads the whole board, the first notice too
    with refused(Code.NOTICE_INVALID):
        started.take_emergency(first, later)
    for trusted in (known.trusted, started):
        with refused(Code.NOTICE_INVALID):
            trusted.take_emergency(second, later)
        assert trusted.status("lender-c", later) is MemberStatus.ACTIVE


def parse(signed: bytes) -> EmergencySuspension:
    return EmergencySuspension.model_validate(json.loads(signed[64:]))


def test_an_emergency_takes_no_vote_away(known: Registry) -> None:
    known.trusted.take_emergency(known.emergency("lender-a"), NOW)
    assert known.trusted.update(known.sign(known.successor(), *APPROVERS))


def test_a_gateway_that_holds_versions_back_is_noticed(known: Registry) -> None:
    ahead = Registry(known.foundation, TrustedSet(known.rulebook), known.rng)
    known.trusted.watch_sightings("lender-c", NOW)
    known.trusted.take_sighting(sighting(ahead, "lender-a"), NOW)
    known.trusted.check_usable(NOW)
    ahead.change(Renew())
    known.trusted.take_sighting(sighting(ahead, "lender-a"), NOW)
    assert [claim.sighting.member for claim in known.trusted.claims] == ["lender-a"], "one may lie: it is looked at"
    known.trusted.check_usable(NOW)
    known.trusted.take_sighting(sighting(ahead, "lender-b"), NOW)
    with refused(Code.RULEBOOK_FROZEN):
        known.trusted.check_usable(NOW)
    assert known.trusted.update(known.sign(ahead.rulebook.raw, *APPROVERS))
    known.trusted.check_usable(NOW)
    assert known.trusted.claims == ()


def test_one_liar_stops_nobody_and_does_not_count_once_it_is_suspended(known: Registry) -> None:
    base = Sighting(
        consortium=known.document.consortium, member="lender-a", version=99, rulebook=b"x" * 32, seen_at=NOW
    )
    known.trusted.watch_sightings("lender-c", NOW)
    for liar in ("lender-d", "lender-e"):
        lie = base.model_copy(update={"member": liar})
        known.trusted.take_sighting(sign_document(known.keys(liar).signer, Label.SIGHTING, lie), NOW)
        known.trusted.take_sighting(sign_document(known.keys(liar).signer, Label.SIGHTING, lie), NOW)
        if liar == "lender-d":
            known.trusted.check_usable(NOW)
    with refused(Code.RULEBOOK_FROZEN):
        known.trusted.check_usable(NOW)
    known.change(Suspend(member="lender-e", reason="it lied", offer=known.offer("lender-a", "lender-e")))
    known.trusted.check_usable(NOW)


def test_two_documents_of_one_version_shown_to_different_parties(known: Registry) -> None:
    base = Sighting(consortium=known.document.consortium, member="lender-a", version=1, rulebook=b"x" * 32, seen_at=NOW)
    known.trusted.watch_sightings("lender-c", NOW)
    for witness in ("lender-a", "lender-b"):
        other = sign_document(known.keys(witness).signer, Label.SIGHTING, base.model_copy(update={"member": witness}))
        known.trusted.check_usable(NOW)
        with refused(Code.RULEBOOK_FORK):
            known.trusted.take_sighting(other, NOW)
    with refused(Code.RULEBOOK_FORK):
        known.trusted.check_usable(NOW)
    for witness in ("lender-a", "lender-b"):  # they have looked again, and have what we have
        known.trusted.take_sighting(sighting(known, witness), NOW)
    known.trusted.check_usable(NOW)


def sighting(of: Registry, witness: str) -> bytes:
    return of.trusted.own_sighting(witness, of.keys(witness).signer, NOW)


def test_no_word_of_anybody_else_for_too_long(known: Registry) -> None:
    window = known.document.policy.rulebook_freshness
    known.trusted.watch_sightings("lender-c", NOW)
    own = known.trusted.own_sighting("lender-c", known.keys("lender-c").signer, NOW + window)
    known.trusted.take_sighting(own, NOW + window)
    known.trusted.check_usable(NOW + window)
    with refused(Code.RULEBOOK_FROZEN):
        known.trusted.check_usable(NOW + window + 1)
    other = known.trusted.own_sighting("lender-d", known.keys("lender-d").signer, NOW + window)
    known.trusted.take_sighting(other, NOW + window)
    known.trusted.check_usable(NOW + window + 1)


def test_sightings_that_prove_a_fork_or_nothing(known: Registry) -> None:
    known.trusted.watch_sightings("lender-c", NOW)
    base = Sighting(consortium=known.document.consortium, member="lender-a", version=1, rulebook=b"x" * 32, seen_at=NOW)

    def signed(signer: str, **changes: object) -> bytes:
        return sign_document(known.keys(signer).signer, Label.SIGHTING, base.model_copy(update=changes))

    for sighting, code in (
        (signed("lender-a"), Code.RULEBOOK_FORK),
        (signed("lender-b"), Code.SIGNATURE_INVALID),
        (signed("gateway", member="gateway"), Code.MEMBER_NOT_ACTIVE),
        (signed("lender-a", seen_at=NOW + 7200), Code.CLOCK_OFF),
        (signed("lender-a", consortium="another-one"), Code.MALFORMED),
    ):
        with refused(code):
            known.trusted.take_sighting(sighting, NOW)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lender-1", "lender-l"),
        ("bank-0", "bank-o"),
        ("modern", "modem"),
        ("vvest", "west"),
        ("a-bank", "abank"),
        ("clo-5", "do-s"),
    ],
)
def test_ids_that_look_alike(one: str, other: str) -> None:
    assert id_skeleton(check_member_id(one)) == id_skeleton(check_member_id(other))


def test_ids_that_do_not() -> None:
    ids = [f"lender-{letter}" for letter in "abcdefghijklmnopqrst"] + [f"bank-{number}" for number in range(40)]
    assert len({id_skeleton(one) for one in ids}) == len(ids)


def test_approvers_who_could_never_sign_again(known: Registry) -> None:
    with refused(Code.RULEBOOK_INVALID):
        known.ballot(Suspend(member="lender-a", reason="breach", offer=known.offer("lender-b", "lender-a")))
    policy = known.document.policy.model_copy(update={"roster_maximum": 64})
    assert known.change(Amend(policy=policy)).policy.roster_maximum == 64
