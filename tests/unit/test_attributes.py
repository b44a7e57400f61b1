"""Attributes of a credit file at a moment, number by number."""

import pytest

from consortium.errors import Code
from consortium.model.attributes import DEFAULT_ATTRIBUTES, evaluate
from consortium.model.catalogue import DPD_BUCKETS, INQUIRY_WINDOWS, MAX_AMOUNT_BOUND, META_SLOTS
from consortium.model.credit_file import (
    AccountStatus,
    Characteristics,
    CreditFile,
    Freeze,
    Inquiry,
    Piece,
)
from consortium.model.credit_file_bytes import credit_file_of
from consortium.model.facts import full_months, month_of
from consortium.model.identifiers import IdentifierKind
from tests.support.books import DAY, NOW, grant, tradeline
from tests.support.codes import refused

RETENTION = 5 * 365
HOUR, DAY_SECONDS = 3_600, 86_400


def values(*pieces: Piece, as_of: int = NOW, live: bool = True, retention: int = RETENTION) -> dict[str, int]:
    file = credit_file_of(IdentifierKind.PHONE, pieces)
    return evaluate(file, DEFAULT_ATTRIBUTES, as_of, live=live, retention_days=retention)


def bucket(found: dict[str, int], prefix: str) -> str | None:
    hot = [name for name in DPD_BUCKETS if found[f"{prefix}_{name}"]]
    assert len(hot) <= 1
    return hot[0] if hot else None


def test_no_file_gives_zeros_for_everything_asked_and_the_meta_slots() -> None:
    found = evaluate(None, ["balance", "worst_dpd_now_current"], NOW, live=True, retention_days=RETENTION)
    assert found == dict.fromkeys(["balance", "worst_dpd_now_current", *META_SLOTS], 0)


def test_an_unknown_attribute_is_refused_whether_or_not_there_is_a_file() -> None:
    for file in (None, CreditFile(IdentifierKind.PHONE)):
        with refused(Code.ATTRIBUTE_UNKNOWN):
            evaluate(file, ["balance", "shoe_size"], NOW, live=True, retention_days=RETENTION)
    only_balance = {"balance": DEFAULT_ATTRIBUTES["balance"]}
    with refused(Code.ATTRIBUTE_UNKNOWN):  # this version could compute it, the rulebook does not have it
        evaluate(None, ["credit_limit"], NOW, live=True, retention_days=RETENTION, attributes=only_balance)


@pytest.mark.parametrize(
    ("kind", "slot"),
    [
        (IdentifierKind.NATIONAL_ID, "matched_by_id"),
        (IdentifierKind.PHONE, "matched_by_phone"),
        (IdentifierKind.EMAIL, "matched_by_email"),
    ],
)
def test_the_match_is_counted_by_the_kind_on_file(kind: IdentifierKind, slot: str) -> None:
    found = evaluate(CreditFile(kind), [], NOW, live=True, retention_days=RETENTION)
    assert found == {**dict.fromkeys(META_SLOTS, 0), slot: 1}


def test_a_frozen_file_contributes_its_freeze_and_nothing_else() -> None:
    found = values(tradeline(past_due=5), Inquiry(NOW), grant(), Characteristics.of({"orders": 9}), Freeze(frozen=True))
    assert {name for name, value in found.items() if value} == {"security_freezes"}


def test_amounts_and_counts_add_up() -> None:
    found = values(
        tradeline("a1", limit=100, balance=10, payment=3, payment_due=DAY + 29),
        tradeline("a2", limit=200, balance=20, payment=4, payment_due=DAY + 30),
        tradeline("a3", limit=400, balance=40, payment=5, closed=DAY - 1, disputed=True),
        tradeline("a4", opened=DAY - 29, limit=800, balance=80, payment=6, payment_due=DAY),
        tradeline("a5", opened=DAY - 30, limit=1600, balance=160, payment=7, payment_due=DAY - 1),
    )
    assert found["open_tradelines"] == 4
    assert found["lenders_with_open_tradeline"] == 1
    assert found["credit_limit"] == 100 + 200 + 800 + 1600
    assert found["balance"] == 310
    assert found["scheduled_payments_30d"] == 3 + 5 + 6  # a payment without a day is taken to be due within the month
    assert found["tradelines_opened_30d"] == 1
    assert found["tradelines_opened_90d"] == 2
    assert found["disputed_tradelines"] == 1
    assert found["capped"] == 0


