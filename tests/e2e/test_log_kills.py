"""kill -9 at every step of an append, a checkpoint, a cosignature and a witness's update, with real processes."""

import asyncio
import json
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from consortium.errors import Code, CreditError
from consortium.supervision.documents import Case, CaseCause, CaseKind, FilingKind
from consortium.transparency.notes import parse_note
from participants.gateway_client.transparency import TransparencyClient
from participants.regulator.filing import filing_office
from participants.regulator.serving import tls_of
from participants.regulator.settings import RegulatorSettings
from participants.sandbox.processes import BIN
from participants.storage.witness import WitnessFiles
from tests.support.processes import Processes, consortium

REGULATOR = "regulator"
WITNESS = ("credit-regulator", "serve", "--folder", ".")
POINTS = (
    ("gateway", "store.before-commit"),
    ("gateway", "store.after-commit"),
    ("gateway", "gateway.before-guard"),
    ("gateway", "gateway.after-guard"),
    ("gateway", "gateway.after-checkpoint"),
    ("gateway", "gateway.before-cosignature"),
    ("gateway", "gateway.after-cosignature"),
    (REGULATOR, "witness.before-store"),
    (REGULATOR, "witness.before-replace"),
    (REGULATOR, "witness.after-store"),
    (REGULATOR, "witness.after-cosignature"),
)
SAMPLE = (POINTS[1], POINTS[3], POINTS[8])
ROUNDS = 5
SECONDS = 30.0
AWAY = (Code.UNREACHABLE, Code.DEADLINE, Code.DRAINING)


class Campaign:
    """A gateway and a witness; entries are complaints, of which every acknowledged one must stay."""

    def __init__(self, parties: Processes) -> None:
        self.parties = parties
        self.settings = RegulatorSettings(parties.out / REGULATOR)
        self.filed: dict[int, str] = {}
        self.number = 0

    def file(self) -> None:
        """File a complaint until it is acknowledged; an unanswered one may be in the log as well."""
        self.number += 1
        text, now = f"complaint {self.number}", int(time.time())
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                with filing_office(self.settings) as office:
                    case = Case(
                        consortium=office.consortium,
                        member=office.member,
                        kind=CaseKind.COMPLAINT,
                        cause=CaseCause.OTHER,
                        about="lender-one",
                        text=text,
                        opened_at=now,
                    )
                    self.filed[office.file(FilingKind.CASE, case)] = text
                    return
            except CreditError as error:
                if error.code not in AWAY or time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def kill_at(self, victim: str, point: str) -> None:
        """Arm a point, file something, and let whoever died come back."""
        self.parties.failpoint(victim).write_text(point)
        with ThreadPoolExecutor(1) as pool:
            filing = pool.submit(self.file)
            self.parties.wait_for(lambda: not self.parties.failpoint(victim).exists(), f"{victim} to be at {point}")
            process = self.witness if victim == REGULATOR else self.parties.running[victim]
            assert process.wait(SECONDS) == -9, point
            if victim == REGULATOR:
                self.start_witness()
            else:
                self.parties.start_again(victim)
            filing.result()
        self.file()
        self.cosigned()

    @property
    def witness(self) -> "subprocess.Popen[bytes]":
        return self.parties._beside[f"{REGULATOR}.serve"]

    def start_witness(self) -> None:
        self.parties.run_beside(REGULATOR, "serve", WITNESS, self.parties.environment(REGULATOR))

    def cosigned(self) -> None:
        """Wait until everything is under a checkpoint that the witness has cosigned; its state is never behind that."""
        size = asyncio.run(self._cosigned(max(self.filed) + 1))
        state = WitnessFiles(self.parties.out / REGULATOR / "witness").read()
        assert state is not None
        assert int(parse_note(state).text.splitlines()[1]) >= size

    async def _cosigned(self, size: int) -> int:
        policy, deadline = self.settings.policy(), time.monotonic() + SECONDS
        async with TransparencyClient(self.settings.file.gateway.addresses[0], tls_of(self.settings)) as client:
            while True:
                try:
                    judged = policy.open(await client.checkpoint())
                except CreditError:
                    assert time.monotonic() < deadline
                else:
                    if judged.signed.size >= size:
                        return judged.signed.size
                await asyncio.sleep(0.1)

    def check(self) -> None:
        """Nothing that was acknowledged is lost, the log fits its hashes, and an export is complete."""
        folder = self.parties.out / REGULATOR
        fsck: list[str | Path] = [BIN / "credit-gateway", "log", "fsck", "--config", "gateway.toml"]
        assert subprocess.run(fsck, cwd=self.parties.out / "gateway", check=False, capture_output=True).returncode == 0
        export: list[str | Path] = [BIN / "credit-regulator", "export", "--folder", ".", f"kills-{self.number}.zip"]
        subprocess.run(export, cwd=folder, check=True, capture_output=True)
        verify: list[str | Path] = [BIN / "credit-regulator", "verify", "--folder", ".", f"kills-{self.number}.zip"]
        found = subprocess.run([*verify, "--json"], cwd=folder, check=False, capture_output=True)
        assert found.returncode == 0, found.stdout
        assert not [*(folder / "witness").glob("evidence-*")]
        texts = self.texts()
        assert {index: texts[index] for index in self.filed} == self.filed

    def texts(self) -> dict[int, str]:
        with closing(sqlite3.connect(self.parties.out / "gateway" / "gateway.db")) as database:
            rows = database.execute('SELECT "index", line FROM entries').fetchall()
        entries = {index: json.loads(line) for index, line in rows}
        cases = {index: entry["document"] for index, entry in entries.items() if entry["kind"] == FilingKind.CASE}
        return {index: case["text"] for index, case in cases.items()}


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    with consortium(tmp_path / "out") as parties:
        parties.start("gateway")
        campaign = Campaign(parties)
        campaign.start_witness()
        campaign.file()
        campaign.cosigned()
        yield campaign


def test_a_sample_of_the_points(campaign: Campaign) -> None:
    for victim, point in SAMPLE:
        campaign.kill_at(victim, point)
    campaign.check()


@pytest.mark.slow
def test_every_point_again_and_again(campaign: Campaign) -> None:
    for _ in range(ROUNDS):
        for victim, point in POINTS:
            campaign.kill_at(victim, point)
        campaign.check()
