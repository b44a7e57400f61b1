"""Another OPRF key for everybody while questions are asked: announced, re-tokenised, switched to; over real gRPC."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from consortium.ceremony.plan import Kind
from consortium.ceremony.transcript import Phase
from consortium.errors import Code, CreditError
from consortium.membership.ballots import Decision
from consortium.membership.proposals import Switch
from participants.cli.main import app
from participants.membership import actions, ceremonies, generations
from participants.membership.member import Membership
from participants.share_files import ShareFiles
from tests.support.codes import refused
from tests.support.serving import Serving, play, until
from tests.support.world import LENDERS

CUSTODIANS = ("custodian-one", "custodian-two")
HOLDING = "lender-b"
PERSON, LATE = "13912345678", "13912349999"
MAPPING = """\
[source]
kind = "csv"
path = "people.csv"
[identifiers]
country = { constant = "CN" }
phone = "mobile"
[freeze]
frozen = { constant = "false" }
"""


def tradeline(phone: str, balance: int) -> str:
    line = {"account": phone, "portfolio": "R", "status": "11", "opened": "2024-01-01", "reported": "2024-02-01"}
    return json.dumps({"identifiers": {"country": "CN", "phone": phone}, "tradeline": {**line, "balance": balance}})


def balance(answer: dict[str, Any]) -> int:
    assert answer["missing"] == []
    return int(next(one["value"] for one in answer["attributes"] if one["id"] == "balance"))


def hold_ceremony(party: Membership) -> None:
    """Take part until this party's share of the new key is kept."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        party.sync()
        found = ceremonies.take_part(party, ShareFiles(party.folder))
        if found and all(one.share_kept and one.phase is Phase.DONE for one in found):
            return
        time.sleep(0.05)
    raise AssertionError("the ceremony does not end")


async def new_key(running: Serving) -> None:
    await running.acting(CUSTODIANS[0], lambda party: (party.sync(), ceremonies.begin(party, Kind.NEW)))
    await asyncio.gather(*(running.acting(one, hold_ceremony) for one in CUSTODIANS))


async def approved(running: Serving, about: str, *approvers: str) -> None:
    for approver in approvers:
        await running.acting(approver, lambda party: actions.vote(party, about, Decision.APPROVE, "in order"))


async def retokenised(running: Serving, lender: str, *people: str) -> dict[str, Any]:
    folder = running.out / lender
    (folder / "mapping.toml").write_text(MAPPING)
    (folder / "people.csv").write_text("".join(f"{line}\n" for line in ("mobile", *people)))
    command = ["book", "retokenise", "--node", str(folder), "--mapping", str(folder / "mapping.toml"), "--json"]
    done = await asyncio.to_thread(CliRunner().invoke, app, command)
    assert done.exit_code == 0, done.output
    said: dict[str, Any] = json.loads(done.stdout)
    return said


async def missing(running: Serving) -> tuple[str, ...]:
    found = await running.acting("lender-a", lambda party: generations.readiness(party, party.sync()))
    return tuple(found.missing)


async def keep_asking(running: Serving, outcomes: list[str]) -> None:
    for number in range(100_000, 900_000):
        try:
            answer = await running.ask("lender-d", f"13{number}123")
            outcomes.append(answer["status"] + " ".join(answer["missing"]))
        except CreditError as error:
            outcomes.append(str(error))
        await asyncio.sleep(0.05)


def test_another_key_for_everybody(tmp_path: Path) -> None:
    async def scene(running: Serving) -> None:
        await running.local(HOLDING, lambda client: client.record("tradeline", tradeline(PERSON, 123_400)))
        assert balance(await running.ask("lender-a", PERSON)) == 123_400
        outcomes: list[str] = []
        asking = asyncio.create_task(keep_asking(running, outcomes))

        await new_key(running)
        with refused(Code.PROPOSAL_INVALID):
            await running.acting("lender-a", generations.switch)
        await running.acting("lender-a", generations.announce)
        await approved(running, "announce", "lender-a", "lender-b")
        async with asyncio.timeout(20):
            while await missing(running) != (HOLDING,):  # books without people are ready by themselves
                await asyncio.sleep(0.1)
        with refused(Code.PROPOSAL_INVALID):
            await running.acting("lender-a", generations.switch)
        careless = Switch()
        motion = await running.acting("lender-c", lambda party: (party.sync(), actions.propose(party, careless))[1])
        with refused(Code.PROPOSAL_INVALID):  # an approver looks for itself who is ready
            await running.acting("lender-a", lambda party: actions.cast(party, motion, Decision.APPROVE, "in order"))

        assert (await retokenised(running, HOLDING, LATE))["unlinked"] == 1
        said = await retokenised(running, HOLDING, PERSON, LATE)
        assert (said["ready"], said["unlinked"]) == (True, 0)
        await running.local(HOLDING, lambda client: client.record("tradeline", tradeline(LATE, 5_600)))
        assert await missing(running) == ()
        await approved(running, "switch", "lender-a", "lender-b")
        nodes = [running.out / one / "book-generation-0002.db" for one in LENDERS]
        await until(lambda: all(path.exists() for path in nodes), 20)
        assert balance(await running.ask("lender-c", PERSON)) == 123_400
        assert balance(await running.ask("lender-e", LATE)) == 5_600
        await running.stop(HOLDING)
        await running.start(HOLDING)
        assert balance(await running.ask("lender-a", LATE)) == 5_600
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert len(outcomes) > 5
        assert {one for one in outcomes if one not in ("NO_HIT", f"INCOMPLETE{HOLDING}")} == set()

    play(tmp_path / "out", scene, *CUSTODIANS, *LENDERS)
