"""A consortium of real processes, driven by the commands that a lender's engineer types."""

import datetime as dt
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.dask_cluster import dask_cluster
from tests.support.processes import LENDERS, Processes, consortium, question_about

EXAMPLE = Path(__file__).parents[2] / "examples" / "csv" / "mapping.toml"
ALICE = {"phone": "13912345678"}
COMMAND_SECONDS = 3
"""What starting a command may take on a busy machine."""


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """All eight processes, once for the module."""
    with consortium(tmp_path_factory.mktemp("consortium") / "out", more_suites="MASKED_SUM") as processes:
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


IN_WORDS = {"suite": "MASKED_SUM"}


def test_a_question_in_words_gets_the_same_totals(parties: Processes) -> None:
    answer = parties.query("lender-one", ALICE, changes=IN_WORDS)
    assert balance(answer) == 101010101
    assert (answer["missing"], answer["status"]) == ([], "OK")
    refused = parties.query("lender-one", ALICE, fails=True, changes={"suite": "PAILLIER_3072_MASKED"})
    assert refused["error"]["code"] == "SUITE_NOT_ALLOWED"


def test_an_answer_in_words_is_opened_after_a_crash(parties: Processes) -> None:
    """The key of the one query is there again: the node fell over before it had opened the answer."""
    asked = IN_WORDS | {"request_id": "5e" * 16}
    parties.failpoint("lender-two").write_text("asker.before-conclude")
    assert parties.query("lender-two", ALICE, fails=True, changes=asked)["error"]["code"] == "UNREACHABLE"
    assert not parties.failpoint("lender-two").exists()
    parties.start_again("lender-two")
    parties.wait_attached("lender-two")
    answer = parties.query("lender-two", ALICE, changes=asked)
    assert balance(answer) == 101010101
    assert parties.query("lender-two", ALICE, changes=asked) == answer


def test_a_repeat_gets_the_same_answer(parties: Processes) -> None:
    person, request_id = {"phone": "13912340001"}, "ab" * 16
    first = parties.query("lender-two", person, changes={"request_id": request_id})
    assert parties.query("lender-two", person, changes={"request_id": request_id}) == first
    other = parties.query("lender-two", {"phone": "13912340002"}, fails=True, changes={"request_id": request_id})
    assert other["error"]["code"] == "REQUEST_ID_REUSED"


def test_uses_of_a_consent_are_counted_however_often_its_terms_are_given(parties: Processes) -> None:
    person = {"phone": "13912340021"}
    consent = {**consent_terms(parties), "maximum_uses": 2}
    first = parties.query("lender-one", person, changes={"consent": consent, "request_id": "0c" * 16})
    parties.query("lender-one", person, changes={"consent": consent})
    parties.kill("lender-one")
    parties.start("lender-one")
    parties.wait_attached("lender-one")
    refused = parties.query("lender-one", person, changes={"consent": consent}, fails=True)
    assert refused["error"]["code"] == "CONSENT_USED_UP"
    again = parties.query("lender-one", person, changes={"consent": consent, "request_id": "0c" * 16})
    assert again == first, "a repeat is no further use"
    new_terms = consent | {"evidence_digest": "cc" * 32}
    assert parties.query("lender-one", person, changes={"consent": new_terms})["missing"] == []
    parties.query("lender-one", {"phone": "13912340022"}, changes={"consent": consent})


def consent_terms(parties: Processes) -> dict[str, object]:
    terms = parties.question({})["consent"]
    assert isinstance(terms, dict)
    return terms


def test_status_shows_days_as_dates(parties: Processes) -> None:
    shown = parties.command("lender-two", "status")
    assert shown["book"]["day"] is None, "no book was loaded"
    parties.command("lender-two", "book", "load", "--mapping", str(EXAMPLE), "--as-of", "2026-01-01T00:00:00+0000")
    today = {(dt.datetime.now(dt.UTC) - dt.timedelta(minutes=minutes)).date().isoformat() for minutes in (0, 5)}
    assert parties.command("lender-two", "status")["book"]["day"] in today
    assert parties.command("lender-two", "book", "status")["book"]["day"] in today


