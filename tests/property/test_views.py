"""
What a gateway that shows different things to different members learns together with the requester and c members.

Exact, over GF(p): every unknown (number, blind, mask) is a variable, everything the coalition sees a row. The sets
that members release for are those that `check_answering_set` allows; the ledger lets each member release for one.

The rows of both kinds of suite are looked at. Under Paillier the coalition has the sums' key, so that the encryption is
no unknown; in vectors of words each contribution has one mask more, which the requester knows.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np
import pytest

from consortium.errors import CreditError
from consortium.labels import Label
from consortium.model.members import MemberSet, check_answering_set
from consortium.sums.exchange import CtxSeeds
from consortium.sums.word_masks import (
    WordMasks,
    masked_words,
    requester_mask,
    word_blind,
    word_stream,
    words_correction,
)
from consortium.sums.words import Words, added, words_of
from tests.support.algebra import Row, smallest_sum

REQUESTER = "m0"


@dataclass(frozen=True)
class Setting:
    size: int
    colluders: int
    minimum: int
    keyless: bool = False
    """Whether members outside L have no mask key, so that nobody has a mask towards them."""
    words: bool = False
    """Whether the suite is `MASKED_SUM`."""
    without_requester: bool = False
    """Whether the requester is honest, and gateway and c members are alone."""

    @property
    def everybody(self) -> tuple[str, ...]:
        return tuple(f"m{i}" for i in range(self.size))

    @property
    def honest(self) -> tuple[str, ...]:
        others = self.everybody[1 + self.colluders :]
        return (REQUESTER, *others) if self.without_requester else others


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
                hidden: Row = {("X", member): 1, ("b", ctx, member): 1} | masks(ctx, member, masked, setting)
                rows += [hidden | {("r", ctx, member): 1}] if setting.words else [hidden]
                if setting.words and not setting.without_requester:
                    rows.append({("r", ctx, member): 1})
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
SMALL = [
    *(Setting(3, 0, 2, words=words) for words in (False, True)),
    *(Setting(4, 0, 2, words=words) for words in (False, True)),
    Setting(4, 0, 3),
    *(Setting(4, 1, 3, words=words) for words in (False, True)),
    Setting(4, 0, 2, keyless=True),
]


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
    "setting",
    [Setting(5, 0, 2), Setting(5, 0, 3), Setting(5, 1, 3), Setting(5, 1, 3, words=True), Setting(5, 2, 4), KEYLESS],
    ids=str,
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


# Vectors of words

ALONE = [
    Setting(3, 0, 2, words=True, without_requester=True),
    Setting(3, 1, 3, words=True, without_requester=True),
    Setting(4, 1, 3, words=True, without_requester=True),
]


@pytest.mark.parametrize("setting", ALONE, ids=str)
def test_without_the_requester_no_sum_at_all_is_revealed(setting: Setting) -> None:
    options = [releasable(member, setting) for member in setting.honest]
    rng = random.Random(6)
    combos = list(product(*options))
    for chosen in rng.sample(combos, min(60, len(combos))):
        released = {member: [answering] for member, answering in zip(setting.honest, chosen, strict=True)}
        assert smallest_sum(view(setting, released), numbers(setting)) == 0
    everything = {member: releasable(member, setting) for member in setting.honest}
    assert smallest_sum(view(setting, everything), numbers(setting)) == 0, "nor without the ledger"


def test_without_the_requesters_masks_the_gateway_alone_has_the_sum() -> None:
    """The check itself can fail: the same messages without r_i give the sum away."""
    setting = Setting(4, 0, 3, without_requester=True)
    everybody = {member: [frozenset(setting.everybody)] for member in setting.honest}
    assert smallest_sum(view(setting, everybody), numbers(setting)) == 4
    masked = replace(setting, words=True)
    assert smallest_sum(view(masked, everybody), numbers(masked)) == 0


@pytest.mark.parametrize(
    "answering",
    [frozenset({"m0", "m1", "m2", "m3"}), frozenset({"m0", "m2", "m3"})],
    ids=["all", "one missing"],
)
def test_the_rows_are_what_the_code_sends(answering: MemberSet) -> None:
    """Each row, with the unknowns that the code derives, is the vector that it sends, word by word."""
    setting, count = Setting(4, 0, 2, words=True, without_requester=True), 3
    ctx = (frozenset(setting.everybody), frozenset(setting.everybody))
    for member in setting.honest:
        value, seeds = 2 ** (64 * count) - 1 - int(member[1:]), CtxSeeds(member.encode() * 16)
        keys = {peer: "".join(sorted((member, peer))).encode() * 8 for peer in setting.everybody if peer != member}
        vectors = WordMasks(member, keys, member.encode() * 16, count)
        known: dict[object, Words] = {
            ("s", ctx, *sorted((member, peer))): word_stream(keys[peer], Label.MASK_WORDS, count) for peer in keys
        }
        known |= {
            ("X", member): words_of(value, count),
            ("b", ctx, member): word_blind(seeds.blind_seed(value), count),
            ("r", ctx, member): requester_mask(vectors.requester_key, count),
        }
        first: Row = {("X", member): 1, ("b", ctx, member): 1, ("r", ctx, member): 1}
        sent = first | masks(ctx, member, ctx[0], setting)
        released: Row = {("b", ctx, member): 1} | masks(ctx, member, ctx[0] - answering, setting)
        for row, vector in (
            (sent, masked_words(value, seeds, vectors)),
            (released, words_correction(value, seeds, vectors, answering)),
        ):
            assert np.array_equal(
                added((known[name] * np.uint64(times % 2**64) for name, times in row.items()), count), vector
            )
