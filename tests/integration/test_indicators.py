"""What lenders say of their data reaches the log and the regulator; the log of a period as figures of each lender."""

import asyncio
from pathlib import Path

from participants.cli.main import app as participant
from participants.cli.regulator import app as regulator
from participants.regulator.verdict import State
from participants.regulator.verify import verify
from tests.integration.test_bodies import trust, words
from tests.integration.test_cases import run, write_lender_folder
from tests.integration.test_inspections import begun
from tests.support.world import LENDERS, Worlds


def test_quality_is_stated_and_the_period_is_summed_up(worlds: Worlds, tmp_path: Path) -> None:
    asyncio.run(_indicators(worlds, tmp_path))


async def _indicators(worlds: Worlds, folder: Path) -> None:
    async with begun(worlds, folder) as running:
        await running.ask(1)
        await running.ask(2)
        node = write_lender_folder(running.grpc, folder / "lender-a", "lender-a")
        alone = await run(participant, "book", "quality", "--node", node)
        assert "entry" not in alone, "nothing is said to others unless it is asked for"
        stated = await run(participant, "book", "quality", "--node", node, "--state")
        assert stated["thousandths"] == dict.fromkeys(alone["thousandths"]), "the book is empty"
        result, page = folder / "result.csv", folder / "page.html"
        result.write_text("id,status,lenders,balance\n1,OK,2,7\n2,THIN,1,3\n")
        asked = "indicators", "--node", write_lender_folder(running.grpc, folder / "lender-c", "lender-c")
        own = await run(participant, *asked, "--run", result, "--html", page)
        assert own["coverage"]["known_elsewhere"] == 1
        assert list(own["quality"]) == ["lender-a"], "what one states every lender reads"
        assert "lender-a" in page.read_text()
        export = await running.export()
        audit = verify(export, trust(running.world))
        assert audit.verdict.state is State.COMPLETE, words(audit)
        found = (await run(regulator, "indicators", "--folder", running.regulator, export))["members"]
        assert sorted(found) == sorted(LENDERS)
        assert {one["answers_given"] for one in found.values()} == {2}
        assert found["lender-a"]["asked"] == 2
        assert found["lender-a"]["quality"]["identified"] is None
        assert found["lender-b"]["quality"] is None
