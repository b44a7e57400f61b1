"""A regulator that serves: its witness at every gateway replica, the rulebook followed and verified."""

import asyncio
import logging
from functools import partial
from pathlib import Path

from consortium.errors import CreditError
from consortium.model.rulebook import Rulebook
from participants.gateway_client.channel import Tls
from participants.gateway_client.rulebook import watch_rulebooks
from participants.regulator.settings import RegulatorSettings
from participants.rulebooks import TrustedRulebooks
from participants.witnessing import run_witness

LOG = logging.getLogger("participants.regulator")


class RegulatorServer:
    """A regulator that runs from its folder; it opens no port."""

    def __init__(self, folder: Path) -> None:
        self._settings = RegulatorSettings(folder)

    async def run(self, stopping: asyncio.Event) -> None:
        """Witness until `stopping` is set; raises CreditError where the regulator cannot start."""
        settings = self._settings
        rulebooks = settings.rulebooks()
        witness = settings.witness()
        tls, addresses = tls_of(settings), settings.file.gateway.addresses
        works = [
            *(run_witness(witness, one, partial(tls_of, settings)) for one in addresses),
            *(_follow(one, tls, rulebooks) for one in addresses),
        ]
        tasks = [asyncio.create_task(work) for work in works]
        LOG.info("serving", extra={"member": settings.file.member})
        await stopping.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        LOG.info("stopped")


def first_rulebook(settings: RegulatorSettings) -> Rulebook:
    """Give the rulebook that the folder holds, trusted by its fingerprint."""
    return settings.rulebooks().history[0]


def tls_of(settings: RegulatorSettings) -> Tls:
    """Read certificate, key and CA."""
    files = settings.file.tls
    return Tls(settings.read(files.certificate), settings.read_private(files.key), settings.read(files.ca))


async def _follow(address: str, tls: Tls, rulebooks: TrustedRulebooks) -> None:
    async for signed in watch_rulebooks(address, lambda: tls, lambda: rulebooks.version):
        try:
            if rulebooks.take(signed):
                LOG.info("rulebook", extra={"version": rulebooks.version})
        except CreditError as error:
            LOG.error("rulebook-refused", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400
