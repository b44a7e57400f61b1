"""A witness from a folder's settings, at every gateway replica: the same for a lender's node and a regulator."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.membership.log_policy import policy_text
from consortium.model.rulebook import Rulebook
from consortium.transparency.notes import NoteSigner
from consortium.transparency.policy import Policy, parse_policy
from participants.gateway_client.channel import Tls
from participants.gateway_client.transparency import TransparencyClient
from participants.settings import Folder, WitnessSettings
from participants.signers import seed_in
from participants.storage.witness import WitnessFiles
from participants.witness import Witness

POLICY_FILE = Path("policy.txt")
CHANNEL_SECONDS = 3600.0
"""After so long a new channel is opened, with the certificate of then."""


def own_policy(folder: Folder, name: Path | None) -> Policy | None:
    """Read the policy of a folder's own, by its name or as `policy.txt`; None where there is none."""
    if name is None and not folder.path(POLICY_FILE).exists():
        return None
    return parse_policy(folder.read(name or POLICY_FILE))


def policy_of(folder: Folder, name: Path | None, newest: Callable[[], Rulebook]) -> Policy:
    """
    Give whom to believe of the log: the folder's own policy, else what the newest trusted rulebook says.

    Raises CreditError(POLICY_INVALID), also where it names no log.
    """
    policy = own_policy(folder, name) or parse_policy(policy_text(newest().document).encode())
    if not policy.logs:
        raise CreditError(Code.POLICY_INVALID, "no log")
    return policy


def witness_signer(folder: Folder, key: Path, policy: Policy) -> NoteSigner:
    """Read a witness's key (64 hex digits); its name is the one that the policy gives to this key."""
    seed = seed_in(folder.path(key))
    public = NoteSigner("unnamed", seed).public
    names = [known.name for known in policy.witnesses.values() if known.public == public]
    if not names:
        raise CreditError(Code.POLICY_INVALID, "the policy does not know this witness's key")
    return NoteSigner(names[0], seed)


def witness_of(folder: Folder, settings: WitnessSettings, newest: Callable[[], Rulebook]) -> Witness:
    """Make a witness; raises CreditError where key or policy do not serve."""
    policy = policy_of(folder, settings.policy, newest)
    signer = witness_signer(folder, settings.key, policy)
    return Witness(policy.logs[0], signer, WitnessFiles(folder.path(settings.folder)), lambda: int(time.time()))


async def run_witness(witness: Witness, address: str, tls: Callable[[], Tls]) -> None:
    """Witness the log of one replica for ever."""
    while True:
        async with TransparencyClient(address, tls()) as client:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHANNEL_SECONDS):
                    await witness.run(client)
