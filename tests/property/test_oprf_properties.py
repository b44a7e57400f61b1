"""Properties of the group, the sharing and the shared evaluation; an independent implementation as oracle."""

# ruff: noqa: PT017  decoded or refused, both are right; how is the property

from itertools import combinations

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from voprf import ristretto

from consortium.custody import EvaluationAnswer, EvaluationRequest, Position
from consortium.errors import Code, CreditError
from consortium.oprf import dleq, group
from consortium.oprf.blinding import blind, finalize, finalize_shared, finalize_verifiable, verify_answer
from consortium.oprf.elements import PROOF_BYTES, BlindedElement, EvaluatedElement, Evaluation, Proof
from consortium.oprf.evaluation import blind_evaluate, blind_evaluate_verifiable
from consortium.oprf.sharing import evaluate_polynomial, lagrange
from consortium.oprf.suite import VOPRF, derive_key_pair
from tests.support.dealer import deal
from tests.support.oprf_world import GENERATION, LENDER, build_world
from tests.support.randomness import seeded

scalars = st.integers(1, group.ORDER - 1)
inputs = st.lists(st.binary(max_size=40), min_size=1, max_size=5)
seeds = st.text(max_size=8)
few = settings(max_examples=30, deadline=None)

SIZE = group.ELEMENT_BYTES


@few
@given(scalars, scalars)
def test_multiplication_is_linear(left: int, right: int) -> None:
    point = group.scale_base(left)
    assert group.scale(right, point) == group.scale_base(left * right)
    assume((left + right) % group.ORDER)
    assert group.add(point, group.scale_base(right)) == group.scale_base(left + right)
    assert group.linear_combination([left, right], [point, point]) == group.scale(left + right, point)


@few
@given(st.lists(scalars, max_size=6))
def test_inverses_multiply_to_one(values: list[int]) -> None:
    assert all(a * b % group.ORDER == 1 for a, b in zip(values, group.invert_all(values), strict=True))


@few
@given(st.lists(scalars, min_size=1, max_size=5), st.sets(st.integers(1, 255), min_size=5, max_size=8))
def test_interpolation_recovers_the_polynomial(coefficients: list[int], points: set[int]) -> None:
    chosen = sorted(points)[: len(coefficients)]
    values = [evaluate_polynomial(coefficients, point) for point in chosen]
    for at in (0, 300, -1):
        total = sum(c * v for c, v in zip(lagrange(chosen, at), values, strict=True)) % group.ORDER
        assert total == evaluate_polynomial(coefficients, at)


@settings(max_examples=15, deadline=None)
@given(scalars, inputs, seeds, st.integers(1, 4).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n))))
def test_any_t_holders_give_the_single_key_s_output(
    secret: int, data: list[bytes], seed: str, sizes: tuple[int, int]
) -> None:
    threshold, holders = sizes
    shares, key = deal(secret, threshold, holders, seeded(seed))
    batch = blind(data, seeded("blinds" + seed))
    expected = finalize(batch, blind_evaluate(secret, batch.elements))
    answers = [
        verify_answer(
            batch.elements,
            blind_evaluate_verifiable(share.secret, share.key.public, batch.elements, seeded("nonce")),
            share.key,
        )
        for share in shares
    ]
    for subset in combinations(answers, threshold):
        assert finalize_shared(batch, subset, key) == expected


@settings(max_examples=10, deadline=None)
@given(scalars, inputs, seeds, seeds)
def test_outputs_do_not_depend_on_the_blinds(secret: int, data: list[bytes], one: str, two: str) -> None:
    first, second = blind(data, seeded(one)), blind(data, seeded(two))
    assert finalize(first, blind_evaluate(secret, first.elements)) == finalize(
        second, blind_evaluate(secret, second.elements)
    )


@few
@given(scalars, scalars, inputs)
def test_a_proof_for_another_secret_never_verifies(secret: int, other: int, data: list[bytes]) -> None:
    assume(secret != other)
    batch = blind(data, seeded("blinds"))
    evaluated = blind_evaluate(other, batch.elements)
    proof = dleq.prove(secret, group.scale_base(secret), batch.elements, evaluated, seeded("nonce"))
    try:
        dleq.verify(group.scale_base(secret), batch.elements, evaluated, proof)
    except CreditError as error:
        assert error.code is Code.PROOF_INVALID
    else:
        raise AssertionError


