"""An inspection from the order to the verdict, over gRPC: an honest node, nodes that lie, late ones, and the limits."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from typer.testing import CliRunner

from consortium.errors import Code
from consortium.membership.signed import sign_document
from consortium.model.members import MemberId
from consortium.model.query import Suite
from consortium.supervision.bundle import Bundle
from consortium.supervision.documents import (
    FORMS,
    Case,
    CaseCause,
    CaseKind,
    Filing,
    FilingKind,
    InspectionOrder,
    MemberStatement,
    author_of,
)
from consortium.wire.queries import signed_query_to_bytes
from participants.cli.regulator import app
from participants.gateway_client.supervision import SupervisionClient
from participants.gateway_client.transparency import TransparencyClient
from participants.lender.inspections import Inspector
from participants.regulator.archive import Selection, open_export
from participants.regulator.inspections import find_inspected
from participants.regulator.verdict import State
from participants.regulator.verify import verify
from participants.supervising import Supervised as SupervisedNode
from tests.integration.test_bodies import trust, words
from tests.integration.test_regulator_commands import ran
from tests.support.audits import export_of, log_settings, witness, write_regulator_folder
from tests.support.books import rows
from tests.support.books import subject as stranger
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.logs import policy_text
from tests.support.supervised import INSPECTED, Supervised
from tests.support.world import ALICE, LENDERS, World, Worlds, tradeline

ResultT = TypeVar("ResultT")


@dataclass
class Running:
    """A gateway with its log, five lenders, one of them with a real book, and the regulator's folder."""

    grpc: GrpcWorld
    lender: Supervised
    node: SupervisedNode
    regulator: Path
    folder: Path
    exports: int = 0

    @property
    def world(self) -> World:
        return self.grpc.world

    async def ask(self, number: int) -> int:
        """Ask about Alice; gives the index of the answer's entry."""
        query = self.world.query(self.world.subject(ALICE), consent=None)
        await self.grpc.ask(signed_query_to_bytes(query), bytes([number]) * 16)
        return self.grpc.parts.store.size() - 1

    async def as_member(self, member: MemberId, work: Callable[[SupervisionClient], ResultT]) -> ResultT:
        """Do something at the supervision service as a member, in a thread of its own."""

        def run() -> ResultT:
            with closing(SupervisionClient(self.grpc.address, self.grpc.tls(member))) as client:
                return work(client)

        return await asyncio.to_thread(run)

    async def once(self, node: SupervisedNode | None = None) -> None:
        """Let the lender's node do what it has to."""
        await self.as_member(INSPECTED, (node or self.node).once)

    async def file(self, filing: Filing, by: MemberId = "") -> int:
        author = by or author_of(filing)
        kind = next(kind for kind, (form, _) in FORMS.items() if isinstance(filing, form))
        signed = sign_document(self.world.foundation.keys[author_of(filing)].signer, FORMS[kind][1], filing)
        return await self.as_member(author, lambda client: client.file(kind, signed))

    async def export(self, selection: Selection | None = None) -> Path:
        """Witness and export everything."""
        publisher = self.grpc.server.publisher
        assert publisher is not None
        async with asyncio.timeout(30):
            while publisher.log.newest().size < publisher.log.store.size():
                await asyncio.sleep(0.02)
        async with TransparencyClient(self.grpc.address, self.grpc.tls("regulator")) as client:
            await witness(self.folder, lambda: self.world.now + 3600).look(client)
        self.exports += 1
        target = self.folder / f"export-{self.exports}.zip"
        await export_of(self.grpc, target, selection)
        return target

    async def command(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        """Run `credit-regulator inspect`, in this process: starting one takes longer than the work."""
        name, *rest = arguments
        options = "inspect", str(name), "--folder", self.regulator, *rest, "--json"
        status, out = await asyncio.to_thread(invoked, *options)
        assert status == code, out
        found: dict[str, Any] = json.loads(out)
        return found


@asynccontextmanager
async def begun(worlds: Worlds, folder: Path, suite: Suite = Suite.INSECURE_TEST_1024_MASKED) -> AsyncIterator[Running]:
    world = worlds.make(suite=suite)
    async with grpc_world(world, folder, log=log_settings(folder)) as grpc:
        lender = Supervised(world, folder)
        await grpc.attach(*LENDERS)
        node = SupervisedNode(lambda: lender.stating, lambda: lender.inspector, lender.store, lambda: (world.rulebook,))
        alice = lender.held(world.subject(ALICE))
        lender.load(
            [*rows(alice, tradeline(4000)), *(row for n in range(20) for row in rows(stranger(n), tradeline(n)))]
        )
        regulator = write_regulator_folder(world, grpc, folder / "regulator")
        yield Running(grpc, lender, node, regulator, folder)
        lender.close()


def invoked(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    return result.exit_code, result.stdout


def test_an_honest_member_is_confirmed_and_anybody_can_check_it_again(worlds: Worlds, tmp_path: Path) -> None:
    asyncio.run(_honest(worlds, tmp_path))


async def _honest(worlds: Worlds, folder: Path) -> None:
    async with begun(worlds, folder) as running:
        first = await running.ask(1)
        alice = running.lender.held(running.world.subject(ALICE))
        running.lender.record(alice, tradeline(700, "second"))
        second = await running.ask(2)
        await running.once()
        running.lender.roll()
        running.lender.record(alice, tradeline(900, "third"))
        export = await running.export()
        wanted = export, "--entry", first, "--member", INSPECTED, "--reason", "audit of the year"
        order = (await running.command("order", *wanted))["order"]
        assert (await running.command("status"))["orders"][0]["state"] == "open"
        await running.command("check", export, order, code=1)  # the order is not in this export
        assert (await running.command("check", await running.export(), order, code=2))["finding"] == "undecided"
        await running.once()
        await running.once()  # a second look answers nothing twice
        assert (await running.command("status"))["orders"][0]["state"] == "shown"
        export = await running.export()
        assert (await running.command("check", export, order))["finding"] == "confirmed"
        assert (await running.command("status"))["orders"][0]["state"] == "confirmed"
        evidence = running.regulator / "inspections" / str(order) / "bundle.bin"
        await _again(running, export, order, evidence)
        await _limits(running, first, second, await running.export())


async def _again(running: Running, export: Path, order: int, evidence: Path) -> None:
    """A third party examines the evidence, and one changed byte of it."""
    policy = running.folder / "policy.txt"
    policy.write_text(policy_text())
    fingerprint = running.world.rulebook.digest.hex()
    examine = "credit-regulator", "inspect", "examine", export, str(order)
    whom = "--policy", policy, "--fingerprint", fingerprint, "--json"
    code, out = await ran(*examine, evidence, *whom)
    assert (code, json.loads(out)["finding"]) == (0, "confirmed"), out
    changed = await asyncio.to_thread(_changed, evidence, running.folder / "changed.bin")
    code, out = await asyncio.to_thread(invoked, *examine[1:], changed, *whom)
    assert (code, json.loads(out)["finding"]) == (1, "refuted"), out


def _changed(evidence: Path, target: Path) -> Path:
    data = evidence.read_bytes()
    target.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    return target


async def _limits(running: Running, first: int, second: int, export: Path) -> None:
    """Of five members and one that may collude, one may be inspected about a person and window."""
    audit = verify(export, trust(running.world))
    assert audit.verdict.state is State.COMPLETE, words(audit)
    assert audit.supervision is not None
    assert audit.supervision.key_uses == {"inspection": 1}
    assert [one.finding.value for one in audit.supervision.verdicts.values()] == ["confirmed"]
    index = next(iter(audit.supervision.orders))
    with open_export(export) as opened:
        order = find_inspected(opened, index).order
    assert await running.file(order) == index, "the same document has the same entry"
    with refused(Code.FILING_INVALID):
        await running.file(order.model_copy(update={"reason": "once more"}))
    with refused(Code.REVEAL_LIMIT):
        await running.file(order.model_copy(update={"member": "lender-c"}))
    for changes in ({"member": "lender-z"}, {"ctx": b"x" * 32}, {"entry": first - 1}, {"entry": 10**6}):
        with refused(Code.FILING_INVALID):
            await running.file(order.model_copy(update={"entry": second, **changes}))


async def _ctx(running: Running, entry: int) -> bytes:
    (line,) = running.grpc.parts.store.lines(entry, entry + 1)
    return bytes.fromhex(json.loads(line)["ctx"])


def order_of(running: Running, entry: int, ctx: bytes, member: MemberId = INSPECTED, **changes: Any) -> InspectionOrder:
    values: dict[str, Any] = {
        "consortium": running.world.rulebook.document.consortium,
        "regulator": "regulator",
        "member": member,
        "entry": entry,
        "ctx": ctx,
        "reason": "audit",
        "issued_at": running.world.now,
        "due_at": running.world.now + 3600,
    }
    return InspectionOrder(**values | changes)


def test_a_lender_sees_to_it_that_nobody_is_isolated(worlds: Worlds, tmp_path: Path) -> None:
    asyncio.run(_isolated(worlds, tmp_path))


async def _isolated(worlds: Worlds, folder: Path) -> None:
    """The gateway does not know that two answers are about one person; the lenders do."""
    async with begun(worlds, folder) as running:
        first, second = await running.ask(1), await running.ask(2)
        await running.file(order_of(running, first, await _ctx(running, first), "lender-c"))
        order = await running.file(order_of(running, second, await _ctx(running, second)))
        await running.once()
        state = running.lender.store.inspections()[order]
        assert (state.state, state.cause[:12]) == ("refused", "REVEAL_LIMIT")
        case = Case(
            consortium=running.world.rulebook.document.consortium,
            member="lender-a",
            kind=CaseKind.DISPUTE,
            cause=CaseCause.SUM_UNREADABLE,
            entry=second,
            text="the sum breaks its guard bits",
            opened_at=running.world.now,
        )
        with refused(Code.ROLE_NOT_ALLOWED):
            await running.file(case, by="lender-b")
        dispute = await running.file(case)
        third = await running.ask(3)
        with refused(Code.FILING_INVALID):
            await running.file(order_of(running, third, await _ctx(running, third), dispute=dispute))
        with refused(Code.FILING_INVALID):
            await running.file(order_of(running, second, await _ctx(running, second), dispute=dispute))
        await running.once()


@pytest.mark.parametrize("how", ["number", "late"])
def test_a_lying_member_is_refuted_and_a_silent_one_is_overdue(worlds: Worlds, tmp_path: Path, how: str) -> None:
    asyncio.run(_lying(worlds, tmp_path, how))


class Liar(Inspector):
    """Shows another number than it contributed."""

    def bundle(self, *arguments: Any) -> tuple[Bundle, tuple[bytes, ...]]:
        bundle, links = super().bundle(*arguments)
        return bundle.model_copy(update={"value": f"{int(bundle.value, 16) + (1 << 40):x}"}), links


async def _lying(worlds: Worlds, folder: Path, how: str) -> None:
    async with begun(worlds, folder) as running:
        entry = await running.ask(1)
        inspector = running.lender.inspector
        liar = Liar(inspector.identity, inspector.answers, inspector.history)
        node = replace(running.node, inspector=lambda: liar)
        due = running.world.now + (3600 if how == "number" else -1)
        issued = running.world.now - 60
        order = await running.file(order_of(running, entry, await _ctx(running, entry), issued_at=issued, due_at=due))
        if how == "number":
            await running.once(node)
        found = await running.command("check", await running.export(), order, code=1)
        assert found["finding"] == ("refuted" if how == "number" else "overdue"), found
        audit = verify(await running.export(), trust(running.world))
        assert audit.verdict.state is State.COMPLETE, words(audit)
        assert audit.supervision is not None
        assert [one.finding.value for one in audit.supervision.verdicts.values()] == [found["finding"]]
        if how == "late":  # it may still be shown, and be judged
            assert [index for index, _ in audit.supervision.overdue()] == [order]
            await running.once()
            assert (await running.command("check", await running.export(), order))["finding"] == "confirmed"


POINTS = ("statement-kept", "statement-sent", "before-show", "after-show")


@pytest.mark.parametrize("point", POINTS)
def test_a_node_that_dies_in_between_answers_once_and_the_same(worlds: Worlds, tmp_path: Path, point: str) -> None:
    asyncio.run(_dying(worlds, tmp_path, f"supervised.{point}"))


class PowerCutError(Exception):
    pass


async def _dying(worlds: Worlds, folder: Path, point: str) -> None:
    async with begun(worlds, folder) as running:
        entry = await running.ask(1)
        await running.once()
        running.lender.roll()
        order = await running.file(order_of(running, entry, await _ctx(running, entry)))

        def die(name: str) -> None:
            if name == point:
                raise PowerCutError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("participants.supervising.failpoint", die)
            with pytest.raises(PowerCutError):
                await running.once()
        await running.once()
        await running.once()
        audit = verify(await running.export(), trust(running.world))
        assert audit.verdict.state is State.COMPLETE, words(audit)
        assert audit.supervision is not None
        assert audit.supervision.answered == {order}
        lines = running.grpc.parts.store.lines(0, running.grpc.parts.store.size())
        assert sum(b'"kind":"inspection-answered"' in line for line in lines) == 1


def test_statements_are_a_chain_that_survives_a_store_that_was_put_back(worlds: Worlds, tmp_path: Path) -> None:
    asyncio.run(_chain(worlds, tmp_path))


async def _chain(worlds: Worlds, folder: Path) -> None:
    async with begun(worlds, folder) as running:
        await running.once()
        size = running.grpc.parts.store.size()
        await running.once()
        assert running.grpc.parts.store.size() == size, "nothing new, nothing to state"
        database = running.lender.store._connection
        database.execute("DELETE FROM statements")
        with refused(Code.COUNTER_GAP):  # number 1 again
            await running.once()
        forged = running.lender.stating.make(running.world.rulebook, running.world.now)
        database.execute("DELETE FROM statements")
        database.execute("UPDATE numbers SET value = -1 WHERE name = 'read_to'")  # as a back-up from the beginning
        running.lender.roll()
        await running.once()
        audit = verify(await running.export(), trust(running.world))
        assert audit.verdict.state is State.COMPLETE, words(audit)
        assert audit.supervision is not None
        assert audit.supervision.statements == {INSPECTED: 2}
        with refused(Code.COUNTER_GAP):
            await running.as_member(INSPECTED, lambda client: client.file(FilingKind.STATEMENT, forged))
        await _strangers(running)


async def _strangers(running: Running) -> None:
    """What nobody else may file or read."""
    mine = MemberStatement.model_validate_json(running.lender.store.statements(1)[0][64:])
    with refused(Code.ROLE_NOT_ALLOWED):
        await running.file(mine, by="lender-c")
    assert await running.as_member("lender-c", lambda client: client.filings(-1)) == []
    assert len(await running.as_member("regulator", lambda client: client.filings(-1))) == 2
    with refused(Code.ROLE_NOT_ALLOWED):
        await running.as_member("lender-c", lambda client: client.fetch(0))
    order = order_of(running, 0, bytes(32))
    with refused(Code.FILING_INVALID):
        await running.file(order)
    with refused(Code.FILING_INVALID):
        await running.as_member("lender-c", lambda client: client.show(0, b"bundle"))
    with refused(Code.CLOCK_OFF):
        await running.file(mine.model_copy(update={"stated_at": running.world.now + 10**6}))
