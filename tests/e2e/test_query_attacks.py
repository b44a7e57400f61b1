"""Queries that were tampered with, moved, harvested or not permitted: refused by gateway and contributor alike."""

from dataclasses import replace

import pytest

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.model.catalogue import Family, Purpose, Tier
from consortium.model.credit_file import CreditFile
from consortium.model.identifiers import IdentifierKind, SubjectKey
from consortium.model.keys import SECONDS_PER_DAY, KeyType
from consortium.model.query import SignedQuery
from consortium.sealing.payload import SubjectTags
from consortium.sums.profiles import INSECURE_TEST_1024
from consortium.wire.queries import header_to_bytes
from consortium.wire.rounds import round1_request_to_bytes
from participants.lender.ask import Question, new_query_key
from participants.lender.identity import certify_key
from tests.support.codes import refused
from tests.support.world import ALICE, BOB, DEFAULT_ATTRIBUTES, SWITCHED_OFF, World, Worlds, tradeline


def resigned(world: World, query: SignedQuery, by: str = "lender-a", **changes: object) -> SignedQuery:
    """Change parts of a query and sign it again, as its dishonest requester could."""
    changed = replace(query, **changes)  # type: ignore[arg-type]  # tests vary single fields by name
    signature = world.foundation.keys[by].signer.sign(Label.SIGNED_QUERY, *changed.signed_fields)
    return replace(changed, signature=signature)


def with_header(world: World, query: SignedQuery, **changes: object) -> SignedQuery:
    header = replace(query.header, **changes)  # type: ignore[arg-type]  # tests vary single fields by name
    return resigned(world, query, header=header, raw_header=header_to_bytes(header))


def contributor_refuses(world: World, query: SignedQuery, *codes: Code, now: int | None = None) -> None:
    with refused(*codes):
        request = round1_request_to_bytes(world.call(query))
        world.nodes["lender-b"].contributor.round1(request, world.now if now is None else now)


def everybody_refuses(world: World, query: SignedQuery, *codes: Code) -> None:
    """The gateway refuses at the door, and a contributor that a dishonest gateway asks all the same does too."""
    with refused(*codes):
        world.transcript(query)
    contributor_refuses(world, query, *codes)


def test_a_payload_moved_to_another_query(world: World) -> None:
    alice, bob = world.query(world.subject(ALICE)), world.query(world.subject(BOB))
    contributor_refuses(world, resigned(world, alice, payload=bob.payload), Code.PAYLOAD_INVALID)


def test_a_payload_swapped_under_a_signature(world: World) -> None:
    alice, bob = world.query(world.subject(ALICE)), world.query(world.subject(BOB))
    everybody_refuses(world, replace(alice, payload=bob.payload), Code.SIGNATURE_INVALID)


@pytest.mark.parametrize("part", ["envelope", "tags_commitment"])
def test_a_regulators_copy_that_says_something_else(world: World, part: str) -> None:
    alice, bob = world.query(world.subject(ALICE)), world.query(world.subject(BOB))
    lying = resigned(world, alice, **{part: getattr(bob, part)})
    contributor_refuses(world, lying, Code.ENVELOPE_MISMATCH)


def test_a_harvested_tag_gets_zeros_like_a_stranger(world: World) -> None:
    """Who knows a tag without its subject key asks in vain, and sees what everybody sees of a stranger."""
    owner = world.subject(ALICE)
    world.hold("lender-b", owner, 1, CreditFile(IdentifierKind.PHONE, (tradeline(500),)))
    thief = SubjectTags.create(
        [None, (SubjectKey(b"k" * 64), owner.tags[1]), None], world.foundation.rng, generation=owner.generation
    )
    result = world.ask(thief, by="lender-c")
    assert sum(item.total for item in result.attributes) == 0
    assert sum(result.matched.values()) == 0
    alarms = world.nodes["lender-b"].contributor.alarms
    assert getattr(alarms, "unproven_queries", 0) == 1


def test_a_proof_in_another_place_is_no_match(world: World) -> None:
    subject = world.subject(ALICE)
    world.hold("lender-b", subject, 1, CreditFile(IdentifierKind.PHONE, (tradeline(500),)))
    moved = replace(
        subject, keys=(subject.keys[1], None, None), tags=(subject.tags[1], subject.tags[0], subject.tags[2])
    )
    assert sum(world.ask(moved).matched.values()) == 0


def test_a_foreign_consent_record(world: World) -> None:
    bobs = world.consent(world.subject(BOB))
    contributor_refuses(world, world.query(world.subject(ALICE), consent=bobs), Code.CONSENT_FOREIGN)
    with refused(Code.CONSENT_FOREIGN):
        world.transcript(world.query(world.subject(ALICE), consent=bobs))


