"""Who calls: the member that the certificate's single URI SAN names, as a value with predicates."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from consortium.errors import Code, CreditError
from consortium.membership.certificates import certifiable, check_peer, read_certificate, read_member_uri
from consortium.model.members import MemberId
from consortium.model.rulebook import Member, Rulebook
from consortium.rules.queries import active_lender, taking_part
from gateway.rulebooks import Rulebooks

KNOWN_CERTIFICATES = 4096


@dataclass(frozen=True, slots=True)
class PeerIdentity:
    """A caller, as its certificate says; whether it is a member is up to the rulebook."""

    consortium: str
    member: MemberId

    @classmethod
    def parse(cls, uri: str) -> "PeerIdentity":
        """Read `spiffe://<consortium>/member/<id>`; raises CreditError(CERTIFICATE_INVALID)."""
        return cls(*read_member_uri(uri))

    def active_member(self, rulebook: Rulebook) -> Member:
        """Give the caller as an active member of this rulebook; raises CreditError(MEMBER_NOT_ACTIVE)."""
        if self.consortium != rulebook.document.consortium:
            raise CreditError(Code.MEMBER_NOT_ACTIVE, "another consortium")
        return rulebook.active_member(self.member)

    def certified_member(self, rulebook: Rulebook) -> Member:
        """Give the caller as a member that is active or, before that, admitted; raises MEMBER_NOT_ACTIVE."""
        if self.consortium != rulebook.document.consortium:
            raise CreditError(Code.MEMBER_NOT_ACTIVE, "another consortium")
        return certifiable(rulebook, self.member)

    def preparing_lender(self, rulebook: Rulebook) -> Member:
        """Give the caller as a lender that is active or prepares for it; raises CreditError(MEMBER_NOT_ACTIVE)."""
        self.certified_member(rulebook)
        return taking_part(rulebook, self.member)

    def active_lender(self, rulebook: Rulebook) -> Member:
        """Give the caller as an active lender; raises CreditError(MEMBER_NOT_ACTIVE)."""
        self.active_member(rulebook)
        return active_lender(rulebook, self.member)


def peer_identity(rpc_context: grpc.aio.ServicerContext[Any, Any]) -> PeerIdentity:
    """Give the caller of an RPC; raises CreditError(CERTIFICATE_INVALID) unless exactly one URI names it."""
    uris = list(rpc_context.auth_context().get("peer_spiffe_id", ()))
    if len(uris) != 1:
        raise CreditError(Code.CERTIFICATE_INVALID, "a certificate with one URI is needed")
    return PeerIdentity.parse(uris[0].decode("ascii", errors="replace"))


def peer_certificate(rpc_context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
    """Give the caller's certificate in PEM; raises CreditError(CERTIFICATE_INVALID) without one."""
    pems = list(rpc_context.auth_context().get("x509_pem_cert", ()))
    if len(pems) != 1:
        raise CreditError(Code.CERTIFICATE_INVALID, "one certificate is needed")
    return pems[0]


class Bindings:
    """
    Holds the certificate of every caller to the identity key that the rulebook pins: a captured CA lets nobody in.

    What was found good is remembered by certificate and rulebook version, until the certificate ends.
    """

    def __init__(self, rulebooks: Rulebooks, clock: Callable[[], int]) -> None:
        self._rulebooks = rulebooks
        self._clock = clock
        self._good: OrderedDict[tuple[bytes, bytes, bytes], int] = OrderedDict()

    def check(self, rpc_context: grpc.aio.ServicerContext[Any, Any]) -> None:
        """Raise CreditError(CERTIFICATE_INVALID) for a certificate without a binding that holds."""
        self.check_pem(peer_certificate(rpc_context))

    def check_pem(self, pem: bytes) -> None:
        """Raise CreditError(CERTIFICATE_INVALID) for a certificate, PEM, without a binding that holds now."""
        rulebook, earlier, now = self._rulebooks.trusted.current, self._rulebooks.earlier, self._clock()
        key = (pem, rulebook.digest, earlier.digest if earlier else b"")
        if self._good.get(key, 0) > now:
            return
        certificate = read_certificate(pem)
        try:
            check_peer(certificate, rulebook, now, earlier)
        except CreditError as error:
            raise CreditError(Code.CERTIFICATE_INVALID, error.cause) from error
        self._good[key] = certificate.valid_until
        if len(self._good) > KNOWN_CERTIFICATES:
            self._good.popitem(last=False)
