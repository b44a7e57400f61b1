"""`credit-regulator watch`: follow the log and print alarms, each with the entries that show it."""

import asyncio
import json
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from consortium.errors import CreditError
from consortium.transparency.checkpoints import SignedCheckpoint
from consortium.transparency.kinds import parse_entry
from consortium.transparency.notes import parse_note
from consortium.transparency.policy import Policy
from consortium.transparency.tree import TreeHasher
from consortium.transparency.witness import WitnessRefusedError
from participants.cli.regulator_serve import FolderOption
from participants.gateway_client.transparency import TransparencyClient
from participants.regulator.alarms import Alarm
from participants.regulator.serving import tls_of
from participants.regulator.settings import RegulatorSettings
from participants.regulator.watching import WITNESS_SECONDS, Watcher, WitnessWatch

OnceOption = Annotated[bool, typer.Option("--once", help="End at the newest checkpoint; exit status 1 with any alarm.")]
FromOption = Annotated[int, typer.Option("--from-entry", min=0, help="The first entry to look at.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object an alarm.")]
WitnessOption = Annotated[int, typer.Option("--witness-seconds", min=1, help="How long a witness may be absent.")]
PAUSE_SECONDS = 1.0
ALARMS = 1


def watch(
    folder: FolderOption,
    once: OnceOption = False,  # noqa: FBT002
    from_entry: FromOption = 0,
    witness_seconds: WitnessOption = WITNESS_SECONDS,
    as_json: JsonOption = False,  # noqa: FBT002
) -> None:
    """
    Watch for spikes, enumeration, differencing, reused message numbers, forks and absent witnesses.

    Lines are held to the checkpoints' roots as they come, and every checkpoint to the one before.
    """
    try:
        watching = Watching(RegulatorSettings(folder), witness_seconds, as_json=as_json)
        asyncio.run(watching.run(from_entry, once=once))
    except CreditError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(ALARMS if watching.alarms else 0)


class Watching:
    """One watch of one gateway; the regulator's witness folder keeps what it believes of the log."""

    def __init__(self, settings: RegulatorSettings, witness_seconds: int, *, as_json: bool) -> None:
        self.alarms = 0
        self._settings = settings
        self._policy: Policy = settings.policy()
        self._witness = settings.witness()
        self._watcher = Watcher()
        self._witnesses = WitnessWatch(witness_seconds)
        self._as_json = as_json
        self._console = Console()

    async def run(self, start: int, *, once: bool) -> None:
        """Watch for ever, or to the newest checkpoint."""
        address = self._settings.file.gateway.addresses[0]
        async with TransparencyClient(address, tls_of(self._settings)) as client:
            hasher: TreeHasher | None = None
            while True:
                try:
                    await self._witness.look(client)
                    hasher = await self._follow(client, hasher, start)
                except WitnessRefusedError as error:
                    kept = self._settings.path(self._settings.file.witness)
                    self._tell(
                        Alarm("equivocation", "gateway", error.cause, _now_ms(), evidence=f"{kept}/evidence-*.json")
                    )
                    if once:
                        return
                except CreditError as error:
                    if once:
                        raise
                    self._tell(Alarm("unreachable", "gateway", str(error), _now_ms()))
                if once:
                    return
                await asyncio.sleep(PAUSE_SECONDS)

    async def _follow(self, client: TransparencyClient, hasher: TreeHasher | None, start: int) -> TreeHasher:
        """Read the entries up to the newest checkpoint, and hold them to its root."""
        note = parse_note(await client.checkpoint())
        judged = self._policy.identify(note)
        signed: SignedCheckpoint = judged.signed
        if hasher is None:
            first = min(start, signed.size)
            hasher = (await client.range(first, signed.size, signed.size)).hasher()
        if hasher.size < signed.size:
            async for lines in client.entries(hasher.size, signed.size):
                for line in lines:
                    hasher.append(line)
                    for alarm in self._watcher.take(parse_entry(line)):
                        self._tell(alarm)
        if hasher.size == signed.size and hasher.root() != signed.root:
            self._tell(Alarm("equivocation", "gateway", "entries that do not lead to the checkpoint", _now_ms()))
        names = frozenset(self._policy.witnesses)
        for alarm in self._witnesses.take(names, frozenset(judged.witnessed), int(time.time())):
            self._tell(alarm)
        return hasher

    def _tell(self, alarm: Alarm) -> None:
        self.alarms += 1
        if self._as_json:
            typer.echo(json.dumps(alarm.to_json()))
            return
        shown = f"{alarm.kind}  {alarm.member}  {alarm.text}  {alarm.evidence}"
        entries = f"  entries {', '.join(map(str, alarm.entries))}" if alarm.entries else ""
        self._console.print(Text(shown + entries), soft_wrap=True)


def _now_ms() -> int:
    return int(time.time() * 1000)
