"""A gateway that alters an answer, a contributor that lies: the requester or an inspection finds out."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from consortium.errors import Code
from consortium.labels import Label
from consortium.model.credit_file import CreditFile
from consortium.model.identifiers import IdentifierKind
from consortium.model.members import MemberId
from consortium.model.query import SignedQuery
from consortium.model.rounds import Round1Body, Round2Request, Signed, Transcript, digests_by_peer, exchange_ctx
from consortium.sums.exchange import CtxSeeds, contribution_commitment, correction, masked
from consortium.sums.masks import PairMasks, blind, pair_digest
from consortium.sums.paillier import Ciphertext, add_plain
from consortium.sums.reveals import Reveal, Stated, check_reveal
from consortium.wire.rounds import (
    round1_body_to_bytes,
    round1_request_to_bytes,
    round2_request_to_bytes,
    signed_body_to_bytes,
    signed_round1_from_bytes,
    signed_round2_from_bytes,
    transcript_from_bytes,
    transcript_to_bytes,
)
from gateway.usecases.admission import open_run
from participants.lender.ask import OwnPart
from participants.lender.reveal import check_reveal_allowed, make_reveal, open_record
from tests.support.codes import refused
from tests.support.world import ALICE, LENDERS, World, tradeline

EVERYBODY = frozenset(LENDERS)


@dataclass
class Answered:
    world: World
    query: SignedQuery
    transcript: Transcript

    @property
    def ctx(self) -> bytes:
        t = self.transcript
        return exchange_ctx(self.query, t.roster, t.attempt, t.intended, t.block)

    def conclude(self, transcript: Transcript) -> object:
        return self.world.nodes["lender-a"].conclude(self.query, transcript)


@pytest.fixture
def answered(world: World) -> Answered:
    subject = world.subject(ALICE)
    for power, member in enumerate(LENDERS):
        world.hold(member, subject, 1, CreditFile(IdentifierKind.PHONE, (tradeline(100**power),)))
    query = world.query(subject)
    return Answered(world, query, world.transcript(query))


def test_an_honest_transcript_survives_the_wire(answered: Answered) -> None:
    again = transcript_from_bytes(transcript_to_bytes(answered.transcript))
    assert again == answered.transcript
    assert answered.conclude(again)


def altered_product(t: Transcript, w: World) -> Transcript:
    key = w.nodes["lender-a"].requester.query_key.secret.public_key
    return replace(t, product=add_plain(Ciphertext.from_bytes(key, t.product), 1).to_bytes())


def swapped_order(t: Transcript, _: World) -> Transcript:
    return replace(t, round1=(t.round1[1], t.round1[0], *t.round1[2:]))


def dropped(t: Transcript, _: World) -> Transcript:
    return replace(t, round1=t.round1[:-1], round2=t.round2[:-1])


def dropped_and_said_so(t: Transcript, _: World) -> Transcript:
    return replace(t, round1=t.round1[:-1], round2=t.round2[:-1], members=t.members - {"lender-e"})


def other_attempt(t: Transcript, _: World) -> Transcript:
    return replace(t, attempt=2)


def shorter_roster(t: Transcript, _: World) -> Transcript:
    return replace(t, roster=t.roster[:-1])


def invented_message(t: Transcript, w: World) -> Transcript:
    body = replace(t.round1[1].body, commitment=b"z" * 32)
    raw = round1_body_to_bytes(body)
    signature = w.foundation.keys["gateway"].signer.sign(Label.ROUND1, raw)
    return replace(t, round1=(t.round1[0], Signed(body, raw, signature), *t.round1[2:]))


def doubled(t: Transcript, _: World) -> Transcript:
    return replace(t, round1=(*t.round1, t.round1[-1]), round2=(*t.round2, t.round2[-1]))


@pytest.mark.parametrize(
    ("alter", "codes"),
    [
        (altered_product, (Code.TRANSCRIPT_INVALID,)),
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
    with refused(*codes):
        answered.conclude(alter(answered.transcript, answered.world))


def test_messages_of_another_exchange_are_refused(answered: Answered) -> None:
    world = answered.world
    other = world.transcript(world.query(world.subject(ALICE)))
    mixed = replace(answered.transcript, round1=(other.round1[0], *answered.transcript.round1[1:]))
    with refused(Code.TRANSCRIPT_INVALID):
        answered.conclude(mixed)


def test_a_copied_contribution_breaks_the_sum(world: World) -> None:
    """A member that signs another's ciphertext as its own gains nothing: masks do not cancel and the sum is refused."""
    query = world.query(world.subject(ALICE))
    run = _collect(world, query, copier="lender-b", victim="lender-c")
    with refused(Code.SUM_INVALID):
        world.nodes["lender-a"].conclude(query, run)


