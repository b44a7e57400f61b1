"""A certificate authority for demonstrations and tests: the gateway's own, and a TLS key for each party."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from consortium.membership.certificates import make_binding
from consortium.model.members import MemberId
from consortium.model.signing import Signer
from gateway.membership.authority import Authority as CertificateAuthority
from gateway.membership.authority import new_authority, private_pem

HOSTS = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True, repr=False)
class Issued:
    """A certificate chain and its private key, PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """A CA in memory; `certificate` and `key` are PEM, `signers` the identity keys that vouch for TLS keys."""

    def __init__(
        self, consortium: str, now: dt.datetime, days: int = 30, signers: Mapping[MemberId, Signer] | None = None
    ) -> None:
        self._consortium = consortium
        self._signers = signers or {}
        self.certificate, self.key = new_authority(consortium, _seconds(now), days)
        self._authority = CertificateAuthority(self.certificate, self.key)

    def issue(self, member: MemberId, now: dt.datetime, valid: dt.timedelta = dt.timedelta(hours=24)) -> Issued:
        """
        Issue a certificate for `spiffe://<consortium>/member/<member>`, for servers and clients on loopback.

        The member's identity key vouches for it, if it is among the signers; servers refuse it otherwise.
        """
        key, start, seconds = ec.generate_private_key(ec.SECP256R1()), _seconds(now), int(valid.total_seconds())
        names, binding = (self._consortium, member), b""
        if member in self._signers:
            binding = make_binding(self._signers[member], *names, key.public_key(), start + seconds)
        chain = self._authority.issue(*names, key.public_key(), start, binding, HOSTS, seconds)
        return Issued(chain, private_pem(key))


def _seconds(time: dt.datetime) -> int:
    return int(time.timestamp())
