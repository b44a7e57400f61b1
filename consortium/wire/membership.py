"""
The board's messages to and from protobuf; documents stay the signed bytes that they are.

A request of somebody without a certificate is signed with its identity key over method, member, time, nonce and the
request's bytes (`join_fields`), under `Label.JOIN_REQUEST`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum

from consortium.hashing import Randomness, uint
from consortium.labels import Label
from consortium.membership.files import signatures_from_text, signatures_to_text
from consortium.model.members import MemberId
from consortium.model.signing import Signer, verify_signature
from consortium.wire.gateway import SignedRulebook
from consortium.wire.reading import (
    SIGNATURE_BYTES,
    exact,
    int_enum,
    malformed,
    member,
    parse,
    some,
    unsigned,
)
from protos.credit.v1 import membership_pb2 as pb

MAXIMUM_DOCUMENT_BYTES = 256 << 10
MAXIMUM_APPLICATION_BYTES = 16 << 10
MAXIMUM_PAGE_BYTES = 512 << 10
MAXIMUM_PAGE = 256
MAXIMUM_VERSIONS = 32
MAXIMUM_REQUEST_BYTES = MAXIMUM_DOCUMENT_BYTES + 64
MAXIMUM_CERTIFICATE_BYTES = 16 << 10
MAXIMUM_CSR_BYTES = 8 << 10
BINDING_BYTES = 72
NONCE_BYTES = 16


class DocumentKind(IntEnum):
    """What a document on the board is; the values are those of the wire."""

    APPLICATION = 1
    PROPOSAL = 2
    VOTE = 3
    LEAVE_NOTICE = 4
    ROTATION = 5
    DELIVERY = 6
    EPOCH_OFFER = 7
    EMERGENCY = 8
    SIGHTING = 9
    CEREMONY_PLAN = 10
    CEREMONY_MESSAGE = 11
    CONFORMANCE_REPORT = 12
    ACKNOWLEDGEMENT = 13
    GENESIS = 14
    READINESS = 15


class JoinMethod(IntEnum):
    """What a signed request asks for; part of what is signed."""

    POST = 1
    READ = 2
    CERTIFY = 3
    READ_RULEBOOKS = 4


@dataclass(frozen=True, slots=True)
class Posted:
    """A document to post: its kind and its signed bytes, at most 256 KiB."""

    kind: DocumentKind
    signed: bytes


@dataclass(frozen=True, slots=True)
class BoardDocument:
    """A document with its place on the board (from 1), when it was taken (Unix milliseconds) and by whom posted."""

    sequence: int
    kind: DocumentKind
    signed: bytes
    time_ms: int
    author: MemberId


@dataclass(frozen=True, slots=True)
class ReadWanted:
    """A page of the board: at most `limit` documents after a place, of these kinds or, where empty, of all."""

    after: int
    kinds: frozenset[DocumentKind]
    limit: int


@dataclass(frozen=True, slots=True)
class Page:
    """Documents in order, the place of the newest one of any kind, and the gateway's clock (Unix milliseconds)."""

    documents: tuple[BoardDocument, ...]
    newest: int
    time_ms: int = 0


@dataclass(frozen=True, slots=True)
class Certifying:
    """A PKCS #10 request in DER with the binding of its key."""

    csr: bytes
    binding: bytes


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """A request of somebody without a certificate; `signature` is empty for an application itself."""

    member: MemberId
    time: int
    nonce: bytes
    request: bytes
    signature: bytes


def posted_from_bytes(data: bytes) -> Posted:
    """Read what is to be posted; raises CreditError(MALFORMED)."""
    return posted_from_proto(parse(pb.PostRequest, data))


def posted_from_proto(message: pb.PostRequest) -> Posted:
    """Read what is to be posted; raises CreditError(MALFORMED)."""
    kind, signed = int_enum(DocumentKind, message.kind), _document(message.signed)
    if kind is DocumentKind.APPLICATION and len(signed) > MAXIMUM_APPLICATION_BYTES:
        raise malformed("signed")
    return Posted(kind, signed)


def posted_to_proto(posted: Posted) -> pb.PostRequest:
    """Write what is to be posted."""
    return pb.PostRequest(kind=posted.kind.value, signed=posted.signed)  # type: ignore[arg-type]


def read_wanted_from_proto(message: pb.ReadRequest) -> ReadWanted:
    """Read which page is wanted; raises CreditError(MALFORMED)."""
    if not 1 <= message.limit <= MAXIMUM_PAGE or len(message.kinds) > len(DocumentKind):
        raise malformed("limit")
    kinds = frozenset(int_enum(DocumentKind, kind) for kind in message.kinds)
    return ReadWanted(unsigned(message.after, "after"), kinds, message.limit)


def read_wanted_to_proto(after: int, kinds: Collection[DocumentKind], limit: int) -> pb.ReadRequest:
    """Write which page is wanted."""
    return pb.ReadRequest(after=after, kinds=[kind.value for kind in sorted(kinds)], limit=limit)  # type: ignore[misc]