def _collect(world: World, query: SignedQuery, copier: MemberId, victim: MemberId) -> Transcript:
    hub = world.hub
    run = open_run(query, world.rulebook, hub.roster(world.now), hub.keys, world.now)
    call = run.call(EVERYBODY)
    answers = {m: world.nodes[m].contributor.round1(call, world.now) for m in LENDERS}
    stolen = signed_round1_from_bytes(answers[victim]).body.ciphertext
    own = signed_round1_from_bytes(answers[copier])
    answers[copier] = _sign(world, copier, own, replace(own.body, ciphertext=stolen))
    for member, answer in answers.items():
        run.receive_round1(member, answer)
    second = run.answering_call()
    assert second is not None
    for member in LENDERS:
        run.receive_round2(member, world.nodes[member].contributor.round2(second, world.now))
    return run.transcript()


def _sign(world: World, member: MemberId, own: Signed[Round1Body], body: Round1Body) -> bytes:
    raw = round1_body_to_bytes(body)
    signature = world.foundation.keys[member].signer.sign(Label.ROUND1, raw)
    return signed_body_to_bytes(Signed(body, raw, signature, own.opening))


def test_a_wrong_pair_key_stops_the_round_and_leaves_its_owner_out(world: World) -> None:
    hub, query = world.hub, world.query(world.subject(ALICE))
    run = open_run(query, world.rulebook, hub.roster(world.now), hub.keys, world.now)
    call = run.call(EVERYBODY)
    for member in LENDERS:
        answer = world.nodes[member].contributor.round1(call, world.now)
        if member == "lender-d":
            own = signed_round1_from_bytes(answer)
            wrong = tuple(b"w" * 32 for _ in own.body.pair_digests)
            answer = _sign(world, member, own, replace(own.body, pair_digests=wrong))
        run.receive_round1(member, answer)
    assert run.answering_call() is None
    assert run.left_out == {"lender-d"}
    assert {member for pair in run.differing for member in pair} == EVERYBODY
    assert run.answering == frozenset(), "nothing may be released"
    run.call(EVERYBODY)
    assert run.intended == EVERYBODY - {"lender-d"}


# Reveals


def stated(answered: Answered, member: MemberId) -> Stated:
    t = answered.transcript
    order = sorted(t.members)
    place = order.index(member)
    roster = tuple(entry.member for entry in t.roster)
    peers = {
        peer: digests_by_peer(t.round1[order.index(peer)].body, roster)[member] for peer in order if peer != member
    }
    return Stated(
        member=member,
        ctx=answered.ctx,
        answering=t.members,
        everybody=t.members == frozenset(roster),
        ciphertext=t.round1[place].body.ciphertext,
        correction=int.from_bytes(t.round2[place].body.correction, "big"),
        commitment=t.round1[place].body.commitment,
        own_digests=digests_by_peer(t.round1[place].body, roster),
        peers_digests=peers,
    )


def reveal(answered: Answered, member: MemberId) -> Reveal:
    contributor = answered.world.nodes[member].contributor
    exchange = contributor.store.find(answered.ctx)
    assert exchange is not None
    secret = contributor.identity.audit_secret
    record = open_record(exchange.reveal, secret, answered.ctx)
    return make_reveal(record, secret, answered.ctx, answered.transcript.members, member)


