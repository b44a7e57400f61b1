"""HPKE against RFC 9180's own values and another receiver; payload, envelope and commitment."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from consortium.errors import Code
from consortium.model.identifiers import SubjectKey, SubjectTag
from consortium.sealing import hpke
from consortium.sealing.payload import (
    ENVELOPE_BYTES,
    HOLDER_PLAIN_BYTES,
    PAYLOAD_BYTES,
    Payload,
    SubjectTags,
    build_envelope,
    build_payload,
    check_envelope,
    consent_subject,
    open_holder_part,
    open_payload,
    seal_payload,
    subject_proof,
    tags_commitment,
)
from tests.support.codes import refused
from tests.support.world import seeded_rng

HEADER = b"h" * 32
SEALING = b"s" * 32
CONSENT = b"c" * 32
KEY = SubjectKey(b"k" * 64)
TAG = SubjectTag(b"t" * 32)


@pytest.fixture
def subject() -> SubjectTags:
    return SubjectTags.create([None, (KEY, TAG), None], seeded_rng(b"subject"), generation=1)


@pytest.fixture
def payload(subject: SubjectTags) -> Payload:
    return build_payload(subject, HEADER, b"p" * HOLDER_PLAIN_BYTES, seeded_rng(b"payload"))


def test_rfc_9180_appendix_a_1_1() -> None:
    """DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode, sequence number 0; without AAD of our own."""
    ephemeral = bytes.fromhex("7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234")
    receiver = hpke.derive_key_pair(bytes.fromhex("6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037"))
    public = receiver.public_key().public_bytes_raw()
    assert public.hex() == "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d"
    info = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
    sealed = hpke.seal(public, info, b"Beauty is truth, truth beauty", ephemeral)
    assert sealed[:32].hex() == "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"
    assert hpke.open_sealed(receiver, info, sealed) == b"Beauty is truth, truth beauty"


def test_the_receiver_of_cryptography_opens_the_envelope(payload: Payload, subject: SubjectTags) -> None:
    regulator = hpke.derive_key_pair(b"r" * 32)
    envelope = build_envelope(regulator.public_key().public_bytes_raw(), HEADER, payload, CONSENT)
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
    plaintext = suite.decrypt(envelope, regulator, info=HEADER)
    assert plaintext == b"".join(tag.value for tag in subject.tags) + CONSENT
    assert len(envelope) == ENVELOPE_BYTES


def test_an_envelope_opens_for_its_receiver_and_header_only(payload: Payload) -> None:
    regulator, other = hpke.derive_key_pair(b"r" * 32), hpke.derive_key_pair(b"o" * 32)
    envelope = build_envelope(regulator.public_key().public_bytes_raw(), HEADER, payload, CONSENT)
    for private, info, sealed in [
        (other, HEADER, envelope),
        (regulator, b"x" * 32, envelope),
        (regulator, HEADER, envelope[:-1]),
        (regulator, HEADER, b""),
    ]:
        with refused(Code.PAYLOAD_INVALID):
            hpke.open_sealed(private, info, sealed)


def test_a_receiver_key_of_small_order_is_refused() -> None:
    with refused(Code.PUBLIC_KEY_WEAK):
        hpke.seal(bytes(32), b"", b"", b"e" * 32)


def test_a_payload_opens_under_its_header_and_epoch_only(payload: Payload) -> None:
    sealed = seal_payload(payload, SEALING, HEADER)
    assert len(sealed) == PAYLOAD_BYTES
    assert open_payload(sealed, SEALING, HEADER) == payload
    for key, header, data in [(b"x" * 32, HEADER, sealed), (SEALING, b"x" * 32, sealed), (SEALING, HEADER, sealed[1:])]:
        with refused(Code.PAYLOAD_INVALID):
            open_payload(data, key, header)


def test_used_and_unused_places_look_alike(payload: Payload, subject: SubjectTags) -> None:
    assert len({(len(p.tag.value), len(p.proof), len(p.holder_part)) for p in payload.places}) == 1
    assert payload.tags == subject.tags
    assert payload.places[1].proof == subject_proof(KEY, HEADER)


def test_only_the_subject_key_opens_the_holder_part(payload: Payload) -> None:
    assert open_holder_part(payload.places[1], KEY, HEADER) == b"p" * HOLDER_PLAIN_BYTES
    with refused(Code.PAYLOAD_INVALID):
        open_holder_part(payload.places[1], SubjectKey(b"x" * 64), HEADER)
    with refused(Code.PAYLOAD_INVALID):
        open_holder_part(payload.places[0], KEY, HEADER)


def test_two_queries_under_one_consent_share_tags_and_nothing_else(subject: SubjectTags) -> None:
    rng = seeded_rng(b"two")
    first, second = (build_payload(subject, HEADER, bytes(HOLDER_PLAIN_BYTES), rng) for _ in range(2))
    assert first.tags == second.tags
    assert first.rho != second.rho
    assert first.places[0].proof != second.places[0].proof


def test_contributors_rebuild_envelope_and_commitment_byte_for_byte(payload: Payload) -> None:
    regulator = hpke.derive_key_pair(b"r" * 32).public_key().public_bytes_raw()
    claimed = build_envelope(regulator, HEADER, payload, CONSENT), tags_commitment(HEADER, payload)
    check_envelope(payload, regulator, HEADER, CONSENT, claimed)
    other = replace(payload, rho=b"z" * 32)
    for wrong in [
        (build_envelope(regulator, HEADER, other, CONSENT), claimed[1]),
        (claimed[0], tags_commitment(HEADER, other)),
        (build_envelope(regulator, HEADER, payload, b"x" * 32), claimed[1]),
    ]:
        with refused(Code.ENVELOPE_MISMATCH):
            check_envelope(payload, regulator, HEADER, CONSENT, wrong)


def test_a_subject_needs_one_to_three_identifiers() -> None:
    for places in ([None, None, None], [None], []):
        with refused(Code.IDENTIFIER_MALFORMED):
            SubjectTags.create(places, seeded_rng(b"x"), generation=1)


def test_the_consent_commitment_binds_every_place(subject: SubjectTags) -> None:
    for place in range(3):
        tags = list(subject.tags)
        tags[place] = SubjectTag(b"v" * 32)
        assert consent_subject(subject.opening, tags) != subject.commitment
    assert consent_subject(b"o" * 32, subject.tags) != subject.commitment
