"""Travel checks through the whole protocol: what is counted, what is refused, and what a holder alone can tell."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from consortium.errors import Code
from consortium.labels import Label
from consortium.model.catalogue import Family, Purpose, Tier
from consortium.model.credit_file import CreditFile, Location
from consortium.model.identifiers import IdentifierKind
from consortium.model.members import MemberId
from consortium.model.query import SignedPayment, SignedQuery
from consortium.model.rounds import Round2Request, Transcript, tables_of, with_tables
from consortium.oprf import group
from consortium.rules.travel import whereabouts_to_bytes
from consortium.travel.geography import Tile, Whereabouts
from consortium.travel.policy import DEFAULT_TRAVEL
from consortium.wire.queries import payment_to_bytes
from consortium.wire.rounds import (
    round1_request_to_bytes,
    round2_request_to_bytes,
    signed_body_to_bytes,
    signed_round1_from_bytes,
)
from gateway.usecases.query import QueryRun
from participants.lender import travel
from participants.lender.travel import TravelQuestion, TravelResult, TravelVerdict
from protos.credit.v1 import query_pb2
from tests.e2e.test_query_attacks import everybody_refuses, resigned, with_header
from tests.support.codes import refused
from tests.support.travelling import (
    BEIJING_RUSH,
    EAST_FOURTH_RING,
    FAMILIES,
    SHANGHAI,
    SMALL,
    WEST_SECOND_RING,
    agreed,
    check_travel,
    concluded,
    payment,
    travel_query,
    travel_question,
    travelling,
    was_at,
)
from tests.support.world import ALICE, ALICE_ID, LENDERS, World, Worlds

MINUTES = 60


@pytest.fixture
def travel_world(worlds: Worlds) -> World:
    return travelling(worlds)


@pytest.fixture
def query(travel_world: World) -> SignedQuery:
    return travel_query(travel_world, travel_world.subject(ALICE), here(travel_world))


def here(world: World) -> TravelQuestion:
    return travel_question(WEST_SECOND_RING, world.now)


def in_shanghai(world: World, *members: MemberId, place: int = 1) -> None:
    """Let lenders have seen Alice in Shanghai half an hour ago."""
    subject = world.subject(ALICE, ALICE_ID)
    for member in members:
        was_at(world, member, subject, (SHANGHAI, 30 * MINUTES), place=place)


def counted(found: TravelResult) -> tuple[int, int, int, TravelVerdict]:
    return found.contradictions, found.own, found.answered, found.verdict


def test_contradicting_lenders_are_counted(travel_world: World) -> None:
    world, subject = travel_world, travel_world.subject(ALICE)
    was_at(world, "lender-a", subject, (WEST_SECOND_RING, 5 * MINUTES))
    was_at(world, "lender-b", subject, (SHANGHAI, 30 * MINUTES))
    was_at(world, "lender-c", subject, (SHANGHAI, 40 * MINUTES), (WEST_SECOND_RING, 3 * MINUTES))
    was_at(world, "lender-d", subject)
    assert counted(check_travel(world, subject, here(world))) == (2, 0, 5, TravelVerdict.BLOCK)
    away = check_travel(world, subject, travel_question(SHANGHAI, world.now, "payment-2"))
    assert counted(away) == (2, 1, 5, TravelVerdict.BLOCK)


def test_the_ring_roads_with_a_tile_of_full_size(worlds: Worlds) -> None:
    """At the Beijing morning peak: west second ring, ten minutes later east fourth ring; at noon nobody minds."""
    policy = DEFAULT_TRAVEL.model_copy(update={"peaks": (BEIJING_RUSH,)})
    found = []
    for hour in (0, 4):
        world = travelling(worlds, policy)
        world.now += -world.now % 86_400 - 86_400 + hour * 3_600 + 15 * MINUTES  # 08:15 and 12:15 of the same day
        subject = world.subject(ALICE)
        was_at(world, "lender-b", subject, (WEST_SECOND_RING, 10 * MINUTES))
        found.append(check_travel(world, subject, travel_question(EAST_FOURTH_RING, world.now)))
    assert [one.contradictions for one in found] == [1, 0]
    assert [one.verdict for one in found] == [TravelVerdict.STEP_UP, TravelVerdict.ALLOW]


def test_a_person_whom_nobody_holds_and_a_question_without_a_check(travel_world: World) -> None:
    world, subject = travel_world, travel_world.subject(ALICE)
    assert counted(check_travel(world, subject, here(world))) == (0, 0, 5, TravelVerdict.ALLOW)
    assert world.ask(subject).travel is None


def test_the_answer_is_a_sum_over_the_places_of_a_query(travel_world: World) -> None:
    """A second identifier changes nothing about what the first one finds, whatever is on its file."""
    world = travel_world
    both = world.subject(ALICE, ALICE_ID)
    in_shanghai(world, "lender-b", place=1)
    in_shanghai(world, "lender-c", place=0)
    assert check_travel(world, both, here(world)).contradictions == 2
    was_at(world, "lender-b", both, (WEST_SECOND_RING, MINUTES), place=0)
    assert check_travel(world, both, payment(here(world), 2)).contradictions == 2


def test_a_member_that_is_away_is_not_in_the_count(travel_world: World) -> None:
    world = travel_world
    in_shanghai(world, "lender-b", "lender-c")
    world.hub.offline = frozenset({"lender-c"})
    assert counted(check_travel(world, world.subject(ALICE), here(world))) == (1, 0, 4, TravelVerdict.STEP_UP)


def test_a_frozen_file_contradicts_nothing(travel_world: World) -> None:
    world, subject = travel_world, travel_world.subject(ALICE)
    seen = Location(world.now - MINUTES, SHANGHAI.latitude, SHANGHAI.longitude)
    world.hold("lender-b", subject, 1, CreditFile(IdentifierKind.PHONE, frozen=True, locations=(seen,)))
    assert check_travel(world, subject, here(world)).contradictions == 0


def test_sizes_do_not_depend_on_who_holds_the_person(travel_world: World, query: SignedQuery) -> None:
    world = travel_world
    in_shanghai(world, "lender-b")
    call = round1_request_to_bytes(world.call(query))
    answers = [world.nodes[member].contributor.round1(call, world.now) for member in LENDERS]
    bodies = [signed_round1_from_bytes(answer) for answer in answers]
    assert {len(one.raw) for one in bodies} == {len(bodies[0].raw)}
    assert {len(one.table) for one in bodies} == {SMALL.grid.cells * 8}
    assert len({one.table for one in bodies}) == 5


def test_a_repeated_call_gives_the_same_table_and_another_attempt_another_key(
    travel_world: World, query: SignedQuery
) -> None:
    contributor, now = travel_world.nodes["lender-b"].contributor, travel_world.now
    first, second = (round1_request_to_bytes(travel_world.call(query, attempt)) for attempt in (1, 2))
    answer = contributor.round1(first, now)
    assert contributor.round1(first, now) == answer
    one, other = (signed_round1_from_bytes(raw).body.travel for raw in (answer, contributor.round1(second, now)))
    assert one is not None
    assert other is not None
    assert one.element.value != other.element.value


# what is refused at the asking node


@pytest.mark.parametrize("seconds", [1, -SMALL.oldest - 1])
def test_a_time_that_has_not_come_or_is_long_past_is_refused(travel_world: World, seconds: int) -> None:
    question = travel_question(WEST_SECOND_RING, travel_world.now + seconds)
    with refused(Code.PLACE_INVALID):
        travel_query(travel_world, travel_world.subject(ALICE), question)


@pytest.mark.parametrize("text", ["", "x" * 129, "line\nbreak", "\u00e9"])
def test_a_payment_without_a_fit_reference_is_refused(text: str) -> None:
    with refused(Code.PAYMENT_INVALID):
        travel_question(WEST_SECOND_RING, 0, text)


def test_a_rulebook_without_the_section_has_no_checks(world: World) -> None:
    with refused(Code.FAMILY_NOT_ALLOWED):
        travel_query(world, world.subject(ALICE), here(world))


# what gateway and contributors refuse alike


def test_a_family_that_the_profile_does_not_permit(worlds: Worlds, query: SignedQuery) -> None:
    off = worlds.make(LENDERS, travel=SMALL)
    subject = off.subject(ALICE)
    with refused(Code.FAMILY_NOT_ALLOWED):
        travel_query(off, subject, here(off))
    plain = off.query(subject, consent=agreed(off, subject))
    forced = with_header(off, replace(plain, payment=query.payment), travel=query.header.travel)
    everybody_refuses(off, forced, Code.FAMILY_NOT_ALLOWED)


def test_a_consent_that_does_not_cover_places(travel_world: World) -> None:
    world, subject = travel_world, travel_world.subject(ALICE)
    without = world.consent(subject, families=frozenset(FAMILIES) - {Family.LOCATION})
    everybody_refuses(world, travel_query(world, subject, here(world), consent=without), Code.CONSENT_MISMATCH)


def test_a_purpose_that_sees_no_live_data(worlds: Worlds) -> None:
    world = travelling(worlds, SMALL.model_copy(update={"purposes": ("fraud-prevention",)}))
    subject = world.subject(ALICE)
    everybody_refuses(world, travel_query(world, subject, here(world)), Code.PURPOSE_NOT_ALLOWED)
    consent = world.consent(subject, families=frozenset(FAMILIES), purpose=Purpose.FRAUD_PREVENTION)
    asked = travel_query(world, subject, here(world), consent=consent, purpose=Purpose.FRAUD_PREVENTION)
    everybody_refuses(world, asked, Code.PURPOSE_NOT_ALLOWED)


def test_a_member_that_does_not_share_in_full(worlds: Worlds) -> None:
    world = travelling(worlds, tiers=(Tier.DEFAULTS_ONLY,))
    asked = travel_query(world, world.subject(ALICE), here(world), attribute="amount_past_due")
    everybody_refuses(world, asked, Code.TIER_NOT_CONTRIBUTED)


def altered_payment(payment: SignedPayment, world: World, **changes: object) -> SignedPayment:
    reference = replace(payment.reference, **changes)  # type: ignore[arg-type]  # tests vary single fields by name
    raw = payment_to_bytes(reference)
    return SignedPayment(reference, raw, world.foundation.keys["lender-a"].signer.sign(Label.PAYMENT, raw))


PAYMENTS: dict[str, Callable[[SignedPayment, World], SignedPayment | None]] = {
    "none": lambda _, __: None,
    "unsigned": lambda payment, _: replace(payment, signature=bytes(64)),
    "signed for something else": lambda payment, world: replace(
        payment, signature=world.foundation.keys["lender-a"].signer.sign(Label.CONSENT, payment.raw)
    ),
    "another member's": lambda payment, world: altered_payment(payment, world, requester="lender-b"),
    "of the future": lambda payment, world: altered_payment(payment, world, issued_at=world.now + 1),
    "long past": lambda payment, world: altered_payment(payment, world, issued_at=world.now - SMALL.oldest - 1),
}


@pytest.mark.parametrize("case", PAYMENTS)
def test_a_check_without_a_signed_payment_reference(travel_world: World, query: SignedQuery, case: str) -> None:
    assert query.payment is not None
    assert query.header.travel is not None
    changed = PAYMENTS[case](query.payment, travel_world)
    named = replace(query.header.travel, payment=changed.digest if changed else query.payment.digest)
    everybody_refuses(
        travel_world, with_header(travel_world, replace(query, payment=changed), travel=named), Code.PAYMENT_INVALID
    )


def test_a_payment_that_the_header_does_not_name(travel_world: World, query: SignedQuery) -> None:
    assert query.payment is not None
    other = altered_payment(query.payment, travel_world, commitment=b"c" * 32)
    everybody_refuses(travel_world, replace(query, payment=other), Code.PAYMENT_INVALID)
    everybody_refuses(travel_world, with_header(travel_world, query, travel=None), Code.MALFORMED)


def raw_header(query: SignedQuery, *elements: bytes) -> bytes:
    message = query_pb2.QueryHeader.FromString(query.raw_header)
    payment = message.travel[0].payment
    del message.travel[:]
    message.travel.extend(query_pb2.TravelPart(element=element, payment=payment) for element in elements)
    return message.SerializeToString(deterministic=True)


@pytest.mark.parametrize("bad", [group.IDENTITY, b"\xff" * 32, b"\1" + bytes(31), bytes(31), b""])
def test_an_element_that_is_the_identity_or_not_canonical(travel_world: World, query: SignedQuery, bad: bytes) -> None:
    everybody_refuses(travel_world, resigned(travel_world, query, raw_header=raw_header(query, bad)), Code.MALFORMED)


def test_two_blinded_elements_in_one_query(travel_world: World, query: SignedQuery) -> None:
    assert query.header.travel is not None
    first, second = query.header.travel.element.value, group.scale_base(5)
    doubled = resigned(travel_world, query, raw_header=raw_header(query, first, second))
    everybody_refuses(travel_world, doubled, Code.MALFORMED)


def test_too_few_contributors(travel_world: World) -> None:
    world = travel_world
    world.hub.offline = frozenset({"lender-c", "lender-d", "lender-e"})
    with refused(Code.TOO_FEW_CONTRIBUTORS):
        check_travel(world, world.subject(ALICE), here(world))


# how often


def test_three_checks_an_hour_and_no_fourth(travel_world: World) -> None:
    world, subject = travel_world, travel_world.subject(ALICE)
    for number in range(3):
        check_travel(world, subject, payment(here(world), number), by=LENDERS[number])
    with refused(Code.TRAVEL_TOO_OFTEN):
        check_travel(world, subject, payment(here(world), 3), by="lender-d")
    assert world.ask(subject).travel is None, "the person can be asked about without"
    world.now += 3_600
    check_travel(world, subject, payment(here(world), 4))


def test_ten_checks_a_day_and_no_eleventh(worlds: Worlds) -> None:
    world = travelling(worlds)
    subject, start = world.subject(ALICE), world.now
    for number in range(10):
        world.now = start + number * 1_201
        check_travel(world, subject, payment(here(world), number))
    world.now += 3_601
    with refused(Code.TRAVEL_TOO_OFTEN):
        check_travel(world, subject, payment(here(world), 10))


def test_the_limit_counts_what_was_released_even_at_once(travel_world: World) -> None:
    """Four queries pass round 1 before any is released; the fourth release is refused."""
    world, subject = travel_world, travel_world.subject(ALICE)
    contributor = world.nodes["lender-b"].contributor
    queries = [travel_query(world, subject, payment(here(world), number)) for number in range(4)]
    calls = [world.call(query) for query in queries]
    for call in calls:
        contributor.round1(round1_request_to_bytes(call), world.now)
    second = [round2_request_to_bytes(Round2Request(call.ctx, frozenset(LENDERS))) for call in calls]
    for request in second[:3]:
        contributor.round2(request, world.now)
    with refused(Code.TRAVEL_TOO_OFTEN):
        contributor.round2(second[3], world.now)
    contributor.round2(second[0], world.now)


def test_one_payment_serves_one_check(travel_world: World) -> None:
    world, subject = travel_world, travel_world.subject(ALICE)
    query = travel_query(world, subject, here(world))
    world.transcript(query)
    with refused(Code.PAYMENT_REUSED):
        check_travel(world, subject, here(world))
    check_travel(world, subject, here(world), by="lender-b")


# what only a holder can tell


@pytest.mark.parametrize(
    "lie",
    [
        lambda asked: whereabouts_to_bytes(replace(asked, time=asked.time + 1)),
        lambda asked: whereabouts_to_bytes(replace(asked, time=asked.time - SMALL.oldest - 1)),
        lambda _: whereabouts_to_bytes(Whereabouts(Tile(1 << 30, 1 << 30), 0)),
        lambda asked: b"\2" + whereabouts_to_bytes(asked)[1:],
        lambda asked: whereabouts_to_bytes(asked)[:-1] + b"x",
        lambda _: bytes(64),
    ],
    ids=["future", "long past", "no tile", "another form", "a tail", "nothing"],
)
def test_what_does_not_hold_for_holders_gives_zeros_and_an_alarm(
    travel_world: World, monkeypatch: pytest.MonkeyPatch, lie: Callable[[Whereabouts], bytes]
) -> None:
    world = travel_world
    in_shanghai(world, "lender-b", "lender-c")
    monkeypatch.setattr(travel, "whereabouts_to_bytes", lie)
    assert counted(check_travel(world, world.subject(ALICE), here(world))) == (0, 0, 5, TravelVerdict.ALLOW)
    alarms = {member: getattr(node.contributor.alarms, "untrue_checks", 0) for member, node in world.nodes.items()}
    assert alarms == {"lender-a": 0, "lender-b": 1, "lender-c": 1, "lender-d": 0, "lender-e": 0}


# tables that are not what was signed


@pytest.mark.parametrize(
    "spoil", [lambda t: t[:-8], lambda t: bytes(len(t)), lambda _: b""], ids=["short", "other", "none"]
)
def test_the_gateway_takes_no_malformed_table(
    travel_world: World, query: SignedQuery, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[bytes], bytes]
) -> None:
    """It counts as no answer, and the others' stand."""
    honest = QueryRun.receive_round1

    def spoilt(run: QueryRun, member: MemberId, raw: bytes) -> None:
        signed = signed_round1_from_bytes(raw)
        table = spoil(signed.table) if member == "lender-b" else signed.table
        honest(run, member, signed_body_to_bytes(replace(signed, table=table)))
        assert (run.outcomes[member] == Code.MALFORMED) == (member == "lender-b")

    monkeypatch.setattr(QueryRun, "receive_round1", spoilt)
    assert travel_world.transcript(query).members == frozenset(LENDERS) - {"lender-b"}


