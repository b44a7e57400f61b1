"""
HPKE base mode (RFC 9180) with a derived ephemeral key, so that whoever knows the seed rebuilds the envelope.

Suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM. Any RFC 9180 receiver opens what `seal` makes; the
project opens envelopes with the receiver of `cryptography`.
"""

import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from consortium.errors import Code, CreditError

OVERHEAD_BYTES = 32 + 16  # the encapsulated key before, the authentication tag behind

_KEM_SUITE = b"KEM" + (0x0020).to_bytes(2, "big")
_SUITE = b"HPKE" + b"".join(part.to_bytes(2, "big") for part in (0x0020, 0x0001, 0x0001))
_VERSION = b"HPKE-v1"
_BASE_MODE = b"\x00"


def _extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    """LabeledExtract of RFC 9180, section 4."""
    return hmac.digest(salt or bytes(32), _VERSION + suite + label + ikm, "sha256")


def _expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """LabeledExpand of RFC 9180, section 4."""
    labelled = length.to_bytes(2, "big") + _VERSION + suite + label + info
    return HKDFExpand(hashes.SHA256(), length, labelled).derive(prk)


def derive_key_pair(ikm: bytes) -> X25519PrivateKey:
    """DeriveKeyPair of RFC 9180, section 7.1.3, for X25519; `ikm` holds at least 32 bytes of entropy."""
    prk = _extract(_KEM_SUITE, b"", b"dkp_prk", ikm)
    return X25519PrivateKey.from_private_bytes(_expand(_KEM_SUITE, prk, b"sk", b"", 32))


def seal(receiver: bytes, info: bytes, plaintext: bytes, ephemeral_ikm: bytes) -> bytes:
    """
    Seal `plaintext` for the 32-byte X25519 key `receiver`: encapsulated key, ciphertext and tag (48 bytes more).

    Deterministic in its arguments: `ephemeral_ikm` must be secret and never serve two different plaintexts under
    one `info`. Raises CreditError(PUBLIC_KEY_WEAK) for a receiver key of small order.
    """
    ephemeral = derive_key_pair(ephemeral_ikm)
    encapsulated = ephemeral.public_key().public_bytes_raw()
    try:
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(receiver))
    except ValueError as error:
        raise CreditError(Code.PUBLIC_KEY_WEAK, "HPKE receiver key") from error
    key, nonce = _schedule(_shared_secret(shared, encapsulated + receiver), info)
    return encapsulated + AESGCM(key).encrypt(nonce, plaintext, b"")


def open_sealed(private: X25519PrivateKey, info: bytes, sealed: bytes) -> bytes:
    """Open what `seal` made, with the receiver of `cryptography`; raises CreditError(PAYLOAD_INVALID)."""
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
    try:
        return suite.decrypt(sealed, private, info=info)
    except Exception as error:  # the library's exceptions for hostile bytes are several
        raise CreditError(Code.PAYLOAD_INVALID, "HPKE envelope") from error


def _shared_secret(shared: bytes, kem_context: bytes) -> bytes:
    """ExtractAndExpand of RFC 9180, section 4.1."""
    prk = _extract(_KEM_SUITE, b"", b"eae_prk", shared)
    return _expand(_KEM_SUITE, prk, b"shared_secret", kem_context, 32)


def _schedule(shared_secret: bytes, info: bytes) -> tuple[bytes, bytes]:
    """KeySchedule of RFC 9180, section 5.1, base mode: the key and the nonce of sequence number 0."""
    psk_id_hash = _extract(_SUITE, b"", b"psk_id_hash", b"")
    info_hash = _extract(_SUITE, b"", b"info_hash", info)
    context = _BASE_MODE + psk_id_hash + info_hash
    secret = _extract(_SUITE, shared_secret, b"secret", b"")
    return _expand(_SUITE, secret, b"key", context, 16), _expand(_SUITE, secret, b"base_nonce", context, 12)
