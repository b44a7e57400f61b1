"""A consortium of real processes, driven by the commands that a lender's engineer types."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import LENDERS, Processes, consortium

ALICE = {"phone": "13912345678"}


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """All eight processes, once for the module."""
    with consortium(tmp_path_factory.mktemp("consortium") / "out") as processes:
        processes.start("gateway", "custodian-one", "custodian-two")
        processes.start(*LENDERS)
        processes.wait_attached(*LENDERS)
        for power, lender in enumerate(LENDERS):
            record(processes, lender, ALICE, 100**power)
        yield processes


def record(parties: Processes, lender: str, person: dict[str, str], balance: int) -> None:
    event = {
        "identifiers": {"country": "CN", **person},
        "tradeline": {
            "account": "a-1",
            "portfolio": "R",
            "status": "11",
            "opened": "2024-01-01",
            "reported": "2024-02-01",
            "balance": balance,
        },
    }
    parties.command(lender, "record", "tradeline", given=json.dumps(event))


def balance(answer: dict[str, object]) -> int:
    attributes = answer["attributes"]
    assert isinstance(attributes, list)
    return int(next(item["value"] for item in attributes if item["id"] == "balance"))


def test_recorded_events_are_counted_by_digits(parties: Processes) -> None:
    answer = parties.query("lender-one", ALICE)
    assert balance(answer) == 101010101
    assert answer["match"] == {"national_id": 0, "phone": 5, "email": 0}
    assert (answer["missing"], answer["status"]) == ([], "OK")
    assert len(answer["receipt"]["leaf_hash"]) == 64


def test_a_repeat_gets_the_same_answer(parties: Processes) -> None:
    person, request_id = {"phone": "13912340001"}, "ab" * 16
    first = parties.query("lender-two", person, changes={"request_id": request_id})
    assert parties.query("lender-two", person, changes={"request_id": request_id}) == first
    other = parties.query("lender-two", {"phone": "13912340002"}, fails=True, changes={"request_id": request_id})
    assert other["error"]["code"] == "REQUEST_ID_REUSED"


def test_refusals_come_with_code_and_what_to_do(parties: Processes) -> None:
    cases: list[tuple[dict[str, object], str]] = [
        ({"attributes": ["shoe_size"]}, "ATTRIBUTE_UNKNOWN"),
        ({"attributes": ["points_location"]}, "FAMILY_NOT_ALLOWED"),
        ({"consent": None}, "CONSENT_MISSING"),
    ]
    for changes, code in cases:
        answer = parties.query("lender-one", ALICE, fails=True, changes=changes)
        assert answer["error"]["code"] == code
    typo = parties.query("lender-one", {"national_id": "110105194912310021"}, fails=True)
    assert typo["error"]["code"] == "IDENTIFIER_CHECKSUM"
    assert "110105194912310021" not in json.dumps(typo)


def test_a_stopped_lender_is_missing_and_comes_back(parties: Processes) -> None:
    asked_before = {"phone": "13912340003"}
    assert parties.query("lender-one", asked_before)["missing"] == []
    parties.signal("lender-five", signal.SIGSTOP)
    answer = parties.query("lender-one", {"phone": "13912340004"})
    assert (answer["missing"], answer["status"]) == (["lender-five"], "INCOMPLETE")
    bound = parties.query("lender-one", asked_before, fails=True)
    assert bound["error"]["code"] == "DIFFERENCING"
    parties.signal("lender-five", signal.SIGCONT)
    parties.wait_for(
        lambda: parties.query("lender-one", {"phone": "13912340005"})["missing"] == [], "lender-five to be well", 60
    )


@pytest.mark.parametrize("victim", ["gateway", "lender-three", "custodian-one"])
def test_whoever_is_killed_comes_back_and_nothing_is_lost(parties: Processes, victim: str) -> None:
    parties.kill(victim)
    parties.start(victim)
    if victim == "lender-three":
        parties.wait_attached(victim)
    if victim == "gateway":
        parties.wait_for(lambda: all(parties.events(name).count("attached") >= 2 for name in LENDERS), "all again")
    answer = parties.query("lender-one", ALICE)
    assert balance(answer) == 101010101


def test_who_saw_what(parties: Processes) -> None:
    """No identifier or secret of the lenders is in the gateway's folder or in anybody's log."""
    gateway = b"".join(path.read_bytes() for path in (parties.out / "gateway").rglob("*") if path.is_file())
    logs = b"".join(path.read_bytes() for path in parties.out.glob("*.log"))
    shared = json.loads((parties.out / "lender-one" / "lenders-secrets.json").read_text())
    secrets = [shared[name] for name in ("pre_hash_secret", "tag_key", "sealing_key")]
    for secret in (ALICE["phone"], "101010101", *secrets):
        assert secret.encode() not in gateway
        assert secret.encode() not in logs
    for secret in secrets:
        assert bytes.fromhex(secret) not in gateway


def test_every_folder_is_its_owners_alone(parties: Processes) -> None:
    for folder in parties.out.iterdir():
        if folder.is_dir():
            assert folder.stat().st_mode & 0o077 == 0, folder
            open_files = [path for path in Path(folder).rglob("*.key") if path.stat().st_mode & 0o077]
            assert open_files == []
