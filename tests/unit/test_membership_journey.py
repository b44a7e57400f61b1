"""The journey: which step is whose turn, since when, and what to type."""

import dataclasses
from typing import Any

from consortium.membership.journey import Facts, Step, StepState, journey, next_step
from consortium.model.rulebook import MemberStatus, Role

LENDER = Facts("lender-new", Role.LENDER, sponsor="lender-a", keys_made=1, rulebook_trusted=2, applied=3)
DONE = Facts(
    "lender-new",
    Role.LENDER,
    sponsor="lender-a",
    status=MemberStatus.ACTIVE,
    keys_made=1,
    rulebook_trusted=2,
    applied=3,
    application_delivered=4,
    proposed=5,
    approvals={"lender-a": 6, "lender-b": 7},
    admitted=7,
    certificate_issued=8,
    secrets_sealed=9,
    secrets_opened=10,
    book_loaded=11,
    conformance_run=12,
    conformance_passed=True,
    activation_proposed=13,
    activated=14,
)


def step_now(facts: Facts) -> Step:
    found = next_step(journey(facts))
    assert found
    return found


def test_an_application_that_waits_in_the_outbox() -> None:
    step = step_now(LENDER)
    assert (step.name, step.turn, step.since) == ("application delivered", "lender-new", 3)
    assert step.command == "credit-participant apply --resend"


def test_whose_turn_it_is_changes_along_the_way() -> None:
    fields = [field.name for field in dataclasses.fields(DONE)]
    for missing, turn, since in (
        ("keys_made", "lender-new", None),
        ("proposed", "lender-a", 4),
        ("certificate_issued", "lender-new", 7),
        ("secrets_sealed", "lender-a", 8),
        ("book_loaded", "lender-new", 10),
        ("activation_proposed", "lender-a", 12),
    ):
        assert missing in fields
        nothing: dict[str, Any] = {missing: None}
        step = step_now(dataclasses.replace(DONE, **nothing))
        assert (step.turn, step.since, step.state) == (turn, since, StepState.NOW)
        assert step.command


def test_approvers_are_waited_for_by_name() -> None:
    facts = dataclasses.replace(DONE, admitted=None, approvals={"lender-a": 6}, waiting_for=("lender-b",))
    step = step_now(facts)
    assert (step.name, step.turn, step.note) == ("approved", "lender-b", "1 approved")
    assert step.command == "credit-participant approve lender-new"


def test_a_rejection_reaches_the_applicant_with_its_reason() -> None:
    step = step_now(dataclasses.replace(DONE, admitted=None, rejected=8, rejection_reason="no licence found"))
    assert (step.state, step.turn, step.note) == (StepState.FAILED, "lender-new", "no licence found")


def test_failed_conformance_stops_the_journey() -> None:
    steps = journey(dataclasses.replace(DONE, conformance_passed=False))
    step = next_step(steps)
    assert step
    assert (step.name, step.state) == ("conformance", StepState.FAILED)
    assert [one.state for one in steps[-2:]] == [StepState.LATER, StepState.LATER]


def test_everything_done_and_what_ends_it() -> None:
    assert next_step(journey(DONE)) is None
    assert all(step.since for step in journey(DONE))
    for status, name in ((MemberStatus.SUSPENDED, "suspended"), (MemberStatus.LEFT, "left")):
        assert step_now(dataclasses.replace(DONE, status=status)).name == name


def test_roles_have_their_own_steps() -> None:
    custodian = [step.name for step in journey(Facts("custodian-one", Role.CUSTODIAN))]
    regulator = [step.name for step in journey(Facts("regulator", Role.REGULATOR))]
    assert "key ceremony" in custodian
    assert not {"book loaded", "secrets sealed", "conformance"} & {*custodian, *regulator}
    assert step_now(Facts("custodian-one", Role.CUSTODIAN)).command == "credit-custodian init"
