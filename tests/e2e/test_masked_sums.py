"""The suite `MASKED_SUM` from question to answer: true sums, everybody's checks, and what a lie leads to."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consortium.errors import Code
from consortium.labels import Label
from consortium.model.credit_file import CreditFile
from consortium.model.identifiers import IdentifierKind, Secret
from consortium.model.keys import KeyType
from consortium.model.members import MemberId
from consortium.model.query import SignedQuery, Suite
from consortium.model.rounds import Round1Body, Round2Body, Round2Request, Signed, Transcript
from consortium.sums.exchange import CtxSeeds, contribution_commitment
from consortium.sums.reveals import Reveal, check_reveal
from consortium.sums.word_masks import requester_digest
from consortium.sums.words import WORD_BYTES, WordSums, words_from_bytes, words_of, words_to_bytes
from consortium.wire.rounds import (
    round1_body_to_bytes,
    round1_request_to_bytes,
    round2_body_to_bytes,
    round2_request_to_bytes,
    signed_body_to_bytes,
    signed_round1_from_bytes,
    signed_round2_from_bytes,
    transcript_from_bytes,
    transcript_to_bytes,
)
from gateway.usecases.admission import open_run
from gateway.usecases.query import QueryRun
from participants.lender import ask
from participants.lender.ask import new_query_key
from participants.lender.ephemeral import open_words
from participants.lender.identity import certify_key
from tests.e2e.test_query_attacks import everybody_refuses, resigned, with_header
from tests.e2e.test_transcripts_and_reveals import (
    Answered,
    doubled,
    dropped,
    dropped_and_said_so,
    hide_a_pair,
    invented_message,
    lie_about_book,
    lie_about_mask,
    lie_about_seed,
    lie_about_value,
    other_attempt,
    reveal,
    shorter_roster,
    stated,
    swapped_order,
)
from tests.support.books import rows
from tests.support.codes import refused
from tests.support.supervised import Supervised
from tests.support.travelling import SHANGHAI, WEST_SECOND_RING, concluded, travel_query, travel_question, was_at
from tests.support.travelling import travelling as travelling_world
from tests.support.world import ALICE, ALICE_ID, BOB, LENDERS, World, Worlds, tradeline

SMALL = Suite.INSECURE_TEST_1024_MASKED
EVERYBODY = frozenset(LENDERS)
LYING = "lender-b"


@pytest.fixture
def world(worlds: Worlds) -> World:
    """Five lenders whose rulebook has this suite alone."""
    return worlds.make(suite=Suite.MASKED_SUM)


def held(world: World) -> SignedQuery:
    subject = world.subject(ALICE)
    for power, member in enumerate(LENDERS):
        world.hold(member, subject, 1, CreditFile(IdentifierKind.PHONE, (tradeline(100**power),)))
    return world.query(subject)


@pytest.fixture
def answered(world: World) -> Answered:
    query = held(world)
    return Answered(world, query, world.transcript(query))


def sums_of(answered: Answered) -> WordSums:
    return WordSums(len(answered.transcript.product) // WORD_BYTES)


# Sums


@pytest.mark.parametrize("offline", [frozenset[str](), frozenset({"lender-e"})], ids=["all", "one missing"])
def test_totals_are_the_truth(world: World, offline: frozenset[str]) -> None:
    world.hub.offline = offline
    query = held(world)
    result = world.nodes["lender-a"].conclude(query, world.transcript(query))
    total = next(item for item in result.attributes if item.attribute.id == "balance")
    assert total.total == sum(100**power for power, member in enumerate(LENDERS) if member not in offline)
    assert total.own == 1
    assert result.missing == tuple(sorted(offline))


def test_several_identifiers_and_a_stranger(world: World) -> None:
    subject = world.subject(ALICE, ALICE_ID)
    world.hold("lender-b", subject, 0, CreditFile(IdentifierKind.NATIONAL_ID, (tradeline(30),)))
    world.hold("lender-c", subject, 1, CreditFile(IdentifierKind.PHONE, (tradeline(4),)))
    result = world.ask(subject)
    assert result.attributes[0].total == 34
    assert [result.matched[kind] for kind in IdentifierKind] == [1, 1, 0]
    assert sum(item.total for item in world.ask(world.subject(BOB)).attributes) == 0


def test_size_does_not_depend_on_what_is_held(world: World) -> None:
    sizes = {
        len(part.raw)
        for query in (held(world), world.query(world.subject(BOB)))
        for part in world.transcript(query).round1
    }
    assert len(sizes) == 1


def test_both_suites_of_one_rulebook_give_the_same_totals(worlds: Worlds) -> None:
    world = worlds.make(suite=SMALL, more_suites=(Suite.MASKED_SUM,))
    subject = world.subject(ALICE)
    for power, member in enumerate(LENDERS):
        world.hold(member, subject, 1, CreditFile(IdentifierKind.PHONE, (tradeline(100**power),)))
    found = [world.ask(subject, suite=suite) for suite in (SMALL, Suite.MASKED_SUM)]
    assert [item.total for item in found[0].attributes] == [item.total for item in found[1].attributes]
    assert found[0].matched == found[1].matched


def test_a_suite_that_the_rulebook_has_not_is_refused(worlds: Worlds) -> None:
    world = worlds.make(suite=SMALL)
    with refused(Code.SUITE_NOT_ALLOWED):
        world.query(world.subject(ALICE), suite=Suite.MASKED_SUM)
    other = worlds.make(suite=Suite.MASKED_SUM)
    modulus = other.nodes["lender-a"].requester.query_key.certified.key
    paillier = with_header(other, held(other), suite=SMALL)
    everybody_refuses(other, _with_key(other, paillier, modulus, kind=KeyType.QUERY), Code.SUITE_NOT_ALLOWED)


def test_a_restarted_node_opens_what_it_asked_before(answered: Answered) -> None:
    """Nothing but query and audit secret is needed; another secret opens nothing."""
    world, node = answered.world, answered.world.nodes["lender-a"]
    again = replace(node, requester=replace(node.requester, query_key=_other_key(node.requester)))
    assert again.conclude(answered.query, answered.transcript) == answered.conclude(answered.transcript)
    identity = replace(node.requester.identity, audit_secret=Secret(b"z" * 32))
    stranger = replace(node, requester=replace(node.requester, identity=identity))
    with refused(Code.TRANSCRIPT_INVALID):
        stranger.conclude(answered.query, answered.transcript)
    assert world.hub.ask(answered.query, world.now) == answered.transcript, "a repeat gets the same bytes"


def _other_key(requester: Any) -> Any:
    return new_query_key(requester.identity, requester.query_key.secret, (0, 1))


def test_travel_checks_work_in_this_suite(worlds: Worlds) -> None:
    world = travelling_world(worlds, suite=Suite.MASKED_SUM)
    subject = world.subject(ALICE)
    was_at(world, "lender-b", subject, (SHANGHAI, 1_800))
    question = travel_question(WEST_SECOND_RING, world.now)
    query = travel_query(world, subject, question)
    result = concluded(world, query, world.transcript(query), question)
    assert result.travel is not None
    assert result.travel.contradictions == 1


# Keys of one query


def test_every_query_has_a_key_of_its_own(world: World) -> None:
    queries = [world.query(world.subject(ALICE)) for _ in range(3)]
    assert len({query.query_key.key for query in queries}) == 3
    certificate = queries[0].query_key.certificate
    assert certificate.type is KeyType.EPHEMERAL
    header = queries[0].header
    assert (certificate.valid_from, certificate.valid_until) == (header.issued_at, header.expires_at)


def _with_key(world: World, query: SignedQuery, key: bytes, **changes: Any) -> SignedQuery:
    """The query of a dishonest requester, under another key that it certifies."""
    signer = world.foundation.keys[changes.pop("signer", "lender-a")].signer
    validity = changes.pop("validity", (query.header.issued_at, query.header.expires_at))
    certified = certify_key(signer, "lender-a", changes.pop("kind", KeyType.EPHEMERAL), key, validity)
    assert not changes
    return resigned(world, with_header(world, query, query_key_digest=certified.digest), query_key=certified)


WEAK = [bytes(32), (1).to_bytes(32, "little"), (2**255 - 19).to_bytes(32, "little"), b"short", bytes(33)]


@pytest.mark.parametrize("key", WEAK, ids=["zero", "one", "order one again", "short", "long"])
def test_a_key_that_nobody_can_agree_on_a_secret_with(world: World, key: bytes) -> None:
    everybody_refuses(world, _with_key(world, held(world), key), Code.PUBLIC_KEY_WEAK)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"validity": (0, 2**40)}, Code.CERTIFICATE_INVALID),
        ({"kind": KeyType.QUERY}, Code.CERTIFICATE_INVALID),
        ({"kind": KeyType.MASK}, Code.CERTIFICATE_INVALID),
        ({"signer": "lender-c"}, Code.SIGNATURE_INVALID),
    ],
    ids=["for longer", "a query key", "a mask key", "another's signature"],
)
def test_a_certificate_that_is_not_for_this_query(world: World, changes: dict[str, Any], code: Code) -> None:
    query = held(world)
    everybody_refuses(world, _with_key(world, query, query.query_key.key, **changes), code)


def test_a_key_of_another_query_is_refused(world: World) -> None:
    first, second = held(world), world.query(world.subject(BOB))
    everybody_refuses(world, replace(first, query_key=second.query_key), Code.CERTIFICATE_INVALID)


def test_a_paillier_query_does_not_pass_for_one_in_words(worlds: Worlds) -> None:
    world = worlds.make(suite=SMALL, more_suites=(Suite.MASKED_SUM,))
    paillier = world.query(world.subject(ALICE), suite=SMALL)
    everybody_refuses(world, with_header(world, paillier, suite=Suite.MASKED_SUM), Code.CERTIFICATE_INVALID)
    words = world.query(world.subject(ALICE), suite=Suite.MASKED_SUM)
    everybody_refuses(world, with_header(world, words, suite=SMALL), Code.CERTIFICATE_INVALID)


def test_a_members_mask_key_shown_as_the_requesters_helps_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The break that pair keys without ids had: here the key is bound to its role, the answer opens for nobody."""
    stolen = world.nodes["lender-c"].contributor.pairs.own(world.now).certified.key
    signer = world.foundation.keys["lender-a"].signer
    monkeypatch.setattr(
        ask,
        "ephemeral_certified",
        lambda _identity, _nonce, valid: certify_key(signer, "lender-a", KeyType.EPHEMERAL, stolen, valid),
    )
    query = held(world)
    transcript = world.transcript(query)
    with refused(Code.TRANSCRIPT_INVALID):
        world.nodes["lender-a"].conclude(query, transcript)
    identity = world.nodes["lender-c"].contributor.identity
    with refused(Code.TRANSCRIPT_INVALID):  # nor by the mask key's owner, as a requester
        open_words(query, transcript, world.rulebook, identity, transcript.product)


