"""Who calls: the member that the certificate's single URI SAN names, as a value with predicates."""

from dataclasses import dataclass
from typing import Any

import grpc

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId, check_member_id
from consortium.model.rulebook import Member, Rulebook
from consortium.rules.queries import active_lender

SCHEME = "spiffe://"


@dataclass(frozen=True, slots=True)
class PeerIdentity:
    """A caller, as its certificate says; whether it is a member is up to the rulebook."""

    consortium: str
    member: MemberId

    @classmethod
    def parse(cls, uri: str) -> "PeerIdentity":
        """Read `spiffe://<consortium>/member/<id>`; raises CreditError(CERTIFICATE_INVALID)."""
        consortium, _, rest = uri.removeprefix(SCHEME).partition("/")
        kind, _, member = rest.partition("/")
        if not uri.startswith(SCHEME) or kind != "member":
            raise CreditError(Code.CERTIFICATE_INVALID, "the certificate names no member")
        try:
            return cls(check_member_id(consortium), check_member_id(member))
        except CreditError as error:
            raise CreditError(Code.CERTIFICATE_INVALID, "the certificate names no member") from error

    def active_member(self, rulebook: Rulebook) -> Member:
        """Give the caller as an active member of this rulebook; raises CreditError(MEMBER_NOT_ACTIVE)."""
        if self.consortium != rulebook.document.consortium:
            raise CreditError(Code.MEMBER_NOT_ACTIVE, "another consortium")
        return rulebook.active_member(self.member)

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