def test_consent_for_one_place_does_not_open_another(world: World) -> None:
    """The record commits to all three places: a victim's tag cannot ride on the applicant's own consent."""
    applicant, victim = world.subject(ALICE), world.subject(BOB)
    mixed = replace(applicant, tags=(victim.tags[0], applicant.tags[1], victim.tags[1]))
    contributor_refuses(world, world.query(mixed, consent=world.consent(applicant)), Code.CONSENT_FOREIGN)


CONSENT_CASES: list[tuple[dict[str, object], Code]] = [
    ({"expires_at": 1}, Code.CONSENT_EXPIRED),
    ({"issued_at": 2**40}, Code.CONSENT_EXPIRED),
    ({"purpose": Purpose.COLLECTIONS}, Code.CONSENT_MISMATCH),
    ({"families": frozenset({Family.REPAYMENT})}, Code.CONSENT_MISMATCH),
]


@pytest.mark.parametrize(("changes", "code"), CONSENT_CASES, ids=["expired", "not yet", "purpose", "family"])
def test_a_consent_record_that_does_not_cover_the_query(world: World, changes: dict[str, object], code: Code) -> None:
    subject = world.subject(ALICE)
    given = world.nodes["lender-a"].consent(subject, world.terms(**changes))
    everybody_refuses(world, world.query(subject, consent=given), code)


def test_a_missing_consent_record(world: World) -> None:
    node, subject = world.nodes["lender-a"], world.subject(ALICE)
    suite = next(iter(world.rulebook.policy.suites))
    query = node.ask(subject, Question(Purpose.ORIGINATION, DEFAULT_ATTRIBUTES, suite), None, world.now)
    everybody_refuses(world, query, Code.CONSENT_MISSING)


def test_anothers_consent_record_without_being_a_recipient(world: World) -> None:
    subject = world.subject(ALICE, by="lender-b")
    captured = world.consent(subject, by="lender-b")
    everybody_refuses(world, world.query(subject, by="lender-a", consent=captured), Code.CONSENT_MISMATCH)


def test_a_record_shared_with_a_recipient(world: World) -> None:
    subject = world.subject(ALICE, by="lender-b")
    shared = world.consent(subject, by="lender-b", recipients=frozenset({"lender-a"}))
    assert world.ask(subject, by="lender-a", consent=shared).answered


def test_a_used_up_consent_record(world: World) -> None:
    subject = world.subject(ALICE)
    once = world.consent(subject, maximum_uses=1)
    first = world.query(subject, consent=once)
    world.transcript(first)
    contributor_refuses(world, world.query(subject, consent=once), Code.CONSENT_USED_UP)
    with refused(Code.CONSENT_USED_UP):
        world.transcript(world.query(subject, consent=once))


def test_another_attempt_of_one_query_is_one_use(world: World) -> None:
    subject = world.subject(ALICE)
    query = world.query(subject, consent=world.consent(subject, maximum_uses=1))
    contributor = world.nodes["lender-b"].contributor
    for attempt in (1, 2, 3):
        contributor.round1(round1_request_to_bytes(world.call(query, attempt)), world.now)


HEADER_CASES: list[tuple[str, dict[str, object], Code]] = [
    ("unknown attribute", {"attributes": ("shoe_size",)}, Code.ATTRIBUTE_UNKNOWN),
    (
        "purpose not allowed",
        {"attributes": ("hard_inquiries_0_1h",), "purpose": Purpose.COLLECTIONS},
        Code.PURPOSE_NOT_ALLOWED,
    ),
    ("family switched off", {"attributes": (SWITCHED_OFF.id,)}, Code.FAMILY_NOT_ALLOWED),
    ("another rulebook", {"rulebook_digest": b"x" * 32}, Code.RULEBOOK_MISMATCH),
    ("another epoch", {"epoch": 9}, Code.RULEBOOK_MISMATCH),
    ("another query key", {"query_key_digest": b"x" * 32}, Code.CERTIFICATE_INVALID),
    ("consent digest", {"consent_digest": b"x" * 32}, Code.CONSENT_MISMATCH),
]


@pytest.mark.parametrize(
    ("changes", "code"), [case[1:] for case in HEADER_CASES], ids=[case[0] for case in HEADER_CASES]
)
def test_a_header_that_may_not_be(world: World, changes: dict[str, object], code: Code) -> None:
    everybody_refuses(world, with_header(world, world.query(world.subject(ALICE)), **changes), code)


