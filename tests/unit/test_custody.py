"""A key holder against replayed, altered, forged and greedy requests."""

import struct
import subprocess
import sys

import pytest

from consortium.custody import MAX_REQUEST_BYTES, Answered, EvaluationAnswer, EvaluationRequest, Position
from consortium.errors import Code, CreditError
from consortium.model.signing import Ed25519Signer
from consortium.oprf.blinding import blind, verify_answer
from consortium.oprf.elements import BlindedElement
from tests.support.elements import BAD_ELEMENTS
from tests.support.oprf_world import GENERATION, LENDER, World, build_world
from tests.support.randomness import seeded

BATCH = blind([b"one", b"two"], seeded("blinds"))
HEADER_BYTES = 17
SIGNATURE_BYTES = 64


@pytest.fixture
def world() -> World:
    return build_world(quota=6)


def signed(
    world: World, counter: int = 1, *, holder: int = 1, generation: int = GENERATION, member: str = LENDER
) -> bytes:
    return EvaluationRequest(member, Position(holder, generation, counter), BATCH.elements).sign(world.signer)


def ask(world: World, request: bytes) -> bytes:
    return world.holders[0].answer(request, seeded("nonce"))


def refused(world: World, request: bytes, code: Code) -> CreditError:
    before = dict(world.ledgers[0].answers), dict(world.ledgers[0].elements)
    with pytest.raises(CreditError) as caught:
        ask(world, request)
    assert caught.value.code is code
    assert (world.ledgers[0].answers, world.ledgers[0].elements) == before
    return caught.value


def test_an_answer_is_proven_and_stands_where_the_request_did(world: World) -> None:
    answer = EvaluationAnswer.decode(ask(world, signed(world)))
    assert answer.position == Position(1, GENERATION, 1)
    verify_answer(BATCH.elements, answer.evaluation, world.shares[0].key)
    assert world.ledgers[0].spent(LENDER) == 2


def test_the_last_request_again_gives_the_same_bytes_and_costs_nothing(world: World) -> None:
    first = world.holders[0].answer(signed(world), seeded("nonce"))
    again = world.holders[0].answer(signed(world), seeded("another nonce"))
    assert first == again
    assert world.ledgers[0].spent(LENDER) == 2


def test_a_repeat_is_answered_even_when_the_quota_is_used_up(world: World) -> None:
    answers = [ask(world, signed(world, counter)) for counter in (1, 2, 3)]
    refused(world, signed(world, 4), Code.QUOTA_EXCEEDED)
    assert ask(world, signed(world, 3)) == answers[-1]


def test_counters_have_neither_gaps_nor_repeats(world: World) -> None:
    refused(world, signed(world, 2), Code.COUNTER_GAP)
    ask(world, signed(world, 1))
    ask(world, signed(world, 2))
    for counter in (1, 4, 2**64 - 1):
        refused(world, signed(world, counter), Code.COUNTER_GAP)
    other = EvaluationRequest(LENDER, Position(1, GENERATION, 2), BATCH.elements[:1]).sign(world.signer)
    assert "counter 2 instead of 3" in refused(world, other, Code.COUNTER_GAP).cause
    ask(world, signed(world, 3))


def test_a_refused_request_does_not_use_up_its_counter(world: World) -> None:
    for counter in (1, 2):
        ask(world, signed(world, counter))
    too_many = EvaluationRequest(LENDER, Position(1, GENERATION, 3), BATCH.elements * 2).sign(world.signer)
    refused(world, too_many, Code.QUOTA_EXCEEDED)
    ask(world, signed(world, 3))


def test_quotas_are_exact(world: World) -> None:
    six = EvaluationRequest(LENDER, Position(1, GENERATION, 1), BATCH.elements * 3).sign(world.signer)
    ask(world, six)
    refused(world, signed(world, 2), Code.QUOTA_EXCEEDED)


@pytest.mark.parametrize("place", [0, 63, 64 + 2, 64 + 5, 64 + 13, 64 + HEADER_BYTES, -1])
def test_an_altered_request_is_refused(world: World, place: int) -> None:
    request = bytearray(signed(world))
    request[place] ^= 2
    before = dict(world.ledgers[0].answers)
    with pytest.raises(CreditError) as caught:
        ask(world, bytes(request))
    assert caught.value.code in {Code.SIGNATURE_INVALID, Code.MEMBER_NOT_ACTIVE}
    assert world.ledgers[0].answers == before


