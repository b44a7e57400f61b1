"""Certificates for members: 24 hours, for the TLS key that the member's identity key vouches for."""

from collections.abc import Callable
from ipaddress import ip_address

from consortium.errors import Code, CreditError
from consortium.membership.certificates import CertificateRequest, check_request, read_certificate
from consortium.model.keys import utc_day
from consortium.model.members import MemberId
from consortium.model.rulebook import Role
from consortium.wire.membership import Certifying
from gateway.committer import GroupCommitter
from gateway.membership import entries
from gateway.membership.authority import Authority
from gateway.ports import GatewayTransaction
from gateway.rulebooks import Rulebooks

CERTIFICATES = "certificates-day"
CERTIFICATES_A_DAY = 200
SERVERS = (Role.GATEWAY, Role.CUSTODIAN)


class Certifier:
    """Issues certificates; `own_hosts` are the gateway's names, which nobody else gets unless they are loopback."""

    def __init__(
        self,
        authority: Authority | None,
        rulebooks: Rulebooks,
        committer: GroupCommitter,
        clock: Callable[[], int],
        own_hosts: tuple[str, ...] = (),
    ) -> None:
        self._authority = authority
        self._rulebooks = rulebooks
        self._committer = committer
        self._clock = clock
        self._own_hosts = frozenset(own_hosts)

    async def certify(self, wanted: Certifying, caller: MemberId) -> bytes:
        """
        Give a certificate chain in PEM, once the log has its entry.

        Raises as `check_request`; CreditError(ROLE_NOT_ALLOWED) for another's name or where this gateway has no CA,
        (MEMBER_NOT_ACTIVE) while an emergency suspension holds, (QUOTA_EXCEEDED).
        """
        if self._authority is None:
            raise CreditError(Code.ROLE_NOT_ALLOWED, "this gateway issues no certificates")
        rulebook, now = self._rulebooks.trusted.current, self._clock()
        request = check_request(wanted.csr, wanted.binding, rulebook, now)
        if request.member != caller:
            raise CreditError(Code.ROLE_NOT_ALLOWED, "a certificate of somebody else")
        if self._rulebooks.trusted.status(caller, now) is not rulebook.members[caller].status:
            raise CreditError(Code.MEMBER_NOT_ACTIVE, "suspended")
        hosts = self._hosts(request, rulebook.members[caller].role)
        chain = self._authority.issue(request.consortium, caller, request.key, now, wanted.binding, hosts)
        until = read_certificate(chain).valid_until
        await self._committer.commit(lambda transaction: _note(transaction, request, until, now))
        return chain

    def _hosts(self, request: CertificateRequest, role: Role) -> tuple[str, ...]:
        if request.hosts and role not in SERVERS:
            raise CreditError(Code.ROLE_NOT_ALLOWED, "names of a server are for gateway and custodians")
        if role is not Role.GATEWAY and any(host in self._own_hosts and not _loopback(host) for host in request.hosts):
            raise CreditError(Code.ROLE_NOT_ALLOWED, "the gateway's own names")
        return request.hosts


def _note(transaction: GatewayTransaction, request: CertificateRequest, until: int, now: int) -> None:
    if transaction.spend(request.member, CERTIFICATES, utc_day(now), 1) > CERTIFICATES_A_DAY:
        raise CreditError(Code.QUOTA_EXCEEDED, "certificates of the day")
    transaction.append(entries.certified(request.member, request.tls_key, until))


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
