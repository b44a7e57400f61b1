"""
The next generation of the key on its way: its secrets sealed to every lender, and who has re-tokenised for it.

As with an epoch's key, the secrets exist and are sealed before the version that announces the generation is signed:
no lender is without them when it comes. A lender that holds the same people under the next generation's tags says so
by a `Readiness`, so that approvers see whom a change-over would leave behind.
"""

from collections.abc import Iterable

from pydantic import Field

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness, transcript_hash, uint
from consortium.labels import Label
from consortium.membership.secrets import (
    GenerationSecrets,
    Opened,
    Pins,
    active_lender,
    deliver,
    generation_fingerprint,
    read_delivery,
    receivers,
)
from consortium.membership.signed import open_document, sign_document
from consortium.model.document import Bytes, Document, Id, Key32
from consortium.model.members import MemberId
from consortium.model.rulebook import Oprf, Rulebook, threshold_key
from consortium.model.signing import Signer


class GenerationOffer(Document):
    """The fingerprint of the next generation's secrets, with the secrets sealed to every lender."""

    consortium: Id
    rulebook: Key32
    maker: Id
    generation: int = Field(ge=2)
    secrets: Key32
    deliveries: dict[Id, Bytes]


class Readiness(Document):
    """`member` can answer under the announced generation of this name; `rulebook` is the version it says so under."""

    consortium: Id
    rulebook: Key32
    member: Id
    generation: Key32
    ready_at: int = Field(ge=0)


def generation_name(oprf: Oprf) -> bytes:
    """Name a generation by its number, its public key and its secrets: 32 bytes, whatever shares the key has now."""
    return transcript_hash(Label.GENERATION, uint(oprf.generation), threshold_key(oprf).public, oprf.secrets)


def offer_generation(
    rulebook: Rulebook, maker: MemberId, secrets: GenerationSecrets, signer: Signer, rng: Randomness
) -> bytes:
    """Seal a generation's secrets to every lender, admitted ones included; gives the signed offer."""
    contents = Opened(secrets, None)
    offer = GenerationOffer(
        consortium=rulebook.document.consortium,
        rulebook=rulebook.digest,
        maker=maker,
        generation=secrets.generation,
        secrets=generation_fingerprint(rulebook.document.consortium, secrets),
        deliveries={one: deliver(rulebook, maker, one, contents, signer, rng) for one in receivers(rulebook)},
    )
    return sign_document(signer, Label.GENERATION_OFFER, offer)


def read_generation_offer(signed: bytes, rulebook: Rulebook) -> GenerationOffer:
    """
    Verify an offer: by an active lender, of the next generation, with a well-formed delivery for every lender.

    Raises CreditError(MALFORMED), (SIGNATURE_INVALID), (MEMBER_NOT_ACTIVE), (RULEBOOK_MISMATCH), (NOTICE_INVALID).
    """
    offer = open_document(
        GenerationOffer, signed, Label.GENERATION_OFFER, lambda one: active_lender(rulebook, one.maker), Code.MALFORMED
    )
    document = rulebook.document
    if (offer.consortium, offer.rulebook) != (document.consortium, rulebook.digest):
        raise CreditError(Code.RULEBOOK_MISMATCH, "an offer under another rulebook")
    if offer.generation != document.oprf.generation + 1:
        raise CreditError(Code.NOTICE_INVALID, "not the next generation")
    if set(offer.deliveries) != set(receivers(rulebook)):
        raise CreditError(Code.NOTICE_INVALID, "the secrets are not sealed to exactly the lenders there are")
    for member, delivery in offer.deliveries.items():
        found = read_delivery(delivery, rulebook)
        if (found.sender, found.recipient, found.generation, found.epoch) != (offer.maker, member, offer.generation, 0):
            raise CreditError(Code.NOTICE_INVALID, "a delivery in the offer is another one")
    return offer


def pins_of_generation(rulebook: Rulebook, offer: GenerationOffer) -> Pins:
    """Give the fingerprints to which the deliveries of an offer are held before its version exists."""
    return Pins(offer.generation, offer.secrets, rulebook.document.epoch, rulebook.document.epoch_secret)


def sign_readiness(signer: Signer, rulebook: Rulebook, member: MemberId, generation: bytes, now: int) -> bytes:
    """Say that a lender is ready for the generation of this name."""
    readiness = Readiness(
        consortium=rulebook.document.consortium,
        rulebook=rulebook.digest,
        member=member,
        generation=generation,
        ready_at=now,
    )
    return sign_document(signer, Label.READINESS, readiness)


def read_readiness(signed: bytes, rulebook: Rulebook) -> Readiness:
    """
    Verify who says that it is ready: an active lender of this version, about the generation that it announces.

    Raises CreditError(MALFORMED), (SIGNATURE_INVALID), (MEMBER_NOT_ACTIVE), (RULEBOOK_MISMATCH), (NOTICE_INVALID).
    """
    said = open_document(
        Readiness, signed, Label.READINESS, lambda one: active_lender(rulebook, one.member), Code.MALFORMED
    )
    if (said.consortium, said.rulebook) != (rulebook.document.consortium, rulebook.digest):
        raise CreditError(Code.RULEBOOK_MISMATCH, "said under another rulebook")
    upcoming = rulebook.document.upcoming
    if upcoming is None or said.generation != generation_name(upcoming):
        raise CreditError(Code.NOTICE_INVALID, "no such generation is announced")
    return said


def behind(rulebook: Rulebook, said: Iterable[Readiness]) -> tuple[MemberId, ...]:
    """Give the active lenders that have not said that they are ready for the announced generation."""
    upcoming = rulebook.document.upcoming
    name = generation_name(upcoming) if upcoming else b""
    ready = {one.member for one in said if one.generation == name}
    return tuple(member for member in rulebook.roster if member not in ready)
