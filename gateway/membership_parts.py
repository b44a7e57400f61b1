"""What a gateway adds for membership: the board and its doors, certificates, its part in ceremonies, its own TLS."""

from collections.abc import Callable
from dataclasses import dataclass

import grpc

from consortium.errors import Code, CreditError
from consortium.model.signing import Signer
from gateway.committer import GroupCommitter
from gateway.keys import ShareKeeper, read_ca_key
from gateway.membership.authority import Authority
from gateway.membership.board import Board
from gateway.membership.certifier import Certifier
from gateway.membership.founding import CLOCK_SKEW, FoundingState
from gateway.membership.joining import Joining
from gateway.membership.own_certificate import OwnCertificate, ServerTls
from gateway.membership.party import CeremonyParty
from gateway.membership.state import State
from gateway.rpc.membership import JoinServicer, MembershipServicer
from gateway.rulebooks import Rulebooks
from gateway.settings import Settings
from gateway.storage.board_reader import SqlBoardReader
from gateway.storage.sql import wall_clock
from gateway.transport import Work
from protos.credit.v1 import membership_pb2_grpc


@dataclass(frozen=True, slots=True)
class Around:
    """What membership needs of the gateway; `rulebooks` is None before the first version."""

    settings: Settings
    consortium: str
    signer: Signer
    committer: GroupCommitter
    rulebooks: Rulebooks | None
    clock: Callable[[], int]


class MembershipService:
    """The parts, wired; nothing listens yet."""

    def __init__(self, around: Around) -> None:
        """Read the CA's files, renew the gateway's certificate if it is due; raises CreditError(SETTINGS_INVALID)."""
        settings, rulebooks = around.settings, around.rulebooks
        self._rulebooks = rulebooks
        self._skew = lambda: rulebooks.trusted.current.policy.clock_skew if rulebooks else CLOCK_SKEW
        self._clock = around.clock
        authority = _authority(settings)
        self._own = _own_certificate(around, authority) if authority else None
        if self._own:
            self._own.renew()
        self.tls = ServerTls(settings.tls)
        self.reader = SqlBoardReader(settings.storage)
        self.standing = State(rulebooks) if rulebooks else FoundingState(around.consortium)
        self.board = Board(around.committer, self.reader, self.standing, settings.rulebooks, wall_clock)
        self.keeper = ShareKeeper(settings.key_share)
        self.party = CeremonyParty(
            settings.member, around.signer, self.keeper, lambda: self.standing.ceremonies, self.board.post
        )
        self._certifier: Certifier | None = None
        if rulebooks:
            hosts = settings.authority.hosts if settings.authority else ()
            self._certifier = Certifier(authority, rulebooks, around.committer, around.clock, hosts)
        self._takes_part = settings.ceremonies

    def work(self) -> list[Work]:
        """Give what runs beside the doors for as long as the gateway does."""
        following: list[Work] = [self.board.follow, self.tls.follow]
        if self._takes_part:
            following.append(self.party.follow)
        if self._own:
            following.append(self._own.keep)
        return following

    def add_members_door(self, server: grpc.aio.Server) -> None:
        """Add the service for members; needs a rulebook."""
        if self._rulebooks is None or self._certifier is None:
            raise CreditError(Code.INTERNAL, "no rulebook")
        servicer = MembershipServicer(self.board, self._certifier, self._rulebooks)
        membership_pb2_grpc.add_MembershipServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]

    def add_join_door(self, server: grpc.aio.Server) -> None:
        """Add the service for those without a certificate."""
        joining = Joining(self.standing, self._clock, self._skew)
        servicer = JoinServicer(self.board, joining, self._certifier, self._rulebooks)
        membership_pb2_grpc.add_JoinServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]


def listen(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials) -> int:
    """Give a server its port; raises CreditError(SETTINGS_INVALID) where the address is taken or is none."""
    try:
        return server.add_secure_port(address, credentials)
    except RuntimeError:
        raise CreditError(Code.SETTINGS_INVALID, f"listen: {address} is taken or is no address") from None


def _authority(settings: Settings) -> Authority | None:
    ca = settings.authority
    if ca is None:
        return None
    try:
        return Authority(ca.certificate.read_bytes(), read_ca_key(ca.key))
    except OSError as error:
        raise CreditError(Code.SETTINGS_INVALID, f"authority: {error.filename} cannot be read") from None


def _own_certificate(around: Around, authority: Authority) -> OwnCertificate:
    settings = around.settings
    hosts = settings.authority.hosts if settings.authority else ()
    return OwnCertificate(
        authority, around.signer, around.consortium, settings.member, settings.tls, hosts, around.clock
    )