# A gateway that lies


def altered_sum(t: Transcript, _: World) -> Transcript:
    count = len(t.product) // WORD_BYTES
    return replace(t, product=words_to_bytes(words_from_bytes(t.product, count) + words_of(1, count)))


def longer_sum(t: Transcript, _: World) -> Transcript:
    return replace(t, product=bytes(WORD_BYTES) + t.product)


@pytest.mark.parametrize(
    ("alter", "codes"),
    [
        (altered_sum, (Code.TRANSCRIPT_INVALID,)),
        (longer_sum, (Code.TRANSCRIPT_INVALID,)),
        (swapped_order, (Code.TRANSCRIPT_INVALID,)),
        (dropped, (Code.TRANSCRIPT_INVALID,)),
        (dropped_and_said_so, (Code.TRANSCRIPT_INVALID,)),
        (other_attempt, (Code.TRANSCRIPT_INVALID,)),
        (shorter_roster, (Code.ROSTER_MISMATCH, Code.TRANSCRIPT_INVALID)),
        (invented_message, (Code.SIGNATURE_INVALID,)),
        (doubled, (Code.TRANSCRIPT_INVALID,)),
    ],
)
def test_a_gateway_that_alters_an_answer(
    answered: Answered, alter: Callable[[Transcript, World], Transcript], codes: tuple[Code, ...]
) -> None:
    assert answered.conclude(transcript_from_bytes(transcript_to_bytes(answered.transcript)))
    with refused(*codes):
        answered.conclude(alter(answered.transcript, answered.world))


