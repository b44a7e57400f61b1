"""Statistics over real gRPC and mTLS: every role, repeats, races for the last budget, releases in log and export."""

import asyncio
import hashlib
import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from consortium.errors import Code, CreditError
from consortium.membership.signed import sign_document
from consortium.model.members import MemberId
from consortium.rules.statistic_defaults import _BUDGET, _RHO
from consortium.rules.statistics import statistic_of
from consortium.supervision.documents import FORMS, FilingKind
from consortium.wire.gateway import message_receipt_from_bytes
from participants.gateway_client.statistics import StatisticsClient
from participants.gateway_client.supervision import SupervisionClient
from participants.receipt_lines import message_line
from participants.regulator.verdict import State
from participants.regulator.verify import verify
from participants.sandbox.founding import REGULATOR
from participants.statistics.asking import StatisticRequester
from participants.statistics.desk import Release, StatisticsDesk, read_releases
from participants.statistics.page import release_page, write_data_set
from tests.integration.test_bodies import answered_export, trust, words
from tests.support.audits import log_settings
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.statistics import OBSERVER, SMALL, StatisticWorld, digits, statistic_world
from tests.support.world import LENDERS, Worlds, seeded_rng


async def attached(running: GrpcWorld, consortium: StatisticWorld) -> None:
    running.statistics |= consortium.contributors
    await running.attach(*LENDERS)


def request_id(number: int) -> bytes:
    return bytes([number]) * 16


async def asked(running: GrpcWorld, by: MemberId = REGULATOR, number: int = 1, template: str = SMALL) -> Release:
    """Ask from a member's folder, in a thread, as the command does."""
    rulebook, keys = running.world.rulebook, running.world.foundation.keys[by]
    folder = running.folder / by
    folder.mkdir(exist_ok=True)

    def work() -> Release:
        with closing(StatisticsClient(running.address, running.tls(by))) as client:
            requester = StatisticRequester(by, keys.signer, seeded_rng(b"%d" % number + by.encode()))
            desk = StatisticsDesk(folder, requester, client, rulebook, {rulebook.digest: rulebook}.get)
            return desk.ask(template, request_id(number), int(time.time()))

    return await asyncio.to_thread(work)


async def filed(running: GrpcWorld, by: MemberId, signed: bytes) -> int:
    def work() -> int:
        with closing(SupervisionClient(running.address, running.tls(by))) as client:
            return client.file(FilingKind.RELEASE, signed)

    return await asyncio.to_thread(work)


def numbers(release: Release) -> Any:
    return np.array([number for _, number in release.table.rows])


def test_regulator_lender_and_observer_ask_publish_and_everything_verifies(worlds: Worlds, tmp_path: Path) -> None:
    consortium = statistic_world(worlds)
    added = digits(consortium)

    async def main() -> None:
        async with (
            asyncio.timeout(60),
            grpc_world(consortium.world, tmp_path, log=log_settings(tmp_path)) as running,
        ):
            await attached(running, consortium)
            for number, by in enumerate((REGULATOR, "lender-b", OBSERVER), start=1):
                release = await asked(running, by, number)
                again = await asked(running, by, number)
                assert again == release, "a repeated request id gives the same release"
                error = float(release.document.standard_error)
                off = numbers(release) - sum(added.values())
                assert 0.6 < np.sqrt(np.mean(off**2)) / error < 1.4, "as noisy as it says"
                assert await filed(running, by, release.signed) > release.document.answer
            assert consortium.used("lender-a") == 3 * _RHO == _BUDGET
            with refused(Code.STATISTIC_BUDGET_SPENT):
                await asked(running, OBSERVER, 9)
            await refusals(running, release)
            running.parts.attachments.pay()
            async with asyncio.timeout(30):
                while len(running.receipts) < 2 * len(LENDERS) * 3:
                    await asyncio.sleep(0.02)
            exported = await answered_export(running, tmp_path)
        held = [message_line(message_receipt_from_bytes(raw)) for raw in running.receipts]
        (tmp_path / "receipts.jsonl").write_bytes(b"".join(held))
        audit = verify(exported, trust(consortium.world), tmp_path / "receipts.jsonl")
        assert audit.verdict.state is State.COMPLETE, words(audit)
        assert f"{len(held)} of {len(held)} receipts fit their entries" in words(audit)
        assert "3 charged within their budgets, 3 published" in words(audit)

    asyncio.run(main())


