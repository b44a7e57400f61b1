"""
The end of a demonstration: the regulator exports the log, verifies it, reports on it, and meets a forged copy.

Every step is a process of `credit-regulator` in the regulator's folder; the export is made from the running gateway.
"""

import asyncio
import json
import subprocess
import time
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consortium.errors import CreditError
from consortium.transparency.notes import parse_note
from demo.forgery import change_one_byte
from gateway.storage.log import SqlLogStore
from participants.gateway_client.transparency import TransparencyClient
from participants.regulator.archive import ENTRIES, PROOF
from participants.regulator.serving import tls_of
from participants.regulator.settings import RegulatorSettings
from participants.sandbox.founding import GATEWAY, REGULATOR
from participants.sandbox.processes import BIN, Processes, ProcessFailedError

EXPORT = "export.zip"
FORGED = "changed-in-one-byte.zip"
REPORT = "report.html"
COSIGNED_SECONDS = 60.0
COMPLETE, FAILED = 0, 1


@dataclass(frozen=True, slots=True)
class Audited:
    """What the audit came to; states are those of `credit-regulator verify`, bytes those of the export's ZIP."""

    entries: int
    answered: int
    bytes: int
    state: str
    findings: int
    forged_state: str
    forged_parts: tuple[str, ...]
    seconds: Mapping[str, float]

    @property
    def told(self) -> str:
        """Say it in a line."""
        return (
            f"export of {self.entries:,} entries: {self.state.lower()}; "
            f"the same with one byte changed: {self.forged_state.lower()}, by {', '.join(self.forged_parts)}"
        )

    @property
    def figures(self) -> dict[str, int | float | str]:
        """Give the figures for `summary.json`."""
        seconds = {f"{name}_seconds": round(value, 1) for name, value in self.seconds.items()}
        return {
            "entries": self.entries,
            "queries_answered": self.answered,
            "export_bytes": self.bytes,
            "verdict": self.state,
            "findings": self.findings,
            "changed_in_one_byte": self.forged_state,
            "found_by": ", ".join(self.forged_parts),
            **seconds,
        }


def audit(processes: Processes, out: Path) -> Audited:
    """
    Write an export, its parts and its report to `out`, a folder that is there, and a forged copy beside them.

    Raises ProcessFailedError where the export is not found complete, or the forged one is not found out.
    """
    folder, seconds = processes.out / REGULATOR, dict[str, float]()
    export, forged = out / EXPORT, out / FORGED
    processes.run_beside(REGULATOR, "serve", ("credit-regulator", "serve", "--folder", "."), {})
    _wait_cosigned(processes, RegulatorSettings(folder))
    seconds["export"], _ = _run(folder, COMPLETE, "export", str(export.resolve()))
    seconds["verify"], verdict = _run(folder, COMPLETE, "verify", str(export.resolve()))
    report = "report", str(export.resolve()), "--out", str((out / REPORT).resolve())
    seconds["report"], _ = _run(folder, COMPLETE, *report)
    with zipfile.ZipFile(export) as archive:
        archive.extractall(out)
    change_one_byte(export, forged)
    _, caught = _run(folder, FAILED, "verify", str(forged.resolve()))
    parts = tuple(dict.fromkeys(one["part"] for one in caught["findings"] if one["state"] == "FAILED"))
    kinds = Counter(json.loads(line)["kind"] for line in (out / ENTRIES).read_bytes().splitlines())
    size = json.loads((out / PROOF).read_bytes())["size"]
    return Audited(
        entries=size,
        answered=kinds["query-answered"],
        bytes=export.stat().st_size,
        state=verdict["state"],
        findings=len(verdict["findings"]),
        forged_state=caught["state"],
        forged_parts=parts,
        seconds=seconds,
    )


def _wait_cosigned(processes: Processes, settings: RegulatorSettings) -> None:
    """Wait until the witness has cosigned a checkpoint over everything that is in the log now."""
    store = SqlLogStore(f"sqlite:///{processes.out / GATEWAY / 'gateway.db'}")
    try:
        size = store.size()
    finally:
        store.close()
    asyncio.run(_cosigned(processes, settings, size))


async def _cosigned(processes: Processes, settings: RegulatorSettings, size: int) -> None:
    policy, deadline = settings.policy(), time.monotonic() + COSIGNED_SECONDS
    async with TransparencyClient(settings.file.gateway.addresses[0], tls_of(settings)) as client:
        while True:
            processes.has_finished(REGULATOR, "serve")  # raises where the witness has failed
            try:
                note = await client.checkpoint()
                policy.open(note)
                if policy.identify(parse_note(note)).signed.size >= size:
                    return
            except CreditError as error:
                if time.monotonic() > deadline:
                    raise ProcessFailedError(f"no cosigned checkpoint of {size} entries: {error}") from None
            if time.monotonic() > deadline:
                raise ProcessFailedError(f"no checkpoint of {size} entries after {COSIGNED_SECONDS} s")
            await asyncio.sleep(0.2)


def _run(folder: Path, expected: int, *arguments: str) -> tuple[float, dict[str, Any]]:
    """Run a command of the regulator; gives seconds and what it printed as JSON."""
    start = time.perf_counter()
    command: list[str | Path] = [BIN / "credit-regulator", arguments[0], "--folder", ".", "--json", *arguments[1:]]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)  # noqa: S603  our own
    if done.returncode != expected:
        said = (done.stdout + done.stderr)[-2_000:]
        raise ProcessFailedError(f"credit-regulator {arguments[0]} ended with {done.returncode}: {said}")
    return time.perf_counter() - start, json.loads(done.stdout)
