"""
The lenders' secrets on their way from one lender to the next: sealed, fingerprinted, never readable to the gateway.

The rulebook pins one fingerprint for the generation's pair (pre-hash secret, tag key) and one for the epoch's sealing
key. A fingerprint is a labelled hash of uniform 32-byte secrets: there is nothing to guess, and lenders may read it
to each other. Who seals anything else than what the rulebook pins is found out by the receiver at once.

A new epoch's key is made and sealed to everybody *before* the version that puts it into force is signed
(`EpochOffer`), so that no lender is without it when the version comes; the offer names whom it leaves out.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import Field

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness, encode_fields, transcript_hash, uint
from consortium.labels import Label
from consortium.membership.signed import open_document, sign_document
from consortium.model.document import Bytes, Document, Id, Key32
from consortium.model.members import MemberId
from consortium.model.rulebook import Member, MemberStatus, Oprf, Role, Rulebook
from consortium.model.signing import Signer
from consortium.sealing.hpke import open_sealed, seal
from consortium.silent import Silent

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class GenerationSecrets(Silent):
    """Pre-hash secret and tag key of one generation, 32 uniform bytes each."""

    generation: int
    pre_hash_secret: bytes
    tag_key: bytes

    def __post_init__(self) -> None:
        _check_secrets(self.pre_hash_secret, self.tag_key)


@dataclass(frozen=True, slots=True, repr=False)
class EpochSecret(Silent):
    """The sealing key of one epoch, 32 uniform bytes."""

    epoch: int
    sealing_key: bytes

    def __post_init__(self) -> None:
        _check_secrets(self.sealing_key)


@dataclass(frozen=True, slots=True, repr=False)
class Opened(Silent):
    """What a delivery held, already compared with its fingerprints; either part may be missing."""

    generation: GenerationSecrets | None
    epoch: EpochSecret | None


@dataclass(frozen=True, slots=True)
class Pins:
    """The fingerprints that a delivery is held to."""

    generation: int
    generation_secrets: bytes
    epoch: int
    epoch_secret: bytes


class Delivery(Document):
    """Secrets sealed by one lender to another; the numbers are 0 for the part that is not in it."""

    consortium: Id
    rulebook: Key32
    sender: Id
    recipient: Id
    generation: int = Field(ge=0)
    epoch: int = Field(ge=0)
    sealed: Bytes


class EpochOffer(Document):
    """A new epoch's fingerprint with its key sealed to every active lender but the one that leaves."""

    consortium: Id
    rulebook: Key32
    maker: Id
    epoch: int = Field(ge=2)
    epoch_secret: Key32
    without: tuple[Id, ...] = ()
    deliveries: dict[Id, Bytes]


def new_generation_secrets(generation: int, rng: Randomness) -> GenerationSecrets:
    """Draw the secrets of a generation."""
    return GenerationSecrets(generation, rng(SECRET_BYTES), rng(SECRET_BYTES))


def new_epoch_secret(epoch: int, rng: Randomness) -> EpochSecret:
    """Draw the sealing key of an epoch."""
    return EpochSecret(epoch, rng(SECRET_BYTES))


def generation_fingerprint(consortium: str, secrets: GenerationSecrets) -> bytes:
    """Give the 32 bytes that the rulebook pins for a generation's secrets."""
    fields = (consortium.encode(), uint(secrets.generation), secrets.pre_hash_secret, secrets.tag_key)
    return transcript_hash(Label.SECRETS_GENERATION, *fields)


def epoch_fingerprint(consortium: str, secret: EpochSecret) -> bytes:
    """Give the 32 bytes that the rulebook pins for an epoch's sealing key."""
    return transcript_hash(Label.SECRETS_EPOCH, consortium.encode(), uint(secret.epoch), secret.sealing_key)


def pins_of(rulebook: Rulebook, oprf: Oprf | None = None) -> Pins:
    """Give the fingerprints of the rulebook in force; `oprf` may name its upcoming or a retired generation."""
    document = rulebook.document
    chosen = oprf or document.oprf
    return Pins(chosen.generation, chosen.secrets, document.epoch, document.epoch_secret)


def pins_of_offer(rulebook: Rulebook, offer: EpochOffer) -> Pins:
    """Give the fingerprints to which the deliveries of an offer are held before its version exists."""
    oprf = rulebook.document.oprf
    return Pins(oprf.generation, oprf.secrets, offer.epoch, offer.epoch_secret)


