"""The next generation on its way: its secrets reach every lender first, and who is not ready for it shows."""

import pytest

from consortium.errors import Code
from consortium.labels import Label
from consortium.membership.ballots import Decision
from consortium.membership.changeover import generation_before, generations_held
from consortium.membership.generations import (
    GenerationOffer,
    behind,
    generation_name,
    pins_of_generation,
    read_generation_offer,
    read_readiness,
)
from consortium.membership.proposals import PROPOSAL_LIFETIME, Admit, NewEpoch, Renew, Suspend, Switch
from consortium.membership.secrets import open_delivery
from consortium.membership.signed import body_of, parse_document, sign_document
from tests.support.codes import refused
from tests.support.membership import DAY, Registry, registry
from tests.support.world import LENDERS, NOW


@pytest.fixture
def known() -> Registry:
    return registry()


def test_every_lender_can_open_what_the_announcement_seals_and_nobody_else(known: Registry) -> None:
    known.change(Admit(application=known.apply()))
    secrets, signed = known.generation_offer("lender-b")
    offer = read_generation_offer(signed, known.rulebook)
    pins = pins_of_generation(known.rulebook, offer)
    assert sorted(offer.deliveries) == sorted((*LENDERS, "lender-new"))
    for member, sealed in offer.deliveries.items():
        opened = open_delivery(sealed, known.rulebook, pins, member, known.keys(member).hpke)
        assert (opened.generation, opened.epoch) == (secrets, None)
    assert secrets.tag_key.hex().encode() not in signed


def test_offers_that_leave_somebody_out_or_seal_something_else(known: Registry) -> None:
    _, signed = known.generation_offer()
    offer = parse_document(GenerationOffer, body_of(signed), Code.MALFORMED)
    short = {member: sealed for member, sealed in offer.deliveries.items() if member != "lender-e"}
    swapped = offer.deliveries | {"lender-e": offer.deliveries["lender-d"]}
    for changes, code in (
        ({"deliveries": short}, Code.NOTICE_INVALID),
        ({"deliveries": swapped}, Code.NOTICE_INVALID),
        ({"generation": 3}, Code.NOTICE_INVALID),
        ({"maker": "gateway"}, Code.MEMBER_NOT_ACTIVE),
        ({"maker": "lender-b"}, Code.SIGNATURE_INVALID),
        ({"rulebook": b"x" * 32}, Code.RULEBOOK_MISMATCH),
    ):
        changed = offer.model_copy(update=changes)
        with refused(code):
            read_generation_offer(
                sign_document(known.keys("lender-a").signer, Label.GENERATION_OFFER, changed), known.rulebook
            )
    other, _ = known.generation_offer()
    assert other is not None
    with refused(Code.SECRETS_MISMATCH):  # its maker sealed other secrets than the fingerprint says
        pins = pins_of_generation(known.rulebook, offer.model_copy(update={"secrets": b"f" * 32}))
        open_delivery(offer.deliveries["lender-b"], known.rulebook, pins, "lender-b", known.keys("lender-b").hpke)


def test_who_is_behind(known: Registry) -> None:
    with refused(Code.NOTICE_INVALID):
        read_readiness(known.ready("lender-a"), known.rulebook)
    known.change(known.announcement())
    assert behind(known.rulebook, ()) == LENDERS
    said = [read_readiness(known.ready(member), known.rulebook) for member in ("lender-a", "lender-c")]
    assert behind(known.rulebook, said) == ("lender-b", "lender-d", "lender-e")
    known.change(NewEpoch(offer=known.offer()))
    assert behind(known.rulebook, said) == ("lender-b", "lender-d", "lender-e"), "it holds for the same generation"
    known.change(Suspend(member="lender-e", reason="breach", offer=known.offer("lender-a", "lender-e")))
    assert behind(known.rulebook, said) == ("lender-b", "lender-d"), "nobody waits for who is cut off"
    known.change(known.announcement())
    assert behind(known.rulebook, said) == ("lender-a", "lender-b", "lender-c", "lender-d"), "another key"


def test_nobody_says_it_for_another(known: Registry) -> None:
    known.change(known.announcement())
    for signed, code in (
        (known.ready("gateway"), Code.MEMBER_NOT_ACTIVE),
        (known.ready("lender-a", member="lender-b"), Code.SIGNATURE_INVALID),
        (known.ready("lender-a", generation=b"x" * 32), Code.NOTICE_INVALID),
        (known.ready("lender-a", rulebook=b"x" * 32), Code.RULEBOOK_MISMATCH),
        (b"", Code.MALFORMED),
    ):
        with refused(code):
            read_readiness(signed, known.rulebook)


def test_a_generation_keeps_its_name_over_new_shares(known: Registry) -> None:
    oprf = known.document.oprf
    assert generation_name(oprf) == generation_name(oprf.model_copy(update={"revision": 2, "transcript": b"t" * 32}))
    assert generation_name(oprf) != generation_name(oprf.model_copy(update={"secrets": b"s" * 32}))


def test_what_a_change_over_leaves_behind_and_for_how_long(known: Registry) -> None:
    known.change(known.announcement())
    first, second, window = known.document.oprf, known.document.upcoming, known.rulebook.policy.ledger_window
    assert generation_before(known.document, NOW) is None
    assert generations_held(known.document, NOW) == (first, second)
    known.now += 40 * DAY
    known.change(Switch())
    known.now += DAY
    known.change(Renew())
    latest = NOW + 40 * DAY + PROPOSAL_LIFETIME
    (retired,) = known.document.retired
    assert (generation_name(retired), retired.retired_at) == (generation_name(first), NOW + 40 * DAY)
    assert [generation_before(known.document, latest + 2 * window - late) for late in (1, 0)] == [retired, None]
    kept = latest + known.rulebook.policy.retention_days * DAY
    assert generations_held(known.document, kept - 1) == (second, retired)
    assert generations_held(known.document, kept) == (second,)


def test_a_vote_that_comes_too_late(known: Registry) -> None:
    ballot = known.ballot(Renew())
    late = known.now + PROPOSAL_LIFETIME + 1
    vote = ballot.cast("lender-a", Decision.APPROVE, "at last", known.keys("lender-a").signer, late)
    with refused(Code.VOTE_INVALID):
        ballot.take(vote, late)
