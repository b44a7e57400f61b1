"""Certified keys, consent records and queries to and from protobuf."""

from consortium.model.catalogue import Family, Purpose
from consortium.model.consent import ConsentRecord, SignedConsent
from consortium.model.keys import CertifiedKey, KeyCertificate, KeyType
from consortium.model.lists import MAXIMUM_BLOCKS, MAXIMUM_ROWS_PER_BLOCK, RowList
from consortium.model.query import (
    MAXIMUM_ATTRIBUTES,
    NONCE_BYTES,
    QUERY_ID_BYTES,
    Credential,
    PaymentReference,
    QueryHeader,
    SignedPayment,
    SignedQuery,
    Suite,
    TravelElement,
)
from consortium.oprf.elements import BlindedElement
from consortium.sealing.payload import ENVELOPE_BYTES, PAYLOAD_BYTES
from consortium.sealing.rows import LIST_ENVELOPE_BYTES, LIST_PAYLOAD_BYTES
from consortium.wire.reading import (
    SIGNATURE_BYTES,
    digest,
    exact,
    int_enum,
    malformed,
    member,
    members,
    parse,
    serialise,
    some,
    str_enum,
    unsigned,
)
from protos.credit.v1 import consent_pb2, keys_pb2, query_pb2


def key_certificate_to_bytes(certificate: KeyCertificate) -> bytes:
    """Serialise the statement that an identity key signs."""
    return serialise(
        keys_pb2.KeyCertificate(
            member=certificate.member,
            type=f"KEY_TYPE_{certificate.type.name}",
            key_digest=certificate.key_digest,
            valid_from=certificate.valid_from,
            valid_until=certificate.valid_until,
        )
    )


def key_certificate_from_bytes(raw: bytes) -> KeyCertificate:
    """Parse a certificate; raises CreditError(MALFORMED)."""
    message = parse(keys_pb2.KeyCertificate, raw)
    return KeyCertificate(
        member=member(message.member),
        type=int_enum(KeyType, message.type),
        key_digest=digest(message.key_digest, "key_digest"),
        valid_from=unsigned(message.valid_from, "valid_from"),
        valid_until=unsigned(message.valid_until, "valid_until"),
    )


def certified_key_to_proto(certified: CertifiedKey) -> keys_pb2.CertifiedKey:
    """Wrap key, certificate bytes and signature."""
    return keys_pb2.CertifiedKey(
        key=certified.key, certificate=certified.raw_certificate, signature=certified.signature
    )


def certified_key_from_proto(message: keys_pb2.CertifiedKey) -> CertifiedKey:
    """Read a certified key; raises CreditError(MALFORMED)."""
    return CertifiedKey(
        key=some(message.key, "key"),
        certificate=key_certificate_from_bytes(message.certificate),
        raw_certificate=message.certificate,
        signature=exact(message.signature, SIGNATURE_BYTES, "signature"),
    )


def consent_to_bytes(record: ConsentRecord) -> bytes:
    """Serialise the record that its controller signs."""
    return serialise(
        consent_pb2.ConsentRecord(
            record_id=record.record_id,
            controller=record.controller,
            purpose=record.purpose,
            families=sorted(record.families),
            recipients=sorted(record.recipients),
            notice_digest=record.notice_digest,
            notice_language=record.notice_language,
            issued_at=record.issued_at,
            expires_at=record.expires_at,
            maximum_uses=record.maximum_uses,
            evidence_digest=record.evidence_digest,
            subject_commitment=record.subject_commitment,
        )
    )


def consent_from_bytes(raw: bytes) -> ConsentRecord:
    """Parse a consent record; raises CreditError(MALFORMED)."""
    message = parse(consent_pb2.ConsentRecord, raw)
    if not message.notice_language or not message.maximum_uses:
        raise malformed("notice_language or maximum_uses")
    return ConsentRecord(
        record_id=exact(message.record_id, QUERY_ID_BYTES, "record_id"),
        controller=member(message.controller),
        purpose=str_enum(Purpose, message.purpose),
        families=frozenset(str_enum(Family, family) for family in message.families),
        recipients=members(message.recipients),
        notice_digest=digest(message.notice_digest, "notice_digest"),
        notice_language=message.notice_language,
        issued_at=unsigned(message.issued_at, "issued_at"),
        expires_at=unsigned(message.expires_at, "expires_at"),
        maximum_uses=message.maximum_uses,
        evidence_digest=digest(message.evidence_digest, "evidence_digest"),
        subject_commitment=digest(message.subject_commitment, "subject_commitment"),
    )


def signed_consent_to_proto(consent: SignedConsent) -> consent_pb2.SignedConsent:
    """Wrap the exact signed bytes."""
    return consent_pb2.SignedConsent(record=consent.raw, signature=consent.signature)


def signed_consent_from_proto(message: consent_pb2.SignedConsent) -> SignedConsent:
    """Read a signed consent record; raises CreditError(MALFORMED)."""
    return SignedConsent(
        record=consent_from_bytes(message.record),
        raw=message.record,
        signature=exact(message.signature, SIGNATURE_BYTES, "signature"),
    )


def header_to_bytes(header: QueryHeader) -> bytes:
    """Serialise a header; these bytes are hashed and signed."""
    return serialise(
        query_pb2.QueryHeader(
            query_id=header.query_id,
            requester=header.requester,
            credential=f"CREDENTIAL_{header.credential.name}",
            query_key_digest=header.query_key_digest,
            purpose=header.purpose,
            attributes=header.attributes,
            suite=f"SUITE_{header.suite.name}",
            consent_digest=header.consent_digest,
            staff_commitment=header.staff_commitment,
            issued_at=header.issued_at,
            expires_at=header.expires_at,
            nonce=header.nonce,
            rulebook_digest=header.rulebook_digest,
            epoch=header.epoch,
            travel=[_travel_to_proto(header.travel)] if header.travel else (),
            rows=_rows_to_proto(header.rows) if header.rows else None,
        )
    )