@pytest.mark.parametrize("offline", [frozenset[str](), frozenset({"lender-e"})], ids=["all", "one missing"])
def test_an_honest_reveal_reproduces_every_byte(world: World, offline: frozenset[str]) -> None:
    world.hub.offline = offline
    query = world.query(world.subject(ALICE))
    answered = Answered(world, query, world.transcript(query))
    key = world.nodes["lender-a"].requester.query_key.secret.public_key
    for member in EVERYBODY - offline:
        check_reveal(reveal(answered, member), stated(answered, member), key)


def lie_about_value(true: Reveal) -> Reveal:
    return replace(true, value=true.value + 1)


def lie_about_mask(true: Reveal) -> Reveal:
    return replace(true, pair_keys={**true.pair_keys, "lender-c": b"m" * 32})


def lie_about_obfuscator(true: Reveal) -> Reveal:
    return replace(true, obfuscator_seed=b"o" * 32)


def lie_about_seed(true: Reveal) -> Reveal:
    return replace(true, seed=b"s" * 32)


def lie_about_book(true: Reveal) -> Reveal:
    return replace(true, book=replace(true.book, journal_size=9))


def hide_a_pair(true: Reveal) -> Reveal:
    return replace(true, pair_keys={peer: key for peer, key in true.pair_keys.items() if peer != "lender-c"})


@pytest.mark.parametrize(
    "lie", [lie_about_value, lie_about_mask, lie_about_obfuscator, lie_about_seed, lie_about_book, hide_a_pair]
)
def test_a_false_reveal(answered: Answered, lie: Callable[[Reveal], Reveal]) -> None:
    key = answered.world.nodes["lender-a"].requester.query_key.secret.public_key
    true = reveal(answered, "lender-b")
    check_reveal(true, stated(answered, "lender-b"), key)
    with refused(Code.REVEAL_INVALID):
        check_reveal(lie(true), stated(answered, "lender-b"), key)


def test_a_poisoned_value_cannot_hide_in_a_mask(answered: Answered) -> None:
    """
    The attack that worked without the peers' digests: send X + e, then reveal X with a mask that absorbs e.

    The attacker is even given a mask key with the wanted difference for free; the peer's digest still tells.
    """
    true, said = reveal(answered, "lender-b"), stated(answered, "lender-b")
    key = answered.world.nodes["lender-a"].requester.query_key.secret.public_key
    n = int(key.n)
    forged = b"f" * 32
    peer = "lender-c"
    before = PairMasks("lender-b", true.pair_keys, n).signed_sum({peer})
    after = PairMasks("lender-b", {**true.pair_keys, peer: forged}, n).signed_sum({peer})
    poisoned = (true.value + before - after) % n
    seeds = CtxSeeds(true.seed)
    width = key.profile.modulus_bytes
    commitment = contribution_commitment(said.ctx, poisoned, width, seeds.commit_seed, true.book)
    absorbed = replace(true, value=poisoned, pair_keys={**true.pair_keys, peer: forged})
    own_word = replace(said, commitment=commitment)
    with refused(Code.REVEAL_INVALID):
        check_reveal(absorbed, own_word, key)
    lying = {**said.own_digests, peer: _digest_of(said.ctx, peer, forged)}
    with refused(Code.PAIR_MISMATCH):  # had it stated the forged key, the gateway would have stopped the round
        check_reveal(absorbed, replace(own_word, own_digests=lying), key)
    digests = {**said.peers_digests, peer: _digest_of(said.ctx, peer, forged)}
    own_digests = {**said.own_digests, peer: digests[peer]}
    held_to_itself = replace(own_word, peers_digests=digests, own_digests=own_digests, everybody=False)
    check_reveal(absorbed, held_to_itself, key)  # held to its own digest it would pass


def _digest_of(ctx: bytes, peer: MemberId, pair_key: bytes) -> bytes:
    return pair_digest(ctx, "lender-b", peer, pair_key)


