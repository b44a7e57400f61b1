"""An honest lender with live updates passes every inspection, whatever came when; a lying one passes none."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from consortium.errors import Code
from consortium.model.catalogue import Purpose
from consortium.model.credit_file import CreditFile, Freeze, Inquiry
from consortium.model.credit_file_bytes import credit_file_from_bytes, credit_file_to_bytes, pieces_of
from consortium.model.identifiers import IdentifierKind
from consortium.supervision.bundle import Bundle, ShownPlace, links_digest
from participants.lender.ports import BookRow, Subject
from tests.support.books import rows
from tests.support.books import subject as stranger
from tests.support.codes import refused
from tests.support.supervised import Asked, Supervised
from tests.support.world import ALICE, BOB, Worlds, tradeline

OPERATIONS = ("tradeline", "inquiry", "freeze", "stranger", "load", "load-other", "roll", "ask", "review", "state")
steps = st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 1), st.integers(1, 9)), max_size=16)
FIXED = [
    ("load", 0, 3),
    ("ask", 0, 1),
    ("tradeline", 0, 5),
    ("ask", 0, 1),
    ("roll", 0, 1),
    ("state", 0, 1),
    ("review", 0, 1),
    ("load-other", 0, 2),
    ("ask", 0, 1),
    ("freeze", 1, 1),
    ("ask", 1, 1),
]


class Life:
    """One lender's life: the steps of an example, carried out."""

    def __init__(self, supervised: Supervised) -> None:
        self.all = supervised
        self.people = [supervised.world.subject(person) for person in (ALICE, BOB)]
        self.agreed = [supervised.world.consent(person) for person in self.people]

    def step(self, what: str, who: int, number: int) -> None:
        held = self.all.held(self.people[who])
        match what:
            case "tradeline":
                self.all.record(held, tradeline(1000 * number, f"a{number}"))
            case "inquiry":
                self.all.record(held, Inquiry(self.all.world.now - 3600 * number))
            case "freeze":
                self.all.record(held, Freeze(number % 2 == 0))
            case "stranger":
                self.all.record(stranger(number), tradeline(number))
            case "load" | "load-other":
                self.all.load(self._source(held, number, alone=what == "load"))
            case "roll":
                self.all.roll()
            case "ask":
                self.all.ask(self.people[who], consent=self.agreed[who])
            case "review":
                self._review(who)
            case _:
                self.all.state()

    def _source(self, held: Subject, number: int, *, alone: bool) -> list[BookRow]:
        about = [] if number % 3 == 0 else rows(held, tradeline(number, "loaded"))
        others = [] if alone else [row for n in range(number) for row in rows(stranger(n), tradeline(n))]
        return about + others

    def _review(self, who: int) -> None:
        """A purpose that sees the day's snapshot only."""
        agreed = self.all.world.consent(self.people[who], purpose=Purpose.ACCOUNT_REVIEW)
        self.all.ask(self.people[who], consent=agreed, purpose=Purpose.ACCOUNT_REVIEW)


def lived(worlds: Worlds, taken: Sequence[tuple[str, int, int]]) -> Supervised:
    supervised = Supervised(worlds.make(), Path(mkdtemp(prefix="inspected-")))
    life = Life(supervised)
    for step in taken:
        life.step(*step)
    supervised.state()
    return supervised


def check_honest(worlds: Worlds, taken: Sequence[tuple[str, int, int]]) -> None:
    supervised = lived(worlds, taken)
    try:
        for asked in supervised.asked:
            assert supervised.inspect(asked) == ()
    finally:
        supervised.close()


CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=12, deadline=None, suppress_health_check=CHECKS)
@given(taken=steps)
@example(taken=FIXED)
def test_an_honest_lender_passes_whatever_comes_when(worlds: Worlds, taken: list[tuple[str, int, int]]) -> None:
    check_honest(worlds, taken)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=CHECKS)
