"""
What a gateway that shows different things to different members learns together with the requester and c members.

Exact, over GF(p): every unknown (number, blind, mask) is a variable, everything the coalition sees a row. The sets
that members release for are those that `check_answering_set` allows; the ledger lets each member release for one.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import pytest

from consortium.errors import CreditError
from consortium.model.members import MemberSet, check_answering_set
from tests.support.algebra import Row, smallest_sum

REQUESTER = "m0"


@dataclass(frozen=True)
class Setting:
    size: int
    colluders: int
    minimum: int
    keyless: bool = False
    """Whether members outside L have no mask key, so that nobody has a mask towards them."""

    @property
    def everybody(self) -> tuple[str, ...]:
        return tuple(f"m{i}" for i in range(self.size))

    @property
    def honest(self) -> tuple[str, ...]:
        return self.everybody[1 + self.colluders :]


def subsets(members: Sequence[str]) -> Iterator[MemberSet]:
    for size in range(1, len(members) + 1):
        yield from map(frozenset, combinations(members, size))


def allowed(answering: MemberSet, roster: MemberSet, setting: Setting) -> bool:
    groups = {member: member for member in setting.everybody}
    try:
        check_answering_set(answering, roster, REQUESTER, groups, (setting.colluders, setting.minimum))
    except CreditError:
        return False
    return True


def releasable(member: str, setting: Setting) -> list[MemberSet]:
    """Every U that this member might release for, under any roster that a rulebook could have."""
    rosters = [roster for roster in subsets(setting.everybody) if REQUESTER in roster]
    return [
        answering
        for answering in subsets(setting.everybody)
        if member in answering and any(allowed(answering, roster, setting) for roster in rosters)
    ]


def exchanges(setting: Setting) -> Iterator[tuple[MemberSet, MemberSet]]:
    """Every (R, L): each is a ctx of its own, with masks of its own."""
    for roster in subsets(setting.everybody):
        if REQUESTER in roster:
            for intended in subsets(sorted(roster)):
                if allowed(intended, roster, setting):
                    yield roster, intended


def view(setting: Setting, released: dict[str, list[MemberSet]]) -> list[Row]:
    """All rows that the coalition gets when each honest member releases for these sets, in every exchange it can."""
    rows: list[Row] = []
    for ctx in exchanges(setting):
        roster, intended = ctx
        for member in setting.honest:
            if member in intended:
                masked = intended if setting.keyless else roster
                rows.append({("X", member): 1, ("b", ctx, member): 1} | masks(ctx, member, masked, setting))
                rows += [
                    {("b", ctx, member): 1} | masks(ctx, member, masked - answering, setting)
                    for answering in released[member]
                    if answering <= intended and allowed(answering, roster, setting)
                ]
    return rows


def masks(ctx: object, member: str, others: MemberSet, setting: Setting) -> Row:
    """The masks that the coalition does not know: those between honest members."""
    return {
        ("s", ctx, *sorted((member, other))): 1 if other > member else -1
        for other in others
        if other != member and other in setting.honest
    }


def numbers(setting: Setting) -> list[object]:
    return [("X", member) for member in setting.honest]


KEYLESS = Setting(5, 1, 3, keyless=True)
SMALL = [Setting(3, 0, 2), Setting(4, 0, 2), Setting(4, 0, 3), Setting(4, 1, 3), Setting(4, 0, 2, keyless=True)]


@pytest.mark.parametrize("setting", SMALL, ids=str)
def test_no_combination_of_views_reveals_fewer_than_the_minimum(setting: Setting) -> None:
    options = [releasable(member, setting) for member in setting.honest]
    assert all(options)
    revealed = set()
    for chosen in product(*options):
        released = {member: [answering] for member, answering in zip(setting.honest, chosen, strict=True)}
        revealed.add(smallest_sum(view(setting, released), numbers(setting)))
    assert max(revealed) > 0, "the honest answer itself must be among the cases"
    assert all(count == 0 or count >= setting.minimum - setting.colluders for count in revealed)


@pytest.mark.parametrize(
    "setting", [Setting(5, 0, 2), Setting(5, 0, 3), Setting(5, 1, 3), Setting(5, 2, 4), KEYLESS], ids=str
)
def test_sampled_combinations_for_five_members(setting: Setting) -> None:
    rng = random.Random(5)
    options = [releasable(member, setting) for member in setting.honest]
    combos = list(product(*options))
    for chosen in rng.sample(combos, min(100, len(combos))):
        released = {member: [answering] for member, answering in zip(setting.honest, chosen, strict=True)}
        count = smallest_sum(view(setting, released), numbers(setting))
        assert count == 0 or count >= setting.minimum - setting.colluders


def test_without_the_ledger_two_sets_isolate_one_member() -> None:
    setting = Setting(4, 0, 2)
    both = {member: releasable(member, setting) for member in setting.honest}
    assert smallest_sum(view(setting, both), numbers(setting)) == 1


def test_without_the_majority_rule_disjoint_sets_isolate_a_pair() -> None:
    """The check itself can fail: a rule that lets one member answer alone is caught."""
    setting = Setting(3, 0, 1)
    alone = {member: [frozenset({"m0", member})] for member in setting.honest}
    assert smallest_sum(view(setting, alone), numbers(setting)) == 1
