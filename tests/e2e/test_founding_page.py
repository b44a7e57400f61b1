"""`docs/founding.md`, command by command: from empty folders to the first answer, every party by its own programs."""

import json
from pathlib import Path

import pytest

from participants.sandbox.founding import made_up_lei
from tests.support.pages import PageRun
from tests.support.processes import Processes, own_ports

PAGE = Path(__file__).parents[2] / "docs" / "founding.md"
LENDERS = ("lender-one", "lender-two", "lender-three", "lender-four")
PARTIES = (*LENDERS, "custodian-one", "custodian-two", "regulator")
TERMS = """\
legal_name = "{name}"
licence = "NL-2026-{number}"
lei = "{lei}"
group = "{member}-group"
contact = "+886 2 1234 5678"
{lender}"""

pytestmark = pytest.mark.slow


def test_the_page_from_empty_folders_to_the_first_answer(tmp_path: Path) -> None:
    base = own_ports()
    gateway, join, one, two = (f"127.0.0.1:{base + place}" for place in (0, 9, 2, 3))
    with Processes(tmp_path, base) as parties:
        for number, member in enumerate(PARTIES):
            write_terms(tmp_path / member, number, member)
        text = PAGE.read_text("utf-8").split("```toml\n")[1].split("```")[0]
        (tmp_path / "lender-one" / "charter.toml").write_text(f'{text}suite = "INSECURE_TEST_1024_MASKED"\n')
        question = parties.question({"phone": "13812633920"})
        (tmp_path / "lender-one" / "question.json").write_text(json.dumps(question))

        places = {"GATEWAY": gateway, "JOIN": join, "ONE": one, "TWO": two}
        locals_ = {lender: f"127.0.0.1:{base + 10 + number}" for number, lender in enumerate(LENDERS)}
        count = PageRun(PAGE, parties, places, {"lender-two": LENDERS[2:]}, locals_).run()

        assert count > 30
        answer = parties.query("lender-three", {"phone": "13812633920"})
        assert (sorted(answer["answered"]), answer["missing"], answer["status"]) == (sorted(LENDERS), [], "NO_HIT")


def write_terms(folder: Path, number: int, member: str) -> None:
    folder.mkdir()
    lender = 'book_size = 5000\ntiers = ["defaults-only", "full"]\n' if member in LENDERS else ""
    terms = TERMS.format(name=member.title(), number=number, lei=made_up_lei(number), member=member, lender=lender)
    (folder / "terms.toml").write_text(terms)
