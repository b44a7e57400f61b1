"""Statistics to and from protobuf; their rounds have the bodies of `consortium.wire.rounds`."""

from consortium.errors import Code, CreditError
from consortium.model.query import NONCE_BYTES
from consortium.model.rounds import MAXIMUM_ATTEMPTS
from consortium.model.statistic import STATISTIC_ID_BYTES, SignedStatistic, StatisticHeader, StatisticRequest
from consortium.wire.queries import certified_key_from_proto, certified_key_to_proto
from consortium.wire.reading import (
    SIGNATURE_BYTES,
    digest,
    exact,
    malformed,
    member,
    members,
    parse,
    serialise,
    unsigned,
)
from consortium.wire.rounds import roster_from_proto, roster_to_proto
from protos.credit.v1 import statistics_pb2

MAXIMUM_ANSWER_BYTES = 64 << 20
"""A whole answer, which comes in pieces: the largest template over a few hundred lenders."""
PIECE_BYTES = 512 << 10
MAXIMUM_NAME = 64


def statistic_header_to_bytes(header: StatisticHeader) -> bytes:
    """Serialise a header; these bytes are signed."""
    return serialise(
        statistics_pb2.StatisticHeader(
            statistic_id=header.statistic_id,
            requester=header.requester,
            template=header.template,
            query_key_digest=header.query_key_digest,
            issued_at=header.issued_at,
            expires_at=header.expires_at,
            nonce=header.nonce,
            rulebook_digest=header.rulebook_digest,
            list_mark=header.list_mark,
        )
    )


def statistic_header_from_bytes(raw: bytes) -> StatisticHeader:
    """Parse a header; raises CreditError(MALFORMED)."""
    message = parse(statistics_pb2.StatisticHeader, raw)
    if not 0 < len(message.template) <= MAXIMUM_NAME:
        raise malformed("template")
    return StatisticHeader(
        statistic_id=exact(message.statistic_id, STATISTIC_ID_BYTES, "statistic_id"),
        requester=member(message.requester),
        template=message.template,
        query_key_digest=digest(message.query_key_digest, "query_key_digest"),
        issued_at=unsigned(message.issued_at, "issued_at"),
        expires_at=unsigned(message.expires_at, "expires_at"),
        nonce=exact(message.nonce, NONCE_BYTES, "nonce"),
        rulebook_digest=digest(message.rulebook_digest, "rulebook_digest"),
        list_mark=digest(message.list_mark, "list_mark") if message.list_mark else b"",
    )


def signed_statistic_to_bytes(statistic: SignedStatistic) -> bytes:
    """Serialise a statistic for sending."""
    return serialise(_signed_to_proto(statistic))


def signed_statistic_from_bytes(raw: bytes) -> SignedStatistic:
    """Parse a statistic; raises CreditError(MALFORMED). Nothing is verified yet."""
    return _signed_from_proto(parse(statistics_pb2.SignedStatistic, raw))


def statistic_request_to_bytes(request: StatisticRequest) -> bytes:
    """Serialise the gateway's call for contributions."""
    return serialise(
        statistics_pb2.StatisticRequest(
            statistic=_signed_to_proto(request.statistic),
            roster=roster_to_proto(request.roster),
            attempt=request.attempt,
            intended=sorted(request.intended),
        )
    )


def statistic_request_from_bytes(raw: bytes) -> StatisticRequest:
    """Parse a call for contributions; raises CreditError(MALFORMED)."""
    message = parse(statistics_pb2.StatisticRequest, raw)
    if not 1 <= message.attempt <= MAXIMUM_ATTEMPTS:
        raise CreditError(Code.MALFORMED, "attempt")
    return StatisticRequest(
        statistic=_signed_from_proto(message.statistic),
        roster=roster_from_proto(message.roster),
        attempt=message.attempt,
        intended=members(message.intended),
    )


def _signed_to_proto(statistic: SignedStatistic) -> statistics_pb2.SignedStatistic:
    return statistics_pb2.SignedStatistic(
        header=statistic.raw_header,
        signature=statistic.signature,
        query_key=certified_key_to_proto(statistic.query_key),
    )


def _signed_from_proto(message: statistics_pb2.SignedStatistic) -> SignedStatistic:
    return SignedStatistic(
        header=statistic_header_from_bytes(message.header),
        raw_header=message.header,
        signature=exact(message.signature, SIGNATURE_BYTES, "signature"),
        query_key=certified_key_from_proto(message.query_key),
    )