# Contributors that lie


Change = Callable[[Round1Body], Round1Body]


def begun(world: World, query: SignedQuery, change: Change, liar: MemberId = LYING) -> QueryRun:
    """Carry a query through round 1 with one contributor that signs something else."""
    run = open_run(query, world.rulebook, world.hub.roster(world.now), world.hub.keys, world.now)
    call = run.call(EVERYBODY)
    for member in LENDERS:
        answer = world.nodes[member].contributor.round1(call, world.now)
        if member == liar:
            own = signed_round1_from_bytes(answer)
            body = change(own.body)
            raw = round1_body_to_bytes(body)
            signature = world.foundation.keys[member].signer.sign(Label.ROUND1, raw)
            answer = signed_body_to_bytes(Signed(body, raw, signature, own.opening))
        run.receive_round1(member, answer)
    return run


def ended(world: World, run: QueryRun) -> Transcript:
    second = run.answering_call()
    assert second is not None
    for member in sorted(run.answering):
        run.receive_round2(member, world.nodes[member].contributor.round2(second, world.now))
    return run.transcript()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda body: replace(body, ciphertext=body.ciphertext[:-1]), "CIPHERTEXT_INVALID"),
        (lambda body: replace(body, ciphertext=body.ciphertext + bytes(8)), "CIPHERTEXT_INVALID"),
        (lambda body: replace(body, requester_digest=b""), "MALFORMED"),
    ],
    ids=["short", "long", "no digest"],
)
def test_a_malformed_vector_counts_as_none(world: World, change: Change, code: str) -> None:
    run = begun(world, held(world), change)
    assert run.outcomes[LYING] == code
    transcript = ended(world, run)
    assert transcript.members == EVERYBODY - {LYING}