def test_another_s_signature_is_refused(world: World) -> None:
    stranger = Ed25519Signer(b"x" * 32)
    forged = EvaluationRequest(LENDER, Position(1, GENERATION, 1), BATCH.elements).sign(stranger)
    refused(world, forged, Code.SIGNATURE_INVALID)


def test_strangers_and_other_addresses_are_refused(world: World) -> None:
    refused(world, signed(world, member="lender-b"), Code.MEMBER_NOT_ACTIVE)
    refused(world, signed(world, member="Not A Name"), Code.MALFORMED)
    refused(world, signed(world, holder=2), Code.MALFORMED)
    refused(world, signed(world, generation=GENERATION + 1), Code.RULEBOOK_MISMATCH)


@pytest.mark.parametrize(
    "element",
    [e for e in BAD_ELEMENTS.values() if len(e) == 32],
    ids=[n for n, e in BAD_ELEMENTS.items() if len(e) == 32],
)
def test_bad_elements_are_refused_though_signed(world: World, element: bytes) -> None:
    elements = (BATCH.elements[0], BlindedElement(element))
    request = EvaluationRequest(LENDER, Position(1, GENERATION, 1), elements).sign(world.signer)
    refused(world, request, Code.MALFORMED)


def test_lengths_are_exact(world: World) -> None:
    request = signed(world)
    for cut in (0, 10, 64, 64 + HEADER_BYTES, len(request) - 1):
        refused(world, request[:cut], Code.MALFORMED)
    refused(world, request + b"\0", Code.MALFORMED)
    refused(world, bytes(MAX_REQUEST_BYTES + 1), Code.MALFORMED)


@pytest.mark.parametrize(
    "header",
    [
        (2, 1, GENERATION, 1, 2, len(LENDER)),  # layout
        (1, 0, GENERATION, 1, 2, len(LENDER)),  # no holder
        (1, 1, GENERATION, 0, 2, len(LENDER)),  # counter
        (1, 1, GENERATION, 1, 0, len(LENDER)),  # empty
        (1, 1, GENERATION, 1, 4097, len(LENDER)),
    ],
)
def test_headers_out_of_bounds_are_refused(world: World, header: tuple[int, ...]) -> None:
    layout, holder, generation, counter, count, length = header
    body = struct.pack(">BBIQHB", layout, holder, generation, counter, count, length)
    refused(world, bytes(SIGNATURE_BYTES) + body + LENDER.encode() + bytes(32 * count), Code.MALFORMED)


def test_an_empty_batch_cannot_be_signed(world: World) -> None:
    with pytest.raises(CreditError, match="MALFORMED"):
        EvaluationRequest(LENDER, Position(1, GENERATION, 1), ()).sign(world.signer)


def test_an_answer_has_one_encoding(world: World) -> None:
    answer = ask(world, signed(world))
    assert EvaluationAnswer.decode(answer).encode() == answer
    named = answer[: HEADER_BYTES - 1] + b"\1" + b"a" + answer[HEADER_BYTES:]
    for bad in (answer + b"\0", answer[:-1], answer[:70], b"", named):
        with pytest.raises(CreditError, match="MALFORMED"):
            EvaluationAnswer.decode(bad)


def test_a_holder_s_code_does_not_load_the_client_s() -> None:
    code = "import sys, consortium.custody; sys.exit('consortium.oprf.blinding' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_of_two_requests_at_once_one_is_lost(world: World) -> None:
    ledger = world.ledgers[0]
    ask(world, signed(world))
    answered = ledger.last(LENDER, GENERATION)
    assert answered is not None
    for late in (answered, Answered(3, b"", b"")):
        with pytest.raises(CreditError, match="COUNTER_GAP"):
            ledger.commit(LENDER, GENERATION, late, 2)
    assert ledger.last(LENDER, GENERATION) == answered
    assert ledger.spent(LENDER) == 2


def test_members_are_counted_apart(world: World) -> None:
    second = Ed25519Signer(b"y" * 32)
    keys = world.holders[0]._members.identity_keys  # type: ignore[attr-defined]
    keys["lender-b"] = second.public
    ask(world, signed(world))
    ask(world, EvaluationRequest("lender-b", Position(1, GENERATION, 1), BATCH.elements).sign(second))
    assert world.ledgers[0].spent(LENDER) == world.ledgers[0].spent("lender-b") == 2
    # with its own name but the other's key
    forged = EvaluationRequest("lender-b", Position(1, GENERATION, 2), BATCH.elements).sign(world.signer)
    refused(world, forged, Code.SIGNATURE_INVALID)
