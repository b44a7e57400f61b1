"""
What lies beside an entry of the log: the signed things that its digests stand for, and orders about them.

A body is kept encrypted until its retention ends or an order erases it; the entry stays, and so does every proof.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from consortium.canonical import canonical_json
from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.model.members import MemberId
from consortium.model.query import SignedQuery
from consortium.model.rounds import RosterEntry, Round1Body, Round2Body, Signed
from consortium.model.rulebook import Role, Rulebook
from consortium.model.signing import verify_signature

MAXIMUM_ORDERED = 1024


@dataclass(frozen=True, slots=True, repr=False)
class EntryBody:
    """
    One entry's body: of an admission the query, of an answer the exchange, of a refusal what there was.

    Messages are sorted by member and carry their openings. `receipt` is the gateway's signature of an answer's receipt.
    """

    query: SignedQuery | None = None
    roster: tuple[RosterEntry, ...] = ()
    round1: tuple[Signed[Round1Body], ...] = ()
    round2: tuple[Signed[Round2Body], ...] = ()
    product: bytes = b""
    block: int = 0
    receipt: bytes = b""


class BodyAction(StrEnum):
    """What an order does: destroys keys, forbids that (a legal hold), or ends a hold."""

    ERASE = "erase"
    HOLD = "hold"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class BodyOrder:
    """An order about bodies, by the indices of their entries; `reason` says why without naming anybody."""

    consortium: str
    action: BodyAction
    entries: tuple[int, ...]
    reason: str
    issued_at: int

    def to_bytes(self) -> bytes:
        """Give what operator and regulator sign: canonical JSON."""
        return canonical_json(
            {
                "action": self.action.value,
                "consortium": self.consortium,
                "entries": [*self.entries],
                "issued_at": self.issued_at,
                "reason": self.reason,
            }
        )


def order_to_file(order: BodyOrder, signatures: Mapping[MemberId, bytes]) -> bytes:
    """Give an order with its signatures as canonical JSON, to be handed from the regulator to the operator."""
    signed = {name: signature.hex() for name, signature in signatures.items()}
    return canonical_json({"order": order.to_bytes().decode("ascii"), "signatures": signed})


def order_from_file(data: bytes) -> tuple[BodyOrder, dict[MemberId, bytes]]:
    """Parse such a file; raises CreditError(ORDER_INVALID). Nothing is verified yet."""
    try:
        value = json.loads(data)
        order = json.loads(value["order"])
        order |= {"action": BodyAction(order["action"]), "entries": tuple(map(int, order["entries"]))}
        signatures = {str(name): bytes.fromhex(one) for name, one in value["signatures"].items()}
        return BodyOrder(**order), signatures
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CreditError(Code.ORDER_INVALID, "the file") from None


def check_order(order: BodyOrder, signatures: Mapping[MemberId, bytes], rulebook: Rulebook) -> None:
    """
    Raise unless the order is well-formed and signed by the gateway's operator and a regulator.

    A hold needs one of the two only, so that neither can keep the other from it. Raises ORDER_INVALID,
    SIGNATURE_INVALID or MEMBER_NOT_ACTIVE.
    """
    rising = all(one < other for one, other in zip(order.entries, order.entries[1:], strict=False))
    if not 0 < len(order.entries) <= MAXIMUM_ORDERED or not rising or order.entries[0] < 0:
        raise CreditError(Code.ORDER_INVALID, "entries: rising indices, at most 1024")
    if order.consortium != rulebook.document.consortium:
        raise CreditError(Code.ORDER_INVALID, "of another consortium")
    roles = set()
    for name, signature in signatures.items():
        member = rulebook.active_member(name)
        verify_signature(member.identity_key, signature, Label.BODY_ORDER, order.to_bytes())
        roles.add(member.role)
    signed = roles & {Role.GATEWAY, Role.REGULATOR}
    if len(signed) < (1 if order.action is BodyAction.HOLD else 2):
        raise CreditError(Code.ORDER_INVALID, "it needs the operator's signature and the regulator's")
