"""What participants find out about a gateway, and what they refuse at its word, over real gRPC between real folders."""

import asyncio
import errno
import json
import os
import secrets
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import gateway.rpc.membership as members_door
from consortium.errors import Code, CreditError
from consortium.membership.ballots import Decision
from consortium.membership.files import document_name
from consortium.membership.proposals import Renew
from consortium.membership.sightings import Sighting
from consortium.membership.signed import body_of, parse_document
from consortium.membership.statements import ConformanceReport, Finding
from consortium.membership.trusted import TrustedSet
from consortium.model.identifiers import IdentifierKind, RawIdentifier
from consortium.model.members import MemberId
from consortium.model.rulebook import parse_rulebook, rulebook_digest
from consortium.wire.gateway import SignedRulebook, signed_rulebook_to_proto
from consortium.wire.membership import DocumentKind, Page, ReadWanted, versions_from_proto, versions_to_proto
from gateway.bootstrap import GatewayServer, build
from gateway.membership.board import Board
from gateway.membership.desk import desk
from gateway.rpc.identity import peer_identity
from gateway.rpc.services import RulebookServicer
from gateway.rulebooks import Rulebooks
from participants import doctor, whole_files
from participants.bootstrap import open_tokeniser
from participants.cli import conformance
from participants.cli.main import app
from participants.lender.normalise import normalise
from participants.membership import actions
from participants.membership.lookout import FOLDER
from participants.membership.member import Membership
from participants.sandbox.founding import REGULATOR
from participants.settings import NodeSettings
from participants.whole_files import write_public
from protos.credit.v1 import gateway_pb2 as pb
from tests.support.codes import refused
from tests.support.logs import policy_text
from tests.support.membership import Registry
from tests.support.serving import Serving, play, until
from tests.support.world import LENDERS

CUSTODIANS = ("custodian-one", "custodian-two")
SUSPENDED = "lender-e"
VICTIM = "lender-c"
SECONDS = 5.0


async def suspend(running: Serving, member: MemberId) -> float:
    """Suspend as the operator does, by its command's own code; gives when."""
    async with desk(running.settings) as open_desk:
        await open_desk.suspend(member, "its key was stolen")
    return time.monotonic()


def refusals(running: Serving, member: MemberId) -> dict[int, Code]:
    """Ask every key holder as a member, past its own node; gives what each of them refuses with."""
    settings, said = NodeSettings(running.out / member), {}
    identifier = normalise(RawIdentifier(IdentifierKind.PHONE, f"139{secrets.randbelow(10**8):08d}", "CN"))
    with ExitStack() as stack:
        tokeniser = stack.enter_context(
            open_tokeniser(settings, lambda holder, error: said.update({holder: error.code}))
        )
        with suppress(CreditError):  # as long as two holders answer, there is none
            tokeniser.tokenise([identifier])
    return said


def test_an_emergency_suspension_cuts_off_at_custodians_and_lenders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway is made to ignore its own notice, so that only the others' refusals are left."""
    monkeypatch.setattr(Rulebooks, "current", lambda self: self.trusted.current)

    async def scene(running: Serving) -> None:
        known = "13912345678"
        assert (await running.ask(SUSPENDED, known))["missing"] == []
        start = await suspend(running, SUSPENDED)

        async def custodians_refuse() -> bool:
            codes = await asyncio.to_thread(refusals, running, SUSPENDED)
            return [codes.get(holder) for holder in (2, 3)] == [Code.MEMBER_NOT_ACTIVE] * 2

        while not await custodians_refuse():
            assert time.monotonic() - start < SECONDS
            await asyncio.sleep(0.05)
        while not set(await refused_by(running, known)) >= set(LENDERS) - {SUSPENDED}:
            assert time.monotonic() - start < SECONDS
        answer = await running.ask("lender-a", known)
        assert answer["status"] == "NO_HIT", "the others go on"

    play(tmp_path / "out", scene, *CUSTODIANS, *LENDERS)


