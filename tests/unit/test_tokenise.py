"""The lender's side of tokenising: fall-over between holders, counters across failures, alarms."""

from collections import Counter

import pytest

from consortium.custody import EvaluationAnswer, Position
from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.model.identifiers import IdentifierKind, NormalisedIdentifier
from consortium.model.signing import Ed25519Signer, verify_signature
from consortium.oprf import group
from consortium.oprf.elements import BlindedElement
from demo.holders import MemoryJournal
from participants.lender.protect import pre_hash, subject_tag
from participants.lender.tokenise import HolderLink, HolderSession, Token, Tokeniser, unalarmed
from tests.support.oprf_world import GENERATION, LENDER, World, build_world, lenders_secrets
from tests.support.randomness import seeded

PEOPLE = [NormalisedIdentifier(IdentifierKind.EMAIL, "", f"person{i}@example.com") for i in range(6)]


@pytest.fixture
def world() -> World:
    return build_world()


def values(tokens: list[Token]) -> list[tuple[bytes, bytes]]:
    return [(token.key.value, token.tag.value) for token in tokens]


EXPECTED = values(build_world().tokeniser().tokenise(PEOPLE))


def test_tokens_are_the_key_s_own_whatever_holders_and_batches(world: World) -> None:
    secret = group.random_scalar(seeded("dealer"))
    assert world.key.public == group.scale_base(secret)
    assert len(set(EXPECTED)) == len(PEOPLE)
    for batch_size in (1, 4, 100):
        other = build_world(threshold=3, holders=5)
        assert values(other.tokeniser(batch_size).tokenise(PEOPLE)) == EXPECTED
    tags = [subject_tag(lenders_secrets(), token.key) for token in world.tokeniser().tokenise(PEOPLE)]
    assert [tag.value for tag in tags] == [tag for _, tag in EXPECTED]


def test_nobody_needs_no_holder(world: World) -> None:
    assert world.tokeniser().tokenise([]) == []
    assert world.taps[1].requests == []


def test_only_the_threshold_of_holders_is_asked(world: World) -> None:
    world.tokeniser().tokenise(PEOPLE)
    assert [len(world.taps[holder].requests) for holder in (1, 2, 3)] == [2, 2, 0]


@pytest.mark.parametrize("broken", [1, 2, 3])
def test_a_holder_that_cannot_be_reached_is_replaced(world: World, broken: int) -> None:
    world.taps[broken].cut = True
    assert values(world.tokeniser().tokenise(PEOPLE)) == EXPECTED
    # asked once, then last in the order
    assert len(world.taps[broken].requests) == (1 if broken < 3 else 0)
    assert Counter(world.alarms) == ({(broken, Code.INTERNAL): 1} if broken < 3 else {})


def test_too_few_holders_are_named_with_their_failures(world: World) -> None:
    world.taps[1].cut = world.taps[3].cut = True
    with pytest.raises(CreditError) as caught:
        world.tokeniser().tokenise(PEOPLE)
    assert caught.value.code is Code.TOO_FEW_HOLDERS
    assert caught.value.cause == "holder 1: INTERNAL, holder 3: INTERNAL"


def test_a_tokeniser_with_too_few_links_asks_nobody(world: World) -> None:
    tokeniser = Tokeniser(lenders_secrets(), world.key, {1: world.links[1]}, seeded(""), alarm=unalarmed)
    with pytest.raises(CreditError, match="TOO_FEW_HOLDERS"):
        tokeniser.tokenise(PEOPLE)
    assert world.taps[1].requests == []


def test_a_lost_answer_is_fetched_again_before_anything_new(world: World) -> None:
    tokeniser = world.tokeniser(batch_size=100)
    world.taps[1].lose_answers = True
    assert values(tokeniser.tokenise(PEOPLE)) == EXPECTED  # holders 2 and 3
    world.taps[1].lose_answers = False
    world.taps[2].cut = True
    assert values(tokeniser.tokenise(PEOPLE)) == EXPECTED  # holder 2 fails, so 3 and 1
    first, again, new = world.taps[1].requests
    assert first == again != new
    assert world.taps[1].answers[0] == world.taps[1].answers[1]
    assert world.ledgers[0].spent(LENDER) == 2 * len(PEOPLE)


def test_a_request_that_never_arrived_is_sent_again_first(world: World) -> None:
    world.taps[1].cut = True
    world.tokeniser(batch_size=100).tokenise(PEOPLE)
    world.taps[1].cut = False
    assert values(world.tokeniser(batch_size=100).tokenise(PEOPLE)) == EXPECTED
    assert len(world.taps[1].answers) == 2
    last = world.ledgers[0].last(LENDER, GENERATION)
    assert last is not None
    assert last.counter == 2