def test_a_digest_of_the_requesters_key_has_no_place_under_paillier(worlds: Worlds) -> None:
    world = worlds.make(suite=SMALL)
    run = begun(world, held(world), lambda body: replace(body, requester_digest=b"d" * 32))
    assert run.outcomes[LYING] == "MALFORMED"


def test_a_number_hidden_under_another_key_than_the_requesters_is_noticed(world: World) -> None:
    query = held(world)
    transcript = ended(world, begun(world, query, lambda body: replace(body, requester_digest=b"d" * 32)))
    with refused(Code.PAIR_MISMATCH):
        world.nodes["lender-a"].conclude(query, transcript)


def test_a_copied_contribution_breaks_the_sum(world: World) -> None:
    query = held(world)
    request = round1_request_to_bytes(world.call(query))
    stolen = signed_round1_from_bytes(world.nodes["lender-c"].contributor.round1(request, world.now)).body.ciphertext
    transcript = ended(world, begun(world, query, lambda body: replace(body, ciphertext=stolen)))
    with refused(Code.SUM_INVALID):
        world.nodes["lender-a"].conclude(query, transcript)


@pytest.mark.parametrize("length", [0, 8])
def test_a_correction_of_another_length_is_refused(world: World, length: int) -> None:
    run = begun(world, held(world), lambda body: body)
    second = run.answering_call()
    assert second is not None
    own = signed_round2_from_bytes(world.nodes[LYING].contributor.round2(second, world.now))
    body: Round2Body = replace(own.body, correction=bytes(length) + own.body.correction + b"\0" * (not length))
    raw = round2_body_to_bytes(body)
    signature = world.foundation.keys[LYING].signer.sign(Label.ROUND2, raw)
    with refused(Code.TRANSCRIPT_INVALID):
        run.receive_round2(LYING, signed_body_to_bytes(Signed(body, raw, signature, own.opening)))


def test_an_exchange_of_words_is_released_for_one_set_alone(answered: Answered) -> None:
    contributor, now = answered.world.nodes[LYING].contributor, answered.world.now
    same = round2_request_to_bytes(Round2Request(answered.ctx, EVERYBODY))
    assert replace(signed_round2_from_bytes(contributor.round2(same, now)), opening=None) in answered.transcript.round2
    with refused(Code.ALREADY_RELEASED):
        contributor.round2(round2_request_to_bytes(Round2Request(answered.ctx, EVERYBODY - {"lender-e"})), now)


