"""Packed sums unpack to the sums of what was packed, for every layout that fits."""

from hypothesis import given
from hypothesis import strategies as st

from consortium.sums.packing import Layout, Slot

BOUNDS = st.dictionaries(st.text("abcdefg.", min_size=1), st.integers(1, 2**53 - 1), min_size=1, max_size=12)


@given(bounds=BOUNDS, roster_maximum=st.integers(1, 300), data=st.data())
def test_sums_unpack(bounds: dict[str, int], roster_maximum: int, data: st.DataObject) -> None:
    layout = Layout.build([Slot(name, bound) for name, bound in bounds.items()], roster_maximum, 3072)
    count = data.draw(st.integers(0, min(roster_maximum, 6)))
    people = [{name: data.draw(st.integers(0, bound)) for name, bound in bounds.items()} for _ in range(count)]
    total = sum(map(layout.pack, people))
    assert layout.unpack(total) == {name: sum(person[name] for person in people) for name in bounds}


@given(bounds=BOUNDS, roster_maximum=st.integers(1, 2**20))
def test_the_largest_sum_unpacks(bounds: dict[str, int], roster_maximum: int) -> None:
    layout = Layout.build([Slot(name, bound) for name, bound in bounds.items()], roster_maximum, 3072)
    total = layout.pack(bounds) * roster_maximum
    assert total.bit_length() <= layout.bits
    assert layout.unpack(total) == {name: bound * roster_maximum for name, bound in bounds.items()}


@given(bounds=BOUNDS, data=st.data())
def test_distinct_values_pack_distinctly(bounds: dict[str, int], data: st.DataObject) -> None:
    layout = Layout.build([Slot(name, bound) for name, bound in bounds.items()], 3, 3072)
    first, second = ({name: data.draw(st.integers(0, bound)) for name, bound in bounds.items()} for _ in range(2))
    assert (layout.pack(first) == layout.pack(second)) == (first == second)
