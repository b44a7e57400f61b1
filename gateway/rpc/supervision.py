"""The supervision service: documents are filed by their authors, read by whom they concern, bundles carried sealed."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import grpc

from consortium.errors import Code, CreditError
from consortium.model.rulebook import Member, Role
from consortium.wire.reading import unsigned
from consortium.wire.supervision import after_from_proto, filing_from_proto, filings_to_proto, piece_from_proto
from gateway.rpc.identity import peer_identity
from gateway.rulebooks import Rulebooks
from gateway.storage.filings_reader import SqlFilingsReader
from gateway.usecases.filings import FilingDesk
from protos.credit.v1 import supervision_pb2 as pb
from protos.credit.v1 import supervision_pb2_grpc as grpc_pb

Context = grpc.aio.ServicerContext[Any, Any]


class SupervisionServicer(grpc_pb.SupervisionServiceServicer):
    """Filing and inspections for active members."""

    def __init__(self, desk: FilingDesk, reader: SqlFilingsReader, rulebooks: Rulebooks) -> None:
        self._desk = desk
        self._reader = reader
        self._rulebooks = rulebooks

    async def FileDocument(  # noqa: N802  proto name
        self, request: pb.FileDocumentRequest, rpc_context: Context
    ) -> pb.FileDocumentResponse:
        """File a document."""
        caller = self._caller(rpc_context)
        kind, signed = filing_from_proto(request)
        return pb.FileDocumentResponse(entry=await self._desk.file(kind, signed, caller.id))

    async def ReadFilings(  # noqa: N802  proto name
        self, request: pb.ReadFilingsRequest, rpc_context: Context
    ) -> pb.ReadFilingsResponse:
        """Give the next filings that concern the caller; a regulator reads them all."""
        caller, after = self._caller(rpc_context), after_from_proto(request)
        everything = caller.role is Role.REGULATOR
        return filings_to_proto(await asyncio.to_thread(self._reader.page, caller.id, after, everything=everything))

    async def ShowBundle(  # noqa: N802  proto name
        self, requests: AsyncIterator[pb.ShowBundleRequest], rpc_context: Context
    ) -> pb.ShowBundleResponse:
        """Take a bundle piece by piece; it counts once all of it has come and is what its digest says."""
        caller, hasher, size, number = self._caller(rpc_context), sha256(), 0, 0
        order: int | None = None
        async for request in requests:
            piece = piece_from_proto(request)
            if order not in (None, piece.order):
                raise CreditError(Code.MALFORMED, "order")
            order = piece.order
            await self._desk.show(piece, number, caller.id)
            hasher.update(piece.content)
            size, number = size + len(piece.content), number + 1
            if piece.digest is not None:
                if piece.digest != hasher.digest():
                    raise CreditError(Code.MALFORMED, "digest")
                return pb.ShowBundleResponse(entry=await self._desk.shown(order, number, size, piece.digest, caller.id))
        raise CreditError(Code.MALFORMED, "no last piece")

    async def FetchBundle(  # noqa: N802  proto name
        self, request: pb.FetchBundleRequest, rpc_context: Context
    ) -> AsyncIterator[pb.FetchBundleResponse]:
        """Give a bundle to a regulator, piece by piece."""
        if self._caller(rpc_context).role is not Role.REGULATOR:
            raise CreditError(Code.ROLE_NOT_ALLOWED, "bundles are for the regulator")
        pieces = self._reader.pieces(unsigned(request.order, "order"))
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield pb.FetchBundleResponse(piece=piece)

    def _caller(self, rpc_context: Context) -> Member:
        return peer_identity(rpc_context).active_member(self._rulebooks.current())