def deliver(
    rulebook: Rulebook, sender: MemberId, recipient: MemberId, contents: Opened, signer: Signer, rng: Randomness
) -> bytes:
    """
    Seal secrets to the HPKE key that the rulebook pins for the recipient, and sign; gives the bytes that travel.

    The recipient is a lender, admitted or active. Raises CreditError(MEMBER_NOT_ACTIVE) for anybody else.
    """
    receiver = _receiver(rulebook, recipient)
    head = Delivery(
        consortium=rulebook.document.consortium,
        rulebook=rulebook.digest,
        sender=sender,
        recipient=recipient,
        generation=contents.generation.generation if contents.generation else 0,
        epoch=contents.epoch.epoch if contents.epoch else 0,
        sealed=b"",
    )
    sealed = seal(receiver.hpke_key, _info(head), _plaintext(contents), rng(SECRET_BYTES))
    return sign_document(signer, Label.SECRETS_DELIVERY, head.model_copy(update={"sealed": sealed}))


def read_delivery(signed: bytes, rulebook: Rulebook) -> Delivery:
    """
    Verify a delivery's form, sender and recipient without opening it, as the gateway does that carries it.

    Raises CreditError(MALFORMED), (SIGNATURE_INVALID), (MEMBER_NOT_ACTIVE), (RULEBOOK_MISMATCH) for another
    consortium's or another version's.
    """
    delivery = open_document(
        Delivery, signed, Label.SECRETS_DELIVERY, lambda one: active_lender(rulebook, one.sender), Code.MALFORMED
    )
    if (delivery.consortium, delivery.rulebook) != (rulebook.document.consortium, rulebook.digest):
        raise CreditError(Code.RULEBOOK_MISMATCH, "secrets sealed under another rulebook")
    _receiver(rulebook, delivery.recipient)
    return delivery


def open_delivery(
    signed: bytes, rulebook: Rulebook, pins: Pins, recipient: MemberId, private: X25519PrivateKey
) -> Opened:
    """
    Open secrets that are for `recipient` and hold them to the fingerprints.

    `rulebook` is the version that they were sealed under. Raises as `read_delivery`; CreditError(PAYLOAD_INVALID)
    where the seal does not open, (SECRETS_MISMATCH) where the sender sealed something else than what is pinned.
    """
    delivery = read_delivery(signed, rulebook)
    if delivery.recipient != recipient:
        raise CreditError(Code.PAYLOAD_INVALID, "secrets sealed for another member")
    plaintext = open_sealed(private, _info(delivery), delivery.sealed)
    opened = _contents(delivery, plaintext)
    _check_pinned(delivery.consortium, opened, pins)
    return opened


def epoch_maker(rulebook: Rulebook, online: AbstractSet[MemberId], without: AbstractSet[MemberId]) -> MemberId | None:
    """Give who makes the next epoch's key: the first active lender online in rulebook order that is not left out."""
    lenders = (member.id for member in rulebook.document.members if _is_active_lender(member))
    return next((one for one in lenders if one in online and one not in without), None)


def offer_epoch(
    rulebook: Rulebook,
    maker: MemberId,
    without: AbstractSet[MemberId],
    secret: EpochSecret,
    signer: Signer,
    rng: Randomness,
) -> bytes:
    """Seal a new epoch's key to every lender, admitted ones included, but those `without`; gives the signed offer."""
    contents = Opened(None, secret)
    offer = EpochOffer(
        consortium=rulebook.document.consortium,
        rulebook=rulebook.digest,
        maker=maker,
        epoch=secret.epoch,
        epoch_secret=epoch_fingerprint(rulebook.document.consortium, secret),
        without=tuple(sorted(without)),
        deliveries={one: deliver(rulebook, maker, one, contents, signer, rng) for one in receivers(rulebook, without)},
    )
    return sign_document(signer, Label.EPOCH_OFFER, offer)