@pytest.mark.parametrize(
    ("days", "name"),
    [
        *((0, "current"), (1, "1_29"), (29, "1_29"), (30, "30_59"), (59, "30_59"), (60, "60_89"), (89, "60_89")),
        *((90, "90_119"), (119, "90_119"), (120, "120_plus"), (5_000, "120_plus")),
    ],
)
def test_days_past_due_fall_into_their_bucket(days: int, name: str) -> None:
    found = values(tradeline("a1", days_past_due=days, past_due=days, opened=DAY - 9_000), retention=10_000)
    assert bucket(found, "worst_dpd_now") == bucket(found, "worst_dpd_12m") == name
    assert found["amount_past_due"] == days


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (AccountStatus.CURRENT, "current"),
        (AccountStatus.PAST_DUE_30_59, "30_59"),
        (AccountStatus.PAST_DUE_60_89, "60_89"),
        (AccountStatus.PAST_DUE_90_119, "90_119"),
        (AccountStatus.PAST_DUE_120_149, "120_plus"),
        (AccountStatus.PAST_DUE_180_PLUS, "120_plus"),
        (AccountStatus.IN_COLLECTION, "120_plus"),
        (AccountStatus.CHARGED_OFF, "charge_off"),
        (AccountStatus.REPOSSESSED, "charge_off"),
        (AccountStatus.PAID_OR_CLOSED, None),
        (AccountStatus.PAID_WAS_CHARGE_OFF, None),
    ],
)
def test_the_status_sets_the_bucket_where_it_is_worse_than_the_days(status: AccountStatus, name: str | None) -> None:
    assert bucket(values(tradeline("a1", status=status)), "worst_dpd_now") == name


def test_the_worst_tradeline_counts_and_lost_accounts_are_not_open() -> None:
    lost = tradeline("a2", status=AccountStatus.CHARGED_OFF, charged_off=700, in_collection=80, balance=700)
    found = values(tradeline("a1", days_past_due=40), lost)
    assert bucket(found, "worst_dpd_now") == "charge_off"
    assert (found["charged_off_amount"], found["in_collection_amount"]) == (700, 80)
    assert (found["open_tradelines"], found["credit_limit"], found["balance"]) == (1, 500_000, 120_700)


def test_history_is_counted_by_calendar_months_from_the_month_of_the_report() -> None:
    history = (0, 0, 65) + (0,) * 9  # two months before the month of `reported`
    for later, expected in ((0, "60_89"), (9 * 30, "60_89"), (12 * 30, "current")):
        found = values(tradeline("a1", history=history), as_of=NOW + later * DAY_SECONDS)
        assert bucket(found, "worst_dpd_12m") == expected
        assert bucket(found, "worst_dpd_now") == "current"


def test_accounts_closed_for_more_than_a_year_leave_the_12_months() -> None:
    paid = {"status": AccountStatus.PAID_OR_CLOSED, "balance": 0, "days_past_due": 0}
    assert bucket(values(tradeline("a1", closed=DAY - 300, **paid)), "worst_dpd_12m") == "current"
    assert bucket(values(tradeline("a1", closed=DAY - 366, **paid)), "worst_dpd_12m") is None


def test_adverse_data_past_the_retention_period_is_not_contributed() -> None:
    late = {"opened": DAY - 3_000, "days_past_due": 200, "past_due": 900, "status": AccountStatus.PAST_DUE_180_PLUS}
    kept = values(tradeline("a1", first_delinquency=DAY - RETENTION, **late))
    gone = values(tradeline("a1", first_delinquency=DAY - RETENTION - 1, **late))
    assert (kept["amount_past_due"], bucket(kept, "worst_dpd_now")) == (900, "120_plus")
    assert (gone["amount_past_due"], bucket(gone, "worst_dpd_now")) == (0, "current")
    assert gone["balance"] == kept["balance"] > 0


def test_months_of_the_history_past_a_short_retention_period_are_not_contributed() -> None:
    line = tradeline("a1", history=(0, 0, 0, 65))
    assert bucket(values(line, retention=93), "worst_dpd_12m") == "60_89"
    assert bucket(values(line, retention=92), "worst_dpd_12m") == "current"


def test_a_lost_account_past_the_retention_period_is_left_out_altogether() -> None:
    lost = {"opened": DAY - 3_000, "status": AccountStatus.CHARGED_OFF, "charged_off": 9}
    assert values(tradeline("a1", first_delinquency=DAY - 100, **lost))["charged_off_amount"] == 9
    for since in (DAY - RETENTION - 1, None):  # without a date it is as old as the account
        found = values(tradeline("a1", first_delinquency=since, **lost))
        assert {name for name, value in found.items() if value} == {"matched_by_phone"}


