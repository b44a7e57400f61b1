"""The messages of the transparency service to and from protobuf; lines and notes stay the exact bytes they are."""

from collections.abc import Sequence
from dataclasses import dataclass

from consortium.transparency.ranges import RangeProof
from consortium.wire.reading import digest, malformed, unsigned
from protos.credit.v1 import transparency_pb2 as pb

MAXIMUM_HASHES = 128
MAXIMUM_LINES = 4096


@dataclass(frozen=True, slots=True)
class InclusionWanted:
    """Prove that leaf `index` is in the tree of `size` leaves."""

    index: int
    size: int


@dataclass(frozen=True, slots=True)
class ConsistencyWanted:
    """Prove that the tree of `second` leaves grew from that of `first`."""

    first: int
    second: int


@dataclass(frozen=True, slots=True)
class RangeWanted:
    """Prove that the lines from `first` up to `end` are all of that range of the tree of `size` leaves."""

    first: int
    end: int
    size: int


ProofWanted = InclusionWanted | ConsistencyWanted | RangeWanted


def proof_wanted_from_proto(request: pb.GetProofRequest) -> ProofWanted:
    """Read what is to be proved; raises CreditError(MALFORMED)."""
    match request.WhichOneof("wanted"):
        case "inclusion":
            inclusion = request.inclusion
            return InclusionWanted(unsigned(inclusion.index, "index"), unsigned(inclusion.size, "size"))
        case "consistency":
            consistency = request.consistency
            return ConsistencyWanted(unsigned(consistency.first, "first"), unsigned(consistency.second, "second"))
        case "range":
            wanted = request.range
            bounds = unsigned(wanted.first, "first"), unsigned(wanted.end, "end"), unsigned(wanted.size, "size")
            return RangeWanted(*bounds)
    raise malformed("wanted")


def proof_wanted_to_proto(wanted: ProofWanted) -> pb.GetProofRequest:
    """Write what is to be proved."""
    match wanted:
        case InclusionWanted():
            return pb.GetProofRequest(inclusion=pb.InclusionWanted(index=wanted.index, size=wanted.size))
        case ConsistencyWanted():
            return pb.GetProofRequest(consistency=pb.ConsistencyWanted(first=wanted.first, second=wanted.second))
        case RangeWanted():
            message = pb.RangeWanted(first=wanted.first, end=wanted.end, size=wanted.size)
            return pb.GetProofRequest(range=message)


def hashes_from_proto(hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    """Read at most 128 hashes; raises CreditError(MALFORMED)."""
    if len(hashes) > MAXIMUM_HASHES:
        raise malformed("hashes")
    return tuple(digest(node, "hashes") for node in hashes)


def range_proof_to_proto(proof: RangeProof) -> pb.GetProofResponse:
    """Write a range's hashes."""
    return pb.GetProofResponse(hashes=proof.left, right=proof.right)


def range_proof_from_proto(wanted: RangeWanted, response: pb.GetProofResponse) -> RangeProof:
    """Read a range's hashes; raises CreditError(MALFORMED) or (TREE_PROOF_INVALID)."""
    left, right = hashes_from_proto(response.hashes), hashes_from_proto(response.right)
    return RangeProof(wanted.first, wanted.end, wanted.size, left, right)


def lines_from_proto(response: pb.GetEntriesResponse) -> list[bytes]:
    """Read a page of lines; raises CreditError(MALFORMED)."""
    if len(response.lines) > MAXIMUM_LINES:
        raise malformed("lines")
    return list(response.lines)
