"""An answer that decrypts, and whose points of a card contradict each other: somebody computed something else."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from consortium.errors import Code, CreditError
from consortium.model.rulebook import Rulebook
from participants.lender import assess
from participants.lender.ask import QueryResult
from participants.lender.assess_input import parse_application
from participants.lender.question_input import with_request_id
from participants.lender.scoring import Scores
from participants.settings import NodeSettings
from tests.support.applications import application
from tests.support.serving import Serving, play
from tests.support.world import LENDERS


def test_it_is_not_used_and_goes_into_the_next_sealed_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def contradicting(_rulebook: Rulebook, _result: QueryResult) -> Scores:
        raise CreditError(Code.SUM_INVALID, "points and points lost disagree")

    async def scene(running: Serving) -> None:
        await running.answered("lender-a")
        asked = with_request_id(parse_application(json.dumps(application("13912345001")).encode()))
        monkeypatch.setattr(assess, "score_all", contradicting)
        assessment = await running.local("lender-a", lambda client: client.assess(asked))
        assert (assessment.decision, assessment.situation) == ("REFER", "UNREADABLE")
        assert assessment.failure == Code.SUM_INVALID
        settings = NodeSettings(running.out / "lender-a")
        with closing(sqlite3.connect(settings.path(settings.file.supervision))) as kept:
            codes = [code for (code,) in kept.execute("SELECT code FROM unreadable")]
        assert codes == [Code.SUM_INVALID.value]

    play(tmp_path / "out", scene, *LENDERS, "custodian-one", "custodian-two")
