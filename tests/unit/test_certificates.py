"""Certificates are good by the identity key that the rulebook pins, whatever the CA signed."""

from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

from consortium.errors import Code
from consortium.membership.applications import sign_rotation
from consortium.membership.certificates import (
    BACKDATED_SECONDS,
    BINDING_BYTES,
    CERTIFICATE_SECONDS,
    check_peer,
    check_request,
    make_binding,
    make_request,
    member_names,
    member_uri,
    read_certificate,
    read_member_uri,
    read_request,
    tls_key_digest,
)
from consortium.membership.proposals import Admit, Rotate
from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus, Role
from consortium.model.signing import Ed25519Signer
from demo.consortium import CONSORTIUM
from gateway.membership.authority import Authority, new_authority
from tests.support.codes import refused
from tests.support.membership import Registry, registry
from tests.support.world import NOW

LATER = NOW + CERTIFICATE_SECONDS
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


@dataclass
class Office:
    known: Registry
    authority: Authority

    def binding(self, member: MemberId = "lender-a", by: MemberId | None = None, until: int = LATER) -> bytes:
        return make_binding(self.known.keys(by or member).signer, CONSORTIUM, member, KEY.public_key(), until)

    def issued(self, binding: bytes, member: MemberId = "lender-a", key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
        return self.authority.issue(CONSORTIUM, member, key.public_key(), NOW, binding)

    def check(self, pem: bytes, now: int = NOW) -> MemberId:
        return check_peer(read_certificate(pem), self.known.rulebook, now).id


@pytest.fixture
def office() -> Office:
    return Office(registry(), Authority(*new_authority(CONSORTIUM, NOW)))


def test_a_bound_certificate_names_its_member(office: Office) -> None:
    pem = office.issued(office.binding())
    assert office.check(pem) == "lender-a"
    assert office.check(pem, LATER - 1) == "lender-a"
    certificate = read_certificate(pem)
    assert (certificate.valid_from, certificate.valid_until) == (NOW - BACKDATED_SECONDS, LATER)
    with refused(Code.CERTIFICATE_INVALID):
        office.check(pem, LATER)
    with refused(Code.CERTIFICATE_INVALID):
        office.check(pem, NOW - BACKDATED_SECONDS - 61)


def test_a_captured_ca_gains_nothing(office: Office) -> None:
    with refused(Code.CERTIFICATE_INVALID):
        office.check(office.issued(b""))
    with refused(Code.CERTIFICATE_INVALID):
        office.check(office.issued(bytes(BINDING_BYTES - 1)))
    with refused(Code.SIGNATURE_INVALID):  # the thief's own TLS key with the binding of the member's
        office.check(office.issued(office.binding(), key=OTHER_KEY))
    with refused(Code.SIGNATURE_INVALID):  # vouched for by the thief
        office.check(office.issued(office.binding(by="lender-b")))


def test_a_binding_is_for_one_member_and_consortium(office: Office) -> None:
    with refused(Code.SIGNATURE_INVALID):
        office.check(office.issued(office.binding("lender-b"), "lender-a"))
    foreign = make_binding(
        office.known.keys("lender-a").signer, "other-consortium", "lender-a", KEY.public_key(), LATER
    )
    with refused(Code.SIGNATURE_INVALID):
        office.check(office.issued(foreign))
    elsewhere = office.authority.issue("other-consortium", "lender-a", KEY.public_key(), NOW, foreign)
    with refused(Code.MEMBER_NOT_ACTIVE):
        office.check(elsewhere)
    with refused(Code.MEMBER_NOT_ACTIVE):
        office.check(office.issued(office.binding(), "nobody-here"))


def test_a_certificate_lasts_no_longer_than_its_binding(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    short = office.binding(until=NOW + 60)
    assert read_certificate(office.issued(short)).valid_until == NOW + 60
    monkeypatch.setattr("gateway.membership.authority._bound_of", lambda _: 2**40)  # a CA that does not care
    with refused(Code.CERTIFICATE_INVALID):
        office.check(office.issued(short))
    bound = bytearray(office.binding(until=NOW + 60))
    bound[:8] = LATER.to_bytes(8, "big")
    with refused(Code.SIGNATURE_INVALID):
        office.check(office.issued(bytes(bound)))


@pytest.mark.parametrize("at", range(0, BINDING_BYTES, 7))
def test_every_byte_of_a_binding_counts(office: Office, at: int) -> None:
    changed = bytearray(office.binding(until=2**40))
    changed[at] ^= 1
    with refused(Code.SIGNATURE_INVALID):
        office.check(office.issued(bytes(changed)))


def test_requests_are_for_admitted_and_active_members(office: Office) -> None:
    request = make_request(KEY, CONSORTIUM, "lender-a")
    assert make_request(KEY, CONSORTIUM, "lender-a") == request
    found = check_request(request, office.binding(), office.known.rulebook, NOW)
    assert (found.member, found.tls_key) == ("lender-a", tls_key_digest(KEY.public_key()))
    with refused(Code.CERTIFICATE_INVALID):
        check_request(request, office.binding(until=NOW), office.known.rulebook, NOW)
    with refused(Code.SIGNATURE_INVALID):
        check_request(request, office.binding("lender-b"), office.known.rulebook, NOW)
    with refused(Code.MEMBER_NOT_ACTIVE):
        check_request(make_request(KEY, CONSORTIUM, "nobody-here"), office.binding(), office.known.rulebook, NOW)
    with refused(Code.CERTIFICATE_INVALID):
        check_request(make_request(KEY, "other-one", "lender-a"), office.binding(), office.known.rulebook, NOW)


def test_the_pinned_tls_key_is_the_only_one(office: Office) -> None:
    known, name = office.known, "witness-one"
    pinned = tls_key_digest(KEY.public_key())
    known.change(Admit(application=known.apply(name, role=Role.WITNESS, tiers=(), tls_key=pinned)))
    assert known.rulebook.members[name].status is MemberStatus.ADMITTED
    pem = office.issued(office.binding(name), name)
    assert office.check(pem) == name
    other = make_binding(known.keys(name).signer, CONSORTIUM, name, OTHER_KEY.public_key(), LATER)
    with refused(Code.CERTIFICATE_INVALID):
        office.check(office.issued(other, name, OTHER_KEY))
    with refused(Code.CERTIFICATE_INVALID):
        check_request(make_request(OTHER_KEY, CONSORTIUM, name), other, known.rulebook, NOW)


def test_an_exchanged_identity_key_is_good_only_as_the_version_before_is(office: Office) -> None:
    known, before = office.known, office.known.rulebook
    pem, new = office.issued(office.binding()), Ed25519Signer(known.rng(32))
    request = known.rotation("lender-a", identity_key=new.public)
    known.change(Rotate(request=sign_rotation(request, known.keys("lender-a").signer, new)))
    with refused(Code.SIGNATURE_INVALID):
        office.check(pem)
    certificate = read_certificate(pem)
    assert check_peer(certificate, known.rulebook, NOW, before).identity_key == new.public
    renewed = office.issued(make_binding(new, CONSORTIUM, "lender-a", KEY.public_key(), LATER))
    assert office.check(renewed) == "lender-a"


def test_weak_and_foreign_requests() -> None:
    def request(key: CertificateIssuerPrivateKeyTypes, *names: str) -> bytes:
        uris = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(name) for name in names])
        builder = x509.CertificateSigningRequestBuilder(x509.Name([])).add_extension(uris, critical=False)
        algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        return builder.sign(key, algorithm).public_bytes(serialization.Encoding.DER)

    uri = member_uri(CONSORTIUM, "lender-a")
    for weak in (rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()):
        with refused(Code.PUBLIC_KEY_WEAK):
            read_request(request(weak, uri))
    with refused(Code.PUBLIC_KEY_WEAK):
        read_request(request(ec.generate_private_key(ec.SECP384R1()), uri))
    for names in ((uri, uri), ("https://example.org/member/lender-a",), ("spiffe://demo-consortium/member/Lender",)):
        with refused(Code.CERTIFICATE_INVALID):
            read_request(request(KEY, *names))
    damaged = bytearray(request(KEY, uri))
    damaged[-1] ^= 1
    for bad in (b"", b"\x30\x00", bytes(damaged), bytes(9000), x509.Name([]).public_bytes()):
        with refused(Code.CERTIFICATE_INVALID):
            read_request(bad)


def test_a_certificate_with_two_members_or_two_extensions_is_nobodys(office: Office) -> None:
    assert read_member_uri("spiffe://a-b-c/member/d-e-f") == ("a-b-c", "d-e-f")
    with refused(Code.CERTIFICATE_INVALID):
        read_certificate(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with refused(Code.CERTIFICATE_INVALID):
        read_certificate(office.authority.certificate)
    second = x509.UniformResourceIdentifier(member_uri(CONSORTIUM, "lender-b"))
    assert len(list(member_names(CONSORTIUM, "lender-a", second))) == 2


def test_the_authority_prints_nothing_and_holds_to_its_own_key(office: Office) -> None:
    assert repr(office.authority) == "<Authority>"
    (certificate, _), (_, other) = new_authority(CONSORTIUM, NOW), new_authority(CONSORTIUM, NOW)
    with refused(Code.SETTINGS_INVALID):
        Authority(certificate, other)
    with refused(Code.SETTINGS_INVALID):
        Authority(b"", b"")
