"""The real size, once: lengths, the table against the slow way, phe, packing to the brim."""

from concurrent.futures import ThreadPoolExecutor

from consortium.sums.blinding import BlindingBase
from consortium.sums.packing import Layout, Slot
from consortium.sums.paillier import Ciphertext, check_public_key, encrypt, product
from consortium.sums.profiles import PAILLIER_3072
from consortium.sums.secret import SecretKey
from tests.support.keys import encryptor, table


def test_full_size_end_to_end(key_3072: SecretKey) -> None:
    key = check_public_key(int(key_3072.public_key.n), PAILLIER_3072)
    layout = Layout.build([Slot(f"counter-{number:02}", 2**46 - 1) for number in range(56)], 128, 3072)
    largest = layout.pack({slot.name: slot.bound for slot in layout.slots})
    total = product([encryptor(key)(largest)] * 128)
    assert len(key.to_bytes()) == 384
    assert len(total.to_bytes()) == 768
    assert Ciphertext.from_bytes(key, total.to_bytes()) == total
    decrypted = key_3072.decrypt(total)
    assert decrypted == key_3072.phe.raw_decrypt(int(total.value))
    with ThreadPoolExecutor(1) as executor:
        assert key_3072.decrypt(total, executor) == decrypted
    assert layout.unpack(decrypted) == {slot.name: 128 * slot.bound for slot in layout.slots}


def test_the_full_table_gives_what_a_verifier_recomputes(key_3072: SecretKey) -> None:
    key = key_3072.public_key
    base = BlindingBase.derive(key)
    assert table(key).size_bytes == 64 * 256 * 768
    for seed in (bytes(32), b"\xff" * 32, bytes(range(32))):
        quick = encrypt(key, 2**3000, table(key).obfuscator_from_seed(seed))
        assert quick.to_bytes() == encrypt(key, 2**3000, base.obfuscator_from_seed(seed)).to_bytes()


def test_a_stored_full_key_is_read_again(key_3072: SecretKey) -> None:
    assert SecretKey.from_bytes(key_3072.to_bytes(), PAILLIER_3072).public_key == key_3072.public_key
