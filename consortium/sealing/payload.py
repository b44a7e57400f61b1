"""
The sealed part of a query: what contributors may read and the gateway may not, and the regulator's envelope.

Everything that depends on chance in envelope and commitment derives from `rho` inside the payload, so that each
contributor rebuilds both byte for byte and refuses a query whose regulator copy says something else.
All layouts are fixed-size binary: the size of a query tells nothing about the person.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness, derive, keyed_hash, transcript_hash
from consortium.labels import Label
from consortium.model.identifiers import PLACES, Silent, SubjectKey, SubjectTag
from consortium.sealing import hpke

RHO_BYTES = 32
TAG_BYTES = 32
PROOF_BYTES = 32
HOLDER_PLAIN_BYTES = 64
GCM_TAG_BYTES = 16
HOLDER_PART_BYTES = HOLDER_PLAIN_BYTES + GCM_TAG_BYTES
OPENING_BYTES = 32
AEAD_KEY_BYTES = 32
MATERIAL_BYTES = AEAD_KEY_BYTES + 12
"""An AES-256-GCM key with the one nonce it is used with."""
GENERATION_BYTES = 4
PLACE_BYTES = TAG_BYTES + TAG_BYTES + PROOF_BYTES + HOLDER_PART_BYTES
PAYLOAD_PLAIN_BYTES = RHO_BYTES + PLACES * PLACE_BYTES + GENERATION_BYTES + OPENING_BYTES
PAYLOAD_BYTES = PAYLOAD_PLAIN_BYTES + GCM_TAG_BYTES
ENVELOPE_BYTES = PLACES * TAG_BYTES + 32 + hpke.OVERHEAD_BYTES


@dataclass(frozen=True, slots=True, repr=False)
class Place(Silent):
    """
    One of the three identifier places; an unused one holds random bytes and looks like any other.

    `earlier` is the tag of the same identifier in the generation before, random where the payload names none.
    """

    tag: SubjectTag
    earlier: SubjectTag
    proof: bytes
    holder_part: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Payload(Silent):
    """
    What contributors read: `rho`, the places by strength, and the opening of the consent's subject commitment.

    `earlier_generation` says of which generation the earlier tags are; 0 that there are none.
    """

    rho: bytes
    places: tuple[Place, ...]
    earlier_generation: int
    opening: bytes

    @property
    def tags(self) -> tuple[SubjectTag, ...]:
        """The three tags in the order of the places."""
        return tuple(place.tag for place in self.places)

    @property
    def earlier_tags(self) -> tuple[SubjectTag, ...]:
        """The three tags of the generation before, in the order of the places."""
        return tuple(place.earlier for place in self.places)

    def to_bytes(self) -> bytes:
        """Encode to PAYLOAD_PLAIN_BYTES."""
        places = (place.tag.value + place.earlier.value + place.proof + place.holder_part for place in self.places)
        return b"".join((self.rho, *places, self.earlier_generation.to_bytes(GENERATION_BYTES, "big"), self.opening))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Decode; raises CreditError(PAYLOAD_INVALID) for any other length."""
        if len(data) != PAYLOAD_PLAIN_BYTES:
            raise CreditError(Code.PAYLOAD_INVALID, "length")
        starts = range(RHO_BYTES, RHO_BYTES + PLACES * PLACE_BYTES, PLACE_BYTES)
        places = tuple(_place(data[start : start + PLACE_BYTES]) for start in starts)
        generation = int.from_bytes(data[-OPENING_BYTES - GENERATION_BYTES : -OPENING_BYTES], "big")
        return cls(data[:RHO_BYTES], places, generation, data[-OPENING_BYTES:])


@dataclass(frozen=True, slots=True, repr=False)
class EarlierTags(Silent):
    """The tags of one subject in the generation before, by place; None where the place is unused."""

    generation: int
    tags: tuple[SubjectTag | None, ...]


NO_EARLIER_TAGS = EarlierTags(0, (None,) * PLACES)


