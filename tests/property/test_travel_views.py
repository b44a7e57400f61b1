"""
What a travel check shows to whom, exactly.

Members see the blinded element: over a group small enough to count, the protocol's own code gives every element other
than the identity exactly once for each cell, whatever the cell. The requester sees tables, elements and corrections:
over GF(p) one combination of the numbers follows from all of it, the sum of the opened entries of everybody who
answered; and for any two sets of numbers with that sum there are masks and pads, a bijection of the uniform ones, under
which the protocol's own code gives the very same bytes.

That the pads of unopened entries are unknown is the assumption: each is a hash of k H(i), a Diffie-Hellman value of two
elements whose logarithms the requester does not know, and it gets one multiple by k in all, of one element that it
chose.
"""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consortium.oprf.elements import BlindedElement
from consortium.travel import oblivious
from consortium.travel.oblivious import MODULUS, Choice, choose, fill_table
from tests.support.algebra import Row, rank, smallest_sum
from tests.support.world import seeded_rng

ORDER = 101
CELLS = 6


class TinyGroup:
    """The multiplicative group's subgroup of order 101 in exponents: `scale` multiplies them, 0 is the identity."""

    @staticmethod
    def hash_to_group(message: bytes, _: bytes) -> bytes:
        return bytes([1 + int.from_bytes(message, "big") * 17 % (ORDER - 1)])

    @staticmethod
    def scale(scalar: int, element: bytes) -> bytes:
        return bytes([scalar * element[0] % ORDER])


def test_members_see_every_element_once_for_each_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oblivious, "group", TinyGroup)
    views = [Counter(Choice(cell, blind).element.value for blind in range(1, ORDER)) for cell in range(CELLS)]
    assert views[0] == Counter({bytes([element]): 1 for element in range(1, ORDER)})
    assert all(view == views[0] for view in views)


def test_without_a_fresh_blind_the_cell_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself can fail: one blind for two cells gives two elements."""
    monkeypatch.setattr(oblivious, "group", TinyGroup)
    assert len({Choice(cell, 5).element.value for cell in range(CELLS)}) == CELLS


def travel_masks(member: int, others: range) -> Row:
    return {("s", *sorted((member, other))): 1 if other > member else -1 for other in others if other != member}


def travel_view(honest: int, roster: int, cell: int, *, pads: bool = True) -> list[Row]:
    """All rows that requester and gateway get of members 0 .. honest-1, who answer, of a roster with absent ones."""
    rows: list[Row] = []
    for member in range(honest):
        masks = travel_masks(member, range(roster))
        absent = travel_masks(member, range(honest, roster))
        for index in range(CELLS):
            row: Row = {("X", member, index): 1, ("b", member): 1, **masks}
            rows.append(row if index == cell or not pads else row | {("pad", member, index): 1})
        rows.append({("b", member): 1, **absent})
    return rows


@pytest.mark.parametrize(("honest", "roster"), [(2, 2), (3, 3), (3, 5), (4, 5)])
def test_the_requester_learns_the_sum_of_one_cell_and_nothing_else(honest: int, roster: int) -> None:
    for cell in range(CELLS):
        rows = travel_view(honest, roster, cell)
        numbers: list[object] = [("X", member, index) for member in range(honest) for index in range(CELLS)]
        assert smallest_sum(rows, numbers) == honest
        total: Row = {("X", member, cell): 1 for member in range(honest)}
        assert rank([*rows, total]) == rank(rows), "the sum of the chosen cell follows"
        others: list[Row] = [{("X", member, index): 1} for member in range(honest) for index in range(CELLS)]
        assert all(rank([*rows, one]) == rank(rows) + 1 for one in others), "no number by itself"
        another: Row = {("X", member, (cell + 1) % CELLS): 1 for member in range(honest)}
        assert rank([*rows, another]) == rank(rows) + 1, "no other cell's sum"


def test_without_pads_every_cell_would_show() -> None:
    """The check itself can fail: one mask hides a table's words from the gateway, not from each other."""
    rows = travel_view(3, 3, 0, pads=False)
    another: Row = {("X", member, 1): 1 for member in range(3)}
    assert rank([*rows, another]) == rank(rows)


@given(st.data())
def test_equal_sums_look_equal_to_the_byte(data: st.DataObject) -> None:
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    cell, members = chance.randrange(CELLS), range(3)
    numbers = [bytes(chance.randrange(4) for _ in range(CELLS)) for _ in members]
    others = [bytes(chance.randrange(4) for _ in range(CELLS)) for _ in members]
    moved = [others[member][cell] - numbers[member][cell] for member in members]
    moved[2] = -moved[0] - moved[1]
    if not 0 <= numbers[2][cell] + moved[2] <= 3:
        return
    others[2] = others[2][:cell] + bytes([numbers[2][cell] + moved[2]]) + others[2][cell + 1 :]
    choice = choose(cell, seeded_rng(b"view"))
    blinds = [chance.randrange(MODULUS) for _ in members]
    pair_masks = {pair: chance.randrange(MODULUS) for pair in ((0, 1), (0, 2), (1, 2))}
    shifted = dict(pair_masks) | {(0, 2): pair_masks[0, 2] - moved[0], (1, 2): pair_masks[1, 2] - moved[1]}
    keys = [chance.randrange(1, 2**200) for _ in members]
    pads = [chance.randbytes(CELLS * 8) for _ in members]
    seen = _tables(choice.element, keys, pads, numbers, blinds, pair_masks)
    plain = _tables(choice.element, keys, [bytes(CELLS * 8)] * 3, others, blinds, shifted)
    fitting = [_xor(words, hidden) for (_, words, _), (_, hidden, _) in zip(seen, plain, strict=True)]
    opened = slice(cell * 8, cell * 8 + 8)
    assert [pad[opened] for pad in fitting] == [pad[opened] for pad in pads], "the pad that the requester knows"
    assert _tables(choice.element, keys, fitting, others, blinds, shifted) == seen


def _tables(
    element: BlindedElement,
    keys: list[int],
    pads: list[bytes],
    numbers: list[bytes],
    blinds: list[int],
    masks: dict[tuple[int, int], int],
) -> list[tuple[bytes, bytes, int]]:
    """Give what is seen of every member: its element, its words and its correction."""
    found = []
    for member, blind in enumerate(blinds):
        pairs = (mask if member == pair[0] else -mask for pair, mask in masks.items() if member in pair)
        table = fill_table(keys[member], pads[member], element, numbers[member], (blind + sum(pairs)) % MODULUS)
        found.append((table.element.value, table.words, blind))
    return found


def _xor(first: bytes, second: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(first, second, strict=True))