def header_from_bytes(raw: bytes) -> QueryHeader:
    """Parse a header; raises CreditError(MALFORMED)."""
    message = parse(query_pb2.QueryHeader, raw)
    return QueryHeader(
        query_id=exact(message.query_id, QUERY_ID_BYTES, "query_id"),
        requester=member(message.requester),
        credential=int_enum(Credential, message.credential),
        query_key_digest=digest(message.query_key_digest, "query_key_digest"),
        purpose=str_enum(Purpose, message.purpose),
        attributes=_attributes(message),
        suite=int_enum(Suite, message.suite),
        consent_digest=digest(message.consent_digest, "consent_digest"),
        staff_commitment=digest(message.staff_commitment, "staff_commitment"),
        issued_at=unsigned(message.issued_at, "issued_at"),
        expires_at=unsigned(message.expires_at, "expires_at"),
        nonce=exact(message.nonce, NONCE_BYTES, "nonce"),
        rulebook_digest=digest(message.rulebook_digest, "rulebook_digest"),
        epoch=unsigned(message.epoch, "epoch"),
        travel=_travel(message),
        rows=_rows(message.rows) if message.HasField("rows") else None,
    )


def payment_to_bytes(reference: PaymentReference) -> bytes:
    """Serialise a payment reference; these bytes are signed."""
    return serialise(
        query_pb2.PaymentReference(
            requester=reference.requester, commitment=reference.commitment, issued_at=reference.issued_at
        )
    )


def payment_from_bytes(raw: bytes) -> PaymentReference:
    """Parse a payment reference; raises CreditError(MALFORMED)."""
    message = parse(query_pb2.PaymentReference, raw)
    commitment = digest(message.commitment, "commitment")
    return PaymentReference(member(message.requester), commitment, unsigned(message.issued_at, "issued_at"))


def signed_query_to_proto(query: SignedQuery) -> query_pb2.SignedQuery:
    """Wrap a query's exact signed bytes with its consent record and key."""
    return query_pb2.SignedQuery(
        header=query.raw_header,
        payload=query.payload,
        envelope=query.envelope,
        tags_commitment=query.tags_commitment,
        signature=query.signature,
        consent=signed_consent_to_proto(query.consent) if query.consent else None,
        query_key=certified_key_to_proto(query.query_key),
        payment=_payment_to_proto(query.payment) if query.payment else None,
    )


def signed_query_from_proto(message: query_pb2.SignedQuery) -> SignedQuery:
    """Read a query; raises CreditError(MALFORMED). Nothing is verified yet."""
    header = header_from_bytes(message.header)
    payload, envelope = (LIST_PAYLOAD_BYTES, LIST_ENVELOPE_BYTES) if header.rows else (PAYLOAD_BYTES, ENVELOPE_BYTES)
    return SignedQuery(
        header=header,
        raw_header=message.header,
        payload=exact(message.payload, payload, "payload"),
        envelope=exact(message.envelope, envelope, "envelope"),
        tags_commitment=digest(message.tags_commitment, "tags_commitment"),
        signature=exact(message.signature, SIGNATURE_BYTES, "signature"),
        consent=signed_consent_from_proto(message.consent) if message.HasField("consent") else None,
        query_key=certified_key_from_proto(message.query_key),
        payment=_payment_from_proto(message.payment) if message.HasField("payment") else None,
    )


def signed_query_to_bytes(query: SignedQuery) -> bytes:
    """Serialise a query for sending."""
    return serialise(signed_query_to_proto(query))


def signed_query_from_bytes(raw: bytes) -> SignedQuery:
    """Parse a query; raises CreditError(MALFORMED). Nothing is verified yet."""
    return signed_query_from_proto(parse(query_pb2.SignedQuery, raw))


def _attributes(message: query_pb2.QueryHeader) -> tuple[str, ...]:
    listed = tuple(message.attributes)
    if not 0 < len(listed) <= MAXIMUM_ATTRIBUTES or len(set(listed)) != len(listed):
        raise malformed("attributes")
    return listed


def _travel_to_proto(travel: TravelElement) -> query_pb2.TravelPart:
    return query_pb2.TravelPart(element=travel.element.value, payment=travel.payment)


def _travel(message: query_pb2.QueryHeader) -> TravelElement | None:
    """Read the one travel check that a header may have; its element is canonical and not the identity."""
    if len(message.travel) > 1:
        raise malformed("more than one travel check")
    if not message.travel:
        return None
    part = message.travel[0]
    return TravelElement(BlindedElement.decode(part.element), digest(part.payment, "payment"))


def _rows_to_proto(rows: RowList) -> query_pb2.RowList:
    return query_pb2.RowList(digest=rows.digest, rows=rows.rows, rows_per_block=rows.rows_per_block)


def _rows(message: query_pb2.RowList) -> RowList:
    rows = RowList(digest(message.digest, "rows"), unsigned(message.rows, "rows"), message.rows_per_block)
    if not (rows.rows and 0 < rows.rows_per_block <= MAXIMUM_ROWS_PER_BLOCK and rows.blocks <= MAXIMUM_BLOCKS):
        raise malformed("rows")
    return rows


def _payment_to_proto(payment: SignedPayment) -> query_pb2.SignedPayment:
    return query_pb2.SignedPayment(reference=payment.raw, signature=payment.signature)


def _payment_from_proto(message: query_pb2.SignedPayment) -> SignedPayment:
    signature = exact(message.signature, SIGNATURE_BYTES, "signature")
    return SignedPayment(payment_from_bytes(message.reference), message.reference, signature)
