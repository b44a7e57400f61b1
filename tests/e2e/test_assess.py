"""Assessments over real processes: what an officer sees, what stays in the book, and what happens without an answer."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consortium.errors import Code, CreditError
from participants.lender.assess_input import parse_application
from participants.lender.question_input import with_request_id
from participants.rpc.local_client import LocalClient
from participants.settings import NodeSettings
from tests.support.applications import account, application
from tests.support.processes import Processes, consortium
from tests.support.racing import race, sees_the_other

PAGE = Path(__file__).parents[2] / "docs" / "assess.md"
ASKER, OTHER, THIRD = "lender-one", "lender-two", "lender-three"
KNOWN, LATE, NOBODY, FROZEN = "13800000001", "13800000002", "13800000003", "13800000004"


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """All processes, with a few accounts."""
    with consortium(tmp_path_factory.mktemp("consortium") / "out") as processes:
        processes.start_all()
        for lender in (ASKER, OTHER, THIRD):
            record(processes, lender, "tradeline", account(KNOWN))
        record(processes, OTHER, "tradeline", account(LATE, status="80", past_due=9_000, days_past_due=100))
        record(processes, ASKER, "tradeline", account(LATE))
        record(processes, OTHER, "freeze", {"identifiers": {"country": "CN", "phone": FROZEN}, "frozen": True})
        yield processes


def record(parties: Processes, lender: str, kind: str, event: object) -> None:
    with LocalClient(NodeSettings(parties.out / lender)) as client:
        client.record(kind, json.dumps(event))


def assess(parties: Processes, asked: object, *, lender: str = ASKER) -> Any:
    """Assess as the node's applications do; gives the answer as `--json` prints it."""
    with LocalClient(NodeSettings(parties.out / lender)) as client:
        application = with_request_id(parse_application(json.dumps(asked).encode()))
        return client.assess(application).model_dump(mode="json")


def refused(parties: Processes, asked: object) -> Code:
    with pytest.raises(CreditError) as caught:
        assess(parties, asked)
    return caught.value.code


def values(answer: Any) -> dict[str, Any]:
    return {one["id"]: one for one in answer["attributes"]}


def test_somebody_ordinary_is_approved_with_a_before_and_an_after(parties: Processes) -> None:
    answer = assess(parties, application(KNOWN))
    assert (answer["decision"], answer["situation"], answer["reasons"]) == ("APPROVE", "", [])
    assert answer["alone"]["decision"] == "APPROVE"
    assert answer["match"] == {"level": "PHONE", "national_id": 0, "phone": 3, "email": 0}
    assert len(answer["answered"]) == 5
    balance = values(answer)["balance"]
    assert (balance["own"], balance["others"], balance["total"]) == (250_000, 500_000, 750_000)
    assert answer["versions"]["signals"] == 1


def test_a_delay_elsewhere_declines_and_says_why(parties: Processes) -> None:
    answer = parties.command(ASKER, "assess", given=json.dumps(application(LATE)))
    assert (answer["decision"], answer["alone"]["decision"]) == ("DECLINE", "APPROVE")
    assert [one["code"] for one in answer["reasons"]] == ["LATE_60", "PAST_DUE"]
    explained = parties.command(ASKER, "explain", answer["request_id"])
    assert explained == {**answer, "attempts": 1}
    told = parties.command(ASKER, "explain", answer["request_id"], "--applicant")["text"]
    assert any("long overdue" in line for line in told)
    assert any("Where this is from" in line for line in told)
    assert any("write to" in line for line in told)
    assert not any(OTHER in line or "9000" in line for line in told)


def test_a_repeat_gives_the_same_and_another_application_needs_another_id(parties: Processes) -> None:
    asked = application(KNOWN, request_id="ab" * 16)
    assert assess(parties, asked) == assess(parties, asked)
    assert refused(parties, {**asked, "amount": 5}) is Code.REQUEST_ID_REUSED


def test_an_application_is_in_the_own_book_before_others_are_asked_and_in_shadow_never(parties: Processes) -> None:
    phone = "13800000011"
    shadow = assess(parties, application(phone, shadow=True, incumbent="APPROVE"))
    assert (shadow["shadow"], shadow["pending_id"], shadow["situation"]) == (True, "", "NO_HIT")
    assert all(one["total"] == 0 for one in shadow["attributes"])
    acted = assess(parties, application(phone))
    seen = assess(parties, application(phone), lender=OTHER)
    assert acted["pending_id"] == acted["request_id"]
    assert values(seen)["pending_grants"]["others"] == 1
    assert values(seen)["hard_inquiries_0_1h"]["others"] == 1
    assert "PENDING_ELSEWHERE" in [one["code"] for one in seen["reasons"]]
    record(parties, ASKER, "release", {"identifiers": {"country": "CN", "phone": phone}, "id": acted["pending_id"]})
    again = assess(parties, application(phone, shadow=True), lender=OTHER)
    assert values(again)["pending_grants"]["others"] == 0
    compared = parties.command(ASKER, "shadow")
    assert compared["by_incumbent"]["APPROVE"]["REFER"] >= 1


def test_what_consent_does_not_cover_is_not_asked_for(parties: Processes) -> None:
    asked = application(LATE)
    asked["consent"] = {**asked["consent"], "families": ["exposure"]}
    answer = assess(parties, asked)
    assert values(answer)["amount_past_due"]["status"] == "NOT_PERMITTED"
    assert "total" not in {name for name, number in values(answer)["amount_past_due"].items() if number is not None}
    assert "late_60" in answer["undecided"]
    nothing = {**asked, "consent": {**asked["consent"], "families": ["location"]}}
    assert refused(parties, nothing) is Code.FAMILY_NOT_ALLOWED


