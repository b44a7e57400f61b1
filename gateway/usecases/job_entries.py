"""What the log says of jobs over lists, beside `entries`: no tag, no vector, no number."""

from collections.abc import Sequence
from dataclasses import dataclass

from consortium.canonical import CanonicalValue, canonical_json, parse_canonical
from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.model.query import SignedQuery
from consortium.model.receipts import Receipt, Subject, sign_receipt
from consortium.model.rounds import Transcript
from consortium.model.rulebook import Rulebook
from consortium.model.signing import Signer
from consortium.transparency.portfolio_kinds import ADMITTED, BLOCK, ENDED
from gateway.ports import Appended
from gateway.usecases.blocks import BlockRun, Fixed, rows_left_out
from gateway.usecases.entries import Entry, body_digest, message_entry, query_fields

ANSWERED, INCOMPLETE = "ANSWERED", "INCOMPLETE"


def admitted(query: SignedQuery, rulebook: Rulebook, request_id: bytes, quota: tuple[int, int, int]) -> Entry:
    """Give the entry of a job's admission; `quota` is rows used before, after, limit."""
    rows = query.header.rows
    if rows is None:
        raise CreditError(Code.MALFORMED, "rows")
    return {
        **query_fields(query, rulebook, request_id),
        "kind": ADMITTED,
        "list": rows.digest.hex(),
        "rows": rows.rows,
        "rows_per_block": rows.rows_per_block,
        "quota": {"before": quota[0], "after": quota[1], "limit": quota[2]},
    }


def answered(run: BlockRun, transcript: Transcript, raw_transcript: bytes, admission: int) -> Entry:
    """Give the entry of a block's answer."""
    fixed, terms = run.fixed, run.terms
    left_out = rows_left_out(fixed, terms.rows(run.block)) if fixed else 0
    whole = transcript.members == terms.rulebook.roster_set and not left_out
    return {
        "kind": BLOCK,
        "query": terms.digest.hex(),
        "admission": admission,
        "block": run.block,
        "rows": terms.sealed[run.block].hex(),
        "ctx": run.ctx.hex(),
        "attempt": transcript.attempt,
        "intended": sorted(transcript.intended),
        "answering": sorted(transcript.members),
        "left_out": left_out,
        "contributions": _contributions(run),
        "differing": [list(pair) for pair in run.differing],
        "product": body_digest(transcript.product),
        "transcript": body_digest(raw_transcript),
        "decision": ANSWERED if whole else INCOMPLETE,
    }


def ended(
    job: bytes, admission: int, blocks: int, receipts: Sequence[Receipt], decision: str, reason: str = ""
) -> Entry:
    """Give the entry of a job's end; `receipts` are those of the answered blocks, in their order."""
    return {
        "kind": ENDED,
        "query": job.hex(),
        "admission": admission,
        "blocks": blocks,
        "answered": len(receipts),
        "root": blocks_root(receipts).hex(),
        "decision": decision,
        "reason": reason.encode("ascii", "replace").decode()[:500],
    }


def blocks_root(receipts: Sequence[Receipt]) -> bytes:
    """Digest the leaf hashes of the answered blocks' entries, in the order of the blocks."""
    return transcript_hash(Label.JOB_BLOCKS, *(receipt.leaf_hash for receipt in receipts))


def sign_end(signer: Signer, appended: Appended, job: bytes, receipts: Sequence[Receipt]) -> Receipt:
    """Sign the receipt of a job's end: it is for the blocks' root."""
    subject = Subject(job, blocks_root(receipts))
    return sign_receipt(signer, appended.index, appended.leaf_hash, appended.time_ms, subject)


def fixed_to_bytes(fixed: Fixed) -> bytes:
    """Encode what was chosen for a block, to keep it."""
    return canonical_json(
        {
            "attempt": fixed.attempt,
            "intended": sorted(fixed.intended),
            "members": sorted(fixed.members),
            "left_out": fixed.left_out.hex(),
        }
    )


def fixed_from_bytes(raw: bytes) -> Fixed:
    """Decode it."""
    match parse_canonical(raw):
        case {"attempt": int(attempt), "intended": list(intended), "members": list(chosen), "left_out": str(left)}:
            return Fixed(attempt, frozenset(map(str, intended)), frozenset(map(str, chosen)), bytes.fromhex(left))
    raise CreditError(Code.STORAGE_BROKEN, "what was chosen for a block has another form")


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How a job ended, and the receipt of that."""

    decision: str
    receipt: Receipt


def end_to_bytes(end: JobEnd) -> bytes:
    """Encode a job's end, to keep it."""
    return canonical_json({"decision": end.decision, "receipt": _receipt_value(end.receipt)})


def end_from_bytes(raw: bytes) -> JobEnd:
    """Decode a kept end."""
    match parse_canonical(raw):
        case {"decision": str(decision), "receipt": dict(receipt)}:
            return JobEnd(decision, _receipt(receipt))
    raise CreditError(Code.STORAGE_BROKEN, "a job's end has another form")


def receipt_to_bytes(receipt: Receipt) -> bytes:
    """Encode a receipt, to keep it."""
    return canonical_json(_receipt_value(receipt))


def receipt_from_bytes(raw: bytes) -> Receipt:
    """Decode a kept receipt."""
    return _receipt(parse_canonical(raw))


def _receipt_value(receipt: Receipt) -> dict[str, CanonicalValue]:
    return {
        "index": receipt.index,
        "leaf_hash": receipt.leaf_hash.hex(),
        "time_ms": receipt.time_ms,
        "signature": receipt.signature.hex(),
    }


def _receipt(value: CanonicalValue) -> Receipt:
    match value:
        case {"index": int(index), "leaf_hash": str(leaf), "time_ms": int(time_ms), "signature": str(signature)}:
            return Receipt(index, bytes.fromhex(leaf), time_ms, bytes.fromhex(signature))
    raise CreditError(Code.STORAGE_BROKEN, "a kept receipt has another form")


def _contributions(run: BlockRun) -> list[CanonicalValue]:
    return [
        {
            "member": member,
            "outcome": run.outcomes[member],
            "round1": message_entry(first),
            "round2": message_entry(second),
        }
        for member, (first, second) in run.message_digests.items()
    ]
