"""Totals over a list: after a portfolio about it, whoever took the list adds up its own people, under noise."""

import asyncio
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from consortium.errors import Code
from consortium.model.attributes import evaluate
from consortium.model.credit_file import PortfolioType
from consortium.model.query import Suite
from consortium.model.statistic import StatisticHeader, list_mark
from consortium.rules.statistic_defaults import LIST_TOTALS
from consortium.rules.statistics import statistic_of
from consortium.sealing.rows import tags_digest
from participants.lender.portfolio.rows import ListTags
from participants.lender.statistic_cells import LenderCells, sum_of_list
from participants.statistics.lists import digest_of_rows
from participants.storage.answers import SqliteAnswers
from participants.storage.book import SqliteBook
from participants.storage.job_files import JobFiles
from participants.storage.snapshots import snapshot_of
from participants.storage.statistics import listed_in
from tests.support.books import DAY, IDENTITY, NOW, subject, tradeline
from tests.support.codes import refused
from tests.support.list_hub import hold_digits, keys
from tests.support.list_world import list_world
from tests.support.statistics import policy, statistic_world
from tests.support.world import LENDERS, Worlds
from tests.unit.test_statistic_rules import with_statistics

PEOPLE = 60
JOB = b"j" * 16
NONCE = b"n" * 32


def header(mark: bytes, by: str = "lender-b", now: int = NOW) -> StatisticHeader:
    return StatisticHeader(bytes(16), by, LIST_TOTALS.id, bytes(32), now, now + 60, NONCE, bytes(32), mark)


def listed(first: int, past: int) -> ListTags:
    tags = sorted(subject(number).tag.value for number in range(first, past))
    return ListTags.of(np.frombuffer(b"".join(tags), dtype=np.uint8).reshape(-1, 32))


def test_a_total_is_the_sum_of_what_a_query_would_say(tmp_path: Path) -> None:
    rulebook = with_statistics()
    found = statistic_of(LIST_TOTALS.id, rulebook)
    with closing(SqliteBook(tmp_path / "book.db", IDENTITY)) as book:
        lines = [
            replace(tradeline("a", balance=number * 200_000), portfolio=PortfolioType.REVOLVING)
            for number in range(PEOPLE)
        ]
        people = [subject(number) for number in range(PEOPLE)]
        book.load(
            [[(one.key, one.tag, one.kind, line) for one, line in zip(people, lines, strict=True)]], day=DAY, as_of=NOW
        )
        sums = sum_of_list(snapshot_of(book), listed(20, 90), found, header(b"m" * 32), rulebook)
        files = dict(book.committed_files())
        expected = np.zeros(3, dtype=np.int64)
        for one in people[20:]:
            values = evaluate(
                files[one.tag], found.values[0], NOW, live=False, retention_days=rulebook.policy.retention_days
            )
            expected += [min(values[name], LIST_TOTALS.bound) for name in found.values[0]]
        assert sums.tolist() == expected.tolist()
        assert sums[0] < sum(line.balance for line in lines[20:]), "the largest balances are cut at the bound"


def test_only_a_list_that_was_taken_within_the_window_has_totals(tmp_path: Path) -> None:
    rulebook = with_statistics()
    found, tags = statistic_of(LIST_TOTALS.id, rulebook), listed(0, 10)
    digest = tags_digest(tags.tags.tobytes())
    with (
        closing(SqliteAnswers(tmp_path / "answers.db")) as answers,
        closing(SqliteBook(tmp_path / "book.db", IDENTITY)) as book,
    ):
        answers.lists.keep_tags(digest, tags)
        with answers.transaction() as store:
            store.lists.accept(b"q" * 32, digest, "lender-b", 10, NOW)
        source = LenderCells(
            lambda: book,
            answers,
            lambda: None,
            listed=lambda header, since: listed_in(answers, header, since),
            columns=lambda: snapshot_of(book),
        )
        mark = list_mark(NONCE, digest)
        assert source.cells(found, header(mark), rulebook).tolist() == [0, 0, 0]
        foreign = header(mark, "lender-c")
        late = header(mark, now=NOW + rulebook.policy.ledger_window)
        for other in (header(b"x" * 32), foreign, late):
            with refused(Code.STATISTIC_NO_BASIS):
                LenderCells(lambda: book, answers, lambda: None, listed=source.listed, columns=source.columns).cells(
                    found, other, rulebook
                )


def test_the_requester_names_the_list_of_its_own_portfolio(worlds: Worlds, tmp_path: Path) -> None:
    async def main() -> None:
        world = worlds.make(suite=Suite.MASKED_SUM)
        async with asyncio.timeout(60), list_world(world, tmp_path) as lists:
            hold_digits(lists.hub, keys(50))
            asker = lists.create(lists.hub.people(keys(50)))
            await asker.run(JOB)
            files = asker.files
            assert isinstance(files, JobFiles)
            digest = digest_of_rows(files, JOB, world.nodes["lender-a"].requester.secrets.sealing_key)
            asked = header(list_mark(NONCE, digest), "lender-a", int(time.time()))
            for member in LENDERS:
                store = lists.hub.members[member].store
                assert isinstance(store, SqliteAnswers)
                found = listed_in(store, asked, asked.issued_at - 3_600)
                assert found is not None
                assert len(found) == 50

    asyncio.run(main())


def test_lists_are_for_totals_over_lists_alone(worlds: Worlds) -> None:
    consortium = statistic_world(worlds)
    asking = consortium.requester("lender-a")
    for template, tags in (("scenes", b"d" * 32), (LIST_TOTALS.id, b"")):
        with refused(Code.SETTINGS_INVALID):
            asking.build(template, consortium.rulebook, consortium.world.now, tags)
    statistic, _ = asking.build(LIST_TOTALS.id, consortium.rulebook, consortium.world.now, b"d" * 32)
    assert consortium.carry(statistic).members == frozenset(LENDERS)
    other, _ = asking.build(LIST_TOTALS.id, consortium.rulebook, consortium.world.now, b"d" * 32)
    assert other.header.list_mark != statistic.header.list_mark, "two totals over one list do not look alike"
    with refused(Code.STATISTIC_NOT_ALLOWED):
        consortium.build(LIST_TOTALS.id)


@pytest.mark.parametrize(
    "changes",
    [{"roles": ["lender", "regulator"]}, {"touches": 1}, {"dimensions": [{"axis": "attribute", "values": ["x"]}]}],
)
def test_templates_of_lists_that_contradict_themselves_are_refused(changes: dict[str, object]) -> None:
    value = policy().model_dump(mode="json")
    templates = [one | changes if one["id"] == LIST_TOTALS.id else one for one in value["templates"]]
    content = policy().model_validate(value | {"templates": templates}).to_bytes()
    with refused(Code.RULEBOOK_INVALID, cause=LIST_TOTALS.id):
        with_statistics(content)
