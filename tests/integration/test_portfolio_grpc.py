"""Jobs over real gRPC: streams with credits, what is logged, members that go and come, and jobs that are resumed."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from consortium.errors import Code, CreditError
from consortium.model.blocks import BlockCall, BlockMessage, BlockRelease, JobBegin, ListState
from consortium.model.query import Suite
from consortium.model.rounds import Round1Body, Round2Body
from consortium.wire.portfolio import block_call_from_bytes
from gateway.bulk_nodes import BulkNode
from gateway.settings import TimeoutSettings
from gateway.usecases import job_run
from gateway.usecases.job_run import BLOCKS_AT_ONCE, LOOK_SECONDS, MOST_OWED
from participants.lender.portfolio.answer import ListContributor
from participants.lender.portfolio.stages import Answers, PreparedList, Summary
from participants.portfolio import Portfolios
from participants.regulator.verdict import State
from participants.regulator.verify import verify
from participants.storage.job_files import JobFiles
from tests.integration.test_bodies import answered_export, trust, words
from tests.support.audits import log_settings
from tests.support.codes import refused
from tests.support.list_hub import hold_digits, keys, list_contributor
from tests.support.list_world import list_world, own, totals
from tests.support.world import ALICE, LENDERS, Worlds

PEOPLE = keys(50)
JOB = b"j" * 16
FoundT = TypeVar("FoundT")


def test_a_job_from_its_list_to_its_sums(worlds: Worlds, tmp_path: Path) -> None:
    async def main() -> None:
        world = worlds.make(suite=Suite.MASKED_SUM)
        async with asyncio.timeout(60), list_world(world, tmp_path, log=log_settings(tmp_path)) as lists:
            expected = hold_digits(lists.hub, PEOPLE)
            people = lists.hub.people(PEOPLE)
            asker = lists.create(people)
            progress = await asker.run(JOB)
            assert (progress.blocks, progress.blocks_answered, progress.state.ended) == (3, 3, True)
            wanted = [expected[key.tobytes()] for key in people.keys]
            assert totals(asker) == wanted
            short = [block for block in asker.results(JOB) if block.answered != frozenset(LENDERS)]
            assert len(short) <= BLOCKS_AT_ONCE, "after the restart everybody is waited for"
            assert own(asker) == [value % 100 for value in wanted]
            again = await asker.run(JOB)
            assert again == progress, "a job that has ended is not asked again"
            entries = [entry["kind"] for entry in lists.entries()]
            assert entries == ["portfolio-admitted", *["portfolio-block"] * 3, "portfolio-ended"]
            kept = b"".join(path.read_bytes() for path in (tmp_path / "gateway").glob("gateway.db*"))
            own_files = [path for path in asker_folder(tmp_path).rglob("*") if path.is_file()]
            assert own_files
            asked = b"".join(path.read_bytes() for path in own_files)
            assert {path.stat().st_mode & 0o077 for path in own_files} == {0}
            for tag, key in zip(people.tags, people.keys, strict=True):
                assert tag.tobytes() not in kept, "the gateway keeps no tag"
                assert tag.tobytes() not in asked, "nor does the folder of the job"
                assert key.tobytes() not in asked
            answer = await lists.running.result(subject=world.subject(ALICE), suite=Suite.MASKED_SUM)
            assert answer.missing == (), "queries about one person go on as before"

    asyncio.run(main())


def asker_folder(folder: Path) -> Path:
    return folder / "lender-a-jobs"


def test_the_regulator_verifies_jobs_like_queries(worlds: Worlds, tmp_path: Path) -> None:
    async def main() -> None:
        world = worlds.make(suite=Suite.MASKED_SUM)
        async with asyncio.timeout(60), list_world(world, tmp_path, log=log_settings(tmp_path)) as lists:
            hold_digits(lists.hub, PEOPLE)
            await lists.running.result(subject=world.subject(ALICE), suite=Suite.MASKED_SUM)
            await lists.create(lists.hub.people(PEOPLE)).run(JOB)
            await lists.detach("lender-e")
            await lists.attached(*LENDERS[:-1])
            other = lists.create(lists.hub.people(keys(30, b"others")), b"k" * 16, "lender-b")
            await other.run(b"k" * 16)
            exported = await answered_export(lists.running, tmp_path, 8 * 3600)
        audit = verify(exported, trust(world))
        assert audit.verdict.state is State.COMPLETE, words(audit)
        assert "without product" not in words(audit)
        assert "9 verified" in words(audit)

    asyncio.run(main())


def test_a_member_is_lost_in_round_2_of_a_block_and_comes_back(worlds: Worlds, tmp_path: Path) -> None:
    async def main() -> None:
        world = worlds.make(suite=Suite.MASKED_SUM)
        async with asyncio.timeout(60), list_world(world, tmp_path) as lists:
            people = lists.hub.people(keys(200))
            expected = hold_digits(lists.hub, keys(200))
            member, seen = lists.hub.members["lender-c"], list[int]()
            asker = lists.create(people, rows_per_block=2)
            lost = asyncio.Event()
            loop = asyncio.get_running_loop()

            def dies(release: BlockRelease, now: int) -> BlockMessage[Round2Body]:
                call = block_call_from_bytes(require(member.store.find(release.ctx)).request)
                seen.append(call.block)
                if call.block == 37 and not lost.is_set():
                    loop.call_soon_threadsafe(lost.set)
                    loop.call_soon_threadsafe(lists.streams["lender-c"].cancel)
                    time.sleep(0.2)
                    raise CreditError(Code.STORAGE_BUSY)
                return ListContributor.round2(member, release, now)

            lists.hub.members["lender-c"] = Dying(member, dies)  # type: ignore[assignment]  # the same calls
            running = asyncio.create_task(asker.run(JOB, patience=30))
            await lost.wait()
            await asyncio.sleep(0.3)
            lists.hub.members["lender-c"] = list_contributor(world.nodes["lender-c"].contributor)
            lists.contribute("lender-c")
            progress = await running
            assert (progress.blocks_answered, progress.state.ended) == (100, True)
            results = [*asker.results(JOB)]
            assert results[37].answered == frozenset(LENDERS), "its corrections were waited for"
            whole = {row for block in results if "lender-c" in block.answered for row in block.rows}
            found = totals(asker)
            for row, key in enumerate(people.keys):
                value = expected[key.tobytes()]
                assert found[row] == (value if row in whole else value - 100**2 * (value // 100**2 % 100))

    asyncio.run(main())


@dataclass
class Dying:
    """A member's answering side of which round 2 does something else."""

    member: ListContributor
    round2: Callable[[BlockRelease, int], BlockMessage[Round2Body]]

    def __getattr__(self, name: str) -> object:
        return getattr(self.member, name)


