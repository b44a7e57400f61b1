"""The transparency service: checkpoints and proofs for every active member, entries for the regulator."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from consortium.errors import Code, CreditError
from consortium.model.rulebook import Role
from consortium.transparency.notes import Note, VerifierKey, has_signature, parse_signatures, verify_cosigned
from consortium.wire.bodies import stored_body_to_proto
from consortium.wire.reading import unsigned
from consortium.wire.transparency import (
    ConsistencyWanted,
    InclusionWanted,
    ProofWanted,
    proof_wanted_from_proto,
    range_proof_to_proto,
)
from gateway.failpoints import failpoint
from gateway.log_parts import Witnesses
from gateway.rpc.identity import peer_identity
from gateway.rulebooks import Rulebooks
from gateway.storage.body_reader import SqlBodyReader
from gateway.tlog.log import Log
from protos.credit.v1 import transparency_pb2 as pb
from protos.credit.v1 import transparency_pb2_grpc as grpc_pb

Context = grpc.aio.ServicerContext[Any, Any]
PAGE_LINES = 1024
PAGE_BYTES = 256 << 10
PAGE_BODIES = 16


class TransparencyServicer(grpc_pb.TransparencyServiceServicer):
    """The log for whoever may read it; every read is off the event loop."""

    def __init__(self, log: Log, bodies: SqlBodyReader, rulebooks: Rulebooks, witnesses: Witnesses) -> None:
        self._log = log
        self._bodies = bodies
        self._rulebooks = rulebooks
        self._witnesses = witnesses

    async def GetCheckpoint(  # noqa: N802  proto name
        self, request: pb.GetCheckpointRequest, rpc_context: Context
    ) -> pb.GetCheckpointResponse:
        """Give a checkpoint with its cosignatures."""
        peer_identity(rpc_context).active_member(self._rulebooks.current())
        at_most = unsigned(request.at_most, "at_most") if request.HasField("at_most") else None
        return pb.GetCheckpointResponse(note=(await asyncio.to_thread(self._note, at_most)).to_bytes())

    async def GetEntries(  # noqa: N802  proto name
        self, request: pb.GetEntriesRequest, rpc_context: Context
    ) -> AsyncIterator[pb.GetEntriesResponse]:
        """Give entries in pages."""
        identity = peer_identity(rpc_context)
        start, end = unsigned(request.start, "start"), unsigned(request.end, "end")
        newest = await asyncio.to_thread(self._log.newest)
        if not start <= end <= newest.size:
            raise CreditError(Code.MALFORMED, "a range that is not under a checkpoint yet")
        while start < end:
            _check_regulator(identity.active_member(self._rulebooks.current()).role)
            lines = await asyncio.to_thread(self._page, start, end)
            start += len(lines)
            yield pb.GetEntriesResponse(lines=lines)

    async def GetBodies(  # noqa: N802  proto name
        self, request: pb.GetBodiesRequest, rpc_context: Context
    ) -> AsyncIterator[pb.GetBodiesResponse]:
        """Give what lies beside entries, in pages; what was erased is named as such."""
        identity = peer_identity(rpc_context)
        start, end = unsigned(request.start, "start"), unsigned(request.end, "end")
        newest = await asyncio.to_thread(self._log.newest)
        if not start <= end <= newest.size:
            raise CreditError(Code.MALFORMED, "a range that is not under a checkpoint yet")
        while start < end:
            _check_regulator(identity.active_member(self._rulebooks.current()).role)
            bodies = await asyncio.to_thread(self._bodies.read, start, end, PAGE_BODIES)
            if not bodies:
                return
            start = bodies[-1].index + 1
            yield pb.GetBodiesResponse(bodies=[stored_body_to_proto(body) for body in bodies])

    async def GetProof(self, request: pb.GetProofRequest, rpc_context: Context) -> pb.GetProofResponse:  # noqa: N802
        """Prove something."""
        peer_identity(rpc_context).active_member(self._rulebooks.current())
        return await asyncio.to_thread(self._prove, proof_wanted_from_proto(request))

    async def AddCosignature(  # noqa: N802  proto name
        self, request: pb.AddCosignatureRequest, rpc_context: Context
    ) -> pb.AddCosignatureResponse:
        """Verify and keep a cosignature."""
        peer_identity(rpc_context).active_member(self._rulebooks.current())
        await asyncio.to_thread(self._add, unsigned(request.size, "size"), request.line)
        return pb.AddCosignatureResponse()

    def _note(self, at_most: int | None) -> Note:
        signed = self._log.newest(at_most)
        lines = self._log.store.cosignatures(signed.size)
        return signed.note.signed_by(parse_signatures("".join(lines)) if lines else ())

    def _page(self, start: int, end: int) -> list[bytes]:
        lines = self._log.store.lines(start, min(end, start + PAGE_LINES))
        if not lines:
            raise CreditError(Code.LOG_DAMAGED, f"entry {start} is missing")
        total = 0
        for count, line in enumerate(lines, start=1):
            total += len(line)
            if total >= PAGE_BYTES:
                return lines[:count]
        return lines

    def _prove(self, wanted: ProofWanted) -> pb.GetProofResponse:
        prover, largest = self._log.prover, self._log.newest().size
        sizes = {InclusionWanted: "size", ConsistencyWanted: "second"}
        if getattr(wanted, sizes.get(type(wanted), "size")) > largest:
            raise CreditError(Code.TREE_PROOF_INVALID, "a tree beyond the newest checkpoint")
        match wanted:
            case InclusionWanted():
                return pb.GetProofResponse(hashes=prover.inclusion(wanted.index, wanted.size))
            case ConsistencyWanted():
                return pb.GetProofResponse(hashes=prover.consistency(wanted.first, wanted.second))
            case _:
                return range_proof_to_proto(prover.range(wanted.first, wanted.end, wanted.size))

    def _add(self, size: int, line: bytes) -> None:
        signed = self._log.newest(size)
        if signed.size != size:
            raise CreditError(Code.CHECKPOINT_INVALID, "no checkpoint of this size")
        (signature, *more) = parse_signatures(_text(line))
        note = Note(signed.note.text, (signature,))
        if more:
            raise CreditError(Code.CHECKPOINT_INVALID, "one line is wanted")
        verify_cosigned(note, key := self._witness(note))
        failpoint("gateway.before-cosignature")
        self._log.store.add_cosignature(size, key.name, signature.line)
        failpoint("gateway.after-cosignature")

    def _witness(self, note: Note) -> VerifierKey:
        for key in self._witnesses():
            if has_signature(note, key):
                return key
        raise CreditError(Code.CHECKPOINT_INVALID, "a witness that is not known here")


def _check_regulator(role: Role) -> None:
    if role is not Role.REGULATOR:
        raise CreditError(Code.ROLE_NOT_ALLOWED, "entries are for the regulator")


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise CreditError(Code.CHECKPOINT_INVALID, "not UTF-8") from None
