"""Evaluation over random files: bounds, one-hot buckets, blindness to the future, and the snapshot's calm."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from consortium.model.attributes import DEFAULT_ATTRIBUTES, evaluate
from consortium.model.catalogue import DPD_BUCKETS, META_SLOTS, MONTHS_ON_FILE_BUCKETS
from consortium.model.credit_file import CreditFile, Freeze, Inquiry, PendingGrant, Piece
from consortium.model.credit_file_bytes import credit_file_of, pieces_of
from tests.support import books

RETENTION = 5 * 365
SKEW = 300
moments = st.integers(books.NOW - 100 * 86_400, books.NOW + 100 * 86_400)
thawed = books.credit_files.map(lambda file: replace(file, frozen=False))


def values(file: CreditFile, as_of: int, *, live: bool = True, retention: int = RETENTION) -> dict[str, int]:
    return evaluate(file, DEFAULT_ATTRIBUTES, as_of, live=live, retention_days=retention, clock_skew=SKEW)


@settings(max_examples=200)
@given(file=books.credit_files, as_of=moments, live=st.booleans(), retention=st.integers(1, 4_000))
def test_every_value_is_within_its_bound(file: CreditFile, as_of: int, *, live: bool, retention: int) -> None:
    found = values(file, as_of, live=live, retention=retention)
    bounds = {name: attribute.bound for name, attribute in DEFAULT_ATTRIBUTES.items()} | dict(META_SLOTS)
    assert found.keys() == bounds.keys()
    assert all(type(value) is int and 0 <= value <= bounds[name] for name, value in found.items())
    assert found["security_freezes"] == file.frozen
    assert found["matched_by_id"] + found["matched_by_phone"] + found["matched_by_email"] == (not file.frozen)


@settings(max_examples=200)
@given(thawed, moments)
def test_buckets_are_one_hot(file: CreditFile, as_of: int) -> None:
    found = values(file, as_of)
    now = sum(found[f"worst_dpd_now_{bucket}"] for bucket in DPD_BUCKETS)
    year = sum(found[f"worst_dpd_12m_{bucket}"] for bucket in DPD_BUCKETS)
    months = sum(found[f"months_on_file_{bucket}"] for bucket in MONTHS_ON_FILE_BUCKETS)
    assert {now, year, months} <= {0, 1}
    if found["open_tradelines"]:
        assert now == year == months == found["lenders_with_open_tradeline"] == 1
    if not any(line.opened <= as_of // 86_400 for line in file.tradelines):
        assert now == year == months == 0


def is_future(piece: Piece, as_of: int) -> bool:
    match piece:
        case Inquiry():
            return piece.time > as_of
        case PendingGrant():
            return piece.made > as_of + SKEW or piece.expires <= as_of
        case _:
            return False


@settings(max_examples=200)
@given(thawed, moments)
def test_what_lies_after_the_moment_changes_nothing(file: CreditFile, as_of: int) -> None:
    day = as_of // 86_400
    known: list[Piece] = [piece for piece in pieces_of(file) if not is_future(piece, as_of)]
    past = credit_file_of(file.identifier, [piece for piece in known if getattr(piece, "opened", day) <= day])
    lines = tuple(
        replace(line, closed=line.closed if line.closed is not None and line.closed <= day else None)
        for line in past.tradelines
    )
    assert values(replace(past, tradelines=lines), as_of) == values(file, as_of)


@given(thawed, st.integers(books.DAY - 50, books.DAY + 50), st.integers(0, 86_399), books.pendings)
def test_the_snapshot_is_calm(file: CreditFile, day: int, second: int, pending: PendingGrant) -> None:
    """Neither the time of day nor grants and inquiries of the day show in it."""
    start = day * 86_400
    calm = values(file, start, live=False)
    busy = credit_file_of(file.identifier, [*pieces_of(file), pending, Inquiry(start), Inquiry(start + second)])
    assert values(busy, start + second, live=False) == calm


@given(thawed, moments, st.integers(1, 4_000), st.integers(1, 4_000))
def test_a_shorter_retention_never_adds_adverse_data(file: CreditFile, as_of: int, one: int, other: int) -> None:
    shorter, longer = sorted((one, other))
    less, more = values(file, as_of, retention=shorter), values(file, as_of, retention=longer)
    for name in ("amount_past_due", "charged_off_amount", "in_collection_amount", "worst_dpd_now_charge_off"):
        assert less[name] <= more[name]


@given(books.credit_files, moments)
def test_asking_for_less_changes_nothing_else(file: CreditFile, as_of: int) -> None:
    found = values(file, as_of)
    some = evaluate(file, ["balance", "open_tradelines"], as_of, live=True, retention_days=RETENTION, clock_skew=SKEW)
    assert all(some[name] == found[name] for name in some if name != "capped")


@given(books.credit_files, moments)
def test_frozen_files_are_alike(file: CreditFile, as_of: int) -> None:
    frozen = credit_file_of(file.identifier, [*pieces_of(file), Freeze(frozen=True)])
    assert values(frozen, as_of) == values(CreditFile(file.identifier, frozen=True), as_of)