# Reveals and inspections


@pytest.mark.parametrize("offline", [frozenset[str](), frozenset({"lender-e"})], ids=["all", "one missing"])
def test_an_honest_reveal_reproduces_every_byte(world: World, offline: frozenset[str]) -> None:
    world.hub.offline = offline
    query = held(world)
    answered = Answered(world, query, world.transcript(query))
    for member in EVERYBODY - offline:
        check_reveal(reveal(answered, member), said(answered, member), sums_of(answered))


def said(answered: Answered, member: MemberId) -> Any:
    part = next(one for one in answered.transcript.round1 if one.body.contributor == member)
    return replace(stated(answered, member), requester_digest=part.body.requester_digest)


def lie_about_requester_key(true: Reveal) -> Reveal:
    return replace(true, requester_key=b"o" * 32)


def lie_about_size(true: Reveal) -> Reveal:
    return replace(true, value=true.value + (1 << 4096))


LIES = [
    lie_about_value,
    lie_about_mask,
    lie_about_requester_key,
    lie_about_seed,
    lie_about_book,
    hide_a_pair,
    lie_about_size,
]


@pytest.mark.parametrize("lie", LIES)
def test_a_false_reveal(answered: Answered, lie: Callable[[Reveal], Reveal]) -> None:
    true = reveal(answered, LYING)
    check_reveal(true, said(answered, LYING), sums_of(answered))
    with refused(Code.REVEAL_INVALID):
        check_reveal(lie(true), said(answered, LYING), sums_of(answered))


def test_a_poisoned_value_cannot_hide_in_the_requesters_mask(answered: Answered) -> None:
    """
    With one word, keys can be searched until the mask absorbs a lie; the digest that it signed still tells.

    The liar is given such a key for free: a commitment of its liking, and the contribution that follows from the key.
    """
    true, own = reveal(answered, LYING), said(answered, LYING)
    seeds, sums, forged = CtxSeeds(true.seed), sums_of(answered), b"f" * 32
    honest = requester_digest(own.ctx, LYING, true.requester_key)
    assert honest == own.requester_digest
    poisoned = replace(true, value=true.value + 1, requester_key=forged)
    commitment = contribution_commitment(own.ctx, poisoned.value, sums.width, seeds.commit_seed, true.book)
    with refused(Code.REVEAL_INVALID):
        check_reveal(poisoned, replace(own, commitment=commitment, everybody=False), sums)


def test_inspections_confirm_an_honest_member_and_convict_others(worlds: Worlds, tmp_path: Path) -> None:
    supervised = Supervised(worlds.make(suite=Suite.MASKED_SUM), tmp_path)
    try:
        subject = supervised.world.subject(ALICE)
        supervised.load(rows(supervised.held(subject), tradeline(500, "loaded")))
        supervised.record(supervised.held(subject), tradeline(4000))
        asked = [supervised.ask(subject), supervised.ask(supervised.world.subject(BOB))]
        supervised.state()
        assert [supervised.inspect(one) for one in asked] == [(), ()]
        bundle, links = supervised.bundle(asked[0])
        assert bundle.obfuscator_seed is None
        assert b"obfuscator_seed" not in bundle.to_bytes()
        for changes in (
            {"requester_key": b"x" * 32},
            {"requester_key": None},
            {"requester_key": None, "obfuscator_seed": bundle.requester_key},
            {"value": f"{int(bundle.value, 16) + 1:x}"},
            {"value": "f" * 2048},
            {"seed": b"x" * 32},
        ):
            with refused(Code.REVEAL_INVALID):
                supervised.examine(asked[0], bundle.model_copy(update=changes), links)
    finally:
        supervised.close()


def test_a_sealed_record_opens_after_a_restart(answered: Answered) -> None:
    """Round 2 of a node that was restarted between the rounds is that of one that was not."""
    world, query = answered.world, held(answered.world)
    run = begun(world, query, lambda body: body)
    for node in world.nodes.values():
        node.contributor.opened.take(run.ctx)
    assert world.nodes["lender-a"].conclude(query, ended(world, run))