@few
@given(st.binary(max_size=80))
def test_decoders_take_the_one_encoding_or_refuse(data: bytes) -> None:
    for kind in (BlindedElement, EvaluatedElement):
        try:
            assert kind.decode(data).value == data
        except CreditError as error:
            assert error.code is Code.MALFORMED
    try:
        assert Proof.decode(data).encode() == data
    except CreditError as error:
        assert error.code is Code.MALFORMED


# the messages of custody


@few
@given(inputs, st.integers(1, 255), st.integers(0, 2**32 - 1), st.integers(1, 2**64 - 1))
def test_answers_round_trip(data: list[bytes], holder: int, generation: int, counter: int) -> None:
    elements = tuple(EvaluatedElement(element.value) for element in blind(data, seeded("b")).elements)
    answer = EvaluationAnswer(Position(holder, generation, counter), Evaluation(elements, Proof(1, 2)))
    assert EvaluationAnswer.decode(answer.encode()) == answer


@few
@given(st.data())
def test_hostile_bytes_never_raise_anything_unmapped(data: st.DataObject) -> None:
    world = build_world()
    elements = blind([b"one"], seeded("b")).elements
    request = bytearray(EvaluationRequest(LENDER, Position(1, GENERATION, 1), elements).sign(world.signer))
    for _ in range(data.draw(st.integers(1, 3))):
        request[data.draw(st.integers(0, len(request) - 1))] ^= data.draw(st.integers(1, 255))
    hostile = bytes(request[: data.draw(st.integers(0, len(request)))])
    try:
        world.holders[0].answer(hostile, seeded("n"))
    except CreditError:
        assert world.ledgers[0].last(LENDER, GENERATION) is None
    else:
        # two changes may undo each other
        assert hostile == EvaluationRequest(LENDER, Position(1, GENERATION, 1), elements).sign(world.signer)
    try:
        EvaluationAnswer.decode(hostile)
    except CreditError as error:
        assert error.code is Code.MALFORMED


# an independent implementation: the voprf package (Rust)


@few
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=20), inputs)
def test_keys_outputs_and_proofs_agree_with_the_voprf_package(seed: bytes, info: bytes, data: list[bytes]) -> None:
    peer = ristretto.Evaluator.from_seed(seed, info)
    keys = derive_key_pair(VOPRF, seed, info)
    assert peer.public_key.serialize() == keys.public
    batch = blind(data, seeded("blinds"))
    questions = [ristretto.BlindedInput.deserialize(element.value) for element in batch.elements]
    answer = peer.evaluate_batch(questions).serialize()
    proof = Proof.decode(answer[:PROOF_BYTES])
    elements = [answer[at : at + SIZE] for at in range(PROOF_BYTES, len(answer), SIZE)]
    evaluation = Evaluation(tuple(map(EvaluatedElement.decode, elements)), proof)
    assert finalize_verifiable(batch, evaluation, keys.public) == [peer.evaluate_known_input(item) for item in data]


@few
@given(st.binary(min_size=32, max_size=32), st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=5))
def test_the_voprf_package_accepts_our_answers(seed: bytes, data: list[bytes]) -> None:
    peer = ristretto.Evaluator.from_seed(seed, b"")
    keys = derive_key_pair(VOPRF, seed, b"")
    clients, questions = zip(*(ristretto.Client.blind(item) for item in data), strict=True)
    blinded = [BlindedElement.decode(question.serialize()) for question in questions]
    answer = blind_evaluate_verifiable(keys.secret, keys.public, blinded, seeded("nonce"))
    wire = answer.proof.encode() + b"".join(element.value for element in answer.elements)
    outputs = ristretto.VerifiableBatchOutput.deserialize(wire)
    expected = [peer.evaluate_known_input(item) for item in data]
    assert ristretto.Client.finalize_batch(clients, outputs, peer.public_key) == expected
