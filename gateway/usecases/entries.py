"""What the log says of a query: every decision as one canonical entry, without payload, tag or identifier."""

from collections.abc import Mapping, Sequence

from consortium.canonical import CanonicalValue, parse_canonical
from consortium.errors import CreditError
from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.membership.signed import body_of
from consortium.model.bodies import BodyOrder
from consortium.model.members import MemberId
from consortium.model.query import SignedQuery
from consortium.model.rounds import Transcript
from consortium.model.rulebook import Rulebook
from consortium.model.signing import SIGNATURE_BYTES
from gateway.usecases.query import QueryRun
from gateway.usecases.two_rounds import TwoRounds

Entry = dict[str, CanonicalValue]


def admitted(query: SignedQuery, run: QueryRun, request_id: bytes, quota: tuple[int, int, int]) -> Entry:
    """Give the entry of an admission, written before any answer arrives; `quota` is used before, after, limit."""
    return {
        **query_fields(query, run.rulebook, request_id),
        "kind": "query-admitted",
        "quota": {"before": quota[0], "after": quota[1], "limit": quota[2]},
    }


def query_fields(query: SignedQuery, rulebook: Rulebook, request_id: bytes) -> Entry:
    """Give what an admission says of its query."""
    header = query.header
    return {
        "request": request_id.hex(),
        "query": query.digest.hex(),
        "requester": header.requester,
        "purpose": header.purpose.value,
        "attributes": [*header.attributes],
        "suite": header.suite.name,
        "consent": header.consent_digest.hex(),
        "staff": header.staff_commitment.hex(),
        "issued_at": header.issued_at,
        "expires_at": header.expires_at,
        "rulebook": header.rulebook_digest.hex(),
        "tags": query.tags_commitment.hex(),
        "payload": body_digest(query.payload),
        "envelope": body_digest(query.envelope),
        "roster": [*rulebook.roster],
    }


def answered(run: QueryRun, transcript: Transcript, raw_transcript: bytes, admission: int) -> Entry:
    """Give the entry of an answer: who answered with what, and the digest of the result."""
    return {
        **of_answer(run, transcript, raw_transcript),
        "kind": "query-answered",
        "query": run.query.digest.hex(),
        "admission": admission,
        "decision": "ANSWERED" if transcript.members == run.rulebook.roster_set else "INCOMPLETE",
    }


def refused(
    requester: MemberId,
    request_id: bytes,
    query: SignedQuery,
    error: CreditError,
    run: QueryRun | None,
    body: bytes | None = None,
    admission: int | None = None,
) -> Entry:
    """
    Give the entry of a refusal, with what had come in until then, and the digest of its body where one is kept.

    `admission` is the index of its admission's entry, where there is one. What was refused need not be signed in all
    its parts, so nothing else would bind them.
    """
    kept: Entry = {} if body is None else {"body": body_digest(body)}
    of: Entry = {} if admission is None else {"admission": admission}
    return {
        **kept,
        **of,
        "kind": "query-refused",
        "request": request_id.hex(),
        "query": query.digest.hex(),
        "requester": requester,
        "purpose": query.header.purpose.value,
        "attempt": run.attempt if run else 0,
        "contributions": contributions(run) if run else [],
        "decision": error.code.value,
        "reason": error.cause.encode("ascii", "replace").decode(),
    }


def abandoned(query: str, admission: int, expired_at: int) -> Entry:
    """Give the entry of a query that was admitted and, long after its expiry, has no outcome."""
    return {"kind": "query-abandoned", "query": query, "admission": admission, "expired_at": expired_at}


def dropped(member: MemberId, count: int, since: int) -> Entry:
    """Give the entry of requests that were refused without entries of their own, since a time (Unix seconds)."""
    return {"kind": "requests-dropped", "requester": member, "count": count, "since": since}


def ordered(order: BodyOrder, signatures: Mapping[MemberId, bytes], rulebook: bytes) -> Entry:
    """Give the entry of an order about bodies, with what makes it binding; `rulebook` is a digest."""
    return {
        "kind": "bodies-ordered",
        "action": order.action.value,
        "entries": [*order.entries],
        "reason": order.reason,
        "issued_at": order.issued_at,
        "rulebook": rulebook.hex(),
        "signatures": [{"member": one, "signature": signatures[one].hex()} for one in sorted(signatures)],
    }


def expired(indices: Sequence[int], days: int, rulebook: bytes) -> Entry:
    """Give the entry of bodies whose retention period is over."""
    return {
        "kind": "bodies-expired",
        "entries": [*indices],
        "retention_days": days,
        "rulebook": rulebook.hex(),
    }


ANSWERED = "inspection-answered"


def filed(kind: str, signed: bytes, rulebook: bytes) -> Entry:
    """Give the entry of a filed document: the document itself, its signature, and the rulebook that has the key."""
    return {
        "kind": kind,
        "document": parse_canonical(body_of(signed)),
        "signature": signed[:SIGNATURE_BYTES].hex(),
        "rulebook": rulebook.hex(),
    }


def inspection_answered(order: int, member: MemberId, digest: bytes, size: int) -> Entry:
    """Give the entry of a bundle that has come whole, sealed; `digest` is that of the sealed bytes."""
    return {"kind": ANSWERED, "order": order, "member": member, "digest": digest.hex(), "bytes": size}


def of_answer(run: TwoRounds, transcript: Transcript, raw_transcript: bytes) -> Entry:
    """Say how an answer came about: its attempt, who was asked and answered with what, and the result's digests."""
    return {
        "ctx": run.ctx.hex(),
        "attempt": transcript.attempt,
        "intended": sorted(transcript.intended),
        "answering": sorted(transcript.members),
        "contributions": contributions(run),
        "differing": [list(pair) for pair in run.differing],
        "product": body_digest(transcript.product),
        "transcript": body_digest(raw_transcript),
    }


def contributions(run: TwoRounds) -> list[CanonicalValue]:
    """Say what came of each member in the last attempt, in their order."""
    first, second = run.round1_digests, run.round2_digests
    return [
        {
            "member": member,
            "outcome": outcome,
            "round1": message_entry(first.get(member)),
            "round2": message_entry(second.get(member)),
        }
        for member, outcome in sorted(run.outcomes.items())
    ]


def message_entry(signed: tuple[bytes, int] | None) -> CanonicalValue:
    """Give digest and number of an accepted message; null where there is none."""
    return {"digest": signed[0].hex(), "counter": signed[1]} if signed else None


def body_digest(body: bytes) -> str:
    """Digest what lies beside an entry, as the entry names it."""
    return transcript_hash(Label.BODY, body).hex()
