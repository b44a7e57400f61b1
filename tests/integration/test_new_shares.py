"""New shares of the OPRF key by one command at each custodian, while questions are asked; over real gRPC."""

import asyncio
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from consortium.errors import CreditError
from consortium.membership.ballots import Decision
from participants.cli import custodian
from participants.membership import actions
from participants.membership.member import Membership
from tests.support.serving import Serving, play, until
from tests.support.world import LENDERS

CUSTODIANS = ("custodian-one", "custodian-two")
PERSON = "13912345678"
EVENT = {
    "identifiers": {"country": "CN", "phone": PERSON},
    "tradeline": {
        "account": "a-1",
        "portfolio": "R",
        "status": "11",
        "opened": "2024-01-01",
        "reported": "2024-02-01",
        "balance": 123400,
    },
}


async def rotated(running: Serving, member: str) -> tuple[bytes, int]:
    """Do what `credit-custodian rotate share` does; gives the plan's id and the version that was proposed."""
    plans: list[bytes] = []

    def act(party: Membership) -> int:
        motion = custodian.new_shares(party, 60, lambda plan, _: plans.append(plan.id))
        return motion.ballot.next.version

    version: int = await running.acting(member, act)
    return plans[0], version


def balance(answer: dict[str, Any]) -> int:
    return int(next(one["value"] for one in answer["attributes"] if one["id"] == "balance"))


def shares(running: Serving, member: str) -> list[str]:
    return sorted(path.name for path in (running.out / member / "shares").iterdir())


def test_both_custodians_and_the_gateway_get_new_shares_of_the_same_key(tmp_path: Path) -> None:
    async def scene(running: Serving) -> None:
        await running.local("lender-b", lambda client: client.record("tradeline", json.dumps(EVENT)))
        assert balance(await running.ask("lender-a", PERSON)) == 123400
        outcomes: list[str] = []
        asking = asyncio.create_task(keep_asking(running, outcomes))

        said = await asyncio.gather(*(rotated(running, one) for one in CUSTODIANS))
        assert len({plan for plan, _ in said}) == 1, "who comes second joins"
        assert [version for _, version in said] == [2, 2]
        command = ["rotate", "share", "--folder", str(running.out / CUSTODIANS[0]), "--json"]
        again = await asyncio.to_thread(CliRunner().invoke, custodian.app, command)
        assert json.loads(again.stdout)["proposed"] == 2, "repeated, it finds what is there"
        for approver in ("lender-a", "lender-b"):
            await running.acting(
                approver, lambda party: actions.vote(party, "new-shares", Decision.APPROVE, "in order")
            )
        new = ["generation-0001-revision-000002.json"]
        await until(lambda: [shares(running, one) for one in (*CUSTODIANS, "gateway")] == [new] * 3, 20)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert len(outcomes) > 5
        assert set(outcomes) == {"NO_HIT"}
        assert balance(await running.ask("lender-c", PERSON)) == 123400, "the same person has the same key"

    play(tmp_path / "out", scene, *CUSTODIANS, *LENDERS)


async def keep_asking(running: Serving, outcomes: list[str]) -> None:
    """Ask about one stranger after another, whom nobody has asked about: each needs the key holders."""
    for number in range(100_000, 900_000):
        try:
            outcomes.append((await running.ask("lender-d", f"13{number}123"))["status"])
        except CreditError as error:
            outcomes.append(str(error))
        await asyncio.sleep(0.05)
