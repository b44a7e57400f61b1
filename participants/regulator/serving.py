"""
A regulator that serves: its witness at every gateway replica, the rulebook followed, verified and held to the board.

A folder that `init` made is kept up as every member's: certificates are renewed, sightings told and listened to.
"""

import asyncio
import logging
from functools import partial
from pathlib import Path

from consortium.model.rulebook import Rulebook
from participants.following import Work, follow_rulebooks, resources, run_until
from participants.gateway_client.channel import Tls
from participants.membership.lookout import Lookout
from participants.membership.upkeep import Upkeep
from participants.regulator.settings import RegulatorSettings
from participants.rulebooks import TrustedRulebooks
from participants.witnessing import run_witness

LOG = logging.getLogger("participants.regulator")


class RegulatorServer:
    """A regulator that runs from its folder; it opens no port."""

    def __init__(self, folder: Path) -> None:
        self._settings = RegulatorSettings(folder)

    async def run(self, stopping: asyncio.Event, started: asyncio.Event | None = None) -> None:
        """Witness until `stopping` is set; raises CreditError where the regulator cannot start."""
        async with resources() as stack:
            upkeep = await Upkeep.begin(self._settings.folder, stack)
            works = self._works(upkeep)
            LOG.info("serving", extra={"member": self._settings.file.member})
            await run_until(stopping, works, started)
        LOG.info("stopped")

    def _works(self, upkeep: Upkeep | None) -> list[Work]:
        """Give what runs side by side; the witness is opened first, so that nothing begins where it cannot."""
        settings = self._settings
        rulebooks, witness = settings.rulebooks(), settings.witness()
        lookout = upkeep.lookout(rulebooks) if upkeep else None
        tls = upkeep.tls if upkeep else partial(tls_of, settings)
        told = partial(_tell, rulebooks)
        works: list[Work] = []
        for address in settings.file.gateway.addresses:
            works.append(partial(run_witness, witness, address, tls))
            works.append(partial(follow_rulebooks, rulebooks, address, tls, lookout, told))
        if upkeep:
            works.append(partial(upkeep.run, lambda: _load_new(rulebooks, lookout)))
        return works


def first_rulebook(settings: RegulatorSettings) -> Rulebook:
    """Give the rulebook that the folder holds, trusted by its fingerprint."""
    return settings.rulebooks().history[0]


def tls_of(settings: RegulatorSettings) -> Tls:
    """Read certificate, key and CA."""
    files = settings.file.tls
    return Tls(settings.read(files.certificate), settings.read_private(files.key), settings.read(files.ca))


async def _tell(rulebooks: TrustedRulebooks) -> None:
    LOG.info("rulebook", extra={"version": rulebooks.version})


def _load_new(rulebooks: TrustedRulebooks, lookout: Lookout | None) -> None:
    """Take versions that the upkeep has put into the folder, and what the board says of them."""
    if rulebooks.load_new():
        LOG.info("rulebook", extra={"version": rulebooks.version})
    if lookout is not None:
        lookout.look()