async def refusals(running: GrpcWorld, release: Release) -> None:
    """What the desk of filings does not take, and what a role may not ask for."""
    with refused(Code.STATISTIC_NOT_ALLOWED):
        await asked(running, OBSERVER, 10, "hits")
    signer = running.world.foundation.keys[OBSERVER].signer
    label = FORMS[FilingKind.RELEASE][1]
    for changes in ({"answer": 0}, {"transcript": b"x" * 32}, {"contributors": ("lender-a",)}, {"title": "again"}):
        other = release.document.model_copy(update=changes)
        with refused(Code.FILING_INVALID):
            await filed(running, OBSERVER, sign_document(signer, label, other))
    with refused(Code.ROLE_NOT_ALLOWED):
        await filed(running, REGULATOR, release.signed)


def test_two_statistics_race_for_the_last_budget(worlds: Worlds, tmp_path: Path) -> None:
    consortium = statistic_world(worlds)

    async def main() -> None:
        async with asyncio.timeout(60), grpc_world(consortium.world, tmp_path) as running:
            await attached(running, consortium)
            for number in range(1, _BUDGET // _RHO):
                await asked(running, OBSERVER, number)
            racing = [asked(running, by, 40 + at) for at, by in enumerate((REGULATOR, *LENDERS))]
            done = await asyncio.gather(*racing, return_exceptions=True)
            won = [one for one in done if isinstance(one, Release)]
            lost = [one.code for one in done if isinstance(one, CreditError)]
            assert (len(won), set(lost)) == (1, {Code.STATISTIC_BUDGET_SPENT})
            assert all(consortium.used(member) == _BUDGET for member in LENDERS)

    asyncio.run(main())


def test_who_is_away_in_round_2_leaves_and_the_rest_is_released(worlds: Worlds, tmp_path: Path) -> None:
    consortium = statistic_world(worlds)
    added = digits(consortium)

    async def main() -> None:
        async with (
            asyncio.timeout(60),
            grpc_world(consortium.world, tmp_path, log=log_settings(tmp_path)) as running,
        ):
            object.__setattr__(consortium.contributors["lender-d"], "store", Broken(consortium, "lender-d"))
            await attached(running, consortium)
            release = await asked(running)
            assert release.document.contributors == tuple(one for one in LENDERS if one != "lender-d")
            off = numbers(release) - (sum(added.values()) - added["lender-d"])
            assert np.sqrt(np.mean(off**2)) < 1.5 * float(release.document.standard_error)
            exported = await answered_export(running, tmp_path)
        audit = verify(exported, trust(consortium.world))
        assert audit.verdict.state is State.COMPLETE, words(audit)
        assert "2 charged within their budgets" in words(audit), "the attempt that was given up, and the next one"

    asyncio.run(main())


class Broken:
    """A store whose disk is full when a correction is to be released."""

    def __init__(self, consortium: StatisticWorld, member: MemberId) -> None:
        self._store = consortium.contributors[member].store
        self._entered = 0

    def find(self, ctx: bytes) -> Any:
        return self._store.find(ctx)

    def transaction(self) -> Any:
        self._entered += 1
        if self._entered > 2:
            raise CreditError(Code.STORAGE_FULL)
        return self._store.transaction()


def test_pages_and_a_data_set_that_fits_its_checksums(worlds: Worlds, tmp_path: Path) -> None:
    consortium = statistic_world(worlds)

    async def main() -> None:
        async with asyncio.timeout(60), grpc_world(consortium.world, tmp_path) as running:
            await attached(running, consortium)
            await asked(running, OBSERVER, 1)
            await asked(running, OBSERVER, 2, "thin-files")

    asyncio.run(main())
    releases = read_releases(tmp_path / OBSERVER)
    assert len(releases) == 2
    page = release_page(releases[0])
    assert "<svg" in page
    assert page.count("<rect") == min(48, releases[0].document.count)
    assert "<script" not in page
    names = write_data_set(tmp_path / "out", releases)
    assert len(names) == 3 * 2 + 2
    for line in (tmp_path / "out" / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest
    index = json.loads((tmp_path / "out" / "index.json").read_text())
    assert [one["template"] for one in index] == [one.document.template for one in releases]
    table = (tmp_path / "out" / f"{index[0]['files']}.csv").read_text().splitlines()
    assert len(table) == 1 + statistic_of(index[0]["template"], consortium.rulebook).count


def test_a_node_of_before_is_not_asked_for_statistics(worlds: Worlds, tmp_path: Path) -> None:
    consortium = statistic_world(worlds)
    del consortium.contributors["lender-e"]  # its hello says nothing of statistics

    async def main() -> None:
        async with asyncio.timeout(30), grpc_world(consortium.world, tmp_path) as running:
            await attached(running, consortium)
            release = await asked(running)
            assert release.document.contributors == LENDERS[:-1]

    asyncio.run(main())
