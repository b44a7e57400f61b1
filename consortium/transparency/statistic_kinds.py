"""
The kinds of entries about statistics: what was charged to which budget, who contributed, what became of it.

Amounts are millionths of rho, the parameter of zero-concentrated differential privacy.
"""

from consortium.transparency.schemas import Schema, count, digest, fields, member, members
from consortium.transparency.shared_schemas import CODE, CONTRIBUTIONS, DIFFERING, REQUEST

_TEMPLATE: Schema = {"type": "string", "maxLength": 64, "description": "the id of the template that was asked for"}


def _charge(description: str) -> Schema:
    return fields(
        {
            "before": count("used in the period before this charge"),
            "after": count("the same, this charge included"),
            "limit": count("what the rulebook allows in a period", 1),
        },
        description,
    )


STATISTICS: dict[str, tuple[str, dict[str, Schema]]] = {
    "statistic-admitted": (
        "A statistic was admitted and charged; durable before any member was asked.",
        {
            "request": REQUEST,
            "statistic": digest("digest of the signed statistic"),
            "requester": member("who asks"),
            "template": _TEMPLATE,
            "issued_at": count("time of issue, Unix seconds"),
            "expires_at": count("first second at which it is void, Unix seconds"),
            "rulebook": digest("digest of the rulebook in force"),
            "roster": members("every active lender of the rulebook, sorted"),
            "period": count("the period charged: UTC days since 1970-01-01 divided by its days"),
            "budget": _charge("the budget of the template"),
            "whole": _charge("the budget of all statistics"),
        },
    ),
    "statistic-answered": (
        "A statistic was answered; durable before the answer left.",
        {
            "statistic": digest("digest of the signed statistic"),
            "admission": count("index of the admission that this outcome belongs to"),
            "ctx": digest("the exchange"),
            "attempt": count("which attempt succeeded", 1),
            "intended": members("who was attached and well (L)"),
            "answering": members("whose contributions, with their noise, are in the sums (U)"),
            "contributions": CONTRIBUTIONS,
            "differing": DIFFERING,
            "product": digest("digest of the hidden sums"),
            "transcript": digest("digest of everything that the requester was sent"),
        },
    ),
    "statistic-refused": (
        "A statistic was refused, before or after its admission, or an attempt of it was given up.",
        {
            "request": REQUEST,
            "statistic": digest("digest of the signed statistic"),
            "requester": member("who asked"),
            "template": _TEMPLATE,
            "attempt": count("attempts made"),
            "contributions": CONTRIBUTIONS,
            "back": count("what is given back of the admission's charge: all of it, or 0 once round 2 was begun"),
            "decision": CODE,
            "reason": {"type": "string", "maxLength": 500, "description": "which check failed"},
            "admission": count("index of its admission; absent where it was refused before"),
        },
    ),
}
"""Title and fields of each kind."""
