"""
Certificates that nobody has to trust a CA for: a member's identity key vouches for the TLS key inside.

A certificate names its member by one URI, `spiffe://<consortium>/member/<id>`, and carries a *binding* in a private
extension: the identity key's signature over consortium, member, the TLS key and the last second at which a
certificate may use it. Servers hold it to the identity key that the rulebook pins, so that whoever captures the CA
can issue certificates and none that is let in.

Requests and checks are here; the CA that signs is the shell's (`gateway.membership.authority`). Nothing reads a
clock: who checks says what time it is, in Unix seconds. Requests are signed deterministically (RFC 6979).
"""

from dataclasses import dataclass
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from consortium.errors import Code, CreditError
from consortium.hashing import uint
from consortium.labels import Label
from consortium.model.members import MemberId, check_member_id
from consortium.model.rulebook import Member, MemberStatus, Rulebook
from consortium.model.signing import SIGNATURE_BYTES, Signer, verify_signature

BINDING_OID = x509.ObjectIdentifier("2.25.307775727146328238551626213439169641604")
CERTIFICATE_SECONDS = 24 * 3600
"""How long an issued certificate lasts; it is renewed at half its life."""
BACKDATED_SECONDS = 300
"""How far a certificate begins before its issue, for clocks that are behind."""
MAXIMUM_DER_BYTES = 8192
MAXIMUM_HOSTS = 8
TIME_BYTES = 8
BINDING_BYTES = TIME_BYTES + SIGNATURE_BYTES
SCHEME = "spiffe://"
_CURVE = "secp256r1"


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A verified PKCS #10 request: whose it says it is, and the P-256 key that its sender holds."""

    consortium: str
    member: MemberId
    key: ec.EllipticCurvePublicKey
    hosts: tuple[str, ...] = ()
    """DNS names and addresses that a server asks for; whether it gets them is the CA's decision."""

    @property
    def tls_key(self) -> bytes:
        """The digest by which the rulebook pins the key."""
        return tls_key_digest(self.key)


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """What a certificate says; nothing of it is believed before `check_peer`."""

    consortium: str
    member: MemberId
    key: ec.EllipticCurvePublicKey
    binding: bytes
    valid_from: int
    valid_until: int


def member_uri(consortium: str, member: MemberId) -> str:
    """Give the URI that names a member in its certificate."""
    return f"{SCHEME}{consortium}/member/{member}"


def read_member_uri(uri: str) -> tuple[str, MemberId]:
    """Read consortium and member from a URI; raises CreditError(CERTIFICATE_INVALID)."""
    consortium, _, rest = uri.removeprefix(SCHEME).partition("/")
    kind, _, member = rest.partition("/")
    if not uri.startswith(SCHEME) or kind != "member":
        raise _invalid("the certificate names no member")
    try:
        return check_member_id(consortium), check_member_id(member)
    except CreditError as error:
        raise _invalid("the certificate names no member") from error


def tls_key_digest(key: ec.EllipticCurvePublicKey) -> bytes:
    """Give the SHA-256 of a TLS key's SubjectPublicKeyInfo: what an application and the rulebook call `tls_key`."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(_spki(key))
    return digest.finalize()


def make_request(
    key: ec.EllipticCurvePrivateKey, consortium: str, member: MemberId, hosts: tuple[str, ...] = ()
) -> bytes:
    """Make a PKCS #10 request (RFC 2986) for a member's P-256 key; DER. `hosts` are a server's names and addresses."""
    builder = x509.CertificateSigningRequestBuilder(
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, member)])
    ).add_extension(member_names(consortium, member, *map(host_name, hosts)), critical=False)
    request = builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    return request.public_bytes(serialization.Encoding.DER)


def read_request(der: bytes) -> CertificateRequest:
    """
    Verify a request: P-256, signed by its own key, naming exactly one member.

    Raises CreditError(CERTIFICATE_INVALID) or (PUBLIC_KEY_WEAK), also for more than MAXIMUM_HOSTS names of a server.
    """
    if len(der) > MAXIMUM_DER_BYTES:
        raise _invalid("a request of this length")
    try:
        request = x509.load_der_x509_csr(der)
        key, names = request.public_key(), request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        holds_key = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise _invalid("no certificate request") from error
    checked = _p256(key)
    if not holds_key:
        raise _invalid("the request is not signed by its own key")
    consortium, member = _one_member(names.value)
    return CertificateRequest(consortium, member, checked, _hosts(names.value))


def make_binding(
    signer: Signer, consortium: str, member: MemberId, key: ec.EllipticCurvePublicKey, until: int
) -> bytes:
    """Vouch with the identity key for a TLS key in certificates that end no later than `until`, Unix seconds."""
    time = uint(until, TIME_BYTES)
    return time + signer.sign(Label.TLS_BINDING, *_bound(consortium, member, key), time)


def check_binding(
    binding: bytes, identity_key: bytes, consortium: str, member: MemberId, key: ec.EllipticCurvePublicKey
) -> int:
    """
    Hold a binding to an identity key; gives the last second that a certificate may have.

    Raises CreditError(CERTIFICATE_INVALID), (SIGNATURE_INVALID) for another key, member, consortium or TLS key.
    """
    if len(binding) != BINDING_BYTES:
        raise _invalid("no binding to an identity key")
    time, signature = binding[:TIME_BYTES], binding[TIME_BYTES:]
    verify_signature(identity_key, signature, Label.TLS_BINDING, *_bound(consortium, member, key), time)
    return int.from_bytes(time, "big")