def test_a_released_blinding_seed_is_no_dictionary_on_the_commitment(answered: Answered) -> None:
    """Whoever holds the sub-seed "b" can strip the blind, yet guess after guess fails to open the commitment."""
    true, said = reveal(answered, "lender-b"), stated(answered, "lender-b")
    key = answered.world.nodes["lender-a"].requester.query_key.secret.public_key
    seeds, width = CtxSeeds(true.seed), key.profile.modulus_bytes
    blind_seed = seeds.blind_seed(true.value)
    assert blind(blind_seed, int(key.n)) == said.correction
    guesses = [
        contribution_commitment(said.ctx, true.value, width, guess, true.book)
        for guess in (blind_seed, said.ctx, bytes(32), CtxSeeds(blind_seed).commit_seed)
    ]
    assert said.commitment not in guesses
    assert contribution_commitment(said.ctx, true.value, width, seeds.commit_seed, true.book) == said.commitment


def test_reveals_are_limited_so_that_nobody_is_isolated() -> None:
    check_reveal_allowed(5, 1, frozenset(), "lender-b")
    check_reveal_allowed(5, 1, frozenset({"lender-b"}), "lender-b")
    with refused(Code.REVEAL_LIMIT):
        check_reveal_allowed(5, 1, frozenset({"lender-b"}), "lender-c")
    with refused(Code.REVEAL_LIMIT):
        check_reveal_allowed(4, 1, frozenset(), "lender-b")


def test_corrections_are_what_the_formula_says(answered: Answered) -> None:
    contributor = answered.world.nodes["lender-b"].contributor
    exchange = contributor.store.find(answered.ctx)
    assert exchange is not None
    record = open_record(exchange.reveal, contributor.identity.audit_secret, answered.ctx)
    n = int(answered.world.nodes["lender-a"].requester.query_key.secret.public_key.n)
    masks = PairMasks("lender-b", record.pair_keys, n)
    seeds = CtxSeeds.derive(contributor.identity.audit_secret.value, answered.ctx)
    request = round2_request_to_bytes(Round2Request(answered.ctx, EVERYBODY))
    again = signed_round2_from_bytes(contributor.round2(request, answered.world.now))
    assert int.from_bytes(again.body.correction, "big") == correction(record.value, seeds, masks, EVERYBODY)


def test_a_replayed_call_gives_the_same_bytes(answered: Answered) -> None:
    contributor = answered.world.nodes["lender-b"].contributor
    call = answered.world.call(answered.query)
    again = signed_round1_from_bytes(contributor.round1(round1_request_to_bytes(call), answered.world.now))
    assert replace(again, opening=None) == answered.transcript.round1[1]
    with refused(Code.CTX_UNKNOWN):
        contributor.round2(round2_request_to_bytes(Round2Request(b"x" * 32, EVERYBODY)), answered.world.now)


def test_a_pair_that_its_peer_states_differently_accuses_nobody(answered: Answered) -> None:
    key = answered.world.nodes["lender-a"].requester.query_key.secret.public_key
    said = stated(answered, "lender-b")
    lied = replace(said, peers_digests={**said.peers_digests, "lender-c": b"l" * 32})
    with refused(Code.PAIR_MISMATCH):
        check_reveal(reveal(answered, "lender-b"), lied, key)


def test_an_answer_is_read_under_the_rulebook_of_its_query(answered: Answered) -> None:
    node = answered.world.nodes["lender-a"]
    other = replace(answered.world.rulebook, raw=answered.world.rulebook.raw + b" ")
    with refused(Code.RULEBOOK_MISMATCH):
        node.requester.conclude(answered.query, answered.transcript, other, OwnPart({}))


def test_another_number_under_the_same_masks_is_hidden_by_another_blind() -> None:
    """A node that answers an exchange again from an older state does not show the difference of its numbers."""
    seeds, masks = CtxSeeds(b"s" * 32), PairMasks("lender-a", {"lender-b": b"k" * 32}, 2**64)
    assert (masked(107, seeds, masks) - masked(100, seeds, masks)) % 2**64 != 7
