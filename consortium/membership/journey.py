"""
Where a newcomer stands: a pure function from the facts that are known to the steps that are done and missing.

`status` prints it on both sides from the same facts, so that applicant and sponsor see the same: what is done, what
is missing, whose turn it is, since when, and the exact next command.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus, Role


class StepState(StrEnum):
    """How far a step is."""

    DONE = "done"
    NOW = "now"
    LATER = "later"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of `status`; `since` is when it was done or became somebody's turn, Unix seconds, None if unknown."""

    name: str
    state: StepState
    turn: str = ""
    since: int | None = None
    command: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one newcomer; every time is Unix seconds, None for what has not happened."""

    member: MemberId
    role: Role
    sponsor: MemberId = ""
    status: MemberStatus | None = None
    """The rulebook's, None before admission."""
    keys_made: int | None = None
    rulebook_trusted: int | None = None
    applied: int | None = None
    application_delivered: int | None = None
    """When the gateway acknowledged the application; None while it waits in the outbox."""
    proposed: int | None = None
    """When the sponsor put it to the vote."""
    approvals: Mapping[MemberId, int] = field(default_factory=dict)
    waiting_for: tuple[MemberId, ...] = ()
    rejected: int | None = None
    rejection_reason: str = ""
    admitted: int | None = None
    secrets_sealed: int | None = None
    secrets_opened: int | None = None
    certificate_issued: int | None = None
    share_confirmed: int | None = None
    """A custodian's: when its ceremony was finished."""
    book_loaded: int | None = None
    conformance_run: int | None = None
    conformance_passed: bool = False
    activation_proposed: int | None = None
    activated: int | None = None
    founding: bool = False
    """Whether this party founds the consortium: it is active from version 1 on, by the founders' signatures."""
    first_key: int | None = None
    """When gateway and custodians had made the first key; nobody's clock but this party's, 0 where it was before."""
    first_signed: tuple[MemberId, ...] = ()
    """Who has signed a first version that is on the board."""
    in_force: int | None = None
    """When version 1 had its signatures, as far as this party knows; 0 where it was before."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """A step before its state is known."""

    name: str
    done: int | None
    turn: str
    command: str
    note: str = ""
    failed: bool = False


def journey(facts: Facts) -> list[Step]:
    """
    Give the steps of this role in order: those done, then the one whose turn it is, then the later ones.

    A rejection, a failed conformance run and a membership that has ended stop the journey with a FAILED step.
    """
    steps: list[Step] = []
    since: int | None = None
    pending = False
    for stage in _stages(facts):
        step = _step(stage, since, pending=pending)
        steps.append(step)
        pending = pending or step.state is not StepState.DONE
        since = stage.done if stage.done is not None else since
    return [*steps, *_ending(facts)]


def next_step(steps: list[Step]) -> Step | None:
    """Give the step that is somebody's turn, or that failed; None when everything is done."""
    return next((step for step in steps if step.state is not StepState.DONE), None)


def _step(stage: _Stage, since: int | None, *, pending: bool) -> Step:
    if pending:
        return Step(stage.name, StepState.LATER)
    if stage.failed:
        return Step(stage.name, StepState.FAILED, stage.turn, stage.done, stage.command, stage.note)
    if stage.done is not None:
        return Step(stage.name, StepState.DONE, since=stage.done, note=stage.note)
    return Step(stage.name, StepState.NOW, stage.turn, since, stage.command, stage.note)


def _stages(facts: Facts) -> Iterator[_Stage]:
    me = facts.member
    yield _Stage("keys made", facts.keys_made, me, f"{_program(facts)} init")
    if facts.founding:
        yield from _founding(facts)
        return
    yield _Stage(
        "rulebook trusted by its fingerprint",
        facts.rulebook_trusted,
        me,
        f'{_program(facts)} trust --fingerprint "WORDS"',
    )
    yield from _application(facts)
    yield from _admission(facts)
    yield _Stage("certificate", facts.certificate_issued, me, f"{_program(facts)} certificate")
    yield from _preparation(facts)
    yield from _activation(facts)


