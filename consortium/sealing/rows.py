"""
The sealed parts of a list: its blocks of tags and proofs, a payload that binds them, and the regulator's envelope.

Header, payload, envelope and commitment are signed together, as for one person. The payload has the digests of all
sealed blocks in one (`manifest_digest`); the header's list digest, the commitment and the envelope are of the tags, so
that the list can be demanded in an inspection and held to them.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consortium.errors import Code, CreditError
from consortium.hashing import derive, transcript_hash, uint
from consortium.labels import Label
from consortium.model.lists import RowList
from consortium.sealing import hpke
from consortium.silent import Silent

TAG_BYTES, PROOF_BYTES = 32, 32
ROW_BYTES = TAG_BYTES + PROOF_BYTES
LIST_PAYLOAD_BYTES = 3 * 32 + 16
LIST_ENVELOPE_BYTES = 2 * 32 + hpke.OVERHEAD_BYTES


@dataclass(frozen=True, slots=True, repr=False)
class ListPayload(Silent):
    """What contributors read beside the rows: `rho`, the digest of all sealed blocks, the consent's opening."""

    rho: bytes
    manifest: bytes
    opening: bytes

    def seal(self, sealing_key: bytes, header_digest: bytes) -> bytes:
        """Seal for all contributors of the epoch; a header serves once."""
        key, nonce = _aead(sealing_key, Label.PAYLOAD_KEY, header_digest)
        return AESGCM(key).encrypt(nonce, self.rho + self.manifest + self.opening, header_digest)

    @classmethod
    def unseal(cls, sealed: bytes, sealing_key: bytes, header_digest: bytes) -> Self:
        """Open a payload under its header; raises CreditError(PAYLOAD_INVALID)."""
        plain = _opened(*_aead(sealing_key, Label.PAYLOAD_KEY, header_digest), sealed, header_digest)
        if len(plain) != 3 * 32:
            raise CreditError(Code.PAYLOAD_INVALID, "length")
        return cls(plain[:32], plain[32:64], plain[64:])


def tags_digest(tags: bytes) -> bytes:
    """Digest the tags of a whole list, one behind the other; 32 bytes."""
    return transcript_hash(Label.ROW_TAGS, tags)


def list_digest(rho: bytes, nonce: bytes, tags: bytes) -> bytes:
    """Digest a list for its header, salted from `rho`; `tags` is a `tags_digest`, `nonce` the header's."""
    return transcript_hash(Label.ROW_LIST, derive(rho, Label.ROW_SALT, nonce), tags)


def manifest_digest(blocks: Sequence[bytes]) -> bytes:
    """Digest the digests of all sealed blocks, in their order."""
    return transcript_hash(Label.ROWS_MANIFEST, *blocks)


def seal_rows(tags: bytes, proofs: bytes, sealing_key: bytes, header_digest: bytes, block: int) -> bytes:
    """Seal the tags and proofs of a block's rows; key and nonce are of this header and block alone."""
    key, nonce = _aead(sealing_key, Label.ROWS_KEY, header_digest, uint(block))
    return AESGCM(key).encrypt(nonce, tags + proofs, header_digest)


def open_rows(sealed: bytes, rows: int, sealing_key: bytes, header_digest: bytes, block: int) -> tuple[bytes, bytes]:
    """Open a block of so many rows: gives tags and proofs. Raises CreditError(PAYLOAD_INVALID)."""
    key, nonce = _aead(sealing_key, Label.ROWS_KEY, header_digest, uint(block))
    plain = _opened(key, nonce, sealed, header_digest)
    if len(plain) != rows * ROW_BYTES:
        raise CreditError(Code.PAYLOAD_INVALID, "length of a block")
    return plain[: rows * TAG_BYTES], plain[rows * TAG_BYTES :]


def list_envelope(regulator_key: bytes, header_digest: bytes, rho: bytes, tags: bytes, consent_digest: bytes) -> bytes:
    """Seal the list's `tags_digest` and the consent digest for the regulator, ephemeral key derived from `rho`."""
    ephemeral = derive(rho, Label.ENVELOPE_EPHEMERAL, header_digest)
    return hpke.seal(regulator_key, header_digest, tags + consent_digest, ephemeral)


def open_list_envelope(private: X25519PrivateKey, header_digest: bytes, envelope: bytes) -> tuple[bytes, bytes]:
    """Open a list's envelope: gives `tags_digest` and consent digest. Raises CreditError(PAYLOAD_INVALID)."""
    if len(envelope) != LIST_ENVELOPE_BYTES:
        raise CreditError(Code.PAYLOAD_INVALID, "length of the envelope")
    plain = hpke.open_sealed(private, header_digest, envelope)
    return plain[:32], plain[32:]


def list_commitment(header_digest: bytes, rho: bytes, tags: bytes) -> bytes:
    """Commit to a list's tags for the log, salted from `rho`: 32 bytes."""
    return transcript_hash(Label.TAGS_COMMITMENT, derive(rho, Label.TAGS_SALT, header_digest), tags)


def list_consent(opening: bytes, tags: bytes) -> bytes:
    """Commit to a list as the subject of a consent record: whoever captured it answers for everybody on the list."""
    return transcript_hash(Label.CONSENT_SUBJECT, opening, tags)


def check_list_digests(payload: ListPayload, rows: RowList, nonce: bytes, tags: bytes, sealed: Sequence[bytes]) -> None:
    """Raise CreditError(LIST_INVALID) unless tags and sealed blocks (their digests) are those that were signed."""
    found = list_digest(payload.rho, nonce, tags)
    if not hmac.compare_digest(found, rows.digest) or not hmac.compare_digest(
        manifest_digest(sealed), payload.manifest
    ):
        raise CreditError(Code.LIST_INVALID, "the rows are not those of the header")


def check_list_envelope(
    payload: ListPayload,
    regulator_key: bytes,
    header_digest: bytes,
    digests: tuple[bytes, bytes],
    claimed: tuple[bytes, bytes],
) -> None:
    """
    Rebuild envelope and commitment; raises CreditError(ENVELOPE_MISMATCH) unless they are those claimed.

    `digests` are the list's `tags_digest` and the consent digest.
    """
    tags, consent = digests
    rebuilt = list_envelope(regulator_key, header_digest, payload.rho, tags, consent)
    commitment = list_commitment(header_digest, payload.rho, tags)
    if not (hmac.compare_digest(rebuilt, claimed[0]) and hmac.compare_digest(commitment, claimed[1])):
        raise CreditError(Code.ENVELOPE_MISMATCH)


def _aead(secret: bytes, label: Label, *context: bytes) -> tuple[bytes, bytes]:
    material = derive(secret, label, *context, length=32 + 12)
    return material[:32], material[32:]


def _opened(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(nonce, sealed, associated)
    except (InvalidTag, ValueError) as error:
        raise CreditError(Code.PAYLOAD_INVALID, "it does not open") from error