@dataclass
class Lies:
    """What the gateway shows to a single participant: versions up to one, another version, not every document."""

    victim: MemberId = VICTIM
    newest: int = 99
    other: SignedRulebook | None = None
    hidden: frozenset[DocumentKind] = frozenset()

    def versions(self, reader: MemberId, found: Sequence[SignedRulebook]) -> list[SignedRulebook]:
        if reader != self.victim:
            return list(found)
        shown = [one for one in found if parse_rulebook(one.document).version <= self.newest]
        return [*shown, self.other] if self.other is not None else shown

    def documents(self, reader: MemberId, page: Page) -> Page:
        if reader != self.victim:
            return page
        shown = tuple(one for one in page.documents if one.kind not in self.hidden)
        return Page(shown, page.newest, page.time_ms)


@pytest.fixture
def lies(monkeypatch: pytest.MonkeyPatch) -> Lies:
    """A gateway that lies as it is told; made before there is one."""
    told = Lies()
    read, watch, page = members_door.MembershipServicer.ReadRulebooks, Rulebooks.watch, Board.page

    async def lying_read(servicer: Any, request: Any, rpc_context: Any) -> Any:
        found = versions_from_proto(await read(servicer, request, rpc_context))
        shown = told.versions(peer_identity(rpc_context).member, found)
        return versions_to_proto([one for one in shown if parse_rulebook(one.document).version > request.after_version])

    async def lying_watch(servicer: Any, request: Any, rpc_context: Any) -> Any:
        reader = peer_identity(rpc_context).member
        async for version in watch(servicer._rulebooks, request.after_version):
            for one in told.versions(reader, [version.signed] if version else []):
                yield pb.WatchRulebookResponse(rulebook=signed_rulebook_to_proto(one))

    async def lying_page(board: Board, wanted: Any, reader: MemberId) -> Page:
        return told.documents(reader, await page(board, wanted, reader))

    monkeypatch.setattr(members_door.MembershipServicer, "ReadRulebooks", lying_read)
    monkeypatch.setattr(RulebookServicer, "WatchRulebook", lying_watch)
    monkeypatch.setattr(Board, "page", lying_page)
    return told


def others(running: Serving, member: MemberId) -> str:
    """What `doctor` says about other members' rulebooks."""
    check, _ = doctor.CHECKS["other members"]
    try:
        return check(NodeSettings(running.out / member))
    except CreditError as error:
        return error.cause


def alarms(running: Serving, member: MemberId) -> list[str]:
    return sorted(path.name.rpartition("-")[0] for path in (running.out / member / FOLDER).glob("*.json"))


async def decide(running: Serving) -> None:
    """Have two approvers renew the rulebook by the board."""
    await running.acting("lender-a", propose_renewal)
    await running.acting("lender-b", approve_renewal)


def propose_renewal(party: Membership) -> None:
    party.sync()
    actions.cast(party, actions.propose(party, Renew()), Decision.APPROVE, "its year ends")


def approve_renewal(party: Membership) -> None:
    actions.vote(party, "renew", Decision.APPROVE, "in order")


def has_version(running: Serving, member: MemberId, version: int) -> bool:
    return (running.out / member / "rulebooks" / document_name(version)).exists()


def test_a_gateway_that_hides_a_version_from_one_is_found_out_by_it(tmp_path: Path, lies: Lies) -> None:
    async def scene(running: Serving) -> None:
        lies.newest, lies.hidden = 1, frozenset({DocumentKind.VOTE})
        await decide(running)
        await until(lambda: "rulebook-unusable" in alarms(running, VICTIM))
        assert set(alarms(running, VICTIM)) == {"rulebook-withheld", "rulebook-unusable"}
        with refused(Code.RULEBOOK_FROZEN):
            await running.ask(VICTIM, "13912345678")
        told = await asyncio.to_thread(others, running, VICTIM)
        assert "lender-b has version 2" in told
        assert "and this node has another rulebook, version 1" in told
        assert "seen with version 2" in await asyncio.to_thread(others, running, "lender-a")
        answer = await running.ask("lender-a", "13912345679")
        assert answer["missing"] == [VICTIM], "it does not answer by a rulebook that is not the newest either"
        lies.newest, lies.hidden = 99, frozenset()
        await until(lambda: has_version(running, VICTIM, 2))
        await until(lambda: VICTIM in running.gateway.parts.attachments.well())
        await running.answered(VICTIM)

    play(tmp_path / "out", scene, *CUSTODIANS, *LENDERS)


