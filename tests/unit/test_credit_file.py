"""Credit files: an object that exists is valid."""

import pytest

from consortium.errors import Code
from consortium.model.credit_file import (
    MAX_AMOUNT,
    AccountStatus,
    Characteristics,
    CreditFile,
    Freeze,
    Inquiry,
    PendingGrant,
    PortfolioType,
)
from consortium.model.credit_file_bytes import (
    credit_file_from_bytes,
    credit_file_of,
    credit_file_to_bytes,
    join_parts,
    parts_of,
)
from consortium.model.identifiers import IdentifierKind
from tests.support.books import DAY, NOW, grant, tradeline
from tests.support.codes import refused

PHONE = IdentifierKind.PHONE


@pytest.mark.parametrize(
    "change",
    [
        *({field: value} for field in ("limit", "balance", "past_due", "payment") for value in (-1, MAX_AMOUNT + 1)),
        {"charged_off": 1.5},
        {"in_collection": True},
        {"opened": 2_932_897},
        {"opened": "2020-01-01"},
        {"reported": -30_000},
        {"closed": DAY - 401},  # before it was opened
        {"first_delinquency": DAY - 401},
        {"payment_due": 10**9},
        {"days_past_due": -1},
        {"days_past_due": 40_000},
        {"history": (0,) * 13},
        {"history": (0, -1)},
    ],
)
def test_a_tradeline_out_of_range_is_refused(change: dict[str, object]) -> None:
    with refused(Code.RECORD_INVALID):
        tradeline("a1", **change)


@pytest.mark.parametrize("account", ["", "a" * 65, "a b", 'a"b', "a\\b", "é", "a\n", 7])
def test_an_account_reference_that_json_would_escape_is_refused(account: str) -> None:
    with refused(Code.RECORD_INVALID):
        tradeline(account)
    with refused(Code.RECORD_INVALID):
        PendingGrant(account, 1, NOW, NOW + 1)


def test_the_cause_names_the_field_and_never_its_content() -> None:
    with pytest.raises(Exception, match="balance") as caught:
        tradeline(balance=-987_654)
    assert "987654" not in str(caught.value)


def test_a_pending_grant_expires_after_it_was_made() -> None:
    with refused(Code.RECORD_INVALID):
        grant(expires=NOW - 60)
    with refused(Code.RECORD_INVALID):
        grant(amount=-1)


def test_an_inquiry_has_a_time() -> None:
    with refused(Code.RECORD_INVALID):
        Inquiry(-1)


@pytest.mark.parametrize("values", [(("b", 1), ("a", 1)), (("a", 1), ("a", 2)), (("A", 1),), (("a", 2**31),)])
def test_characteristics_are_sorted_small_and_named(values: tuple[tuple[str, int], ...]) -> None:
    with refused(Code.RECORD_INVALID):
        Characteristics(values)


def test_a_file_is_sorted_and_without_doubles() -> None:
    one, two = tradeline("a1"), tradeline("a2")
    assert CreditFile(PHONE, (one, two)).tradelines == (one, two)
    for wrong in ((two, one), (one, one)):
        with refused(Code.RECORD_INVALID):
            CreditFile(PHONE, wrong)
    with refused(Code.RECORD_INVALID):
        CreditFile(PHONE, pendings=(grant(2), grant(1)))
    with refused(Code.RECORD_INVALID):
        CreditFile(PHONE, inquiries=(Inquiry(2), Inquiry(1)))


def test_the_newest_report_of_an_account_wins() -> None:
    old, new = tradeline(reported=DAY - 9, balance=999), tradeline(reported=DAY - 2, balance=1)
    assert credit_file_of(PHONE, [new, old]).tradelines == (new,)


def test_inquiries_of_one_second_are_all_kept() -> None:
    assert credit_file_of(PHONE, [Inquiry(7), Inquiry(7), Inquiry(7, hard=False)]).inquiries == (
        Inquiry(7, hard=False),
        Inquiry(7),
        Inquiry(7),
    )


def test_one_report_of_a_freeze_freezes() -> None:
    assert credit_file_of(PHONE, [Freeze(frozen=False), Freeze(frozen=True), Freeze(frozen=False)]).frozen


def test_a_file_has_a_largest_size() -> None:
    with refused(Code.RECORD_INVALID):
        join_parts(PHONE, parts_of(Inquiry(7)) * 10_001)


def test_the_bytes_are_final() -> None:
    file = credit_file_of(
        PHONE,
        [
            tradeline("b-2", history=(0, 31), disputed=True, payment_due=DAY + 3, closed=DAY),
            tradeline("a-1", status=AccountStatus.CHARGED_OFF, charged_off=5, limit=0, balance=0),
            Inquiry(1_700_000_001),
            Inquiry(1_700_000_000, hard=False),
            PendingGrant("p-1", 300, 1_700_000_000, 1_700_003_600),
            Characteristics.of({"points_risk": 12, "orders": -3}),
            Freeze(frozen=True),
        ],
    )
    assert credit_file_to_bytes(file) == (
        b'{"characteristics":{"orders":-3,"points_risk":12},"frozen":true,"identifier":1,'
        b'"inquiries":[{"hard":false,"time":1700000000},{"time":1700000001}],'
        b'"pendings":[{"amount":300,"expires":1700003600,"id":"p-1","made":1700000000}],'
        b'"tradelines":[{"account":"a-1","charged_off":5,"opened":20100,"portfolio":"R","reported":20495,"status":"97"},'
        b'{"account":"b-2","balance":120000,"closed":20500,"disputed":true,"history":[0,31],"limit":500000,'
        b'"opened":20100,"payment_due":20503,"portfolio":"R","reported":20495,"status":"11"}]}'
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"identifier":3}',
        b'{"identifier":true}',
        b'{"identifier":0 }',
        b'{"frozen":false,"identifier":0}',  # a default that is written out
        b'{"identifier":0,"sex":1}',
        b'{"identifier":0,"tradelines":{}}',
        b'{"identifier":0,"tradelines":[1]}',
        b'{"identifier":0,"inquiries":[{"hard":true,"time":1}]}',
        b'{"identifier":0,"inquiries":[{"hard":0,"time":1}]}',
        b'{"characteristics":{"age":40},"identifier":0}',
        b'{"characteristics":[],"identifier":0}',
        b'{"identifier":0,"identifier":0}',
        b'{"identifier":0,"pendings":[{"amount":1,"expires":2,"id":"p"}]}',
        b"[" * 100_000,
        '{"identifier":0}'.encode("utf-16"),
    ],
)
def test_any_other_form_is_refused(data: bytes) -> None:
    with refused(Code.RECORD_INVALID):
        credit_file_from_bytes(data)


def test_metro_2_codes_are_those_of_the_standard() -> None:
    codes = ",".join(sorted(AccountStatus))
    assert codes == "05,11,13,61,62,63,64,65,71,78,80,82,83,84,88,89,93,94,95,96,97"
    assert set(PortfolioType) == {"C", "I", "R"}
