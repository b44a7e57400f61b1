"""
The consortium's certificate authority: certificates for TLS keys that a member's identity key vouches for.

Whoever steals its key can issue certificates, and none of them carries a binding (`consortium.membership.
certificates`), so that servers let nobody in by them.
"""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from consortium.errors import Code, CreditError
from consortium.membership.certificates import (
    BACKDATED_SECONDS,
    BINDING_BYTES,
    CERTIFICATE_SECONDS,
    TIME_BYTES,
    binding_extension,
    host_name,
    member_names,
)
from consortium.model.members import MemberId
from consortium.silent import Silent

AUTHORITY_DAYS = 3650


class Authority(Silent):
    """A CA's certificate and P-256 key; `certificate` (PEM) is what everybody's TLS trusts."""

    def __init__(self, certificate: bytes, key: bytes) -> None:
        """Take PEM files; raises CreditError(SETTINGS_INVALID) unless they belong together."""
        try:
            self._issuer = x509.load_pem_x509_certificate(certificate)
            loaded = serialization.load_pem_private_key(key, None)
        except (ValueError, TypeError) as error:
            raise CreditError(Code.SETTINGS_INVALID, "the CA's files cannot be read") from error
        if not isinstance(loaded, ec.EllipticCurvePrivateKey) or loaded.public_key() != self._issuer.public_key():
            raise CreditError(Code.SETTINGS_INVALID, "the CA's key is not that of its certificate")
        self._key = loaded
        self.certificate = certificate

    def issue(
        self,
        consortium: str,
        member: MemberId,
        key: ec.EllipticCurvePublicKey,
        now: int,
        binding: bytes,
        hosts: tuple[str, ...] = (),
        seconds: int = CERTIFICATE_SECONDS,
    ) -> bytes:
        """
        Issue a certificate of `seconds`, but no longer than its binding or the CA lasts; gives the chain in PEM.

        `hosts` are the DNS names and addresses of a server. The binding is verified elsewhere; empty leaves it out.
        """
        until = min(now + seconds, int(self._issuer.not_valid_after_utc.timestamp()), _bound_of(binding))
        builder = _builder(member, self._issuer.subject, key, now, until)
        builder = builder.add_extension(member_names(consortium, member, *map(host_name, hosts)), critical=False)
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(usage, critical=False)
        if binding:
            builder = builder.add_extension(binding_extension(binding), critical=False)
        issued = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return issued + self.certificate


def new_authority(consortium: str, now: int, days: int = AUTHORITY_DAYS) -> tuple[bytes, bytes]:
    """Make a CA that signs members' certificates and nothing else; gives certificate and private key, PEM."""
    key, name = ec.generate_private_key(ec.SECP256R1()), f"{consortium} CA"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(name, subject, key.public_key(), now, now + days * 86_400)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), private_pem(key)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Write a private key as unencrypted PKCS #8, for a file of mode 0600."""
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _bound_of(binding: bytes) -> int:
    return int.from_bytes(binding[:TIME_BYTES], "big") if len(binding) == BINDING_BYTES else 2**40


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: int, until: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(dt.datetime.fromtimestamp(now - BACKDATED_SECONDS, dt.UTC))
        .not_valid_after(dt.datetime.fromtimestamp(until, dt.UTC))
    )