def test_a_version_that_has_its_votes_needs_nobody_to_hand_it_out(tmp_path: Path, lies: Lies) -> None:
    async def scene(running: Serving) -> None:
        lies.victim, lies.newest = "custodian-one", 1
        await decide(running)
        await until(lambda: has_version(running, "custodian-one", 2))
        assert alarms(running, "custodian-one") == []

    play(tmp_path / "out", scene, *CUSTODIANS, "lender-a", "lender-b")


def test_a_regulator_that_serves_keeps_itself_up_and_listens(tmp_path: Path, lies: Lies) -> None:
    def witnesses(out: Path) -> None:
        write_public(out / REGULATOR / "policy.txt", policy_text().encode())
        (out / REGULATOR / "witness.key").write_text((b"w" * 32).hex())

    async def scene(running: Serving) -> None:
        lies.victim, lies.newest, lies.hidden = REGULATOR, 1, frozenset({DocumentKind.VOTE})
        assert not (running.out / REGULATOR / "tls.crt").exists()
        await running.supervise()
        assert (running.out / REGULATOR / "tls.crt").exists(), "it got its certificate by itself"
        await until(lambda: REGULATOR in said(running, 1))
        await decide(running)
        await until(lambda: "rulebook-withheld" in alarms(running, REGULATOR))
        lies.newest, lies.hidden = 99, frozenset()
        await until(lambda: REGULATOR in said(running, 2))
        assert has_version(running, REGULATOR, 2)

    play(tmp_path / "out", scene, "lender-a", "lender-b", prepare=witnesses)


