"""The board's two doors: for members by mutual TLS, for everybody else by requests that are signed."""

from typing import Any

import grpc

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus
from consortium.wire.membership import (
    MAXIMUM_PAGE_BYTES,
    MAXIMUM_VERSIONS,
    DocumentKind,
    JoinMethod,
    JoinRequest,
    certifying_from_proto,
    join_from_proto,
    page_to_proto,
    posted_from_bytes,
    posted_from_proto,
    read_wanted_from_proto,
    versions_to_proto,
)
from consortium.wire.reading import parse, serialise, unsigned
from gateway.membership.board import Board
from gateway.membership.certifier import Certifier
from gateway.membership.joining import Joining, Pace
from gateway.rpc.identity import peer_identity
from gateway.rulebooks import Rulebooks, Version
from protos.credit.v1 import membership_pb2 as pb
from protos.credit.v1 import membership_pb2_grpc as grpc_pb

Context = grpc.aio.ServicerContext[Any, Any]


class MembershipServicer(grpc_pb.MembershipServiceServicer):
    """The board for whoever the rulebook names and has not left: admitted and suspended members, too."""

    def __init__(self, board: Board, certifier: Certifier, rulebooks: Rulebooks) -> None:
        self._board = board
        self._certifier = certifier
        self._rulebooks = rulebooks

    async def Post(self, request: pb.PostRequest, rpc_context: Context) -> pb.PostResponse:  # noqa: N802  proto name
        """Post a document."""
        caller = self._caller(rpc_context)
        return pb.PostResponse(sequence=await self._board.post(posted_from_proto(request), caller))

    async def Read(self, request: pb.ReadRequest, rpc_context: Context) -> pb.ReadResponse:  # noqa: N802
        """Read a page."""
        caller = self._caller(rpc_context)
        return page_to_proto(await self._board.page(read_wanted_from_proto(request), caller))

    async def Certify(self, request: pb.CertifyRequest, rpc_context: Context) -> pb.CertifyResponse:  # noqa: N802
        """Issue a certificate."""
        caller = self._caller(rpc_context)
        return pb.CertifyResponse(certificate=await self._certifier.certify(certifying_from_proto(request), caller))

    async def ReadRulebooks(  # noqa: N802  proto name
        self, request: pb.ReadRulebooksRequest, rpc_context: Context
    ) -> pb.ReadRulebooksResponse:
        """Give rulebook versions."""
        self._caller(rpc_context)
        return versions_after(self._rulebooks, request)

    def _caller(self, rpc_context: Context) -> MemberId:
        identity, rulebook = peer_identity(rpc_context), self._rulebooks.current()
        found = rulebook.members.get(identity.member)
        if found is None or found.status is MemberStatus.LEFT or identity.consortium != rulebook.document.consortium:
            raise CreditError(Code.MEMBER_NOT_ACTIVE, "no member")
        return found.id


class JoinServicer(grpc_pb.JoinServiceServicer):
    """The board by signed requests; without a rulebook (`rulebooks` None) the founders' only door."""

    def __init__(
        self, board: Board, joining: Joining, certifier: Certifier | None = None, rulebooks: Rulebooks | None = None
    ) -> None:
        self._board = board
        self._joining = joining
        self._certifier = certifier
        self._rulebooks = rulebooks
        self._pace = Pace()

    async def Post(self, request: pb.JoinRequest, rpc_context: Context) -> pb.JoinResponse:  # noqa: N802  proto name
        """Post a document; an application is its own authentication."""
        joined = self._read(request, rpc_context)
        posted = posted_from_bytes(joined.request)
        own = posted.kind is DocumentKind.APPLICATION and not joined.signature
        caller = None if own else self._joining.caller(JoinMethod.POST, joined)
        return _answer(pb.PostResponse(sequence=await self._board.post(posted, caller)))

    async def Read(self, request: pb.JoinRequest, rpc_context: Context) -> pb.JoinResponse:  # noqa: N802
        """Read a page."""
        joined = self._read(request, rpc_context)
        wanted = read_wanted_from_proto(parse(pb.ReadRequest, joined.request))
        caller = self._joining.caller(JoinMethod.READ, joined)
        return _answer(page_to_proto(await self._board.page(wanted, caller)))

    async def Certify(self, request: pb.JoinRequest, rpc_context: Context) -> pb.JoinResponse:  # noqa: N802
        """Issue a certificate."""
        joined = self._read(request, rpc_context)
        wanted = certifying_from_proto(parse(pb.CertifyRequest, joined.request))
        caller = self._joining.caller(JoinMethod.CERTIFY, joined)
        if self._certifier is None:
            raise CreditError(Code.MEMBER_NOT_ACTIVE, "there is no rulebook yet")
        return _answer(pb.CertifyResponse(certificate=await self._certifier.certify(wanted, caller)))

    async def ReadRulebooks(self, request: pb.JoinRequest, rpc_context: Context) -> pb.JoinResponse:  # noqa: N802
        """Give rulebook versions to anybody: who has the fingerprint knows whether they are the right ones."""
        joined = self._read(request, rpc_context)
        wanted = parse(pb.ReadRulebooksRequest, joined.request)
        return _answer(versions_after(self._rulebooks, wanted))

    def _read(self, request: pb.JoinRequest, rpc_context: Context) -> JoinRequest:
        self._pace.count(rpc_context.peer().rpartition(":")[0])
        return join_from_proto(request)


def versions_after(rulebooks: Rulebooks | None, request: pb.ReadRulebooksRequest) -> pb.ReadRulebooksResponse:
    """Give the next versions, as many as fit one message but at least one."""
    after = unsigned(request.after_version, "after_version")
    newest = rulebooks.newest.rulebook.document.version if rulebooks else 0
    found: list[Version] = []
    for number in range(after + 1, min(newest, after + MAXIMUM_VERSIONS) + 1):
        version = rulebooks.version(number) if rulebooks else None
        if version is None or (found and sum(_size(one) for one in (*found, version)) > MAXIMUM_PAGE_BYTES):
            break
        found.append(version)
    return versions_to_proto([one.signed for one in found])


def _size(version: Version) -> int:
    return len(version.signed.document)


def _answer(response: Any) -> pb.JoinResponse:
    return pb.JoinResponse(response=serialise(response))