def test_a_restarted_lender_goes_on_counting(world: World) -> None:
    for _ in range(3):
        assert values(world.tokeniser(batch_size=100).tokenise(PEOPLE)) == EXPECTED
    last = world.ledgers[0].last(LENDER, GENERATION)
    assert last is not None
    assert last.counter == 3


def test_a_wrong_proof_raises_the_alarm_and_another_holder_is_asked(world: World) -> None:
    honest = world.taps[2].evaluate

    def lying(request: bytes) -> bytes:
        answer = EvaluationAnswer.decode(honest(request))
        return answer.encode()[:-1] + b"\0"

    world.taps[2].evaluate = lying  # type: ignore[method-assign]
    assert values(world.tokeniser(batch_size=100).tokenise(PEOPLE)) == EXPECTED
    assert world.alarms == [(2, Code.PROOF_INVALID)]


def test_an_answer_of_another_holder_is_refused(world: World) -> None:
    world.tokeniser(batch_size=100).tokenise(PEOPLE)
    world.taps[1].replace_with = world.taps[2].answers[0]
    assert values(world.tokeniser(batch_size=100).tokenise(PEOPLE)) == EXPECTED
    assert world.alarms == [(1, Code.MALFORMED)]


def test_a_replayed_answer_is_refused(world: World) -> None:
    world.tokeniser(batch_size=100).tokenise(PEOPLE)
    world.taps[1].replace_with = world.taps[1].answers[0]
    assert values(world.tokeniser(batch_size=100).tokenise(PEOPLE)) == EXPECTED
    assert world.alarms == [(1, Code.MALFORMED)]


def test_a_replayed_answer_with_the_new_counter_fails_its_proof(world: World) -> None:
    world.tokeniser(batch_size=100).tokenise(PEOPLE)
    old = EvaluationAnswer.decode(world.taps[1].answers[0])
    world.taps[1].replace_with = EvaluationAnswer(Position(1, GENERATION, 2), old.evaluation).encode()
    assert values(world.tokeniser(batch_size=100).tokenise(PEOPLE)) == EXPECTED
    assert world.alarms == [(1, Code.PROOF_INVALID)]


def test_no_second_request_while_one_is_unanswered(world: World) -> None:
    world.taps[1].cut = True
    world.tokeniser(batch_size=100).tokenise(PEOPLE)
    with pytest.raises(CreditError, match="COUNTER_GAP"):
        world.links[1].session.request(())


def test_an_answer_without_a_request_is_refused(world: World) -> None:
    world.tokeniser(batch_size=100).tokenise(PEOPLE)
    fresh = HolderSession(LENDER, world.signer, build_world().journal, 1, GENERATION)
    with pytest.raises(CreditError, match="another request"):
        fresh.accept(world.taps[1].answers[0])


def test_a_quota_at_one_holder_leaves_the_others() -> None:
    world = build_world(quota=len(PEOPLE))
    tokeniser = world.tokeniser(batch_size=100)
    tokeniser.tokenise(PEOPLE)
    with pytest.raises(CreditError) as caught:
        tokeniser.tokenise(PEOPLE)
    assert caught.value.cause == "holder 1: QUOTA_EXCEEDED, holder 2: QUOTA_EXCEEDED"


@pytest.mark.parametrize("batch_size", [0, 4097])
def test_batch_sizes_have_bounds(world: World, batch_size: int) -> None:
    with pytest.raises(CreditError, match="SETTINGS_INVALID"):
        world.tokeniser(batch_size)


def test_links_are_by_holder(world: World) -> None:
    assert isinstance(world.links[1], HolderLink)
    assert pre_hash(lenders_secrets(), PEOPLE[0]) != pre_hash(lenders_secrets(), PEOPLE[1])


def test_an_unanswered_request_is_signed_anew_after_the_identity_key_was_exchanged() -> None:
    journal, old, new = MemoryJournal(), Ed25519Signer(b"o" * 32), Ed25519Signer(b"n" * 32)
    elements = (BlindedElement(group.scale_base(group.random_scalar(seeded("element")))),)
    sent = HolderSession(LENDER, old, journal, 1, GENERATION).request(elements)
    assert HolderSession(LENDER, old, journal, 1, GENERATION).unanswered() == sent
    again = HolderSession(LENDER, new, journal, 1, GENERATION).unanswered()
    assert again is not None
    assert again[64:] == sent[64:], "a holder knows it as a repeat"
    verify_signature(new.public, again[:64], Label.EVALUATION_REQUEST, again[64:])
