"""Members that cheat, over real gRPC between real folders: what each of them gets, and that the others go on."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consortium.ceremony import driver
from consortium.ceremony.driver import Progress
from consortium.ceremony.messages import Message, Open, read_message, sign_message
from consortium.ceremony.plan import Plan
from consortium.errors import Code, CreditError
from consortium.membership.ballots import Decision
from consortium.membership.proposals import Activate
from consortium.membership.secrets import GenerationSecrets, Opened, deliver
from consortium.membership.statements import Finding, report_digest, sign_report
from consortium.model.catalogue import Tier
from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus, Oprf, Role
from consortium.model.signing import Signer
from consortium.oprf import group
from consortium.oprf.sharing import KeyShare
from consortium.wire.membership import DocumentKind
from participants.cli import custodian
from participants.conformance.run import report
from participants.membership import actions, ceremonies
from participants.membership.folder import Invitation, make_folder
from participants.membership.member import Membership
from participants.membership.terms import Terms
from participants.sandbox.founding import made_up_lei
from participants.sandbox.ports import on_loopback
from participants.secret_files import find_epoch, find_generation
from participants.share_files import ShareFiles
from tests.support.codes import refused
from tests.support.serving import Serving, play, until
from tests.support.world import LENDERS

ONE, TWO = "custodian-one", "custodian-two"
PERSON = "13912345678"
NEWCOMER = "lender-new"


def test_a_custodian_that_answers_with_another_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pinned = ShareFiles.pinned

    def another(files: ShareFiles, oprf: Oprf, member: MemberId) -> KeyShare:
        share = pinned(files, oprf, member)
        return KeyShare(share.holder, (share.secret + 1) % group.ORDER) if member == ONE else share

    monkeypatch.setattr(ShareFiles, "pinned", another)

    async def scene(running: Serving) -> None:
        with caplog.at_level(logging.WARNING):
            assert (await running.ask("lender-a", PERSON))["missing"] == []
        failures = [one for one in caplog.records if one.message == "holder-failed"]
        assert {(one.__dict__["holder"], one.__dict__["code"]) for one in failures} == {(2, Code.PROOF_INVALID)}
        await running.stop(TWO)
        with refused(Code.TOO_FEW_HOLDERS):  # rather none than a wrong one
            await running.ask("lender-a", "13912345679")

    play(tmp_path / "out", scene, ONE, TWO, *LENDERS)


def cheating(change: Callable[[Message], Message]) -> Callable[..., Progress]:
    """The steps of a ceremony in which custodian-two changes what it sends in the first attempt, and signs it."""
    honest = driver.advance

    def advance(plan: Plan, messages: Any, member: MemberId, signer: Signer, *rest: Any) -> Progress:
        progress = honest(plan, messages, member, signer, *rest)
        if member != TWO or plan.attempt > 1:
            return progress
        changed = (sign_message(signer, change(read_message(one, plan))) for one in progress.to_post)
        return replace(progress, to_post=tuple(changed))

    return advance


def other_commitments(message: Message) -> Message:
    if not isinstance(message, Open):
        return message
    return message.model_copy(update={"commitments": (group.scale_base(7), *message.commitments[1:])})


async def rotated(running: Serving, member: MemberId, seconds: int = 60) -> int | CreditError:
    """Do what `credit-custodian rotate share` does; gives the version that was proposed, or why there is none."""
    try:
        motion = await running.acting(member, lambda party: custodian.new_shares(party, seconds))
    except CreditError as error:
        return error
    return int(motion.ballot.next.version)


def test_a_custodian_that_sends_bad_commitments_is_named_and_a_new_attempt_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ceremonies, "advance", cheating(other_commitments))

    async def scene(running: Serving) -> None:
        for said in await asyncio.gather(rotated(running, ONE), rotated(running, TWO)):
            assert isinstance(said, CreditError)
            assert said.code is Code.CEREMONY_FAULT
            assert TWO in said.cause
        assert len((await running.ask("lender-a", PERSON))["answered"]) == 4, "the present shares go on"
        again = await asyncio.gather(rotated(running, ONE), rotated(running, TWO))
        assert [*again] == [2, 2]

    play(tmp_path / "out", scene, ONE, TWO, "lender-a", "lender-b", "lender-c", "lender-d")


def test_a_custodian_that_stays_away_from_the_ceremony_stops_it_and_nothing_else(tmp_path: Path) -> None:
    async def scene(running: Serving) -> None:
        said = await rotated(running, ONE, seconds=2)
        assert isinstance(said, CreditError)
        assert (said.code, said.cause) == (Code.CEREMONY_UNFINISHED, f"waiting for {TWO}")
        assert len((await running.ask("lender-a", PERSON))["answered"]) == 4
        later = await asyncio.gather(rotated(running, ONE), rotated(running, TWO))
        assert [*later] == [2, 2], "it is joined where it was left"

    play(tmp_path / "out", scene, ONE, TWO, "lender-a", "lender-b", "lender-c", "lender-d")


def apply_for(running: Serving, sponsor: Membership) -> None:
    """Make a newcomer's folder and hand its application in."""
    file = sponsor.folder.file
    invited = Invitation(
        consortium=file.consortium,
        join=file.join,
        gateways=file.gateways,
        holders=file.holders,
        sponsor=sponsor.folder.member,
        ca=sponsor.folder.read(Path("ca.crt")).decode(),
    )
    made = make_folder(running.out / NEWCOMER, NEWCOMER, Role.LENDER, invited, on_loopback(running.ports.lender(9)))
    party = Membership(made)
    try:
        actions.apply(party, newcomers_terms(sponsor.folder.member))
        party.trust(sponsor.rulebooks.history[0].digest.hex() if sponsor.rulebooks else "")
    finally:
        party.close()


