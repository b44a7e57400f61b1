"""Hostile holders, clients and rulebooks against the verifiable, shared OPRF."""

from dataclasses import replace

import pytest

from consortium.errors import Code, CreditError
from consortium.oprf import dleq, group
from consortium.oprf.blinding import (
    BlindedBatch,
    VerifiedAnswer,
    blind,
    finalize,
    finalize_shared,
    finalize_verifiable,
    verify_answer,
)
from consortium.oprf.elements import BlindedElement, EvaluatedElement, Evaluation, Proof
from consortium.oprf.evaluation import blind_evaluate, blind_evaluate_verifiable
from consortium.oprf.sharing import KeyShare, ShareKey, ThresholdKey, check_share_keys, evaluate_polynomial, lagrange
from consortium.oprf.suite import MAX_BATCH, VOPRF, derive_key_pair
from tests.support.dealer import deal, deal_new
from tests.support.elements import BAD_ELEMENTS, GOOD
from tests.support.randomness import seeded

INPUTS = [b"one", b"two", b"three"]
SHARES, KEY = deal_new(2, 3, seeded("key"))
BATCH = blind(INPUTS, seeded("blinds"))


def evaluate(share: KeyShare, batch: BlindedBatch = BATCH) -> Evaluation:
    return blind_evaluate_verifiable(share.secret, share.key.public, batch.elements, seeded("nonce"))


def verified(share: KeyShare) -> VerifiedAnswer:
    return verify_answer(BATCH.elements, evaluate(share), share.key)


def refused(code: Code, share: KeyShare, answer: Evaluation) -> CreditError:
    with pytest.raises(CreditError) as caught:
        verify_answer(BATCH.elements, answer, share.key)
    assert caught.value.code is code
    return caught.value


def test_an_honest_answer_verifies_and_two_give_the_key_s_own_output() -> None:
    secret = 12345
    shares, key = deal(secret, 2, 3, seeded("other"))
    answers = [verify_answer(BATCH.elements, evaluate(share), share.key) for share in shares]
    expected = finalize(BATCH, blind_evaluate(secret, BATCH.elements))
    assert finalize_shared(BATCH, answers[:2], key) == finalize_shared(BATCH, answers, key) == expected


@pytest.mark.parametrize("field", ["challenge", "response"])
def test_a_changed_proof_is_refused_by_name(field: str) -> None:
    answer = evaluate(SHARES[1])
    changed = replace(answer.proof, **{field: (getattr(answer.proof, field) + 1) % group.ORDER})
    error = refused(Code.PROOF_INVALID, SHARES[1], replace(answer, proof=changed))
    assert error.cause == "key holder 2"


@pytest.mark.parametrize("proof", [Proof(0, 0), Proof(0, 5), Proof(5, 0)])
def test_a_degenerate_proof_is_refused(proof: Proof) -> None:
    refused(Code.PROOF_INVALID, SHARES[0], replace(evaluate(SHARES[0]), proof=proof))


def test_a_proof_under_another_holder_s_key_is_refused() -> None:
    first, second = evaluate(SHARES[0]), evaluate(SHARES[1])
    refused(Code.PROOF_INVALID, SHARES[0], second)
    refused(Code.PROOF_INVALID, SHARES[0], replace(first, proof=second.proof))
    refused(Code.PROOF_INVALID, SHARES[0], replace(second, proof=first.proof))


@pytest.mark.parametrize("place", [0, 2])
def test_one_wrong_element_in_a_batch_is_refused(place: int) -> None:
    answer = evaluate(SHARES[0])
    elements = list(answer.elements)
    elements[place] = EvaluatedElement(group.add(elements[place].value, GOOD))
    refused(Code.PROOF_INVALID, SHARES[0], replace(answer, elements=tuple(elements)))


def test_answers_in_another_order_are_refused() -> None:
    answer = evaluate(SHARES[0])
    refused(Code.PROOF_INVALID, SHARES[0], replace(answer, elements=answer.elements[::-1]))


def test_an_answer_to_another_batch_is_refused() -> None:
    other = blind(INPUTS, seeded("other blinds"))
    refused(Code.PROOF_INVALID, SHARES[0], evaluate(SHARES[0], other))
    answer = verify_answer(other.elements, evaluate(SHARES[0], other), SHARES[0].key)
    with pytest.raises(CreditError, match="another batch"):
        finalize_shared(BATCH, [answer, verified(SHARES[1])], KEY)


@pytest.mark.parametrize("element", BAD_ELEMENTS.values(), ids=BAD_ELEMENTS.keys())
def test_bad_elements_are_refused_wherever_they_come_in(element: bytes) -> None:
    for kind in (BlindedElement, EvaluatedElement):
        with pytest.raises(CreditError, match="MALFORMED"):
            kind.decode(element)
    with pytest.raises(CreditError, match="MALFORMED"):
        blind_evaluate(5, [BlindedElement(element)])
    with pytest.raises(CreditError, match="MALFORMED"):
        ShareKey(1, element)
    answer = evaluate(SHARES[0])
    refused(Code.PROOF_INVALID, SHARES[0], replace(answer, elements=(EvaluatedElement(element), *answer.elements[1:])))