@dataclass
class Silent:
    """A member's answering side of which the beginning of a job does something else."""

    member: ListContributor
    begin: Callable[[JobBegin, int], ListState]

    def __getattr__(self, name: str) -> object:
        return getattr(self.member, name)


@dataclass
class Waiting:
    """A member's answering side of which round 1 does something else."""

    member: ListContributor
    round1: Callable[[BlockCall, int], BlockMessage[Round1Body]]

    def __getattr__(self, name: str) -> object:
        return getattr(self.member, name)


def test_a_member_that_owes_too_much_is_asked_no_more(worlds: Worlds, tmp_path: Path) -> None:
    """It answers every round 1 and never round 2: what waits for it is held in the gateway's memory."""

    async def main() -> None:
        world = worlds.make(suite=Suite.MASKED_SUM)
        async with asyncio.timeout(60), list_world(world, tmp_path) as lists:
            hold_digits(lists.hub, keys(80))
            desk, member = lists.running.parts.jobs, lists.hub.members["lender-c"]
            desk.pace = replace(desk.pace, park=LOOK_SECONDS, wait=1.0)
            owed = set[bytes]()

            def never(release: BlockRelease, now: int) -> BlockMessage[Round2Body]:  # noqa: ARG001
                owed.add(release.ctx)
                raise CreditError(Code.STORAGE_BUSY)

            lists.hub.members["lender-c"] = Dying(member, never)  # type: ignore[assignment]  # the same calls
            asker = lists.create(lists.hub.people(keys(80)), rows_per_block=2)
            progress = await asker.run(JOB)
            assert MOST_OWED <= len(owed) <= MOST_OWED + BLOCKS_AT_ONCE
            assert progress.blocks_answered == 40 - len(owed), "the others went on without it"
            others = frozenset(LENDERS) - {"lender-c"}
            assert {frozenset(rows.answered) for rows in asker.results(JOB)} == {others}

    asyncio.run(main())


