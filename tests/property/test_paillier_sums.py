"""Sums under encryption, with python-paillier (phe) as the oracle on both sides."""

from hypothesis import given, settings
from hypothesis import strategies as st
from phe import EncryptedNumber

from consortium.sums.paillier import Ciphertext, add, add_plain, product
from consortium.sums.secret import SecretKey
from tests.support.keys import encryptor

UNSIGNED = st.integers(min_value=0, max_value=2**1020)
QUICK = settings(max_examples=25, deadline=None)


@given(numbers=st.lists(UNSIGNED, min_size=1, max_size=6))
@QUICK
def test_a_product_decrypts_to_the_sum(test_key: SecretKey, numbers: list[int]) -> None:
    encrypted = map(encryptor(test_key.public_key), numbers)
    assert test_key.decrypt(product(encrypted)) == sum(numbers) % test_key.public_key.n


@given(number=UNSIGNED, plain=st.integers(min_value=-(2**1100), max_value=2**1100))
@QUICK
def test_plain_numbers_add_modulo_n(test_key: SecretKey, number: int, plain: int) -> None:
    key = test_key.public_key
    ciphertext = encryptor(key)(number)
    shifted = add_plain(ciphertext, plain)
    assert shifted.value == ciphertext.value * (1 + key.n * plain) % key.n_squared
    assert test_key.decrypt(shifted) == (number + plain) % key.n


@given(number=UNSIGNED)
@QUICK
def test_encoding_round_trips_and_what_is_read_decrypts(test_key: SecretKey, number: int) -> None:
    ciphertext = encryptor(test_key.public_key)(number)
    read = Ciphertext.from_bytes(test_key.public_key, ciphertext.to_bytes())
    assert read == ciphertext
    assert test_key.decrypt(read) == number


@given(data=st.data(), members=st.integers(min_value=2, max_value=5))
@QUICK
def test_masks_and_corrections_cancel(test_key: SecretKey, data: st.DataObject, members: int) -> None:
    """y_i = X_i + b_i + pairwise masks; one scalar per answering member takes everything else away again."""
    key = test_key.public_key
    n, roster = int(key.n), range(members)
    below_n = st.integers(min_value=0, max_value=n - 1)
    values = [data.draw(st.integers(min_value=0, max_value=2**900)) for _ in roster]
    blinds = [data.draw(below_n) for _ in roster]
    pairs = {(i, j): data.draw(below_n) for i in roster for j in roster if i < j}
    answering = data.draw(st.sets(st.sampled_from(roster), min_size=1))

    def masks(member: int, peers: set[int]) -> int:
        return sum(pairs[member, j] if member < j else -pairs[j, member] for j in peers - {member})

    hidden = [(values[i] + blinds[i] + masks(i, set(roster))) % n for i in roster]
    corrections = sum(blinds[i] + masks(i, set(roster) - answering) for i in answering)
    total = product(encryptor(key)(hidden[i]) for i in sorted(answering))
    assert test_key.decrypt(add_plain(total, -corrections)) == sum(values[i] for i in answering)


@given(ours=st.integers(min_value=0, max_value=2**200), theirs=st.integers(min_value=0, max_value=2**200))
@QUICK
def test_a_stock_phe_user_reads_our_sums_and_we_read_theirs(test_key: SecretKey, ours: int, theirs: int) -> None:
    key, phe_key = test_key.public_key, test_key.phe
    mine = encryptor(key)(ours)
    foreign = phe_key.public_key.encrypt(theirs)
    read = Ciphertext.from_bytes(key, foreign.ciphertext().to_bytes(256, "big"))
    total = add(mine, read)
    assert phe_key.decrypt(EncryptedNumber(phe_key.public_key, int(mine.value))) == ours
    assert phe_key.decrypt(EncryptedNumber(phe_key.public_key, int(total.value))) == ours + theirs
    assert phe_key.decrypt(foreign + EncryptedNumber(phe_key.public_key, int(mine.value))) == ours + theirs
    assert test_key.decrypt(read) == theirs
    assert test_key.decrypt(total) == ours + theirs


@given(number=UNSIGNED, randomness=st.integers(min_value=2, max_value=2**1000))
@QUICK
def test_known_answers_of_phe_decrypt_here(test_key: SecretKey, number: int, randomness: int) -> None:
    raw = test_key.phe.public_key.raw_encrypt(number, r_value=randomness)
    assert test_key.decrypt(Ciphertext.from_bytes(test_key.public_key, raw.to_bytes(256, "big"))) == number


@given(number=UNSIGNED)
@QUICK
def test_equal_numbers_have_different_ciphertexts(test_key: SecretKey, number: int) -> None:
    encrypt_one = encryptor(test_key.public_key)
    assert encrypt_one(number) != encrypt_one(number)
