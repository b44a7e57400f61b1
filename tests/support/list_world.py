"""Lists over real gRPC and mTLS: the nodes of a `GrpcWorld` with their streams for jobs, and a lender that asks."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from consortium.model.catalogue import Purpose
from consortium.model.members import MemberId
from gateway.bootstrap import GatewayServer, build
from participants.gateway_client.bulk import ContributeClient, run_job
from participants.lender.portfolio.ask import ListPeople, ListQuestion
from participants.lender.portfolio.asking import ListAsker
from participants.lender.portfolio.job_ports import JobCall, JobHandler, RunOutcome
from participants.storage.job_files import JobFiles
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.list_hub import ATTRIBUTES, ListHub
from tests.support.world import LENDERS, World


@dataclass
class ListWorld:
    """What a test of lists drives."""

    running: GrpcWorld
    hub: ListHub
    folder: Path
    workers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(12))
    streams: dict[MemberId, asyncio.Task[None]] = field(default_factory=dict)

    def contribute(self, *members: MemberId) -> None:
        for member in members:
            client = ContributeClient(
                self.running.address,
                partial(self.running.tls, member),
                partial(self.hub.members.__getitem__, member),
                lambda: self.hub.world.rulebook.digest,
                lambda: int(time.time()),
                self.workers,
            )
            self.streams[member] = asyncio.create_task(client.run())

    async def attached(self, *members: MemberId) -> None:
        """Wait until the gateway has exactly these."""
        async with asyncio.timeout(30):
            while self.running.parts.bulk.attached() != frozenset(members):
                await asyncio.sleep(0.01)

    async def restart_gateway(self) -> None:
        """Stop the gateway and start another on its files and port; everybody attaches again."""
        running, port = self.running, self.running.server.port
        await running.server.stop()
        settings = running.settings.model_copy(update={"listen": f"127.0.0.1:{port}"})
        running.server = GatewayServer(build(settings))
        await running.server.start()

    def entries(self) -> list[dict[str, Any]]:
        """What the log says."""
        store = self.running.parts.store
        return [json.loads(line) for line in store.lines(0, store.size())]

    async def detach(self, member: MemberId) -> None:
        self.streams[member].cancel()
        await asyncio.gather(self.streams.pop(member), return_exceptions=True)

    def asker(self, by: MemberId = "lender-a") -> ListAsker:
        async def run(job: JobCall, handler: JobHandler) -> RunOutcome:
            return await run_job(self.running.address, self.running.tls(by), job, handler, self.workers)

        rulebook = self.hub.world.rulebook
        return ListAsker(
            requester=lambda: self.hub.requester(by),
            contributor=lambda: self.hub.members[by],
            rulebook=lambda: rulebook,
            version=lambda _: rulebook,
            files=JobFiles(self.folder / f"{by}-jobs"),
            run_job=run,
            workers=self.workers,
            clock=lambda: int(time.time()),
        )

    def create(
        self, people: ListPeople, job: bytes = b"j" * 16, by: MemberId = "lender-a", rows_per_block: int = 20
    ) -> ListAsker:
        asker = self.asker(by)
        terms = self.hub.world.terms(purpose=Purpose.PORTFOLIO)
        asker.create(job, people, ListQuestion(ATTRIBUTES, rows_per_block=rows_per_block), terms)
        return asker


def totals(asker: ListAsker, job: bytes = b"j" * 16, name: str = "balance") -> list[int]:
    """What came for the rows kept, in the order of the list."""
    return [int(value) for rows in asker.results(job) for value in rows.totals[name]]


def own(asker: ListAsker, job: bytes = b"j" * 16, name: str = "balance") -> list[int]:
    return [int(value) for value in np.concatenate([rows.own[name] for rows in asker.results(job)])]


@asynccontextmanager
async def list_world(world: World, folder: Path, **changes: object) -> AsyncIterator[ListWorld]:
    """Run a gateway and attach everybody for queries and for jobs."""
    async with grpc_world(world, folder, **changes) as running:
        await running.attach(*LENDERS)
        lists = ListWorld(running, ListHub(world), folder)
        lists.contribute(*LENDERS)
        await lists.attached(*LENDERS)
        try:
            yield lists
        finally:
            for member in list(lists.streams):
                await lists.detach(member)
            lists.workers.shutdown()