def check_request(der: bytes, binding: bytes, rulebook: Rulebook, now: int) -> CertificateRequest:
    """
    Decide about a certificate: for an admitted or active member, its pinned key, and a binding that reaches into time.

    Raises as `read_request` and `check_binding`; CreditError(MEMBER_NOT_ACTIVE), (CERTIFICATE_INVALID) for a key
    other than the pinned one or a binding that has ended.
    """
    request = read_request(der)
    member = certifiable(rulebook, request.member)
    if request.consortium != rulebook.document.consortium:
        raise _invalid("another consortium")
    until = check_binding(binding, member.identity_key, request.consortium, member.id, request.key)
    if until <= now:
        raise _invalid("the binding has ended")
    if member.tls_key not in (None, request.tls_key):
        raise _invalid("another TLS key than the pinned one")
    return request


def certifiable(rulebook: Rulebook, member: MemberId) -> Member:
    """Give a member that may have a certificate, admitted or active; raises CreditError(MEMBER_NOT_ACTIVE)."""
    found = rulebook.members.get(member)
    if found is None or found.status not in (MemberStatus.ADMITTED, MemberStatus.ACTIVE):
        raise CreditError(Code.MEMBER_NOT_ACTIVE, "certificates are for admitted and active members")
    return found


def read_certificate(pem: bytes) -> PeerCertificate:
    """Parse the first certificate of a PEM chain; raises CreditError(CERTIFICATE_INVALID), verifies nothing."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key, extensions = certificate.public_key(), certificate.extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        from_, until = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise _invalid("no certificate") from error
    bindings = [one.value.value for one in extensions if isinstance(one.value, x509.UnrecognizedExtension)]
    found = [one.oid for one in extensions]
    binding = bindings[0] if found.count(BINDING_OID) == 1 and len(bindings) == 1 else b""
    return PeerCertificate(*_one_member(names), _p256(key), binding, int(from_), int(until))


def check_peer(certificate: PeerCertificate, rulebook: Rulebook, now: int, earlier: Rulebook | None = None) -> Member:
    """
    Give the member whose certificate this is, by the identity key and the TLS key that the rulebook pins for it.

    `earlier` is the version before, as long as keys that a new version exchanged may still be used. What the member
    may do is its status's and the caller's business. Raises CreditError(CERTIFICATE_INVALID), (SIGNATURE_INVALID), or
    (MEMBER_NOT_ACTIVE) for nobody's id.
    """
    found = rulebook.members.get(certificate.member)
    if found is None or certificate.consortium != rulebook.document.consortium:
        raise CreditError(Code.MEMBER_NOT_ACTIVE, "nobody of this consortium")
    if not certificate.valid_from - rulebook.policy.clock_skew <= now < certificate.valid_until:
        raise _invalid("the certificate is not valid now")
    before = earlier.members.get(certificate.member) if earlier else None
    try:
        _check_pinned(certificate, found)
    except CreditError:
        if before is None or before == found:
            raise
        _check_pinned(certificate, before)
    return found


def member_names(consortium: str, member: MemberId, *more: x509.GeneralName) -> x509.SubjectAlternativeName:
    """Give the alternative names of a member's certificate: its URI and, for a server, `more`."""
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(member_uri(consortium, member)), *more])


def host_name(host: str) -> x509.GeneralName:
    """Give a server's address or DNS name in the form of a certificate."""
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def binding_extension(binding: bytes) -> x509.UnrecognizedExtension:
    """Give the private extension that carries a binding; not critical, since TLS libraries do not know it."""
    return x509.UnrecognizedExtension(BINDING_OID, binding)


def _check_pinned(certificate: PeerCertificate, member: Member) -> None:
    names = (certificate.consortium, certificate.member)
    until = check_binding(certificate.binding, member.identity_key, *names, certificate.key)
    if certificate.valid_until > until:
        raise _invalid("the certificate lasts longer than its binding")
    if member.tls_key not in (None, tls_key_digest(certificate.key)):
        raise _invalid("another TLS key than the pinned one")


def _one_member(names: x509.SubjectAlternativeName) -> tuple[str, MemberId]:
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise _invalid("a certificate with one URI is needed")
    return read_member_uri(uris[0])


def _hosts(names: x509.SubjectAlternativeName) -> tuple[str, ...]:
    addresses = names.get_values_for_type(x509.IPAddress)
    hosts = (*names.get_values_for_type(x509.DNSName), *map(str, addresses))
    if len(hosts) > MAXIMUM_HOSTS:
        raise _invalid("too many names of a server")
    return hosts


def _p256(key: object) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != _CURVE:
        raise CreditError(Code.PUBLIC_KEY_WEAK, "a TLS key must be on P-256")
    return key


def _bound(consortium: str, member: MemberId, key: ec.EllipticCurvePublicKey) -> tuple[bytes, ...]:
    return consortium.encode(), member.encode(), _spki(key)


def _spki(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _invalid(cause: str) -> CreditError:
    return CreditError(Code.CERTIFICATE_INVALID, cause)