def _application(facts: Facts) -> Iterator[_Stage]:
    me = facts.member
    yield _Stage("application signed", facts.applied, me, f"{_program(facts)} apply --from terms.toml")
    yield _Stage("application delivered", facts.application_delivered, me, f"{_program(facts)} apply --resend")


def _founding(facts: Facts) -> Iterator[_Stage]:
    """Give a founder's steps: apply, the first key, version 1 by two groups, and then the secrets."""
    me, holders = facts.member, "gateway and custodians"
    yield from _application(facts)
    yield _Stage("first key made", facts.first_key, holders, "credit-custodian ceremony --begin first")
    signed = f"signed by {', '.join(facts.first_signed)}" if facts.first_signed else ""
    propose, sign = "propose --charter charter.toml", 'sign --fingerprint "WORDS"'
    command = f"credit-participant found {sign if facts.first_signed else propose}"
    yield _Stage("version 1 signed by two groups", facts.in_force, "the founding lenders", command, signed)
    yield _Stage(
        "rulebook trusted by its fingerprint",
        facts.rulebook_trusted,
        me,
        f'{_program(facts)} trust --fingerprint "WORDS"',
    )
    yield _Stage("certificate", facts.certificate_issued, me, f"{_program(facts)} certificate")
    if facts.role is Role.LENDER:
        seal = "credit-participant found seal"
        yield _Stage("secrets sealed", facts.secrets_sealed, "the founding lender", seal)
        yield _Stage("secrets opened and compared", facts.secrets_opened, me, "credit-participant serve")
        yield _Stage("book loaded", facts.book_loaded, me, "credit-participant book load --mapping mapping.toml")


def _admission(facts: Facts) -> Iterator[_Stage]:
    member = facts.member
    yield _Stage("put to the vote", facts.proposed, facts.sponsor, f"credit-participant sponsor {member}")
    rejected = facts.rejected is not None and facts.admitted is None
    yield _Stage(
        "approved",
        facts.rejected if rejected else facts.admitted,
        member if rejected else ", ".join(facts.waiting_for),
        f"{_program(facts)} apply --again" if rejected else f"credit-participant approve {member}",
        facts.rejection_reason if rejected else f"{len(facts.approvals)} approved" if facts.approvals else "",
        failed=rejected,
    )


def _preparation(facts: Facts) -> Iterator[_Stage]:
    me = facts.member
    if facts.role is Role.CUSTODIAN:
        yield _Stage("key ceremony", facts.share_confirmed, me, "credit-custodian ceremony")
    if facts.role is Role.LENDER:
        yield _Stage("secrets sealed", facts.secrets_sealed, facts.sponsor, f"credit-participant sponsor {me} --seal")
        yield _Stage("secrets opened and compared", facts.secrets_opened, me, "credit-participant serve")
        yield _Stage("book loaded", facts.book_loaded, me, "credit-participant book load --mapping mapping.toml")
        failed = facts.conformance_run is not None and not facts.conformance_passed
        note = "the report names what failed" if failed else ""
        command = "credit-participant conformance"
        yield _Stage("conformance", facts.conformance_run, me, command, note, failed=failed)


def _activation(facts: Facts) -> Iterator[_Stage]:
    command = f"credit-participant sponsor {facts.member} --activate"
    yield _Stage("activation put to the vote", facts.activation_proposed, facts.sponsor, command)
    turn, approve = ", ".join(facts.waiting_for), f"credit-participant approve {facts.member}"
    yield _Stage("active", facts.activated, turn, approve)


def _ending(facts: Facts) -> Iterator[Step]:
    if facts.status is MemberStatus.SUSPENDED:
        yield Step("suspended", StepState.FAILED, facts.sponsor, note="ask the sponsor what must be put right")
    if facts.status is MemberStatus.LEFT:
        yield Step("left", StepState.FAILED, note="an id is never used again")


def _program(facts: Facts) -> str:
    programs = {
        Role.CUSTODIAN: "credit-custodian",
        Role.REGULATOR: "credit-regulator",
        Role.WITNESS: "credit-regulator",
        Role.GATEWAY: "credit-gateway",
    }
    return programs.get(facts.role, "credit-participant")