@dataclass
class Finishing:
    """The stages of a portfolio whose list was prepared before; notes the blocks that are written."""

    written: list[int] = field(default_factory=list)

    def check(self, request: bytes) -> None:
        pass

    def prepare(self, request: bytes, folder: Path, told: object) -> PreparedList:  # noqa: ARG002
        raise AssertionError

    def finish(self, request: bytes, folder: Path, answers: Answers, told: object) -> Summary:  # noqa: ARG002
        self.written = [block.rows.start // 2 for block in answers.blocks]
        return {"blocks": len(self.written)}


def test_what_came_is_written_where_a_member_withholds_a_correction_to_the_end(worlds: Worlds, tmp_path: Path) -> None:
    async def main() -> None:
        world = worlds.make(suite=Suite.MASKED_SUM)
        async with asyncio.timeout(60), list_world(world, tmp_path) as lists:
            desk, member = lists.running.parts.jobs, lists.hub.members["lender-c"]
            desk.pace = replace(desk.pace, park=LOOK_SECONDS, wait=1.0)

            def withholds(release: BlockRelease, now: int) -> BlockMessage[Round2Body]:
                if block_call_from_bytes(require(member.store.find(release.ctx)).request).block == 3:
                    raise CreditError(Code.STORAGE_BUSY)
                return ListContributor.round2(member, release, now)

            lists.hub.members["lender-c"] = Dying(member, withholds)  # type: ignore[assignment]  # the same calls
            asker, stages = lists.create(lists.hub.people(keys(20)), rows_per_block=2), Finishing()
            assert (await asker.run(JOB)).blocks_answered == 9
            desk.clock = lambda: int(time.time()) + 7 * 3600
            files = JobFiles(asker_folder(tmp_path))
            portfolios = Portfolios(asker, files, stages, lists.workers)
            await portfolios.start(JOB, b"{}")
            while (found := await portfolios.status(JOB)).is_under_way:
                await asyncio.sleep(0.05)
            assert (found.phase, found.error, found.summary) == (
                "done",
                Code.QUERY_EXPIRED.value,
                {"blocks": 9, "ended": Code.QUERY_EXPIRED.value},
            )
            assert stages.written == [0, 1, 2, *range(4, 10)]

    asyncio.run(main())


def test_no_job_waits_for_a_silent_member_without_end(worlds: Worlds, tmp_path: Path) -> None:
    async def main() -> None:
        world = worlds.make(suite=Suite.MASKED_SUM)
        async with asyncio.timeout(60), list_world(world, tmp_path) as lists:
            hold_digits(lists.hub, PEOPLE)
            desk, silent, let_go = lists.running.parts.jobs, lists.hub.members["lender-c"], threading.Event()
            desk.pace = replace(desk.pace, answer=1.0)

            def begins(begin: JobBegin, now: int) -> ListState:
                let_go.wait(30)
                return ListContributor.begin(silent, begin, now)

            lists.hub.members["lender-c"] = Silent(silent, begins)  # type: ignore[assignment]  # the same calls
            try:
                asker = lists.create(lists.hub.people(PEOPLE))
                progress = await asker.run(JOB)
                assert (progress.blocks_answered, progress.state.ended) == (3, True)
                assert {frozenset(rows.answered) for rows in asker.results(JOB)} == {frozenset(LENDERS) - {"lender-c"}}
            finally:
                let_go.set()

    asyncio.run(main())


def test_a_requester_that_takes_nothing_loses_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_run, "STALL_SECONDS", 0.05)

    async def main() -> None:
        session = job_run.JobSession(np.zeros(3, dtype=bool), 1)
        await session.taken()
        with refused(Code.OVERLOADED):
            await session.taken()
        with refused(Code.OVERLOADED):
            await session.rows(0)
        session.give_rows(0, b"sealed")
        assert await session.rows(0) == b"sealed", "what comes later is taken"

    asyncio.run(main())