def test_refusals_come_with_code_and_what_to_do(parties: Processes) -> None:
    cases: list[tuple[dict[str, object], str]] = [
        ({"attributes": ["shoe_size"]}, "ATTRIBUTE_UNKNOWN"),
        ({"attributes": ["hard_inquiries_0_1h"], "purpose": "collections"}, "PURPOSE_NOT_ALLOWED"),
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


def test_a_question_fails_at_once_while_there_is_no_gateway(parties: Processes) -> None:
    person = {"phone": "13912340031"}
    parties.query("lender-one", person)
    parties.kill("gateway")
    start = time.monotonic()
    refused = parties.query("lender-one", person, fails=True)
    assert refused["error"]["code"] == "NOT_ATTACHED"
    assert time.monotonic() - start < 2 + COMMAND_SECONDS
    parties.start("gateway")
    parties.wait_for(lambda: parties.command("lender-one", "status")["attached"] != [], "lender-one to attach")
    repeated = parties.query("lender-one", person, changes={"request_id": refused["request_id"]})
    assert repeated["request_id"] == refused["request_id"]


def test_a_node_that_is_not_there_is_called_that(parties: Processes) -> None:
    parties.kill("lender-four")
    refused = parties.query("lender-four", ALICE, fails=True)
    assert refused["error"]["code"] == "UNREACHABLE"
    assert "credit-participant serve" in refused["error"]["cause"]
    parties.start("lender-four")
    parties.wait_attached("lender-four")


def content(path: Path) -> bytes:
    """Read a file of a running party; a file of the moment may be gone again."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def test_who_saw_what(parties: Processes) -> None:
    """No identifier or secret of the lenders is in the gateway's folder or in anybody's log."""
    gateway = b"".join(content(path) for path in (parties.out / "gateway").rglob("*") if path.is_file())
    assert len(gateway) > 100_000
    logs = b"".join(path.read_bytes() for path in parties.out.glob("*.log"))
    folder = parties.out / "lender-one" / "secrets"
    shared = {name: value for path in folder.iterdir() for name, value in json.loads(path.read_text()).items()}
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


def test_a_portfolio_is_run_by_a_command(parties: Processes, tmp_path: Path) -> None:
    for lender in ("lender-two", "lender-three"):
        parties.command(lender, "book", "load", "--mapping", str(EXAMPLE), "--as-of", "2026-01-01T00:00:00+0000")
    wanted = portfolio(tmp_path / "out.csv")
    done = parties.command("lender-one", "portfolio", "run", "--id", "7f" * 16, given=json.dumps(wanted))
    assert (done["phase"], done["summary"]["statuses"]) == ("done", {"OK": 20})
    rows = (tmp_path / "out.csv").read_text().splitlines()
    assert rows[0] == "account,status,lenders,lenders_with_open_tradeline,balance"
    found = [row.split(",") for row in rows[1:]]
    assert sum(int(row[4]) for row in found) > 0
    assert all(int(row[3]) % 2 == int(row[4]) % 2 == 0 for row in found), "two lenders have the same book"
    again = parties.command("lender-one", "portfolio", "run", "--id", "7f" * 16, given=json.dumps(wanted))
    assert again["summary"] == done["summary"]
    (shown,) = parties.command("lender-one", "portfolio", "status")["portfolios"]
    assert (shown["id"], shown["phase"]) == ("7f" * 16, "done")
    other = wanted | {"attributes": ["balance"]}
    for refused, code in ((other, "REQUEST_ID_REUSED"), ({**wanted, "more": 1}, "RECORD_INVALID")):
        failed = parties.command(
            "lender-one", "portfolio", "run", "--id", "7f" * 16, given=json.dumps(refused), fails=True
        )
        assert failed["error"]["code"] == code
    assert parties.command("lender-one", "portfolio", "resume", "7e" * 16, fails=True)["error"]["code"] == "JOB_UNKNOWN"


def test_a_portfolio_prepared_on_a_cluster_gives_the_same_file(parties: Processes, tmp_path: Path) -> None:
    """By options, with the mapping of a book as that of the list; the second run says what has changed since."""
    (tmp_path / "consent.json").write_text(json.dumps(question_about({})["consent"]))
    out, wanted = tmp_path / "out.parquet", ("--attribute", "balance", "--attribute", "open_tradelines", "--own")
    said = ("portfolio", "run", "--mapping", str(EXAMPLE), "--consent", str(tmp_path / "consent.json"), *wanted)
    first = parties.command("lender-two", *said, "--out", str(out))["summary"]
    before = out.read_bytes()
    assert (first["rows"], first["people"]) == (20, 17), "some people have two accounts"
    with dask_cluster(tmp_path) as cluster:
        options = ("--scheduler", cluster.address, "--since", str(out))
        again = parties.command("lender-two", *said, "--out", str(out), *options)["summary"]
    assert out.read_bytes() == before
    assert [again["changes"][name] for name in ("added", "removed", "changed")] == [0, 0, 0]
    refused = parties.command("lender-two", *said, "--out", str(out), "--scheduler", "tcp://10.1.2.3:8786", fails=True)
    assert (refused["phase"], refused["error"]["code"]) == ("stopped", "SETTINGS_INVALID")
    assert out.read_bytes() == before


def portfolio(out: Path) -> dict[str, object]:
    """The example's accounts as a list, in blocks of a few people."""
    return {
        "source": str(EXAMPLE.with_name("accounts.csv")),
        "out": str(out),
        "columns": {"id": "account", "national_id": "id_card", "phone": "mobile", "email": "mail"},
        "attributes": ["lenders_with_open_tradeline", "balance"],
        "rows_per_block": 4,
        "consent": question_about({})["consent"],
    }