@given(
    taken=st.lists(steps.map(tuple), min_size=1, max_size=4).map(lambda parts: [one for part in parts for one in part])
)
def test_an_honest_lender_passes_for_days(worlds: Worlds, taken: list[tuple[str, int, int]]) -> None:
    check_honest(worlds, taken)


# Lies


@pytest.fixture(scope="module")
def told(worlds: Worlds) -> Any:
    """Alice is in the book with one tradeline and in the journal with another; Bob is nowhere."""
    taken = [("load-other", 0, 8), ("tradeline", 0, 5), ("stranger", 1, 9), ("ask", 0, 1), ("ask", 1, 1)]
    after = [("tradeline", 0, 7), ("state", 0, 1), ("roll", 0, 1), ("ask", 0, 1)]
    supervised = lived(worlds, [*taken, *after])
    yield supervised
    supervised.close()


Links = tuple[bytes, ...]
Lie = Callable[[Supervised, Bundle, Links], tuple[Bundle, Links]]


def changed(**values: Any) -> Lie:
    return lambda _s, bundle, links: (bundle.model_copy(update=values), links)


def in_place(index: int, **values: Any) -> Lie:
    def lie(_: Supervised, bundle: Bundle, links: Links) -> tuple[Bundle, Links]:
        places = list(bundle.places)
        places[index] = places[index].model_copy(update=values)
        return bundle.model_copy(update={"places": tuple(places)}), links

    return lie


def other_book(_: Supervised, bundle: Bundle, links: Links) -> tuple[Bundle, Links]:
    return bundle.model_copy(update={"book": bundle.book.model_copy(update={"root": b"q" * 32})}), links


def other_links(links: Links, bundle: Bundle) -> tuple[Bundle, Links]:
    return bundle.model_copy(update={"links": len(links), "links_digest": links_digest(links)}), links


def forked_journal(_: Supervised, bundle: Bundle, links: Links) -> tuple[Bundle, Links]:
    return other_links((*links[:-1], bytes([links[-1][0] ^ 1]) + links[-1][1:]), bundle)


def shorter_journal(_: Supervised, bundle: Bundle, links: Links) -> tuple[Bundle, Links]:
    return other_links(links[: bundle.journal_size], bundle)


def no_journal(_: Supervised, bundle: Bundle, links: Links) -> tuple[Bundle, Links]:
    del links
    return other_links((), bundle)


def hidden_tradeline(supervised: Supervised, bundle: Bundle, links: Links) -> tuple[Bundle, Links]:
    """The file as it was loaded, without its tradeline."""
    place: ShownPlace = bundle.places[1]
    assert place.file is not None
    file = credit_file_from_bytes(place.file)
    assert [*pieces_of(file)]
    return in_place(1, file=credit_file_to_bytes(CreditFile(file.identifier)))(supervised, bundle, links)


def hidden_file(supervised: Supervised, bundle: Bundle, links: Links) -> tuple[Bundle, Links]:
    """The subject is said to be absent, between the leaves of somebody else's absence."""
    other = supervised.bundle(supervised.asked[1])[0].places[1]
    return in_place(1, file=None, leaves=other.leaves)(supervised, bundle, links)


def hidden_by_one_leaf(supervised: Supervised, bundle: Bundle, links: Links) -> tuple[Bundle, Links]:
    return in_place(1, file=None)(supervised, bundle, links)