def test_a_job_whose_requester_goes_away_is_resumed(worlds: Worlds, tmp_path: Path) -> None:
    async def main() -> None:
        world = worlds.make(suite=Suite.MASKED_SUM)
        async with asyncio.timeout(60), list_world(world, tmp_path) as lists:
            people = lists.hub.people(keys(100))
            expected = hold_digits(lists.hub, keys(100))
            asker = lists.create(people, rows_per_block=5)
            running = asyncio.create_task(asker.run(JOB))
            while asker.progress(JOB).blocks_answered < 5:
                await asyncio.sleep(0.01)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            had = asker.progress(JOB).blocks_answered
            assert 5 <= had < 20
            again = lists.asker()
            assert (await again.run(JOB, patience=20)).blocks_answered == 20
            assert totals(again) == [expected[key.tobytes()] for key in people.keys]
            blocks = [entry["block"] for entry in lists.entries() if entry["kind"] == "portfolio-block"]
            assert sorted(blocks) == list(range(20)), "every block has one entry"
            ctxs = [entry["ctx"] for entry in lists.entries() if entry["kind"] == "portfolio-block"]
            assert len(set(ctxs)) == 20

    asyncio.run(main())


def test_a_job_goes_on_when_the_gateway_was_restarted(worlds: Worlds, tmp_path: Path) -> None:
    async def main() -> None:
        world = worlds.make(suite=Suite.MASKED_SUM)
        timeouts = TimeoutSettings(round1=1.0, round2=1.0, drain=2.0, settle=20.0)
        async with asyncio.timeout(90), list_world(world, tmp_path, timeouts=timeouts) as lists:
            people = lists.hub.people(keys(100))
            expected = hold_digits(lists.hub, keys(100))
            asker = lists.create(people, rows_per_block=5)
            running = asyncio.create_task(asker.run(JOB, patience=40))
            while asker.progress(JOB).blocks_answered < 5:
                await asyncio.sleep(0.01)
            await lists.restart_gateway()
            progress = await running
            assert (progress.blocks_answered, progress.state.ended) == (20, True)
            # a block whose U was fixed when a stream had ended already stays with whoever was left then
            wanted = [
                sum(expected[people.keys[row].tobytes()] // 100**place % 100 * 100**place for place in held)
                for block in asker.results(JOB)
                for held in [[LENDERS.index(member) for member in block.answered]]
                for row in block.rows
            ]
            assert totals(asker) == wanted
            kinds = Counter(entry["kind"] for entry in lists.entries())
            assert kinds == {"portfolio-admitted": 1, "portfolio-block": 20, "portfolio-ended": 1}

    asyncio.run(main())


def test_a_gateway_that_drains_begins_no_job(worlds: Worlds, tmp_path: Path) -> None:
    async def main() -> None:
        world = worlds.make(suite=Suite.MASKED_SUM)
        async with asyncio.timeout(60), list_world(world, tmp_path) as lists:
            asker = lists.create(lists.hub.people(PEOPLE))
            lists.running.parts.jobs.stop()
            with refused(Code.DRAINING):
                await asker.run(JOB)
            await lists.restart_gateway()
            assert (await asker.run(JOB, patience=20)).state.ended

    asyncio.run(main())


def test_who_is_away_is_left_out_and_who_comes_late_joins(worlds: Worlds, tmp_path: Path) -> None:
    async def main() -> None:
        world = worlds.make(suite=Suite.MASKED_SUM)
        async with asyncio.timeout(60), list_world(world, tmp_path) as lists:
            await lists.detach("lender-d")
            await lists.attached(*(one for one in LENDERS if one != "lender-d"))
            people = lists.hub.people(keys(90))
            asker, late, joined = (
                lists.create(people, rows_per_block=3),
                lists.hub.members["lender-d"],
                threading.Event(),
            )
            other = lists.hub.members["lender-b"]

            def waits(call: BlockCall, now: int) -> BlockMessage[Round1Body]:
                assert call.block < 10 or joined.wait(30)
                return ListContributor.round1(other, call, now)

            lists.hub.members["lender-b"] = Waiting(other, waits)  # type: ignore[assignment]  # the same calls
            running = asyncio.create_task(asker.run(JOB))
            while asker.progress(JOB).blocks_answered < 3:
                await asyncio.sleep(0.01)
            lists.contribute("lender-d")
            while not any(job.number for job in late.jobs._open.values()):
                await asyncio.sleep(0.01)
            joined.set()
            await running
            answered = [frozenset(rows.answered) for rows in asker.results(JOB)]
            everybody = frozenset(LENDERS)
            assert set(answered) == {everybody - {"lender-d"}, everybody}
            last = [entry for entry in lists.entries() if entry["kind"] == "portfolio-ended"]
            assert [entry["decision"] for entry in last] == ["INCOMPLETE"]

    asyncio.run(main())


def test_what_ends_a_job_is_said_once_and_for_all(worlds: Worlds, tmp_path: Path) -> None:
    async def main() -> None:
        world = worlds.make(suite=Suite.MASKED_SUM)
        async with asyncio.timeout(60), list_world(world, tmp_path) as lists:
            await lists.create(lists.hub.people(PEOPLE)).run(JOB)
            asker = lists.create(lists.hub.people(PEOPLE[1:]), b"k" * 16)
            for _ in range(2):
                with refused(Code.LIST_OVERLAPS):
                    await asker.run(b"k" * 16)
            with refused(Code.REQUEST_ID_REUSED):
                lists.create(lists.hub.people(PEOPLE), b"k" * 16)
            ends = [entry["decision"] for entry in lists.entries() if entry["kind"] == "portfolio-ended"]
            assert ends == ["ANSWERED", "LIST_OVERLAPS"]
            with refused(Code.JOB_UNKNOWN):
                await asker.run(b"?" * 16)

    asyncio.run(main())


def test_rows_of_a_day_are_limited(worlds: Worlds, tmp_path: Path) -> None:
    async def main() -> None:
        world = worlds.make(suite=Suite.MASKED_SUM, rows_per_day=60)
        async with asyncio.timeout(60), list_world(world, tmp_path) as lists:
            await lists.create(lists.hub.people(PEOPLE)).run(JOB)
            with refused(Code.QUOTA_EXCEEDED):
                await lists.create(lists.hub.people(keys(20, b"more")), b"k" * 16).run(b"k" * 16)
            await lists.create(lists.hub.people(keys(10, b"few")), b"l" * 16).run(b"l" * 16)
            kinds = Counter(entry["kind"] for entry in lists.entries())
            assert (kinds["portfolio-admitted"], kinds["query-refused"]) == (2, 1)

    asyncio.run(main())


def test_a_node_is_never_asked_more_than_its_credits() -> None:
    async def main() -> None:
        node = BulkNode("lender-a", 2)
        calls = [asyncio.create_task(node.ask(BlockCall(b"j" * 32, block, 1, frozenset()))) for block in range(5)]
        numbers = [require(await node.next_call())[0] for _ in range(2)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(node.next_call(), 0.05)
        calls[0].cancel()
        await asyncio.gather(calls[0], return_exceptions=True)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(node.next_call(), 0.05)
        node.settle(numbers[0], ListState(b"", accepted=True))
        assert await node.next_call() is not None
        with refused(Code.MALFORMED):
            node.asked(numbers[0])
        node.close()
        for call in calls[1:]:
            with refused(Code.TOO_FEW_CONTRIBUTORS):
                await call

    asyncio.run(main())


def require(found: FoundT | None) -> FoundT:
    assert found is not None
    return found