def test_a_full_disk_ends_nobodys_membership(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file of a participant can be written while a version comes; later there is room, and then a restart."""

    def full(descriptor: int, _: bytes) -> None:
        os.close(descriptor)
        raise OSError(errno.ENOSPC, "no space")

    async def scene(running: Serving) -> None:
        await until(lambda: VICTIM in said(running, 1))
        monkeypatch.setattr(whole_files, "_fill", full)
        await decide(running)
        await until(lambda: VICTIM in said(running, 2))
        folder = running.out / VICTIM
        assert not has_version(running, VICTIM, 2)
        assert not [*folder.rglob(".rulebook*")], "nor is anything half written left"
        await running.answered("lender-a")
        monkeypatch.undo()
        await until(lambda: has_version(running, VICTIM, 2))
        await running.stop(VICTIM)
        await running.start(VICTIM)
        assert VICTIM in (await running.answered("lender-a"))["asked"]

    play(tmp_path / "out", scene, *CUSTODIANS, *LENDERS)


def test_two_rulebooks_of_one_version_are_found_by_both_sides(tmp_path: Path, lies: Lies) -> None:
    """Approvers sign two documents, or their keys were stolen: the gateway shows one of them to a single lender."""

    async def scene(running: Serving) -> None:
        known = Registry(running.foundation, TrustedSet(running.foundation.rulebook), secrets.token_bytes)
        expires = known.document.expires_at - 1000
        other = known.sign(known.successor(expires_at=expires), "lender-a", "lender-b")
        lies.newest, lies.hidden = 1, frozenset({DocumentKind.VOTE})
        lies.other = SignedRulebook(other.document, dict(other.signatures))
        await decide(running)
        await until(lambda: "rulebook-unusable" in alarms(running, VICTIM))
        others = ("lender-d", "custodian-one")
        await until(lambda: all("rulebook-fork" in alarms(running, one) for one in others))
        with refused(Code.RULEBOOK_FORK):
            await running.ask(VICTIM, "13912345678")
        assert (await running.ask("lender-a", "13912345679"))["missing"] == [VICTIM], "one liar would stop nobody"
        kept = next((running.out / "lender-d" / FOLDER).glob("rulebook-fork-*.json"))
        claimed = json.loads(kept.read_text())["sighting"]
        assert (claimed["member"], claimed["rulebook"]) == (VICTIM, rulebook_digest(other.document).hex())

    play(tmp_path / "out", scene, *CUSTODIANS, *LENDERS)


def test_a_member_that_the_gateway_made_up_is_refused_and_kept_as_evidence(tmp_path: Path, lies: Lies) -> None:
    async def scene(running: Serving) -> None:
        known = Registry(running.foundation, TrustedSet(running.foundation.rulebook), secrets.token_bytes)
        invented = known.document.members[0].model_copy(
            update={"id": "lender-fake", "group": "fake-group", "identity_key": known.keys("gateway").signer.public}
        )
        raw = known.successor(members=(*known.document.members, invented))
        made_up = known.sign(raw, "lender-a")  # one group signed, the other signature is the gateway's own
        lies.other = SignedRulebook(raw, {**made_up.signatures, "lender-b": made_up.signatures["lender-a"]})
        running.gateway.parts.rulebooks.wake()
        await until(lambda: "rulebook-refused" in alarms(running, VICTIM))
        assert not has_version(running, VICTIM, 2)
        kept = json.loads(next((running.out / VICTIM / FOLDER).glob("rulebook-refused-*.json")).read_text())
        assert kept["code"] in {"TRANSITION_ILLEGAL", "SIGNATURE_INVALID", "RULEBOOK_INVALID"}
        assert bytes.fromhex(kept["offered"]["document"]) == raw

    play(tmp_path / "out", scene, VICTIM, *CUSTODIANS)


async def refused_by(running: Serving, phone: str) -> list[MemberId]:
    """Ask as the suspended member about somebody it asked about before; gives who refused because of its status."""
    try:
        await running.ask(SUSPENDED, phone)
    except CreditError:
        entry = json.loads(running.gateway.parts.store.lines(0, 999)[-1])
        return [
            one["member"] for one in entry.get("contributions", ()) if one["outcome"] == Code.MEMBER_NOT_ACTIVE.value
        ]
    return []


def test_everybody_says_what_it_has_once_a_version_and_a_report_waits_for_a_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(running: Serving) -> None:
        speakers = (*CUSTODIANS, "lender-a", "lender-b")
        await until(lambda: said(running, 1) == sorted(speakers))
        await decide(running)
        await until(lambda: said(running, 2) == sorted(speakers))
        assert said(running, 1) == sorted(speakers), "nobody says the same twice"
        await running.gateway.stop()
        finding = (Finding(name="packing", passed=True),)
        monkeypatch.setattr(conformance, "run_checks", lambda *_: finding)
        command = ["conformance", "--node", str(running.out / "lender-b"), "--json"]
        made = await asyncio.to_thread(CliRunner().invoke, app, command)
        assert (made.exit_code, json.loads(made.stdout)["delivery"][:22]) == (0, "it waits in the outbox")
        running.gateway = GatewayServer(build(running.settings))
        await running.gateway.start()
        report = await running.acting("lender-a", lambda party: wait_for_report(party, "lender-b"))
        assert report.findings == finding

    play(tmp_path / "out", scene, *CUSTODIANS, "lender-a", "lender-b")


def said(running: Serving, version: int) -> list[MemberId]:
    """Who has said on the board that it has a version."""
    page = running.gateway.parts.membership.reader.page(ReadWanted(0, frozenset({DocumentKind.SIGHTING}), 256))
    seen = [parse_document(Sighting, body_of(one.signed), Code.MALFORMED) for one in page.documents]
    return sorted(one.member for one in seen if one.version == version)


def wait_for_report(party: Membership, member: MemberId) -> ConformanceReport:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(CreditError):
            if (found := party.sync().report_of(member)) is not None:
                return found[1]
        time.sleep(0.1)
    raise AssertionError("it was not delivered")