def test_the_requester_takes_no_malformed_table(travel_world: World, query: SignedQuery) -> None:
    world = travel_world
    question, transcript = here(world), world.transcript(query)
    tables = list(tables_of(transcript))
    assert concluded(world, query, transcript, question).travel is not None
    flipped = bytes([tables[0][0] ^ 1]) + tables[0][1:]
    for bad in ([flipped, *tables[1:]], [tables[1], tables[0], *tables[2:]], [tables[0][8:], *tables[1:]]):
        with refused(Code.TRANSCRIPT_INVALID):
            concluded(world, query, with_tables(transcript, bad), question)
    with refused(Code.TRANSCRIPT_INVALID):
        concluded(world, query, without_tables(transcript), question)
    with refused(Code.MALFORMED):
        with_tables(transcript, tables[1:])


def without_tables(transcript: Transcript) -> Transcript:
    return replace(transcript, round1=tuple(replace(signed, table=b"") for signed in transcript.round1))


def test_the_answer_opens_by_its_own_question_only(travel_world: World, query: SignedQuery) -> None:
    transcript = travel_world.transcript(query)
    with refused(Code.TRANSCRIPT_INVALID):
        concluded(travel_world, query, transcript, travel_question(EAST_FOURTH_RING, travel_world.now))
    assert travel_world.nodes["lender-a"].conclude(query, transcript).travel is None