LIES: dict[str, Lie] = {
    "another number": lambda _s, b, links: (b.model_copy(update={"value": f"{int(b.value, 16) + 1:x}"}), links),
    "another mask": lambda _s, b, links: (
        b.model_copy(update={"pair_keys": {**b.pair_keys, "lender-c": b"m" * 32}}),
        links,
    ),
    "a mask left out": lambda _s, b, links: (
        b.model_copy(update={"pair_keys": {p: k for p, k in b.pair_keys.items() if p != "lender-c"}}),
        links,
    ),
    "another seed": changed(seed=b"s" * 32),
    "another obfuscator": changed(obfuscator_seed=b"o" * 32),
    "another exchange": changed(ctx=b"x" * 32),
    "another size of the journal": changed(journal_size=0),
    "another head of the journal": changed(journal_head=b"h" * 32),
    "another person": changed(tags=(b"t" * 32,) * 3),
    "another rho": changed(rho=b"r" * 32),
    "another salt": changed(salt=b"z" * 32),
    "another root": other_book,
    "a journal with another change": forked_journal,
    "a journal that ends at the contribution": shorter_journal,
    "no journal": no_journal,
    "a change kept back": in_place(1, entries=()),
    "a tradeline hidden in the file": hidden_tradeline,
    "the person hidden between other leaves": hidden_file,
    "the person hidden behind its own leaf": hidden_by_one_leaf,
    "another opening": in_place(1, opening=b"p" * 32),
    "no leaf": in_place(1, leaves=()),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lying_lender_passes_never(told: Supervised, name: str) -> None:
    asked = told.asked[0]
    bundle, links = told.bundle(asked)
    assert told.examine(asked, bundle, links) == ()
    assert bundle.journal_size == 2
    assert len(links) == 3
    with refused(Code.REVEAL_INVALID):
        told.examine(asked, *LIES[name](told, bundle, links))


def test_a_number_for_an_unproven_query_is_never_confirmed(told: Supervised) -> None:
    """To say that the query proved nothing is the one excuse that stays open; with another number it does not."""
    asked = told.asked[0]
    bundle, links = told.bundle(asked)
    with refused(Code.REVEAL_INVALID):
        told.examine(asked, *in_place(1, proven=False)(told, bundle, links))


def poisoned(told: Supervised, asked: Asked) -> tuple[Bundle, Links]:
    """A lender that committed to nothing where it holds the person: everything fits but the book."""
    world = told.world
    contributor = told.contributor

    class Elsewhere:
        def read(self, tags: Any, *, live: bool) -> Any:
            view = told.book.read(tags, live=live)
            return replace(view, files=(None, None, None))

    node = world.nodes[told.member]
    world.nodes[told.member] = replace(node, contributor=replace(contributor, book=Elsewhere()))
    try:
        lied = told.ask(told.world.subject(ALICE))
    finally:
        world.nodes[told.member] = node
        told.asked.remove(lied)
    asked.query, asked.transcript = lied.query, lied.transcript
    return told.bundle(lied)


def test_a_contribution_that_was_a_lie_from_the_beginning_is_found(told: Supervised) -> None:
    asked = replace(told.asked[0])
    bundle, links = poisoned(told, asked)
    with refused(Code.REVEAL_INVALID):
        told.examine(asked, *in_place(1, proven=True)(told, bundle, links))
    assert told.examine(asked, bundle, links) == ("place 1: held, and left out as unproven by the query",)


def test_a_book_that_was_never_stated_is_found(told: Supervised) -> None:
    asked = told.asked[0]
    kept, told.stated = told.stated, told.stated[-1:]
    try:
        with refused(Code.REVEAL_INVALID):
            told.examine(asked, *told.bundle(asked))
    finally:
        told.stated = kept


def test_the_absent_are_absent_at_every_place(worlds: Worlds) -> None:
    supervised = Supervised(worlds.make(), Path(mkdtemp(prefix="inspected-")))
    subject = supervised.world.subject(ALICE)
    for count in (0, 1, 2, 5, 300):
        supervised.load([row for n in range(count) for row in rows(stranger(n), tradeline(n))])
        supervised.ask(subject)
    supervised.record(stranger(7, IdentifierKind.EMAIL), tradeline(1))
    supervised.state()
    for asked in supervised.asked:
        bundle, links = supervised.bundle(asked)
        assert supervised.examine(asked, bundle, links) == ()
        if len(bundle.places[0].leaves) == 2:
            alone = in_place(0, leaves=bundle.places[0].leaves[:1])(supervised, bundle, links)
            with refused(Code.REVEAL_INVALID):
                supervised.examine(asked, *alone)
    supervised.close()