def newcomers_terms(sponsor: MemberId) -> Terms:
    return Terms(
        legal_name="New Lending Ltd",
        licence="NL-1",
        lei=made_up_lei(77),
        group="new-group",
        contact="+886 2 1",
        sponsor=sponsor,
        book_size=10,
        tiers=(Tier.DEFAULTS_ONLY, Tier.FULL),
    )


def vote(member: MemberId) -> Callable[[Membership], object]:
    return lambda party: actions.vote(party, member, Decision.APPROVE, "in order")


async def admit(running: Serving) -> None:
    await running.acting("lender-a", lambda party: apply_for(running, party))
    await running.acting("lender-a", lambda party: actions.sponsor(party, NEWCOMER))
    await running.acting("lender-b", vote(NEWCOMER))


def get_in(party: Membership) -> None:
    """Get a certificate, and open what is sealed to us."""
    party.follow()
    party.certify()
    party.sync()


def hand_in(party: Membership, *, passed: bool) -> bytes:
    """Hand in a report as the newcomer's command does, whatever its run found."""
    findings = (Finding(name="masked sum", passed=passed, note="" if passed else "the total is another"),)
    signed = sign_report(party.signer, report(party.folder.member, party.rulebook, findings, party.now))
    party.post(f"conformance/{report_digest(signed).hex()}", DocumentKind.CONFORMANCE_REPORT, lambda: signed)
    return report_digest(signed)


def test_a_newcomer_that_fails_conformance_and_serves_all_the_same(tmp_path: Path) -> None:
    async def scene(running: Serving) -> None:
        await admit(running)
        await running.acting("lender-a", lambda party: actions.sponsor(party, NEWCOMER))  # seals the secrets
        await running.acting(NEWCOMER, get_in)
        digest = await running.acting(NEWCOMER, lambda party: hand_in(party, passed=False))
        with refused(Code.APPLICATION_INVALID):  # its sponsor proposes nothing
            await running.acting("lender-a", lambda party: actions.sponsor(party, NEWCOMER))
        with refused(Code.PROPOSAL_INVALID):  # and a careless one is not followed
            await running.acting(
                "lender-a", lambda party: actions.propose(party, Activate(member=NEWCOMER, report=digest))
            )
            await running.acting("lender-b", vote(NEWCOMER))

        await running.serve(NEWCOMER)
        with refused(Code.NOT_ATTACHED, Code.MEMBER_NOT_ACTIVE):
            await running.ask(NEWCOMER, PERSON)
        answer = await running.ask("lender-a", PERSON)
        assert NEWCOMER not in {*answer["asked"], *answer["answered"]}, "nobody asks it"
        assert NEWCOMER not in running.gateway.parts.attachments.attached()

        await running.acting(NEWCOMER, lambda party: hand_in(party, passed=True))
        await running.acting("lender-a", lambda party: actions.sponsor(party, NEWCOMER))
        await running.acting("lender-b", vote(NEWCOMER))
        await until(lambda: NEWCOMER in running.gateway.parts.attachments.well(), 20)
        assert running.gateway.parts.rulebooks.current().members[NEWCOMER].status is MemberStatus.ACTIVE

    play(tmp_path / "out", scene, ONE, TWO, *LENDERS)


def test_a_sponsor_that_seals_a_different_secret(tmp_path: Path) -> None:
    async def scene(running: Serving) -> None:
        await admit(running)
        signed = await running.acting("lender-a", seal_another)
        await running.acting(NEWCOMER, get_in)
        for side in (NEWCOMER, "lender-a", "lender-b"):
            said = await running.acting(side, lambda party: party.sync().acknowledged(signed, NEWCOMER))
            assert said is not None, f"{side} sees how it went"
            assert said[1].problem.startswith("SECRETS_MISMATCH")
        assert not (running.out / NEWCOMER / "secrets").exists(), "nothing of it is kept"

        await running.acting("lender-a", lambda party: actions.seal_secrets(party, NEWCOMER))
        await running.acting(NEWCOMER, lambda party: party.sync())
        assert len(list((running.out / NEWCOMER / "secrets").iterdir())) == 2

    play(tmp_path / "out", scene, ONE, TWO, "lender-a", "lender-b")


def seal_another(sponsor: Membership) -> bytes:
    """Seal a tag key of the sponsor's own making, so that it would know the newcomer's tags alone."""
    rulebook, folder = sponsor.rulebook, sponsor.folder
    shared = find_generation(folder, rulebook, rulebook.document.oprf)
    other = GenerationSecrets(shared.generation, shared.pre_hash_secret, b"o" * 32)
    contents = Opened(other, find_epoch(folder, rulebook))
    signed = deliver(rulebook, folder.member, NEWCOMER, contents, sponsor.signer, sponsor.rng)
    sponsor.post("another-delivery", DocumentKind.DELIVERY, lambda: signed)
    return signed