@dataclass(frozen=True, slots=True, repr=False)
class SubjectTags(Silent):
    """
    The tags of one subject by place, fixed when consent is captured.

    The fillers of unused places are random and stay the same for every query under one consent record, because
    the record commits to all three places. `generation` is that of the keys and tags.
    """

    generation: int
    keys: tuple[SubjectKey | None, ...]
    tags: tuple[SubjectTag, ...]
    opening: bytes
    earlier: EarlierTags = NO_EARLIER_TAGS

    @classmethod
    def create(
        cls,
        known: Sequence[tuple[SubjectKey, SubjectTag] | None],
        rng: Randomness,
        *,
        generation: int,
        earlier: EarlierTags = NO_EARLIER_TAGS,
    ) -> Self:
        """Take key and tag of each place, None where the place is unused; at least one must be known."""
        if len(known) != PLACES or not any(known):
            raise CreditError(Code.IDENTIFIER_MALFORMED, "one to three identifiers are needed")
        keys = tuple(pair[0] if pair else None for pair in known)
        tags = tuple(pair[1] if pair else SubjectTag(rng(TAG_BYTES)) for pair in known)
        return cls(generation, keys, tags, rng(OPENING_BYTES), earlier)

    @property
    def commitment(self) -> bytes:
        """What the consent record carries: 32 bytes that bind the three tags and hide them."""
        return consent_subject(self.opening, self.tags)


def consent_subject(opening: bytes, tags: Sequence[SubjectTag]) -> bytes:
    """Commit to the three tags of a consent record's subject."""
    return transcript_hash(Label.CONSENT_SUBJECT, opening, *(tag.value for tag in tags))


def subject_proof(key: SubjectKey, header_digest: bytes) -> bytes:
    """Prove knowledge of a subject key for one header: only who evaluated the identifier itself can."""
    return keyed_hash(key.value, Label.SUBJECT_PROOF, header_digest)


def build_payload(subject: SubjectTags, header_digest: bytes, holder_plain: bytes, rng: Randomness) -> Payload:
    """Make the payload of one query; `holder_plain` (HOLDER_PLAIN_BYTES) is for holders of this person only."""
    fillers = (one or SubjectTag(rng(TAG_BYTES)) for one in subject.earlier.tags)
    places = tuple(
        _used_place(key, tags, header_digest, holder_plain) if key else _random_place(tags, rng)
        for key, tags in zip(subject.keys, zip(subject.tags, fillers, strict=True), strict=True)
    )
    return Payload(rng(RHO_BYTES), places, subject.earlier.generation, subject.opening)


def seal_payload(payload: Payload, sealing_key: bytes, header_digest: bytes) -> bytes:
    """Seal for all contributors of the epoch; key and nonce are the header's own, so a header serves once."""
    key, nonce = _aead(sealing_key, Label.PAYLOAD_KEY, header_digest)
    return AESGCM(key).encrypt(nonce, payload.to_bytes(), header_digest)


def open_payload(sealed: bytes, sealing_key: bytes, header_digest: bytes) -> Payload:
    """Open a payload under its header; raises CreditError(PAYLOAD_INVALID) if it was sealed for another one."""
    key, nonce = _aead(sealing_key, Label.PAYLOAD_KEY, header_digest)
    return Payload.from_bytes(_decrypt(key, nonce, sealed, header_digest))


def payload_material(sealing_key: bytes, header_digest: bytes) -> bytes:
    """Give what opens one header's payload and no other's, MATERIAL_BYTES: an inspection may be shown it."""
    return b"".join(_aead(sealing_key, Label.PAYLOAD_KEY, header_digest))


def holder_material(key: SubjectKey, header_digest: bytes) -> bytes:
    """Give what opens the holder parts of one header for one subject, MATERIAL_BYTES; the key does not follow."""
    return b"".join(_aead(key.value, Label.HOLDER_PART, header_digest))


def open_with(material: bytes, sealed: bytes, header_digest: bytes) -> bytes:
    """Open a payload or a holder part by its material alone; raises CreditError(PAYLOAD_INVALID)."""
    return _decrypt(material[:AEAD_KEY_BYTES], material[AEAD_KEY_BYTES:], sealed, header_digest)


