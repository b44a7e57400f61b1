"""Cards get into the rulebook by a vote, by commands on real folders, and every running node scores with them."""

import json
import time
from pathlib import Path
from typing import Any

from consortium.errors import Code
from consortium.membership.proposals import Amend, SetSection
from consortium.model.rulebook import parse_rulebook
from consortium.model.scorecard import Scorecard
from consortium.scoring.asking import card_attributes
from participants.lender.question_input import parse_question
from participants.scorecards.files import write_card
from tests.support.cards import CARD, LATE, reason, small_card
from tests.support.codes import refused
from tests.support.membership import registry
from tests.support.processes import question_about
from tests.support.serving import Serving, play
from tests.support.world import LENDERS

PARTIES = (*LENDERS, "custodian-one", "custodian-two")


def test_a_section_is_replaced_as_a_whole_and_taken_out() -> None:
    known = registry()
    before, card = known.rulebook.raw, small_card()
    content = b"[" + card.to_bytes() + b"]"
    after = known.change(SetSection(section="scorecards", content=content))
    assert after.document.scorecards == (card,)
    assert "score_base_1_points_repayment" in after.attributes
    assert parse_rulebook(after.raw) == after.document
    without = known.change(SetSection(section="scorecards"))
    assert without.document.scorecards == ()
    assert b"scorecards" not in without.raw
    assert without.attributes == {one.id: one for one in parse_rulebook(before).attributes}


def test_what_no_section_can_be_is_refused() -> None:
    known = registry()
    bad = small_card(base=2_000_000).to_bytes()
    with refused(Code.SCORECARD_INVALID, cause="BEYOND_SLOT"):
        known.ballot(SetSection(section="scorecards", content=b"[" + bad + b"]"))
    with refused(Code.RULEBOOK_INVALID, cause="scorecards.0"):
        known.ballot(SetSection(section="scorecards", content=b"[{}]"))
    for garbage in (b"{", b"[ ]", b'"text"'):
        with refused(Code.RULEBOOK_INVALID):
            known.ballot(SetSection(section="scorecards", content=garbage))


def test_a_family_that_a_card_needs_is_not_switched_off_below_it() -> None:
    known = registry()
    known.change(SetSection(section="scorecards", content=b"[" + small_card().to_bytes() + b"]"))
    policy = known.rulebook.policy
    fewer = tuple(family for family in policy.families if family != "inquiries")
    with refused(Code.SCORECARD_INVALID, cause="FAMILY_NOT_PERMITTED"):
        known.ballot(Amend(policy=policy.model_copy(update={"families": fewer})))


def test_cards_by_commands_between_running_nodes(tmp_path: Path) -> None:
    now = int(time.time())
    card = small_card(effective_from=now - 60, effective_until=None)
    good, bad, big = (tmp_path / name for name in ("card.json", "bad.json", "big.json"))
    write_card(good, card)
    bad.write_text(json.dumps({**CARD, "base": 10_000_000}))

    async def scene(running: Serving) -> None:
        refusal = await running.command("lender-a", "scorecard", "propose", bad, fails=True)
        assert refusal["error"]["code"] == "SCORECARD_INVALID"
        assert (await running.command("lender-a", "scorecard", "check", good))["problems"] == []
        write_card(big, _too_many_slots(now))
        assert (await running.command("lender-a", "scorecard", "propose", big, fails=True))["error"][
            "code"
        ] == "ATTRIBUTES_DO_NOT_FIT"
        proposed = await running.command("lender-a", "scorecard", "propose", good)
        assert (proposed["cards"], proposed["version"]) == (["base/1"], 2)
        again = await running.command("lender-a", "scorecard", "propose", good)
        assert again["version"] == 2, "one proposal, however often it is repeated"
        await running.command("lender-b", "approve", "scorecards")
        assert [one["id"] for one in (await running.command("lender-b", "scorecard", "show"))["cards"]] == ["base"]
        answer = await running.answered("lender-c")
        assert answer["missing"] == [], "every node has taken the version"
        values = await asked(running, card)
        assert set(values) == set(card_attributes(card)), "over gRPC, by gateway and five nodes"
        assert {one["status"] for one in values.values()} == {"NO_HIT"}
        already = await running.command("lender-a", "scorecard", "propose", good, fails=True)
        assert already["error"]["code"] == "PROPOSAL_INVALID"
        unknown = await running.command("lender-a", "scorecard", "propose", "--remove", "other/1", fails=True)
        assert unknown["error"]["code"] == "SETTINGS_INVALID"

    play(tmp_path / "out", scene, *PARTIES)


async def asked(running: Serving, card: Scorecard) -> dict[str, Any]:
    """Ask for a card by a node's local service; gives the values by attribute."""
    families = ["exposure", "repayment", "inquiries", "risk"]
    question = question_about({"phone": "13912345099"})
    terms = question["consent"]
    assert isinstance(terms, dict)
    question |= {"attributes": [*card_attributes(card)], "consent": terms | {"families": families}}
    parsed = parse_question(json.dumps(question).encode())
    answer = await running.local("lender-c", lambda client: client.ask(parsed))
    attributes = answer["attributes"]
    assert isinstance(attributes, list)
    return {one["id"]: one for one in attributes if isinstance(one, dict)}


def _too_many_slots(now: int) -> Scorecard:
    """A card in order, whose slots do not fit the small test key."""
    bins = [{"least": None, "most": 0, "points": 4}, {"least": 1, "most": None, "points": -3}]
    dimensions = []
    for name in ("repayment", "risk"):
        sources = {f"{name}_{i}": {"kind": "file", "name": f"{name}_{i}"} for i in range(60)}
        many = [{**LATE, "id": key, "source": one, "reason": name, "bins": bins} for key, one in sources.items()]
        reasons = [reason(name, name[:3].upper(), name)]
        dimensions.append({"id": name, "minimum": 1, "reasons": reasons, "characteristics": many})
    return small_card(id="big", role="challenger", effective_from=now - 60, effective_until=None, dimensions=dimensions)
