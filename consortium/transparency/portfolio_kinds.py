"""The kinds of entries about jobs over lists; a part of `kinds`."""

from consortium.transparency.schemas import Schema, count, digest, fields, listed, member, members, text
from consortium.transparency.shared_schemas import CONTRIBUTIONS, DIFFERING, NAME, REQUEST

ADMITTED, BLOCK, ENDED = "portfolio-admitted", "portfolio-block", "portfolio-ended"
_QUOTA = fields(
    {
        "before": count("rows in lists of the requester on this UTC day before this one"),
        "after": count("the same, this one included; a job that is resumed counts once"),
        "limit": count("how many it may have a day", 1),
    },
    "the requester's daily quota of rows",
)

PORTFOLIOS: dict[str, tuple[str, dict[str, Schema]]] = {
    ADMITTED: (
        "A job over a list was admitted; durable before any member was shown it.",
        {
            "request": REQUEST,
            "query": digest("digest of the signed query"),
            "requester": member("who asks"),
            "purpose": text(NAME, "the purpose"),
            "attributes": listed(text(NAME, "an attribute's id"), "what is asked for", 256),
            "suite": text("^[A-Z][A-Z0-9_]{0,63}$", "how the sums are protected"),
            "consent": digest("digest of the consent record; zeros where the purpose needs none"),
            "staff": digest("commitment to the member's user"),
            "issued_at": count("time of issue, Unix seconds"),
            "expires_at": count("first second at which the job is void, Unix seconds"),
            "rulebook": digest("digest of the rulebook in force"),
            "tags": digest("salted commitment to the tags of the list"),
            "payload": digest("digest of the sealed payload"),
            "envelope": digest("digest of the regulator's envelope"),
            "roster": members("every active lender of the rulebook, sorted"),
            "list": digest("salted digest of the list's tags"),
            "rows": count("how many people are on the list", 1),
            "rows_per_block": count("how many rows a block has", 1),
            "quota": _QUOTA,
        },
    ),
    BLOCK: (
        "A block of a list was answered; durable before the answer left.",
        {
            "query": digest("digest of the signed query"),
            "admission": count("index of the job's admission"),
            "block": count("which block, from 0"),
            "rows": digest("digest of the block's sealed rows"),
            "ctx": digest("the exchange"),
            "attempt": count("which attempt succeeded", 1),
            "intended": members("who was attached and well (L)"),
            "answering": members("whose contributions are in the sums (U)"),
            "left_out": count("rows that were left out, being bound to other sets"),
            "contributions": CONTRIBUTIONS,
            "differing": DIFFERING,
            "product": digest("digest of the digest of the sums"),
            "transcript": digest("digest of what the requester was sent beside the vectors"),
            "decision": {
                "enum": ["ANSWERED", "INCOMPLETE"],
                "description": "INCOMPLETE: a lender or a row is not in",
            },
        },
    ),
    ENDED: (
        "A job over a list ended.",
        {
            "query": digest("digest of the signed query"),
            "admission": count("index of the job's admission"),
            "blocks": count("how many blocks the list has", 1),
            "answered": count("how many of them were answered"),
            "root": digest("digest of the leaf hashes of the answered blocks' entries, in the order of the blocks"),
            "decision": text("^[A-Z][A-Z0-9_]{1,63}$", "ANSWERED, INCOMPLETE, or a code of docs/errors.md"),
            "reason": {"type": "string", "maxLength": 500, "description": "which check failed; empty otherwise"},
        },
    ),
}
"""Title and fields of each kind."""
