"""The terms of travel checks get into the rulebook by a vote, by commands on real folders."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from consortium.errors import Code
from consortium.membership.proposals import SetSection
from consortium.travel.policy import TravelPolicy
from participants.cli.main import app
from participants.cli.sections import read_section_file
from tests.support.codes import refused
from tests.support.membership import registry
from tests.support.serving import Serving, play
from tests.support.travelling import SMALL
from tests.support.world import LENDERS

PARTIES = (*LENDERS, "custodian-one", "custodian-two")


def test_the_section_is_in_the_bytes_only_where_it_is() -> None:
    known = registry()
    assert b"travel" not in known.rulebook.raw
    content = json.dumps(SMALL.model_dump(mode="json"), sort_keys=True, separators=(",", ":")).encode()
    assert known.change(SetSection(section="travel", content=content)).document.travel == SMALL
    assert b'"travel":' not in known.change(SetSection(section="travel")).raw


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"tile": 64000}'])
def test_terms_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "terms.json"
    file.write_text(text)
    with refused(Code.SETTINGS_INVALID):
        read_section_file(TravelPolicy, file)
    with refused(Code.SOURCE_UNREADABLE):
        read_section_file(TravelPolicy, tmp_path / "nothing.json")


def test_terms_by_commands_between_running_nodes(tmp_path: Path) -> None:
    terms = tmp_path / "terms.json"

    async def scene(running: Serving) -> None:
        async def run(lender: str, *words: object, fails: bool = False) -> dict[str, Any]:
            arguments = [*map(str, words), "--node", str(running.out / lender), "--json"]
            result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
            assert (result.exit_code != 0) is fails, result.output
            found: dict[str, Any] = json.loads(result.stdout)
            return found

        shown = await run("lender-a", "travel", "show")
        assert not shown["in_force"]
        terms.write_text(json.dumps({**shown["travel"], "tile": 16_000}))
        assert (await run("lender-a", "travel", "propose", terms))["version"] == 2
        await run("lender-b", "approve", "travel")
        now = await run("lender-b", "travel", "show")
        assert (now["in_force"], now["travel"]["tile"]) == (True, 16_000)
        answer = await running.answered("lender-c")
        assert answer["missing"] == [], "every node has taken the version"
        neither = await run("lender-a", "travel", "propose", fails=True)
        assert neither["error"]["code"] == "SETTINGS_INVALID"
        await rules(run)

    async def rules(run: Callable[..., Awaitable[dict[str, Any]]]) -> None:
        shown = await run("lender-a", "signals", "show")
        assert shown["in_force"]
        changed = {**shown["signals"], "version": 2, "rules": shown["signals"]["rules"][1:]}
        terms.write_text(json.dumps(changed))
        assert (await run("lender-a", "signals", "propose", terms))["version"] == 3
        await run("lender-b", "approve", "signals")
        assert (await run("lender-b", "signals", "show"))["signals"] == changed
        unknown = json.dumps(changed).replace("tradelines_opened_30d", "shoe_size")
        terms.write_text(unknown)
        refusal = await run("lender-a", "signals", "propose", terms, fails=True)
        assert refusal["error"]["code"] == "RULEBOOK_INVALID"
        assert "shoe_size" in refusal["error"]["cause"]

    play(tmp_path / "out", scene, *PARTIES)
