"""End to end by digits: lender i contributes base**i, so an omission or a double count shows at a glance."""

import pytest

from consortium.errors import Code, CreditError
from consortium.model.credit_file import CreditFile
from consortium.model.identifiers import IdentifierKind
from participants.lender.ask import QueryResult, ValueStatus
from tests.support.world import ALICE, ALICE_ID, LENDERS, World, Worlds, tradeline

BASE = 100


def holding_everywhere(world: World) -> None:
    subject = world.subject(ALICE)
    for power, member in enumerate(LENDERS):
        world.hold(member, subject, 1, CreditFile(IdentifierKind.PHONE, (tradeline(BASE**power),)))


def total(result: QueryResult, attribute: str = "balance") -> int:
    return next(item.total for item in result.attributes if item.attribute.id == attribute)


def test_everybody_counts_once(world: World) -> None:
    holding_everywhere(world)
    result = world.ask(world.subject(ALICE))
    assert total(result) == sum(BASE**power for power in range(5)) == 101010101
    assert total(result, "open_tradelines") == 5
    assert result.matched == {IdentifierKind.NATIONAL_ID: 0, IdentifierKind.PHONE: 5, IdentifierKind.EMAIL: 0}
    assert result.asked == result.answered == LENDERS
    assert {item.status for item in result.attributes} == {ValueStatus.OK}
    assert next(item.own for item in result.attributes if item.attribute.id == "balance") == 1


@pytest.mark.parametrize("missing", LENDERS[1:])
def test_who_is_offline_is_missing_from_the_digits(world: World, missing: str) -> None:
    holding_everywhere(world)
    world.hub.offline = frozenset({missing})
    result = world.ask(world.subject(ALICE))
    assert total(result) == 101010101 - BASE ** LENDERS.index(missing)
    assert result.missing == (missing,)
    assert {item.status for item in result.attributes} == {ValueStatus.INCOMPLETE}


def test_the_requester_itself_may_be_offline(world: World) -> None:
    holding_everywhere(world)
    world.hub.offline = frozenset({"lender-a"})
    result = world.ask(world.subject(ALICE))
    assert total(result) == 101010100
    assert all(item.own == 0 for item in result.attributes)


def test_two_offline_are_too_many(world: World) -> None:
    world.hub.offline = frozenset({"lender-d", "lender-e"})
    with pytest.raises(CreditError) as caught:
        world.ask(world.subject(ALICE))
    assert caught.value.code is Code.TOO_FEW_CONTRIBUTORS


def test_each_lender_may_ask(world: World) -> None:
    holding_everywhere(world)
    for power, member in enumerate(LENDERS):
        result = world.ask(world.subject(ALICE, by=member), by=member)
        assert total(result) == 101010101
        assert next(item.own for item in result.attributes if item.attribute.id == "balance") == BASE**power


def test_every_file_that_an_identifier_reaches_counts(world: World) -> None:
    subject = world.subject(ALICE, ALICE_ID)
    world.hold("lender-b", subject, 0, CreditFile(IdentifierKind.NATIONAL_ID, (tradeline(7),)))
    world.hold("lender-b", subject, 1, CreditFile(IdentifierKind.PHONE, (tradeline(1000),)))
    world.hold("lender-c", subject, 1, CreditFile(IdentifierKind.PHONE, (tradeline(90),)))
    result = world.ask(subject)
    assert total(result) == 1097
    assert result.matched[IdentifierKind.NATIONAL_ID] == 1
    assert result.matched[IdentifierKind.PHONE] == 2


def test_an_accomplices_identifier_does_not_switch_a_lenders_answer_off(world: World) -> None:
    """
    The attack that worked while a lender answered with its strongest file only.

    An accomplice holds an account at one lender. Asked about together with the victim's phone, that lender's answer
    must still contain the victim's part, so that the difference shows the accomplice's own number and nothing else.
    """
    victim, both = world.subject(ALICE), world.subject(ALICE, ALICE_ID)
    for power, member in enumerate(LENDERS):
        world.hold(member, victim, 1, CreditFile(IdentifierKind.PHONE, (tradeline(100**power),)))
    world.hold("lender-e", both, 0, CreditFile(IdentifierKind.NATIONAL_ID, (tradeline(3),)))
    assert total(world.ask(both)) - total(world.ask(victim)) == 3


@pytest.mark.parametrize(("holders", "status"), [(0, ValueStatus.NO_HIT), (1, ValueStatus.THIN), (2, ValueStatus.OK)])
def test_the_status_says_what_a_value_is_worth(world: World, holders: int, status: ValueStatus) -> None:
    subject = world.subject(ALICE)
    for member in LENDERS[1 : 1 + holders]:
        world.hold(member, subject, 1, CreditFile(IdentifierKind.PHONE, (tradeline(5),)))
    assert {item.status for item in world.ask(subject).attributes} == {status}


def test_a_frozen_file_contributes_its_freeze_and_nothing_else(world: World) -> None:
    subject = world.subject(ALICE)
    world.hold("lender-b", subject, 1, CreditFile(IdentifierKind.PHONE, (tradeline(5),), frozen=True))
    result = world.ask(subject)
    assert result.frozen == 1
    assert sum(result.matched.values()) == 0
    assert total(result) == 0
    assert {item.status for item in result.attributes} == {ValueStatus.NOT_PERMITTED}


def test_twelve_lenders(worlds: Worlds) -> None:
    lenders = tuple(f"lender-{letter}" for letter in "abcdefghijkl")
    world = worlds.make(lenders)
    subject = world.subject(ALICE)
    for power, member in enumerate(lenders):
        world.hold(member, subject, 1, CreditFile(IdentifierKind.PHONE, (tradeline(2**power),)))
    world.hub.offline = frozenset(lenders[9:])
    assert total(world.ask(subject)) == 2**9 - 1