@pytest.mark.parametrize(
    ("changes", "situation"),
    [
        ({"phone": NOBODY}, "NO_HIT"),
        ({"phone": FROZEN}, "FROZEN"),
        ({"phone": KNOWN, "min_answered": 6}, "TOO_FEW_ANSWERED"),
    ],
)
def test_the_fallback_table(parties: Processes, changes: dict[str, Any], situation: str) -> None:
    answer = assess(parties, application(**changes))
    assert (answer["decision"], answer["situation"]) == ("REFER", situation)
    assert situation in [one["code"] for one in answer["reasons"]]
    status = {"NO_HIT": "NO_HIT", "FROZEN": "NOT_PERMITTED"}.get(situation, "OK")
    assert values(answer)["balance"]["status"] == status


def test_a_thin_file(parties: Processes) -> None:
    record(parties, THIRD, "tradeline", account("13800000021"))
    answer = assess(parties, application("13800000021"))
    assert (answer["situation"], values(answer)["balance"]["status"]) == ("THIN_FILE", "THIN")


def test_what_everybody_would_refuse_leaves_neither_promise_nor_inquiry_behind(parties: Processes) -> None:
    phone = "13800000031"
    asked = application(phone)
    expired = {**asked["consent"], "expires": "2021-01-01T00:00:00+00:00"}
    assert refused(parties, {**asked, "consent": expired}) is Code.CONSENT_EXPIRED
    assert refused(parties, {**asked, "consent": None}) is Code.CONSENT_MISSING
    travel = {"latitude": 39.9, "longitude": 116.4, "time": "2026-01-01T00:00:00Z", "payment": "order-1"}
    assert refused(parties, {**asked, "travel": travel}) is Code.FAMILY_NOT_ALLOWED
    seen = assess(parties, application(phone), lender=OTHER)
    assert (values(seen)["pending_grants"]["others"], values(seen)["hard_inquiries_0_1h"]["others"]) == (0, 0)


def test_a_refused_query_leaves_no_promise_behind(parties: Processes) -> None:
    phone = "13800000032"
    asked = application(phone, lifetime_seconds=3600)
    assert refused(parties, asked) is Code.MALFORMED
    seen = assess(parties, application(phone), lender=OTHER)
    assert values(seen)["pending_grants"]["others"] == 0


def test_without_a_gateway_the_table_answers_and_a_repeat_asks_again(parties: Processes) -> None:
    asked = application(KNOWN, request_id="cd" * 16, lifetime_seconds=3)
    parties.kill("gateway")
    try:
        fallen = assess(parties, asked)
    finally:
        parties.start("gateway")
        parties.wait_attached(*(f"lender-{name}" for name in ("one", "two", "three", "four", "five")))
    assert (fallen["decision"], fallen["situation"], fallen["attempt"]) == ("REFER", "UNAVAILABLE", 1)
    assert fallen["failure"] in ("NOT_ATTACHED", "UNREACHABLE", "DEADLINE")
    assert fallen["receipt"] is None
    later = [assess(parties, asked) for _ in range(3)]  # three seconds are short where the machine is busy
    assert later[0]["attempt"] == 2
    answered = next(one for one in later if not one["failure"])
    assert later[-1] == answered, "a repeat of an answer"


def test_bad_input_is_named(parties: Processes) -> None:
    wrong = parties.command(ASKER, "assess", given=json.dumps(application(KNOWN, amount=-1)), fails=True)
    assert wrong["error"] == {**wrong["error"], "code": "RECORD_INVALID"}
    assert "amount" in wrong["error"]["cause"]
    short = application(KNOWN)
    short["consent"] = {**short["consent"], "notice_digest": "aa..."}
    wrong = parties.command(ASKER, "assess", given=json.dumps(short), fails=True)
    assert wrong["error"]["cause"] == "consent.notice_digest: 64 hex digits, those of a SHA-256"
    unknown = parties.command(ASKER, "explain", "00" * 16, fails=True)
    assert unknown["error"]["code"] == "RECORD_INVALID"


def test_the_example_of_the_page_can_be_used_as_it_stands(parties: Processes) -> None:
    (example,) = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    line = account("")["tradeline"]
    for lender in (OTHER, THIRD):
        record(parties, lender, "tradeline", {"identifiers": json.loads(example)["identifiers"], "tradeline": line})
    answer = parties.command(ASKER, "assess", given=example)
    assert (answer["decision"], answer["situation"], answer["match"]["national_id"]) == ("APPROVE", "", 3)


def test_a_backtest_from_a_file(parties: Processes, tmp_path: Path) -> None:
    path = tmp_path / "past.csv"
    rows = [f"0,{100 * number},1000,0,1,APPROVE" for number in range(5)]
    rows += ["1,100,1000,1,1,APPROVE", "1,100,1000,0,1,", "2,1,1,0,1,APPROVE", "0,x,1,0,1,APPROVE"]
    head = "bad,balance,credit_limit,worst_dpd_now_60_89,own.lenders_with_open_tradeline,decision"
    path.write_text("\n".join([head.replace(",own.lenders", ",lenders"), *rows]) + "\n")
    found = parties.command(ASKER, "backtest", str(path))
    assert (found["rows"], found["refused"]) == (7, [8, 9])
    assert found["consortium"]["DECLINE"] == {"count": 1, "bad": 1}
    assert found["decided"]["APPROVE"] == {"count": 6, "bad": 1}


def test_of_two_simultaneous_applications_one_sees_the_other(parties: Processes) -> None:
    for one, other in race(parties.out, (ASKER, OTHER), 20, first=50_000_000):
        assert sees_the_other(one) or sees_the_other(other)
