"""Books of several generations: what was contributed under a retired one is stated and inspected like anything else."""

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from consortium.errors import Code
from consortium.supervision.statements import begins_anew
from demo.folders import write_node_folder
from participants.book_generations import BookGenerations
from participants.bootstrap import open_generation
from participants.lender.inspections import Inspector
from participants.lender.ports import Link
from participants.settings import NodeSettings
from participants.storage.succession import Succession
from tests.support.books import rows
from tests.support.books import subject as stranger
from tests.support.codes import refused
from tests.support.supervised import INSPECTED, Supervised
from tests.support.world import ALICE, World, tradeline

FIRST, SECOND = 4000, 7000


@pytest.fixture
def folder(world: World, tmp_path: Path) -> Path:
    folder = tmp_path / "node"
    write_node_folder(world.foundation, INSPECTED, folder)
    keys = json.loads((folder / "own-keys.json").read_text())
    (folder / "own-keys.json").write_text(json.dumps({**keys, "book_secret": (b"b" * 32).hex()}))
    return folder


def change_generation(lender: Supervised, folder: Path, stack: ExitStack) -> BookGenerations:
    """Let the lender go on with another book, as a node does when a generation comes into force."""
    settings = NodeSettings(folder)
    second = stack.enter_context(open_generation(settings, 2))
    history = BookGenerations(settings, lambda: 2, lambda: second)
    contributor = replace(lender.contributor, book=second)
    node = lender.world.nodes[INSPECTED]
    lender.world.nodes[INSPECTED] = replace(node, contributor=contributor)
    lender.book.close()
    lender.contributor, lender.book = contributor, second
    lender.stating = replace(lender.stating, history=history)
    lender.inspector = Inspector(contributor.identity, contributor.store, history)
    return history


def test_contributions_of_a_retired_generation_are_confirmed(world: World, folder: Path) -> None:
    lender = Supervised(world, folder)
    alice = lender.held(world.subject(ALICE))
    lender.load([*rows(alice, tradeline(FIRST)), *rows(stranger(1), tradeline(1))])
    lender.record(alice, tradeline(9, "another"))
    earlier = lender.ask(world.subject(ALICE), consent=None)
    lender.state()
    lender.roll()  # a book that nobody has stated when the generation changes
    unstated = lender.ask(world.subject(ALICE), consent=None)
    with ExitStack() as stack:
        stack.callback(lender.store.close)
        history = change_generation(lender, folder, stack)
        lender.day += 1
        lender.load([*rows(alice, tradeline(SECOND)), *rows(stranger(2), tradeline(2))])
        later = lender.ask(world.subject(ALICE), consent=None)
        while lender.stating.due(world.now):
            lender.state()
        assert [lender.inspect(one) for one in (earlier, unstated, later)] == [(), (), ()]
        assert [begins_anew(one) for one in lender.stated] == [False, False, True]
        values = [lender.bundle(one)[0].value for one in (earlier, unstated, later)]
        assert values[0] == values[1] != values[2]
        history.forget_before(lender.day)
        with refused(Code.HISTORY_GONE):
            lender.bundle(earlier)
        assert lender.inspect(later) == ()


def test_a_book_that_took_over_follows_the_one_before(world: World, folder: Path) -> None:
    """The same files and journal: contributions before and after are confirmed, and the journals are one chain."""
    lender = Supervised(world, folder)
    alice = lender.held(world.subject(ALICE))
    lender.load([*rows(alice, tradeline(FIRST)), *rows(stranger(1), tradeline(1))])
    lender.record(alice, tradeline(9, "another"))
    earlier = lender.ask(world.subject(ALICE), consent=None)
    lender.state()
    lender.record(alice, tradeline(20, "third"))  # a journal that goes on after it was stated
    unstated = lender.ask(world.subject(ALICE), consent=None)
    with ExitStack() as stack:
        stack.callback(lender.store.close)
        with open_generation(NodeSettings(folder), 2) as second:
            succession = Succession(lender.book, second, b"2" * 32)
            people = alice, stranger(1)  # their tags stay what they are, for the world asks under these
            succession.link(Link(one.tag, one.key, one.tag) for one in people)
            succession.build()
            succession.take_over()
        change_generation(lender, folder, stack)
        later = lender.ask(world.subject(ALICE), consent=None)
        while lender.stating.due(world.now):
            lender.state()
        assert [lender.inspect(one) for one in (earlier, unstated, later)] == [(), (), ()]
        assert [begins_anew(one) for one in lender.stated] == [False, False]
        values = [lender.bundle(one)[0].value for one in (earlier, unstated, later)]
        assert values[0] != values[1] == values[2], "live events are the same before and after"


def test_a_retired_book_is_read_no_more_once_it_is_stated(world: World, folder: Path) -> None:
    lender = Supervised(world, folder)
    lender.load(rows(stranger(1), tradeline(1)))
    lender.state()
    with ExitStack() as stack:
        stack.callback(lender.store.close)
        change_generation(lender, folder, stack)
        lender.load(rows(stranger(1), tradeline(1)))
        lender.state()
        (folder / "book.db").unlink()
        assert not lender.stating.due(world.now)