def read_epoch_offer(signed: bytes, rulebook: Rulebook) -> EpochOffer:
    """
    Verify an offer: by an active lender, for the next epoch, with a well-formed delivery for everybody it must reach.

    Raises CreditError(MALFORMED), (SIGNATURE_INVALID), (MEMBER_NOT_ACTIVE), (RULEBOOK_MISMATCH), (NOTICE_INVALID).
    """
    offer = open_document(
        EpochOffer, signed, Label.EPOCH_OFFER, lambda one: active_lender(rulebook, one.maker), Code.MALFORMED
    )
    document = rulebook.document
    if (offer.consortium, offer.rulebook) != (document.consortium, rulebook.digest):
        raise CreditError(Code.RULEBOOK_MISMATCH, "an offer under another rulebook")
    if offer.epoch != document.epoch + 1 or offer.maker in offer.without:
        raise CreditError(Code.NOTICE_INVALID, "not the next epoch, or made by a lender that it leaves out")
    if set(offer.deliveries) != set(receivers(rulebook, frozenset(offer.without))):
        raise CreditError(Code.NOTICE_INVALID, "the new key is not sealed to exactly the lenders that stay")
    for member, delivery in offer.deliveries.items():
        found = read_delivery(delivery, rulebook)
        if (found.sender, found.recipient, found.epoch, found.generation) != (offer.maker, member, offer.epoch, 0):
            raise CreditError(Code.NOTICE_INVALID, "a delivery in the offer is another one")
    return offer


def active_lender(rulebook: Rulebook, member: MemberId) -> bytes:
    """Give an active lender's identity key; raises CreditError(MEMBER_NOT_ACTIVE)."""
    found = rulebook.active_member(member)
    if found.role is not Role.LENDER:
        raise CreditError(Code.MEMBER_NOT_ACTIVE, f"{member} is no lender")
    return found.identity_key


def receivers(rulebook: Rulebook, without: AbstractSet[MemberId] = frozenset()) -> list[MemberId]:
    """Give every lender that secrets are sealed to, admitted ones included, but those `without`."""
    members = rulebook.document.members
    return [one.id for one in members if _may_receive(one) and one.id not in without]


def _receiver(rulebook: Rulebook, recipient: MemberId) -> Member:
    found = rulebook.members.get(recipient)
    if found is None or not _may_receive(found):
        raise CreditError(Code.MEMBER_NOT_ACTIVE, "secrets are for lenders that are admitted or active")
    return found


def _may_receive(member: Member) -> bool:
    return member.role is Role.LENDER and member.status in (MemberStatus.ADMITTED, MemberStatus.ACTIVE)


def _is_active_lender(member: Member) -> bool:
    return member.role is Role.LENDER and member.status is MemberStatus.ACTIVE


def _info(head: Delivery) -> bytes:
    numbers = (uint(head.generation), uint(head.epoch))
    names = (head.consortium.encode(), head.sender.encode(), head.recipient.encode())
    return encode_fields(Label.SECRETS_SEALED, *names, *numbers, head.rulebook)


def _plaintext(contents: Opened) -> bytes:
    pair = contents.generation
    head = pair.pre_hash_secret + pair.tag_key if pair else b""
    return head + (contents.epoch.sealing_key if contents.epoch else b"")


def _contents(head: Delivery, plaintext: bytes) -> Opened:
    expected = SECRET_BYTES * (2 * bool(head.generation) + bool(head.epoch))
    if not expected or len(plaintext) != expected:
        raise CreditError(Code.SECRETS_MISMATCH, "secrets of another length")
    parts = [plaintext[start : start + SECRET_BYTES] for start in range(0, expected, SECRET_BYTES)]
    generation = GenerationSecrets(head.generation, parts[0], parts[1]) if head.generation else None
    return Opened(generation, EpochSecret(head.epoch, parts[-1]) if head.epoch else None)


def _check_pinned(consortium: str, opened: Opened, pins: Pins) -> None:
    generation, epoch = opened.generation, opened.epoch
    pinned = (pins.generation, pins.generation_secrets)
    if generation and (generation.generation, generation_fingerprint(consortium, generation)) != pinned:
        raise CreditError(Code.SECRETS_MISMATCH, "the generation's secrets")
    if epoch and (epoch.epoch, epoch_fingerprint(consortium, epoch)) != (pins.epoch, pins.epoch_secret):
        raise CreditError(Code.SECRETS_MISMATCH, "the epoch's sealing key")


def _check_secrets(*secrets: bytes) -> None:
    if any(len(secret) != SECRET_BYTES for secret in secrets) or len(set(secrets)) != len(secrets):
        raise CreditError(Code.SECRETS_MISMATCH, "secrets must be different ones of 32 bytes")
