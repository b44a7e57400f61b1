"""A sixth lender from an empty folder to a first answered query, by the commands alone; then one leaves."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.journey import EXAMPLE, SECOND, SPONSOR, Newcomer
from tests.support.pages import PageRun
from tests.support.processes import LENDERS, Processes, consortium

PAGE = Path(__file__).parents[2] / "docs" / "onboarding.md"


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """The founders' processes."""
    with consortium(tmp_path_factory.mktemp("consortium") / "out") as processes:
        processes.start("gateway", "custodian-one", "custodian-two")
        processes.start(*LENDERS)
        processes.wait_attached(*LENDERS)
        yield processes


def test_the_page_from_an_empty_folder_to_the_first_answer(parties: Processes) -> None:
    newcomer = Newcomer(parties, "lender-six", 6)
    words = newcomer.invite()
    for path in EXAMPLE.iterdir():
        shutil.copy(path, newcomer.folder)
    question = parties.question({"phone": "13812633920"})
    (newcomer.folder / "question.json").write_text(json.dumps(question))

    count = PageRun(PAGE, parties, {"WORDS": words}, places={"lender-six": newcomer.listen}).run()

    assert count > 12
    assert [step["name"] for step in newcomer.status()["journey"] if step["state"] != "done"] == []
    answer = parties.query("lender-six", {"phone": "13812633920"})
    assert (sorted(answer["answered"]), answer["missing"]) == (sorted([*LENDERS, "lender-six"]), [])
    told = parties.query("lender-two", {"national_id": "110105198503130747"})
    assert told["status"] in {"OK", "THIN"}, "the newcomer's book answers others"


@pytest.mark.slow
def test_a_rejection_reaches_the_applicant_with_its_reason(parties: Processes) -> None:
    newcomer = Newcomer(parties, "lender-ten", 10)
    newcomer.init(newcomer.invite())
    newcomer.apply()
    newcomer.run(SPONSOR, "sponsor", "lender-ten")
    newcomer.run(SECOND, "reject", "lender-ten", "--reason", "the licence ended in May")
    step = newcomer.step("approved")
    assert (step["state"], step["note"]) == ("failed", f"{SECOND}: the licence ended in May")

    newcomer.apply("--again", "--licence", "NL-2026-18")
    newcomer.decide()
    assert newcomer.step("approved")["state"] == "done"


def test_who_leaves_is_cut_off_and_the_others_go_on(parties: Processes) -> None:
    leaver = Newcomer(parties, "lender-five", 5)
    leaver.own("leave", "--reason", "sold")
    leaver.run(SPONSOR, "approve", "lender-five")
    leaver.run(SECOND, "approve", "lender-five")
    start = time.monotonic()
    refused = parties.query("lender-five", {"phone": "13912340001"}, fails=True)
    assert refused["error"]["code"] in {"MEMBER_NOT_ACTIVE", "RULEBOOK_MISMATCH", "TOO_FEW_HOLDERS", "NOT_ATTACHED"}
    remaining = [*LENDERS[:4], "lender-six"]
    parties.wait_for(lambda: all("renewed" in parties.events(name) for name in remaining), "the new epoch", 10)
    assert time.monotonic() - start < 10
    answer = parties.query("lender-one", {"phone": "13912340002"})
    assert (sorted(answer["answered"]), answer["missing"]) == (sorted(remaining), [])


@pytest.mark.slow
def test_a_journey_that_is_killed_after_every_step_ends_alike(parties: Processes) -> None:
    newcomer = Newcomer(parties, "lender-two-b", 12)
    words = newcomer.invite()

    newcomer.init(words, dies_at="init.keys-made")
    key = (newcomer.folder / "identity.key").read_bytes()
    newcomer.init(words)
    assert (newcomer.folder / "identity.key").read_bytes() == key, "a key is never made twice"

    for point in ("member.queued-application", "member.delivered", "member.posted-application"):
        newcomer.apply(dies_at=point)
    newcomer.apply()
    for point in ("member.queued-proposal", "member.queued-vote"):  # the serving node posts what is left behind
        newcomer.run(SPONSOR, "sponsor", newcomer.member, dies_at=point)
    newcomer.run(SPONSOR, "sponsor", newcomer.member)
    newcomer.run(SECOND, "approve", newcomer.member, dies_at="member.queued-vote")
    newcomer.run(SECOND, "approve", newcomer.member)
    newcomer.own("certificate", dies_at="member.certificate-received")
    newcomer.own("certificate")
    newcomer.run(SPONSOR, "sponsor", newcomer.member, dies_at="member.queued-delivery")
    newcomer.run(SPONSOR, "sponsor", newcomer.member)
    newcomer.own("status", dies_at="member.secrets-kept")
    assert newcomer.step("secrets opened and compared")["state"] == "done"
    newcomer.load()
    newcomer.own("conformance", dies_at="conformance.report-kept")
    newcomer.own("conformance")
    newcomer.decide("--activate")
    assert [step["name"] for step in newcomer.status()["journey"] if step["state"] != "done"] == []