@pytest.mark.parametrize("purpose", [Purpose.SUPERVISION, Purpose.SUBJECT_ACCESS])
def test_no_purpose_lets_a_lender_ask_without_consent(world: World, purpose: Purpose) -> None:
    suite = next(iter(world.rulebook.policy.suites))
    query = world.nodes["lender-a"].ask(
        world.subject(ALICE), Question(purpose, DEFAULT_ATTRIBUTES, suite), None, world.now
    )
    everybody_refuses(world, query, Code.PURPOSE_NOT_ALLOWED, Code.CONSENT_MISSING)


def test_a_block_of_a_query_about_one_person(world: World) -> None:
    """Blocks would be further exchanges under one use of the consent record."""
    call = replace(world.call(world.query(world.subject(ALICE))), block=1)
    with refused(Code.MALFORMED):
        world.nodes["lender-b"].contributor.round1(round1_request_to_bytes(call), world.now)


def test_a_copied_mask_key(world: World) -> None:
    """A member that certifies another's mask key as its own: refused by everybody, and worth nothing anyhow."""
    copier = world.nodes["lender-e"].contributor
    call = world.call(world.query(world.subject(ALICE)))
    copied = call.roster[2].mask_key
    assert copied is not None
    stolen = copied.key
    day = (
        world.now // SECONDS_PER_DAY * SECONDS_PER_DAY,
        world.now // SECONDS_PER_DAY * SECONDS_PER_DAY + SECONDS_PER_DAY,
    )
    forged = certify_key(copier.identity.signer, "lender-e", KeyType.MASK, stolen, day)
    roster = tuple(replace(entry, mask_key=forged) if entry.member == "lender-e" else entry for entry in call.roster)
    with refused(Code.ROSTER_MISMATCH):
        world.nodes["lender-b"].contributor.round1(round1_request_to_bytes(replace(call, roster=roster)), world.now)


def test_a_tier_that_the_requester_does_not_contribute(worlds: Worlds) -> None:
    world = worlds.make(tiers=(Tier.DEFAULTS_ONLY,))
    subject = world.subject(ALICE)
    everybody_refuses(world, world.query(subject), Code.TIER_NOT_CONTRIBUTED)
    assert world.ask(subject, attributes=("amount_past_due",)).answered


def test_a_member_that_is_not_active_or_not_a_lender(world: World) -> None:
    for stranger in ("lender-x", "regulator"):
        query = with_header(world, world.query(world.subject(ALICE)), requester=stranger)
        everybody_refuses(world, query, Code.MEMBER_NOT_ACTIVE)


def test_a_query_in_anothers_name(world: World) -> None:
    query = with_header(world, world.query(world.subject(ALICE)), requester="lender-b")
    everybody_refuses(world, query, Code.SIGNATURE_INVALID)


def test_clocks(world: World) -> None:
    subject = world.subject(ALICE)
    two_hours = 7200
    early = world.query(subject, issued_at=world.now + two_hours)
    everybody_refuses(world, early, Code.QUERY_NOT_YET_VALID)
    everybody_refuses(world, world.query(subject, issued_at=world.now - two_hours), Code.QUERY_EXPIRED)
    everybody_refuses(world, world.query(subject, lifetime=two_hours), Code.MALFORMED)
    contributor_refuses(world, world.query(subject), Code.QUERY_EXPIRED, now=world.now + 60)


def test_a_crooked_modulus(world: World) -> None:
    """A modulus with a small factor, certified by its owner: refused by gateway and contributor before any use."""
    node = world.nodes["lender-a"]
    modulus = (3 * ((1 << 1023) // 3 + (5 - (1 << 1023) // 3 % 2))).to_bytes(INSECURE_TEST_1024.modulus_bytes, "big")
    assert int.from_bytes(modulus, "big") % 3 == 0
    key = new_query_key(node.requester.identity, _Modulus(modulus), (world.now - 60, world.now + 600))  # type: ignore[arg-type]
    world.nodes["lender-a"] = replace(node, requester=replace(node.requester, query_key=key))
    everybody_refuses(world, world.query(world.subject(ALICE)), Code.PUBLIC_KEY_WEAK)


class _Modulus:
    """A key of which only the public half is ever looked at."""

    def __init__(self, modulus: bytes) -> None:
        self._modulus = modulus

    @property
    def public_key(self) -> "_Modulus":
        return self

    def to_bytes(self) -> bytes:
        return self._modulus


@pytest.mark.parametrize("position", [0, 5, 40, 200, 700, 1500, -1])
def test_a_flipped_byte_is_never_answered(world: World, position: int) -> None:
    raw = bytearray(round1_request_to_bytes(world.call(world.query(world.subject(ALICE)))))
    raw[position] ^= 1
    with pytest.raises(CreditError):
        world.nodes["lender-b"].contributor.round1(bytes(raw), world.now)