def open_holder_part(place: Place, key: SubjectKey, header_digest: bytes) -> bytes:
    """Open the part for holders with the subject key; raises CreditError(PAYLOAD_INVALID)."""
    aead_key, nonce = _aead(key.value, Label.HOLDER_PART, header_digest)
    return _decrypt(aead_key, nonce, place.holder_part, header_digest)


def build_envelope(regulator_key: bytes, header_digest: bytes, payload: Payload, consent_digest: bytes) -> bytes:
    """Seal tags and consent digest for the regulator (HPKE base mode), the ephemeral key derived from `rho`."""
    plaintext = b"".join(tag.value for tag in payload.tags) + consent_digest
    ephemeral = derive(payload.rho, Label.ENVELOPE_EPHEMERAL, header_digest)
    return hpke.seal(regulator_key, header_digest, plaintext, ephemeral)


def open_envelope(
    private: X25519PrivateKey, header_digest: bytes, envelope: bytes
) -> tuple[tuple[SubjectTag, ...], bytes]:
    """Open an envelope with the regulator's key; gives tags and consent digest. Raises CreditError(PAYLOAD_INVALID)."""
    if len(envelope) != ENVELOPE_BYTES:
        raise CreditError(Code.PAYLOAD_INVALID, "length of the envelope")
    plain = hpke.open_sealed(private, header_digest, envelope)
    tags = tuple(SubjectTag(plain[start : start + TAG_BYTES]) for start in range(0, PLACES * TAG_BYTES, TAG_BYTES))
    return tags, plain[PLACES * TAG_BYTES :]


def tags_commitment(header_digest: bytes, payload: Payload) -> bytes:
    """Commit to the tags for the log, salted from `rho`: 32 bytes."""
    salt = derive(payload.rho, Label.TAGS_SALT, header_digest)
    return transcript_hash(Label.TAGS_COMMITMENT, salt, *(tag.value for tag in payload.tags))


def check_envelope(
    payload: Payload,
    regulator_key: bytes,
    header_digest: bytes,
    consent_digest: bytes,
    claimed: tuple[bytes, bytes],
) -> None:
    """Rebuild envelope and commitment from the payload; raises CreditError(ENVELOPE_MISMATCH) unless equal."""
    rebuilt = build_envelope(regulator_key, header_digest, payload, consent_digest)
    commitment = tags_commitment(header_digest, payload)
    if not (hmac.compare_digest(rebuilt, claimed[0]) and hmac.compare_digest(commitment, claimed[1])):
        raise CreditError(Code.ENVELOPE_MISMATCH)


def _place(data: bytes) -> Place:
    tag, earlier, rest = data[:TAG_BYTES], data[TAG_BYTES : 2 * TAG_BYTES], data[2 * TAG_BYTES :]
    return Place(SubjectTag(tag), SubjectTag(earlier), rest[:PROOF_BYTES], rest[PROOF_BYTES:])


def _used_place(
    key: SubjectKey, tags: tuple[SubjectTag, SubjectTag], header_digest: bytes, holder_plain: bytes
) -> Place:
    if len(holder_plain) != HOLDER_PLAIN_BYTES:
        raise CreditError(Code.PAYLOAD_INVALID, "length of the holder part")
    aead_key, nonce = _aead(key.value, Label.HOLDER_PART, header_digest)
    part = AESGCM(aead_key).encrypt(nonce, holder_plain, header_digest)
    return Place(*tags, subject_proof(key, header_digest), part)


def _random_place(tags: tuple[SubjectTag, SubjectTag], rng: Randomness) -> Place:
    return Place(*tags, rng(PROOF_BYTES), rng(HOLDER_PART_BYTES))


def _aead(secret: bytes, label: Label, header_digest: bytes) -> tuple[bytes, bytes]:
    material = derive(secret, label, header_digest, length=MATERIAL_BYTES)
    return material[:AEAD_KEY_BYTES], material[AEAD_KEY_BYTES:]


def _decrypt(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(nonce, sealed, associated)
    except (InvalidTag, ValueError) as error:
        raise CreditError(Code.PAYLOAD_INVALID, "it does not open") from error
