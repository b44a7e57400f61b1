"""Packing: what fits, what is refused, and which sums cannot be honest."""

import pytest

from consortium.errors import Code, CreditError
from consortium.sums.packing import Layout, Slot

A, B = Slot("a", 5), Slot("b", 1)


def code_of(refusal: pytest.ExceptionInfo[CreditError]) -> Code:
    return refusal.value.code


def test_widths_are_bound_plus_carry_plus_guard() -> None:
    for roster_maximum, carry in ((1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (128, 7), (129, 8)):
        layout = Layout.build([A, B], roster_maximum, 3072)
        assert [layout.width(slot) for slot in layout.slots] == [3 + carry + 1, 1 + carry + 1]
        assert layout.bits == 6 + 2 * carry


def test_digits_show_each_contributor_once() -> None:
    """Contributor i gives base^i, so a sum shows an omission or a double count at a glance."""
    layout = Layout.build([Slot("digits", 10**7), Slot("other", 3)], 8, 1024)
    packed = [layout.pack({"digits": 10**i, "other": 3}) for i in range(8)]
    assert layout.unpack(sum(packed)) == {"digits": 11111111, "other": 24}
    assert layout.unpack(sum(packed) - packed[3]) == {"digits": 11110111, "other": 21}


def test_positions_do_not_depend_on_the_order_or_the_modulus() -> None:
    first, second = Layout.build([A, B], 9, 64), Layout.build([B, A], 9, 3072)
    assert first == second
    assert first.describe() == second.describe()
    assert first.pack({"a": 4, "b": 1}) == second.pack({"b": 1, "a": 4}) == 4 + (1 << 8)


def test_descriptions_name_everything_that_moves_a_slot() -> None:
    variants = [
        Layout.build(slots, roster_maximum, 3072)
        for slots in ([A, B], [A], [Slot("a", 6), B], [Slot("c", 5), B])
        for roster_maximum in (9, 10)
    ]
    assert len({layout.describe() for layout in variants}) == len(variants)
    assert variants[0].describe() == (b'{"roster_maximum":9,"slots":[{"bound":5,"name":"a"},{"bound":1,"name":"b"}]}')


def test_the_last_bit_below_the_modulus_may_be_used_and_no_more() -> None:
    layout = Layout.build([A, B], 9, 15)
    assert layout.bits == 14
    with pytest.raises(CreditError) as refusal:
        Layout.build([A, B], 9, 14)
    assert code_of(refusal) is Code.ATTRIBUTES_DO_NOT_FIT


def test_fifty_six_counters_fit_the_real_modulus() -> None:
    slots = [Slot(f"counter-{number:02}", 2**46 - 1) for number in range(56)]
    assert Layout.build(slots, 128, 3072).bits == 56 * 54
    with pytest.raises(CreditError):
        Layout.build([*slots, Slot("one-more", 2**46 - 1)], 128, 3072)


@pytest.mark.parametrize(
    ("slots", "roster_maximum"),
    [([], 3), ([A, A], 3), ([A, Slot("a", 1)], 3), ([Slot("a", 0)], 3), ([Slot("a", 2**53)], 3), ([A], 0)],
)
def test_senseless_layouts_are_refused(slots: list[Slot], roster_maximum: int) -> None:
    with pytest.raises(CreditError) as refusal:
        Layout.build(slots, roster_maximum, 3072)
    assert code_of(refusal) is Code.MALFORMED


@pytest.mark.parametrize("values", [{"a": 6, "b": 0}, {"a": -1, "b": 0}, {"a": 0, "b": 2}])
def test_values_out_of_bounds_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(CreditError) as refusal:
        Layout.build([A, B], 3, 3072).pack(values)
    assert code_of(refusal) is Code.RECORD_INVALID


@pytest.mark.parametrize("values", [{}, {"a": 1}, {"a": 1, "b": 1, "c": 1}, {"a": 1, "c": 1}])
def test_values_for_other_slots_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(CreditError) as refusal:
        Layout.build([A, B], 3, 3072).pack(values)
    assert code_of(refusal) is Code.ATTRIBUTE_UNKNOWN


def test_guard_bits_and_bits_beyond_are_refused() -> None:
    layout = Layout.build([Slot("a", 7), Slot("b", 7)], 4, 3072)  # six bits a slot, sums up to 28
    for total in (1 << 5, 1 << 11, 1 << 12, 1 << 3000, -1):
        with pytest.raises(CreditError) as refusal:
            layout.unpack(total)
        assert code_of(refusal) is Code.SUM_INVALID
    assert layout.unpack(1 << 4 | 1 << 10) == {"a": 16, "b": 16}


def test_a_slot_above_its_largest_sum_is_refused() -> None:
    layout = Layout.build([A], 3, 3072)
    assert layout.unpack(15) == {"a": 15}
    with pytest.raises(CreditError) as refusal:
        layout.unpack(16)
    assert code_of(refusal) is Code.SUM_INVALID
