"""
A witness at work: asks the gateway for its newest checkpoint, and cosigns what grew from the last one.

The state machine is `consortium.transparency.witness`; here are the files, the network and the clock. A lender's node
and the regulator run the same.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from consortium.errors import CreditError
from consortium.transparency.checkpoints import SignedCheckpoint, open_checkpoint
from consortium.transparency.notes import NoteSigner, VerifierKey
from consortium.transparency.witness import WitnessRefusedError, WitnessState, cosign, judge, witness_state_from_bytes
from participants.failpoints import failpoint
from participants.gateway_client.transparency import TransparencyClient
from participants.storage.witness import WitnessFiles

LOG = logging.getLogger("participants.witness")
PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Witness:
    """One witness of one log; `clock` gives Unix seconds."""

    log: VerifierKey
    signer: NoteSigner
    files: WitnessFiles
    clock: Callable[[], int]

    async def look(self, client: TransparencyClient) -> SignedCheckpoint | None:
        """
        Look once; gives the checkpoint that was cosigned, None where there is nothing new.

        Raises WitnessRefusedError, whose evidence is kept by then, and CreditError for whatever goes wrong.
        """
        before = self.files.read()  # first: what another look stores meanwhile is no tree that shrank
        offered = open_checkpoint(await client.checkpoint(), self.log)
        known = witness_state_from_bytes(before, self.log) if before is not None else None
        if known is not None and known.newest.checkpoint == offered.checkpoint:
            return None
        proof = await _proof(client, known, offered)
        with self.files.state() as (note, store):  # nothing is waited for in here: others want the lock as well
            if note != before:
                return None  # another look was faster; the next one begins from its state
            try:
                state = judge(known, offered, proof)
            except WitnessRefusedError as error:
                self.files.keep(error.evidence)
                raise
            failpoint("witness.before-store")
            store(state.to_bytes())  # before anything is signed
        failpoint("witness.after-store")
        await client.add_cosignature(offered.size, cosign(self.signer, state, self.clock()).line)
        failpoint("witness.after-cosignature")
        return offered

    async def run(self, client: TransparencyClient, pause: float = PAUSE_SECONDS) -> None:
        """Look for ever; what goes wrong is logged and tried again."""
        while True:
            try:
                await self.look(client)
            except WitnessRefusedError as error:
                LOG.error("log-refused", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400
            except CreditError as error:
                LOG.info("witness", extra={"code": error.code, "cause": error.cause})
            await asyncio.sleep(pause)


async def _proof(
    client: TransparencyClient, known: WitnessState | None, offered: SignedCheckpoint
) -> tuple[bytes, ...]:
    if known is None or not 0 < known.newest.size < offered.size:
        return ()
    return await client.consistency(known.newest.size, offered.size)
