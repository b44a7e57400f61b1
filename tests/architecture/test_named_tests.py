"""Every test that the documentation names exists: a table of attacks is worth what its tests are."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
DOCS = TESTS.parent / "docs"
NAMED = re.compile(r"`(?:tests/)?(?P<file>[a-z0-9_]+/test_[a-z0-9_]+\.py)::(?P<test>[A-Za-z0-9_]+)`")
LISTED = 28
"""Rows of the list of hostile and unlucky things in docs/membership.md, at least."""


def named(page: Path) -> list[tuple[str, str]]:
    return [(found["file"], found["test"]) for found in NAMED.finditer(page.read_text("utf-8"))]


def found_in(path: Path) -> set[str]:
    """The functions and assignments of a module by which pytest finds tests; slow ones are tests, too."""
    tree = ast.parse(path.read_text("utf-8"))
    functions = {
        one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    targets = (target for one in tree.body if isinstance(one, ast.Assign) for target in one.targets)
    return functions | {target.id for target in targets if isinstance(target, ast.Name)}


@pytest.mark.parametrize("page", sorted(DOCS.glob("**/*.md")), ids=lambda path: path.stem)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    missing = [
        f"{file}::{test}"
        for file, test in named(page)
        if not (TESTS / file).exists() or test not in found_in(TESTS / file)
    ]
    assert missing == []


def test_the_list_of_the_hostile_and_unlucky_is_whole() -> None:
    text = (DOCS / "membership.md").read_text("utf-8")
    section = text[text.index("## 9. Hostile and unlucky") :].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and "`" in line]
    assert len(rows) >= LISTED
    assert all(NAMED.search(row.rsplit("|", 2)[1]) for row in rows), "each row names its test"
