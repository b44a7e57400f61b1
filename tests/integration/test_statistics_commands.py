"""Statistics by commands on real folders: the rules by a vote, a lender and the regulator ask, publish and verify."""

import asyncio
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from participants.cli.main import app
from participants.cli.regulator import app as regulator_app
from participants.sandbox.founding import CUSTODIANS, REGULATOR, made_up_lei
from tests.support.audits import log_settings
from tests.support.serving import Serving, play
from tests.support.world import LENDERS

OBSERVER = "the-observer"
TERMS = f"""\
legal_name = "The Observer"
licence = "NL-2026-99"
lei = "{made_up_lei(77)}"
group = "observer-group"
contact = "+886 2 1234 5678"
book_size = 0
"""
DIMENSIONS = """
[source]
kind = "csv"
path = "people.csv"

[identifiers]
country = { constant = "CN" }
phone = "phone"

[dimensions]
age_band = { column = "age", bands = { 18 = "18-25", 26 = "26-35", 36 = "36-50", 51 = "51-65", 66 = "66+" } }
"""
PARTIES = (*LENDERS, *CUSTODIANS)


async def run(running: Serving, member: str, *words: object, fails: bool = False) -> dict[str, Any]:
    program = regulator_app if member == REGULATOR else app
    arguments = [*map(str, words), "--node", str(running.out / member), "--json"]
    result = await asyncio.to_thread(CliRunner().invoke, program, arguments)
    assert (result.exit_code != 0) is fails, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_rules_asking_and_publishing_by_commands(tmp_path: Path) -> None:
    async def scene(running: Serving) -> None:
        await running.acting(REGULATOR, lambda party: party.certify())
        rules = await run(running, "lender-a", "statistics", "rules")
        assert not rules["in_force"]
        file = tmp_path / "statistics.json"
        value = rules["statistics"]
        file.write_text(json.dumps({**value, "templates": [{**value["templates"][0], "bound": 0}]}))
        refusal = await run(running, "lender-a", "statistics", "propose", file, fails=True)
        assert refusal["error"]["code"] == "STATISTIC_UNBOUNDED"
        file.write_text(json.dumps(value))
        assert (await run(running, "lender-a", "statistics", "propose", file))["version"] == 2
        await run(running, "lender-b", "approve", "statistics")
        await running.answered("lender-c")
        await asking(running, tmp_path)

    play(tmp_path, scene, *PARTIES, log=log_settings(tmp_path))


async def asking(running: Serving, tmp_path: Path) -> None:
    listed = await run(running, REGULATOR, "statistics", "list")
    assert [one["id"] for one in listed["templates"]][:2] == ["exposure", "arrears"]
    page = tmp_path / "hits.html"
    asked = ("statistics", "ask", "hits", "--request-id", "0" * 32)
    hits = await run(running, REGULATOR, *asked, "--html", page)
    assert hits == await run(running, REGULATOR, *asked)
    assert [row[0] for row in hits["cells"]["rows"]] == [*LENDERS]
    assert "<svg" in page.read_text()
    refusal = await run(running, "lender-b", "statistics", "ask", "hits", fails=True)
    assert refusal["error"]["code"] == "STATISTIC_NOT_ALLOWED"
    assert len(refusal["request_id"]) == 32
    refusal = await run(running, "lender-b", "statistics", "ask", "fragmentation", fails=True)
    assert refusal["error"]["code"] == "STATISTIC_NO_BASIS"
    exposure = await run(running, "lender-b", "statistics", "ask", "exposure")
    assert exposure["contributors"] == [*LENDERS]
    (tmp_path / "people.csv").write_text("phone,age\n13912345678,30\n13887654321,70\n13712345678,\n")
    (tmp_path / "people.toml").write_text(DIMENSIONS)
    known = await run(running, "lender-b", "statistics", "dimensions", "--mapping", tmp_path / "people.toml")
    assert (known["people"], known["report"]["rows"]["refused"]) == (3, 0)
    out = tmp_path / "published"
    name = exposure["request_id"][:8]
    done = await run(running, "lender-b", "statistics", "publish", name, "--out", out)
    assert done["entry"] > exposure["answer"]
    assert (out / "SHA256SUMS").exists()
    assert (await run(running, "lender-b", "statistics", "publish", name))["entry"] == done["entry"]
    again = await run(running, "lender-b", "statistics", "show", name)
    assert again["entry"] == done["entry"]

    await observing(running)


async def observing(running: Serving) -> None:
    """A public body joins as an observer, by the same commands as everybody, and asks what is open to it."""
    folder = running.out / OBSERVER
    folder.mkdir()
    told = await run(running, "lender-a", "invitation")
    (folder / "invitation.toml").write_text(told["invitation"])
    (folder / "terms.toml").write_text(TERMS)
    invited = ("--member", OBSERVER, "--invitation", folder / "invitation.toml", "--fingerprint", told["words"])
    await run(running, OBSERVER, "init", "--observer", *invited)
    await run(running, OBSERVER, "apply", "--from", folder / "terms.toml")
    await run(running, "lender-a", "sponsor", OBSERVER)
    await run(running, "lender-b", "approve", OBSERVER)
    await run(running, OBSERVER, "certificate")
    refusal = await run(running, OBSERVER, "statistics", "ask", "scenes", fails=True)
    assert refusal["error"]["code"] == "MEMBER_NOT_ACTIVE"
    await run(running, "lender-a", "sponsor", OBSERVER, "--activate")
    await run(running, "lender-b", "approve", OBSERVER)
    await running.answered("lender-c")
    scenes = await run(running, OBSERVER, "statistics", "ask", "scenes")
    assert (scenes["member"], scenes["contributors"]) == (OBSERVER, [*LENDERS])
    published = await run(running, OBSERVER, "statistics", "publish", scenes["request_id"])
    assert published["entry"] > scenes["answer"]
    refusal = await run(running, OBSERVER, "statistics", "ask", "hits", fails=True)
    assert refusal["error"]["code"] == "STATISTIC_NOT_ALLOWED"