@pytest.mark.parametrize(
    ("age", "window"),
    [
        *((0, 0), (HOUR - 1, 0), (HOUR, 1), (DAY_SECONDS - 1, 1), (DAY_SECONDS, 2), (7 * DAY_SECONDS, 3)),
        *((30 * DAY_SECONDS - 1, 3), (30 * DAY_SECONDS, 4), (90 * DAY_SECONDS - 1, 4), (90 * DAY_SECONDS, None)),
        (-1, None),
    ],
)
def test_a_hard_inquiry_falls_into_one_window(age: int, window: int | None) -> None:
    found = values(Inquiry(NOW - age), Inquiry(NOW - age, hard=False))
    counts = [found[f"hard_inquiries_{name}"] for name in INQUIRY_WINDOWS]
    assert counts == [int(place == window) for place in range(len(INQUIRY_WINDOWS))]


def test_pending_grants_count_until_they_expire_and_only_live() -> None:
    pieces = (grant(1, amount=10), grant(2, amount=5, expires=NOW), grant(3, amount=3, expires=NOW + 1))
    found = values(*pieces)
    assert (found["pending_grants"], found["pending_grant_amount"]) == (2, 13)
    assert values(*pieces, live=False)["pending_grants"] == 0


def test_a_grant_of_another_day_is_not_in_the_snapshot_either() -> None:
    old = grant(made=NOW - 3 * DAY_SECONDS, expires=NOW + 3 * DAY_SECONDS)
    assert values(old)["pending_grants"] == 1
    assert values(old, live=False)["pending_grants"] == values(old, live=False)["pending_grant_amount"] == 0


def test_a_grant_made_by_a_clock_that_runs_ahead_is_seen() -> None:
    file = credit_file_of(IdentifierKind.PHONE, [grant(made=NOW + 60)])
    seen = [
        evaluate(file, ["pending_grants"], NOW, live=True, retention_days=1, clock_skew=skew)["pending_grants"]
        for skew in (59, 60)
    ]
    assert seen == [0, 1]


def test_the_snapshot_leaves_out_the_day_and_answers_alike_all_day() -> None:
    midnight = DAY * DAY_SECONDS
    pieces = (Inquiry(midnight), Inquiry(midnight - 1), tradeline("a1", opened=DAY), tradeline("a2", opened=DAY - 1))
    found = values(*pieces, as_of=midnight, live=False)
    assert found["open_tradelines"] == found["hard_inquiries_0_1h"] == 1
    assert all(values(*pieces, as_of=midnight + s, live=False) == found for s in (1, HOUR, DAY_SECONDS - 1))
    assert values(*pieces, as_of=midnight + DAY_SECONDS, live=False) != found


@pytest.mark.parametrize(
    ("opened", "bucket"),
    [(DAY, "0_5"), (DAY - 200, "6_11"), (DAY - 400, "12_23"), (DAY - 800, "24_59"), (DAY - 1_900, "60_plus")],
)
def test_months_on_file_go_by_the_oldest_tradeline(opened: int, bucket: str) -> None:
    found = values(tradeline("a1", opened=opened), tradeline("a2", opened=DAY))
    assert [name for name in found if name.startswith("months_on_file") and found[name]] == [f"months_on_file_{bucket}"]


def test_full_months_are_calendar_months() -> None:
    first_of_2024, leap_day = 19_723, 19_782
    assert month_of(first_of_2024) == 54 * 12
    assert full_months(first_of_2024, leap_day) == 1
    assert full_months(first_of_2024, leap_day + 1) == 2
    assert full_months(leap_day, leap_day + 365) == 11  # 28 February 2025
    assert full_months(leap_day, leap_day + 366) == 12


def test_values_are_clamped_and_counted() -> None:
    huge = tradeline("a1", limit=2**53 - 1, balance=MAX_AMOUNT_BOUND)
    found = values(huge, Characteristics.of({"orders": 5_000}))
    assert found["credit_limit"] == MAX_AMOUNT_BOUND
    assert found["capped"] == 1
    only = evaluate(credit_file_of(IdentifierKind.PHONE, [huge]), ["balance"], NOW, live=True, retention_days=RETENTION)
    assert only["capped"] == 0  # what was not asked for is not counted


def test_a_file_says_nothing_about_the_time_before_it() -> None:
    future: list[Piece] = [
        Inquiry(NOW + 1),
        tradeline("a1", opened=DAY + 1),
        grant(made=NOW + 10_000, expires=NOW + 20_000),
    ]
    assert values(*future) == values()
