"""The messages of the supervision service to and from protobuf; filed documents stay the bytes that were signed."""

from collections.abc import Sequence
from dataclasses import dataclass

from consortium.supervision.documents import FilingKind
from consortium.wire.reading import digest, malformed, some, str_enum, unsigned
from protos.credit.v1 import supervision_pb2 as pb

MAXIMUM_FILING_BYTES = 256 << 10
MAXIMUM_PIECE_BYTES = 256 << 10
MAXIMUM_FILINGS = 256


@dataclass(frozen=True, slots=True)
class FiledDocument:
    """A filed document with the index of its entry and of the one that it is about; the kind may be a later one."""

    entry: int
    kind: str
    signed: bytes
    about: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of what is shown to an inspection; the last one has the digest of all of it."""

    order: int
    content: bytes
    digest: bytes | None


def filing_from_proto(request: pb.FileDocumentRequest) -> tuple[FilingKind, bytes]:
    """Read what is to be filed; raises CreditError(MALFORMED)."""
    if len(request.signed) > MAXIMUM_FILING_BYTES:
        raise malformed("signed")
    return str_enum(FilingKind, request.kind), some(request.signed, "signed")


def filing_to_proto(kind: FilingKind, signed: bytes) -> pb.FileDocumentRequest:
    """Write what is to be filed."""
    return pb.FileDocumentRequest(kind=kind.value, signed=signed)


def after_from_proto(request: pb.ReadFilingsRequest) -> int:
    """Read after which entry filings are wanted, -1 for all."""
    return unsigned(request.after, "after") if request.HasField("after") else -1


def after_to_proto(after: int) -> pb.ReadFilingsRequest:
    """Write after which entry filings are wanted."""
    return pb.ReadFilingsRequest() if after < 0 else pb.ReadFilingsRequest(after=after)


def filings_to_proto(filings: Sequence[FiledDocument]) -> pb.ReadFilingsResponse:
    """Write filings."""
    found = [pb.FiledDocument(entry=one.entry, kind=one.kind, signed=one.signed, about=one.about) for one in filings]
    return pb.ReadFilingsResponse(filings=found)


def filings_from_proto(response: pb.ReadFilingsResponse) -> list[FiledDocument]:
    """Read filings; raises CreditError(MALFORMED)."""
    if len(response.filings) > MAXIMUM_FILINGS:
        raise malformed("filings")
    return [
        FiledDocument(
            unsigned(one.entry, "entry"),
            one.kind,
            some(one.signed, "signed"),
            unsigned(one.about, "about") if one.HasField("about") else None,
        )
        for one in response.filings
    ]


def piece_to_proto(piece: Piece) -> pb.ShowBundleRequest:
    """Write a piece."""
    return pb.ShowBundleRequest(order=piece.order, piece=piece.content, digest=piece.digest or b"")


def piece_from_proto(request: pb.ShowBundleRequest) -> Piece:
    """Read a piece; raises CreditError(MALFORMED)."""
    if len(request.piece) > MAXIMUM_PIECE_BYTES:
        raise malformed("piece")
    last = digest(request.digest, "digest") if request.digest else None
    return Piece(unsigned(request.order, "order"), some(request.piece, "piece"), last)
