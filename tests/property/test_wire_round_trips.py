"""Every message survives the wire unchanged, and hostile bytes raise nothing but MALFORMED."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consortium.errors import Code, CreditError
from consortium.model.blocks import BlockCall, BlockMessage, BlockRelease, JobBegin, SealedRows
from consortium.model.catalogue import Family, Purpose
from consortium.model.consent import ConsentRecord, SignedConsent
from consortium.model.keys import CertifiedKey, KeyCertificate, KeyType
from consortium.model.lists import RowList
from consortium.model.query import (
    Credential,
    PaymentReference,
    QueryHeader,
    SignedPayment,
    SignedQuery,
    Suite,
    TravelElement,
)
from consortium.model.rounds import (
    Bound,
    BoundRows,
    BoundState,
    Opening,
    RosterEntry,
    Round1Body,
    Round1Request,
    Round2Body,
    Round2Request,
    Signed,
    Transcript,
    TravelAnswer,
)
from consortium.oprf import group
from consortium.oprf.elements import BlindedElement, EvaluatedElement
from consortium.sealing.payload import ENVELOPE_BYTES, PAYLOAD_BYTES
from consortium.sealing.rows import LIST_ENVELOPE_BYTES, LIST_PAYLOAD_BYTES
from consortium.wire import portfolio, queries, rounds
from consortium.wire.reading import parse, serialise
from protos.credit.v1 import portfolio_pb2

ids = st.from_regex(r"[a-z][a-z0-9-]{1,30}[a-z0-9]", fullmatch=True)
b16, b32, b64 = (st.binary(min_size=size, max_size=size) for size in (16, 32, 64))
some = st.binary(min_size=1, max_size=64)
numbers = st.integers(0, 2**53 - 1)
elements = st.integers(1, 2**64).map(group.scale_base)
members = st.frozensets(ids, min_size=1, max_size=6)

certificates = st.builds(KeyCertificate, ids, st.sampled_from(KeyType), b32, numbers, numbers)
certified = st.builds(
    lambda key, certificate, signature: CertifiedKey(
        key, certificate, queries.key_certificate_to_bytes(certificate), signature
    ),
    some,
    certificates,
    b64,
)
consents = st.builds(
    ConsentRecord,
    record_id=b16,
    controller=ids,
    purpose=st.sampled_from(Purpose),
    families=st.frozensets(st.sampled_from(Family)),
    recipients=st.frozensets(ids, max_size=4),
    notice_digest=b32,
    notice_language=st.sampled_from(["en", "zh-CN"]),
    issued_at=numbers,
    expires_at=numbers,
    maximum_uses=st.integers(1, 2**32 - 1),
    evidence_digest=b32,
    subject_commitment=b32,
)
headers = st.builds(
    QueryHeader,
    query_id=b16,
    requester=ids,
    credential=st.sampled_from(Credential),
    query_key_digest=b32,
    purpose=st.sampled_from(Purpose),
    attributes=st.lists(ids, min_size=1, max_size=5, unique=True).map(tuple),
    suite=st.sampled_from(Suite),
    consent_digest=b32,
    staff_commitment=b32,
    issued_at=numbers,
    expires_at=numbers,
    nonce=b32,
    rulebook_digest=b32,
    epoch=numbers,
    travel=st.none() | st.builds(TravelElement, elements.map(BlindedElement), b32),
)
row_lists = st.builds(RowList, b32, st.integers(1, 10**6), st.integers(64, 8192))
list_headers = st.builds(lambda header, rows: replace(header, rows=rows), headers, row_lists)
payments = st.builds(PaymentReference, ids, b32, numbers)
signed_payments = st.builds(lambda r, s: SignedPayment(r, queries.payment_to_bytes(r), s), payments, b64)
signed_consents = st.builds(lambda r, s: SignedConsent(r, queries.consent_to_bytes(r), s), consents, b64)
signed_queries = st.builds(
    lambda header, payload, envelope, digest, signature, consent, key, payment: SignedQuery(
        header, queries.header_to_bytes(header), payload, envelope, digest, signature, consent, key, payment
    ),
    headers,
    st.binary(min_size=PAYLOAD_BYTES, max_size=PAYLOAD_BYTES),
    st.binary(min_size=ENVELOPE_BYTES, max_size=ENVELOPE_BYTES),
    b32,
    b64,
    st.none() | signed_consents,
    certified,
    st.none() | signed_payments,
)
list_queries = st.builds(
    lambda header, payload, envelope, digest, signature, key: SignedQuery(
        header, queries.header_to_bytes(header), payload, envelope, digest, signature, None, key
    ),
    list_headers,
    st.binary(min_size=LIST_PAYLOAD_BYTES, max_size=LIST_PAYLOAD_BYTES),
    st.binary(min_size=LIST_ENVELOPE_BYTES, max_size=LIST_ENVELOPE_BYTES),
    b32,
    b64,
    certified,
)
rosters = members.flatmap(
    lambda names: st.tuples(*(st.builds(RosterEntry, st.just(name), certified) for name in sorted(names)))
)
bounds = (
    st.just(Bound(BoundState.NONE))
    | st.just(Bound(BoundState.CONFLICT))
    | members.map(lambda names: Bound(BoundState.SET, names))
)
travel_answers = st.none() | st.builds(TravelAnswer, elements.map(EvaluatedElement), b32)
tables = st.just(b"") | st.binary(min_size=8, max_size=64)
round1_bodies = st.builds(
    Round1Body,
    ids,
    b32,
    some,
    st.lists(b32, max_size=4).map(tuple),
    b32,
    b32,
    travel_answers,
    st.just(b"") | b32,
)
corrections = st.just(b"") | st.binary(min_size=8, max_size=8)
round2_bodies = st.builds(Round2Body, ids, b32, members, some, members, b32, corrections, st.just(b"") | b32)
openings = st.builds(Opening, b32, bounds, numbers, st.just(b"") | b32)
round1_signed = st.builds(
    lambda b, s, o, t: Signed(b, rounds.round1_body_to_bytes(b), s, o, t), round1_bodies, b64, openings, tables
)
round1_kept = st.builds(lambda b, s: Signed(b, rounds.round1_body_to_bytes(b), s), round1_bodies, b64)
round2_signed = st.builds(lambda b, s, o: Signed(b, rounds.round2_body_to_bytes(b), s, o), round2_bodies, b64, openings)
round2_kept = st.builds(lambda b, s: Signed(b, rounds.round2_body_to_bytes(b), s), round2_bodies, b64)
requests = st.builds(Round1Request, signed_queries, rosters, st.integers(1, 3), members, numbers)
transcripts = st.builds(
    Transcript,
    rosters,
    st.integers(1, 3),
    members,
    members,
    numbers,
    st.lists(round1_kept, max_size=3).map(tuple),
    st.lists(round2_kept, max_size=3).map(tuple),
    some,
)

bitmaps = st.binary(min_size=1, max_size=8)
block_messages = st.builds(
    BlockMessage,
    st.builds(lambda b, s, o: Signed(b, rounds.round1_body_to_bytes(b), s, o), round1_bodies, b64, openings),
    st.just(b"data"),
    st.lists(st.builds(BoundRows, members, bitmaps), max_size=3).map(tuple),
)
blocks = st.integers(0, (1 << 14) - 1)
sealed_rows = st.builds(SealedRows, b32, blocks, st.binary(min_size=17, max_size=99))
releases = st.builds(BlockRelease, b32, b32, members, st.just(b"") | bitmaps)

CASES = {
    "header of a list": (list_headers, queries.header_to_bytes, queries.header_from_bytes),
    "job": (st.builds(JobBegin, list_queries, rosters), portfolio.job_begin_to_bytes, portfolio.job_begin_from_bytes),
    "block call": (
        st.builds(BlockCall, b32, blocks, st.integers(1, 3), members),
        portfolio.block_call_to_bytes,
        portfolio.block_call_from_bytes,
    ),
    "block message": (
        block_messages,
        portfolio.kept_message_to_bytes,
        lambda raw: portfolio.kept_round1_from_bytes(raw, b"data"),
    ),
    "sealed rows": (
        sealed_rows,
        lambda rows: serialise(portfolio.sealed_rows_to_proto(rows)),
        lambda raw: portfolio.sealed_rows_from_proto(parse(portfolio_pb2.SealedRows, raw)),
    ),
    "block release": (
        releases,
        lambda release: serialise(portfolio.block_release_to_proto(release)),
        lambda raw: portfolio.block_release_from_proto(parse(portfolio_pb2.BlockRound2, raw)),
    ),
    "key certificate": (certificates, queries.key_certificate_to_bytes, queries.key_certificate_from_bytes),
    "consent": (consents, queries.consent_to_bytes, queries.consent_from_bytes),
    "payment": (payments, queries.payment_to_bytes, queries.payment_from_bytes),
    "header": (headers, queries.header_to_bytes, queries.header_from_bytes),
    "query": (signed_queries, queries.signed_query_to_bytes, queries.signed_query_from_bytes),
    "round-1 request": (requests, rounds.round1_request_to_bytes, rounds.round1_request_from_bytes),
    "round-1 body": (round1_bodies, rounds.round1_body_to_bytes, rounds.round1_body_from_bytes),
    "round-1 signed": (round1_signed, rounds.signed_body_to_bytes, rounds.signed_round1_from_bytes),
    "round-2 request": (
        st.builds(Round2Request, b32, members),
        rounds.round2_request_to_bytes,
        rounds.round2_request_from_bytes,
    ),
    "round-2 body": (round2_bodies, rounds.round2_body_to_bytes, rounds.round2_body_from_bytes),
    "round-2 signed": (round2_signed, rounds.signed_body_to_bytes, rounds.signed_round2_from_bytes),
    "transcript": (transcripts, rounds.transcript_to_bytes, rounds.transcript_from_bytes),
}
Codec = tuple[st.SearchStrategy[object], Callable[[object], bytes], Callable[[bytes], object]]


def valid_or_malformed(from_bytes: Callable[[bytes], object], raw: bytes) -> None:
    """Other exceptions than CreditError pass through and fail the test."""
    codes = set()
    try:
        from_bytes(raw)
    except CreditError as error:
        codes.add(error.code)
    assert codes <= {Code.MALFORMED}


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_what_goes_out_comes_in_equal(name: str, data: st.DataObject) -> None:
    strategy, to_bytes, from_bytes = CASES[name]
    value = data.draw(strategy)
    assert from_bytes(to_bytes(value)) == value  # type: ignore[operator]  # one codec a row


@pytest.mark.parametrize("name", CASES)
@given(raw=st.binary(max_size=400))
def test_hostile_bytes_are_malformed(name: str, raw: bytes) -> None:
    valid_or_malformed(CASES[name][2], raw)


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_a_cut_or_flipped_message_is_malformed_or_something_else_that_is_valid(name: str, data: st.DataObject) -> None:
    strategy, to_bytes, from_bytes = CASES[name]
    raw = bytearray(to_bytes(data.draw(strategy)))  # type: ignore[operator]  # one codec a row
    if raw:
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    valid_or_malformed(from_bytes, bytes(raw[: data.draw(st.integers(0, len(raw)))]))


def test_enum_zero_and_missing_fields_are_refused() -> None:
    for _, _, from_bytes in CASES.values():
        with pytest.raises(CreditError):
            from_bytes(b"")
    with pytest.raises(CreditError):
        rounds.round1_request_from_bytes(b"\x0a" * (1 << 20) + b"\x00")


CERTIFICATE = KeyCertificate("lender-a", KeyType.MASK, bytes(32), 0, 1)
ROSTER = (
    RosterEntry("lender-a", CertifiedKey(b"k", CERTIFICATE, queries.key_certificate_to_bytes(CERTIFICATE), bytes(64))),
)


@given(signed=round1_signed)
def test_a_transcript_carries_no_openings_and_no_tables(signed: Signed[Round1Body]) -> None:
    """What the ledger has bound, and counters, are for the gateway and not for the requester; tables go beside it."""
    transcript = Transcript(ROSTER, 1, frozenset({"lender-a"}), frozenset({"lender-a"}), 0, (signed,), (), b"p")
    assert signed.opening is not None
    (sent,) = rounds.transcript_from_bytes(rounds.transcript_to_bytes(transcript)).round1
    assert sent == replace(signed, opening=None, table=b"")