def page_from_proto(message: pb.ReadResponse) -> Page:
    """Read a page; raises CreditError(MALFORMED), also for documents out of order or beyond the newest."""
    if len(message.documents) > MAXIMUM_PAGE:
        raise malformed("documents")
    documents, newest = tuple(map(_board_document, message.documents)), unsigned(message.newest, "newest")
    places = [document.sequence for document in documents]
    if places != sorted(set(places)) or (places and (places[0] < 1 or places[-1] > newest)):
        raise malformed("documents")
    return Page(documents, newest, unsigned(message.time_ms, "time_ms"))


def page_to_proto(page: Page) -> pb.ReadResponse:
    """Write a page."""
    documents = [
        pb.BoardDocument(
            sequence=one.sequence,
            kind=one.kind.value,  # type: ignore[arg-type]  # the enum's own type is its integer
            signed=one.signed,
            time_ms=one.time_ms,
            author=one.author,
        )
        for one in page.documents
    ]
    return pb.ReadResponse(documents=documents, newest=page.newest, time_ms=page.time_ms)


def certifying_from_proto(message: pb.CertifyRequest) -> Certifying:
    """Read a request for a certificate; raises CreditError(MALFORMED)."""
    if len(message.csr) > MAXIMUM_CSR_BYTES:
        raise malformed("csr")
    return Certifying(some(message.csr, "csr"), exact(message.binding, BINDING_BYTES, "binding"))


def certifying_to_proto(wanted: Certifying) -> pb.CertifyRequest:
    """Write a request for a certificate."""
    return pb.CertifyRequest(csr=wanted.csr, binding=wanted.binding)


def certificate_from_proto(message: pb.CertifyResponse) -> bytes:
    """Read a certificate chain in PEM; raises CreditError(MALFORMED)."""
    if len(message.certificate) > MAXIMUM_CERTIFICATE_BYTES:
        raise malformed("certificate")
    return some(message.certificate, "certificate")


def versions_from_proto(message: pb.ReadRulebooksResponse) -> tuple[SignedRulebook, ...]:
    """Read rulebook versions, unverified; raises CreditError(MALFORMED) or (RULEBOOK_INVALID)."""
    if len(message.versions) > MAXIMUM_VERSIONS:
        raise malformed("versions")
    return tuple(
        SignedRulebook(some(one.document, "document"), signatures_from_text(one.signatures)) for one in message.versions
    )


def versions_to_proto(versions: Collection[SignedRulebook]) -> pb.ReadRulebooksResponse:
    """Write rulebook versions."""
    return pb.ReadRulebooksResponse(
        versions=[
            pb.RulebookVersion(document=one.document, signatures=signatures_to_text(one.signatures)) for one in versions
        ]
    )


def join_fields(method: JoinMethod, request: JoinRequest) -> tuple[bytes, ...]:
    """Give what is signed: method, member, time, nonce, request."""
    return uint(method), request.member.encode(), uint(request.time), request.nonce, request.request


def sign_join(
    method: JoinMethod, member_id: MemberId, request: bytes, signer: Signer, now: int, rng: Randomness
) -> JoinRequest:
    """Sign a serialised request for the door without certificates; `now` is Unix seconds."""
    unsigned_request = JoinRequest(member_id, now, rng(NONCE_BYTES), request, b"")
    signature = signer.sign(Label.JOIN_REQUEST, *join_fields(method, unsigned_request))
    return JoinRequest(member_id, now, unsigned_request.nonce, request, signature)


def verify_join(method: JoinMethod, request: JoinRequest, identity_key: bytes) -> None:
    """Raise CreditError(SIGNATURE_INVALID) unless the request is signed with this identity key."""
    verify_signature(identity_key, request.signature, Label.JOIN_REQUEST, *join_fields(method, request))


def join_from_proto(message: pb.JoinRequest) -> JoinRequest:
    """Read a signed request, its signature unverified; raises CreditError(MALFORMED)."""
    if len(message.request) > MAXIMUM_REQUEST_BYTES:
        raise malformed("request")
    if message.signature:
        exact(message.signature, SIGNATURE_BYTES, "signature")
    return JoinRequest(
        member(message.member),
        unsigned(message.time, "time"),
        exact(message.nonce, NONCE_BYTES, "nonce"),
        message.request,
        message.signature,
    )


def join_to_proto(request: JoinRequest) -> pb.JoinRequest:
    """Write a signed request."""
    return pb.JoinRequest(
        member=request.member,
        time=request.time,
        nonce=request.nonce,
        request=request.request,
        signature=request.signature,
    )


def _board_document(message: pb.BoardDocument) -> BoardDocument:
    return BoardDocument(
        unsigned(message.sequence, "sequence"),
        int_enum(DocumentKind, message.kind),
        _document(message.signed),
        unsigned(message.time_ms, "time_ms"),
        member(message.author),
    )


def _document(signed: bytes) -> bytes:
    if not SIGNATURE_BYTES < len(signed) <= MAXIMUM_DOCUMENT_BYTES:
        raise malformed("signed")
    return signed
