"""The terms of travel checks get into the rulebook by a vote, by commands on real folders."""

import json
from pathlib import Path

import pytest

from consortium.errors import Code
from consortium.membership.proposals import SetSection
from consortium.travel.policy import TravelPolicy
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
        shown = await running.command("lender-a", "travel", "show")
        assert not shown["in_force"]
        terms.write_text(json.dumps({**shown["travel"], "tile": 16_000}))
        assert (await running.command("lender-a", "travel", "propose", terms))["version"] == 2
        await running.command("lender-b", "approve", "travel")
        now = await running.command("lender-b", "travel", "show")
        assert (now["in_force"], now["travel"]["tile"]) == (True, 16_000)
        answer = await running.answered("lender-c")
        assert answer["missing"] == [], "every node has taken the version"
        neither = await running.command("lender-a", "travel", "propose", fails=True)
        assert neither["error"]["code"] == "SETTINGS_INVALID"
        await rules(running)
        await limits(running)

    async def limits(running: Serving) -> None:
        policy = (await running.command("lender-a", "policy", "show"))["policy"]
        more = {**policy, "families": [*policy["families"], "location"], "suites": [*policy["suites"], 3]}
        terms.write_text(json.dumps(more))
        proposed = await running.command("lender-a", "policy", "propose", terms)
        again = await running.command("lender-a", "policy", "propose", terms)
        assert (proposed["version"], again["version"]) == (4, 4), "one proposal, however often it is repeated"
        await running.command("lender-b", "approve", "amend")
        assert (await running.command("lender-b", "policy", "show"))["policy"] == more
        same = await running.command("lender-b", "policy", "propose", terms, fails=True)
        assert same["error"]["code"] == "PROPOSAL_INVALID"
        terms.write_text(json.dumps({**more, "minimum_groups": 2}))
        low = await running.command("lender-a", "policy", "propose", terms, fails=True)
        assert low["error"]["code"] == "SETTINGS_INVALID"
        await running.answered("lender-c")

    async def rules(running: Serving) -> None:
        shown = await running.command("lender-a", "signals", "show")
        assert shown["in_force"]
        changed = {**shown["signals"], "version": 2, "rules": shown["signals"]["rules"][1:]}
        terms.write_text(json.dumps(changed))
        assert (await running.command("lender-a", "signals", "propose", terms))["version"] == 3
        await running.command("lender-b", "approve", "signals")
        assert (await running.command("lender-b", "signals", "show"))["signals"] == changed
        unknown = json.dumps(changed).replace("tradelines_opened_30d", "shoe_size")
        terms.write_text(unknown)
        refusal = await running.command("lender-a", "signals", "propose", terms, fails=True)
        assert refusal["error"]["code"] == "RULEBOOK_INVALID"
        assert "shoe_size" in refusal["error"]["cause"]

    play(tmp_path / "out", scene, *PARTIES)
