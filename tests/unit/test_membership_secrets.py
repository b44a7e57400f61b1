"""The lenders' secrets: sealed to whom they are for, and found out when they are other ones."""

import pytest

from consortium.errors import Code
from consortium.labels import Label
from consortium.membership.proposals import Admit, Suspend
from consortium.membership.secrets import (
    Delivery,
    EpochOffer,
    EpochSecret,
    GenerationSecrets,
    Opened,
    deliver,
    epoch_maker,
    new_epoch_secret,
    open_delivery,
    pins_of,
    pins_of_offer,
    read_delivery,
    read_epoch_offer,
)
from consortium.membership.signed import body_of, parse_document, sign_document
from tests.support.codes import refused
from tests.support.membership import Registry, registry


@pytest.fixture
def known() -> Registry:
    world = registry()
    world.change(Admit(application=world.apply()))
    return world


def contents(known: Registry) -> Opened:
    shared = known.foundation.secrets
    generation = GenerationSecrets(shared.generation, shared.pre_hash_secret, shared.tag_key)
    return Opened(generation, EpochSecret(shared.epoch, shared.sealing_key))


def seal_to(
    known: Registry, recipient: str = "lender-new", what: Opened | None = None, sender: str = "lender-a"
) -> bytes:
    signer = known.keys(sender).signer
    return deliver(known.rulebook, sender, recipient, what or contents(known), signer, known.rng)


def open_by(known: Registry, signed: bytes, recipient: str = "lender-new") -> Opened:
    return open_delivery(signed, known.rulebook, pins_of(known.rulebook), recipient, known.keys(recipient).hpke)


def test_a_newcomer_gets_what_its_sponsor_has(known: Registry) -> None:
    signed = seal_to(known)
    read_delivery(signed, known.rulebook)
    assert open_by(known, signed) == contents(known)
    secret = known.foundation.secrets.tag_key
    assert secret not in signed
    assert secret.hex().encode() not in signed


@pytest.mark.parametrize("part", ["generation", "epoch"])
def test_a_sponsor_that_seals_a_different_secret(known: Registry, part: str) -> None:
    right = contents(known)
    wrong = {
        "generation": Opened(GenerationSecrets(1, b"p" * 32, b"t" * 32), right.epoch),
        "epoch": Opened(right.generation, EpochSecret(1, b"s" * 32)),
    }[part]
    with refused(Code.SECRETS_MISMATCH):
        open_by(known, seal_to(known, what=wrong))


def test_secrets_of_another_number(known: Registry) -> None:
    shared = known.foundation.secrets
    for wrong in (
        Opened(GenerationSecrets(2, shared.pre_hash_secret, shared.tag_key), None),
        Opened(None, EpochSecret(2, shared.sealing_key)),
        Opened(None, None),
    ):
        with refused(Code.SECRETS_MISMATCH):
            open_by(known, seal_to(known, what=wrong))


def test_a_seal_opens_for_one_recipient_version_and_sender(known: Registry) -> None:
    signed = seal_to(known)
    with refused(Code.PAYLOAD_INVALID):
        open_by(known, signed, "lender-b")
    body = parse_document(Delivery, body_of(signed), Code.MALFORMED)
    signer = known.keys("lender-b").signer
    for changes in ({"sender": "lender-b"}, {"sender": "lender-b", "epoch": 2}):
        with refused(Code.PAYLOAD_INVALID):
            open_by(known, sign_document(signer, Label.SECRETS_DELIVERY, body.model_copy(update=changes)))
    moved = body.model_copy(update={"rulebook": b"x" * 32})
    with refused(Code.RULEBOOK_MISMATCH):
        open_by(known, sign_document(known.keys("lender-a").signer, Label.SECRETS_DELIVERY, moved))


def test_senders_and_recipients_that_are_none(known: Registry) -> None:
    for recipient in ("gateway", "custodian-one", "regulator", "nobody-here"):
        with refused(Code.MEMBER_NOT_ACTIVE):
            seal_to(known, recipient)
    for sender in ("gateway", "lender-new"):
        with refused(Code.MEMBER_NOT_ACTIVE):
            read_delivery(seal_to(known, sender=sender), known.rulebook)
    forged = bytes(64) + body_of(seal_to(known))
    with refused(Code.SIGNATURE_INVALID):
        read_delivery(forged, known.rulebook)


def test_secrets_do_not_print_and_are_three_different_ones() -> None:
    pair = GenerationSecrets(1, b"p" * 32, b"t" * 32)
    assert str(pair) + repr(Opened(pair, None)) == "<GenerationSecrets><Opened>"
    for parts in ((b"p" * 31, b"t" * 32), (b"p" * 32, b"p" * 32)):
        with refused(Code.SECRETS_MISMATCH):
            GenerationSecrets(1, *parts)


def test_the_first_lender_online_makes_the_epoch(known: Registry) -> None:
    online = frozenset({"lender-c", "lender-b", "gateway", "lender-new"})
    assert epoch_maker(known.rulebook, online, frozenset()) == "lender-b"
    assert epoch_maker(known.rulebook, online, frozenset({"lender-b"})) == "lender-c"
    assert epoch_maker(known.rulebook, frozenset({"gateway", "lender-new"}), frozenset()) is None


def test_an_offer_reaches_everybody_but_the_leaver_before_its_version(known: Registry) -> None:
    signed = known.offer("lender-b", "lender-e")
    offer, before = read_epoch_offer(signed, known.rulebook), known.rulebook
    assert set(offer.deliveries) == {"lender-a", "lender-b", "lender-c", "lender-d", "lender-new"}
    keys = set()
    for member, delivery in offer.deliveries.items():
        opened = open_delivery(delivery, before, pins_of_offer(before, offer), member, known.keys(member).hpke)
        assert opened.epoch
        keys.add(opened.epoch.sealing_key)
    assert len(keys) == 1
    after = known.change(Suspend(member="lender-e", reason="breach", offer=signed))
    assert (after.document.epoch, after.document.epoch_secret) == (2, offer.epoch_secret)


def test_offers_that_are_refused(known: Registry) -> None:
    offer = read_epoch_offer(known.offer("lender-b", "lender-e"), known.rulebook)
    fewer = {name: one for name, one in offer.deliveries.items() if name != "lender-c"}
    swapped = {**offer.deliveries, "lender-c": offer.deliveries["lender-d"]}
    other = seal_to(known, "lender-c", Opened(None, new_epoch_secret(7, known.rng)), "lender-b")
    for changes, code in (
        ({"deliveries": fewer}, Code.NOTICE_INVALID),
        ({"deliveries": swapped}, Code.NOTICE_INVALID),
        ({"deliveries": {**offer.deliveries, "lender-c": other}}, Code.NOTICE_INVALID),
        ({"epoch": 3}, Code.NOTICE_INVALID),
        ({"without": ("lender-b", "lender-e")}, Code.NOTICE_INVALID),
        ({"maker": "lender-a"}, Code.SIGNATURE_INVALID),
        ({"maker": "gateway"}, Code.MEMBER_NOT_ACTIVE),
        ({"rulebook": b"x" * 32}, Code.RULEBOOK_MISMATCH),
    ):
        signed = sign_document(known.keys("lender-b").signer, Label.EPOCH_OFFER, offer.model_copy(update=changes))
        with refused(code):
            read_epoch_offer(signed, known.rulebook)
    assert EpochOffer.model_validate(offer) == offer
