"""
A requester's side of a travel check: the question, its blinded cell, and the count of contradicting lenders.

The blind derives from the node's own secret and the query's nonce, so that an answer can be opened after a restart; the
cell itself stands in the question only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from consortium.errors import Code, CreditError
from consortium.hashing import derive, keyed_hash, transcript_hash
from consortium.labels import Label
from consortium.model.identifiers import PLACES
from consortium.model.query import PaymentReference, QueryHeader, SignedPayment, TravelElement
from consortium.model.rounds import Round1Body, Signed, Transcript
from consortium.model.rulebook import Rulebook
from consortium.rules.travel import check_travel_answer, travel_policy, whereabouts_to_bytes
from consortium.silent import Silent
from consortium.travel.geography import Point, Whereabouts, locate
from consortium.travel.oblivious import Choice, choose, sum_of
from consortium.travel.policy import TravelPolicy
from consortium.wire.queries import payment_to_bytes
from participants.lender.identity import LenderIdentity

MAXIMUM_PAYMENT = 128


class TravelVerdict(StrEnum):
    """What a travel check leads to, by the rulebook's numbers of contradicting lenders."""

    ALLOW = "ALLOW"
    STEP_UP = "STEP_UP"
    BLOCK = "BLOCK"


@dataclass(frozen=True, slots=True, repr=False)
class TravelQuestion(Silent):
    """
    Where a person is said to be (microdegrees of WGS84) at a Unix second, for a payment.

    `payment` is the lender's own reference, 1 to 128 printable ASCII characters; a commitment to it leaves the node.
    """

    place: Point
    time: int
    payment: str

    def __post_init__(self) -> None:
        text = self.payment
        if not 0 < len(text) <= MAXIMUM_PAYMENT or not text.isascii() or not text.isprintable():
            raise CreditError(Code.PAYMENT_INVALID, "1 to 128 printable characters are needed")


@dataclass(frozen=True, slots=True, repr=False)
class TravelResult(Silent):
    """
    How many lenders have an event that contradicts the place, the asking one's own part included, and what follows.

    `answered` is how many lenders' tables are in the count. A person with files at two places of one lender counts
    there twice.
    """

    contradictions: int
    own: int
    answered: int
    verdict: TravelVerdict


@dataclass(frozen=True, slots=True, repr=False)
class TravelParts(Silent):
    """What a query carries of a travel check: the header's element, the signed payment, and the holder part."""

    element: TravelElement
    payment: SignedPayment
    holder_plain: bytes


def travel_parts(
    question: TravelQuestion, identity: LenderIdentity, rulebook: Rulebook, nonce: bytes, now: int
) -> TravelParts:
    """
    Blind the cell and sign the payment reference for a query issued `now`, Unix seconds, with this nonce.

    Raises PLACE_INVALID for a time that has not come or is too old, FAMILY_NOT_ALLOWED where there are no such checks.
    """
    policy = check_question(question, rulebook, now)
    tile, _ = locate(question.place, policy.grid)
    payment = _signed_payment(question.payment, identity, now)
    element = TravelElement(_choice(question, identity, policy, nonce).element, payment.digest)
    return TravelParts(element, payment, whereabouts_to_bytes(Whereabouts(tile, question.time)))


def check_question(question: TravelQuestion, rulebook: Rulebook, now: int) -> TravelPolicy:
    """Give the terms of a check that may be asked for at `now`; raises as `travel_parts`."""
    policy = travel_policy(rulebook)
    if not 0 <= now - question.time <= policy.oldest:
        raise CreditError(Code.PLACE_INVALID, f"time: now, or at most {policy.oldest} s ago")
    return policy


def travel_result(
    header: QueryHeader,
    transcript: Transcript,
    rulebook: Rulebook,
    question: TravelQuestion | None,
    identity: LenderIdentity,
    own: Sequence[int],
) -> TravelResult | None:
    """
    Open the tables of a transcript that was checked, by `check_tables` too; None where the query has no travel check.

    `own` are this lender's own numbers by cell, empty where it did not answer. Raises CreditError(TRANSCRIPT_INVALID)
    for another question than the query's, SUM_INVALID for a count that cannot be.
    """
    if header.travel is None or question is None:
        return None
    policy = travel_policy(rulebook)
    choice = _choice(question, identity, policy, header.nonce)
    if choice.element.value != header.travel.element.value:
        raise CreditError(Code.TRANSCRIPT_INVALID, "the question is not the one that this query asked")
    opened = [_opened(part, choice) for part in transcript.round1]
    total = sum_of(opened, [int.from_bytes(part.body.travel_correction, "big") for part in transcript.round2])
    if total > PLACES * len(opened):
        raise CreditError(Code.SUM_INVALID, "the travel check counts more lenders than answered")
    return TravelResult(total, own[choice.cell] if own else 0, len(opened), _verdict(total, policy))


def check_tables(header: QueryHeader, transcript: Transcript, rulebook: Rulebook) -> None:
    """Raise CreditError(TRANSCRIPT_INVALID) unless tables and corrections are there exactly where they should be."""
    for first, second in zip(transcript.round1, transcript.round2, strict=True):
        try:
            check_travel_answer(first, header, rulebook)
        except CreditError as error:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{first.body.contributor}: {error.cause}") from error
        if bool(second.body.travel_correction) != bool(header.travel):
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{second.body.contributor}: travel correction")


def _opened(part: Signed[Round1Body], choice: Choice) -> int:
    if part.body.travel is None:
        raise CreditError(Code.TRANSCRIPT_INVALID, f"{part.body.contributor}: no travel table")
    return choice.open(part.body.travel.element, part.table)


def _choice(question: TravelQuestion, identity: LenderIdentity, policy: TravelPolicy, nonce: bytes) -> Choice:
    _, cell = locate(question.place, policy.grid)
    secret = identity.audit_secret.value
    return choose(cell, lambda length: derive(secret, Label.TRAVEL_CHOICE, nonce, length=length))


def _signed_payment(payment: str, identity: LenderIdentity, now: int) -> SignedPayment:
    """Sign a commitment to a payment: the same one for the same payment, so that it serves one check."""
    salt = keyed_hash(identity.audit_secret.value, Label.PAYMENT_SALT, payment.encode())
    commitment = transcript_hash(Label.PAYMENT_COMMITMENT, salt, payment.encode())
    reference = PaymentReference(identity.member, commitment, now)
    raw = payment_to_bytes(reference)
    return SignedPayment(reference, raw, identity.signer.sign(Label.PAYMENT, raw))


def _verdict(contradictions: int, policy: TravelPolicy) -> TravelVerdict:
    if contradictions >= policy.block:
        return TravelVerdict.BLOCK
    return TravelVerdict.STEP_UP if contradictions >= policy.step_up else TravelVerdict.ALLOW