def test_a_single_key_s_wrong_proof_gives_no_output() -> None:
    keys = derive_key_pair(VOPRF, bytes(32), b"")
    answer = blind_evaluate_verifiable(keys.secret, keys.public, BATCH.elements, seeded("nonce"))
    assert len(finalize_verifiable(BATCH, answer, keys.public)) == len(INPUTS)
    with pytest.raises(CreditError, match="PROOF_INVALID"):
        finalize_verifiable(BATCH, answer, GOOD)


@pytest.mark.parametrize("data", [b"", bytes(63), bytes(65), b"\xff" * 64, bytes(32) + b"\xff" * 32])
def test_a_proof_is_decoded_only_in_canonical_form(data: bytes) -> None:
    with pytest.raises(CreditError, match="MALFORMED"):
        Proof.decode(data)


def test_too_few_answers_give_nothing() -> None:
    for answers in ([], [verified(SHARES[2])]):
        with pytest.raises(CreditError) as caught:
            finalize_shared(BATCH, answers, KEY)
        assert caught.value.code is Code.TOO_FEW_HOLDERS


def test_one_holder_does_not_count_twice() -> None:
    answer = verified(SHARES[0])
    for answers in ([answer, answer], [answer, verified(SHARES[1]), answer]):
        with pytest.raises(CreditError, match="two answers of one key holder"):
            finalize_shared(BATCH, answers, KEY)


def test_an_answer_under_a_key_that_is_not_pinned_is_refused() -> None:
    stranger = KeyShare(2, 99)
    with pytest.raises(CreditError, match="under another key"):
        finalize_shared(
            BATCH, [verified(SHARES[0]), verify_answer(BATCH.elements, evaluate(stranger), stranger.key)], KEY
        )


def test_batches_have_bounds() -> None:
    answer = evaluate(SHARES[0])
    too_many = BATCH.elements[:1] * (MAX_BATCH + 1)
    for call in (
        lambda: blind([], seeded("")),
        lambda: blind([b""] * (MAX_BATCH + 1), seeded("")),
        lambda: blind([bytes(2**16)], seeded("")),
        lambda: blind_evaluate(5, []),
        lambda: blind_evaluate(5, too_many),
        lambda: finalize(BATCH, answer.elements[1:]),
        lambda: finalize(BATCH, ()),
        lambda: dleq.prove(5, GOOD, BATCH.elements, answer.elements[1:], seeded("")),
        lambda: dleq.verify(GOOD, (), (), answer.proof),
        lambda: verify_answer(BATCH.elements, replace(answer, elements=answer.elements[1:]), SHARES[0].key),
        lambda: verify_answer(too_many, answer, SHARES[0].key),
    ):
        with pytest.raises(CreditError) as caught:
            call()
        assert caught.value.code is Code.MALFORMED


def test_the_longest_input_is_taken() -> None:
    batch = blind([bytes(2**16 - 1)], seeded("long"))
    assert len(finalize(batch, blind_evaluate(5, batch.elements))[0]) == 64


# share keys


def keys_of(*coefficients: int, holders: int = 5) -> list[ShareKey]:
    return [KeyShare(j, evaluate_polynomial(coefficients, j)).key for j in range(1, holders + 1)]


def inconsistent(share_keys: list[ShareKey], threshold: int) -> None:
    with pytest.raises(CreditError) as caught:
        ThresholdKey(threshold, tuple(share_keys))
    assert caught.value.code is Code.SHARE_KEYS_INCONSISTENT


@pytest.mark.parametrize("threshold", [1, 2, 3, 4])
@pytest.mark.parametrize("holder", range(5))
def test_one_share_key_off_the_polynomial_is_refused(threshold: int, holder: int) -> None:
    share_keys = keys_of(11, 22, 33, 44, holders=5)[:5] if threshold == 4 else keys_of(*range(7, 7 + threshold))
    check_share_keys(share_keys, threshold)
    share_keys[holder] = ShareKey(share_keys[holder].holder, group.add(share_keys[holder].public, GOOD))
    inconsistent(share_keys, threshold)


def test_a_polynomial_of_another_degree_is_refused() -> None:
    inconsistent(keys_of(7, 8, 9), 2)
    inconsistent(keys_of(7, 8), 3)  # two of them would hold the key
    inconsistent(keys_of(7), 2)  # each of them would
    inconsistent(keys_of(7, 8, holders=3), 3)


def test_the_zero_key_is_refused() -> None:
    inconsistent(keys_of(0, 8), 2)


@pytest.mark.parametrize("threshold", [-1, 0, 6])
def test_a_threshold_out_of_range_is_refused(threshold: int) -> None:
    inconsistent(keys_of(7), threshold)


def test_a_holder_index_that_occurs_twice_is_refused() -> None:
    share_keys = keys_of(7, 8)
    inconsistent([*share_keys, share_keys[0]], 2)
    with pytest.raises(CreditError, match="occurs twice"):
        lagrange([1, 2, 1])


def test_indexes_and_shares_have_bounds() -> None:
    for holder, secret in ((0, 5), (256, 5), (1, 0), (1, group.ORDER), (1, -1)):
        with pytest.raises(CreditError):
            KeyShare(holder, secret)


def test_holders_are_known_by_index_in_any_order() -> None:
    share_keys = keys_of(7, 8)
    key = ThresholdKey(2, tuple(share_keys[::-1]))
    assert key == ThresholdKey(2, tuple(share_keys))
    assert key.public == group.scale_base(7)
    assert key.share_key(4) == share_keys[3]
    with pytest.raises(CreditError):
        key.share_key(6)
