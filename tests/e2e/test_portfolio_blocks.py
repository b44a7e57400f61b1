"""Lists in one process: sums, repeats, the ledger of rows both ways, rows left out, and lists that must not be."""

from dataclasses import replace

import numpy as np
import pytest

from consortium.bitmaps import truths
from consortium.errors import Code
from consortium.model.blocks import BlockRelease
from consortium.model.credit_file import CreditFile
from consortium.model.identifiers import IdentifierKind, SubjectKey
from consortium.model.query import Suite
from consortium.sealing.payload import SubjectTags
from consortium.wire.portfolio import block_message_to_proto
from gateway.usecases.blocks import BlockRun
from participants.lender.answer_ports import Binding
from participants.lender.portfolio.ask import BlockResult, ListPeople
from participants.lender.portfolio.rows import ListTags
from participants.storage.lists import ListFolder
from tests.support.codes import refused
from tests.support.list_hub import ListHub, RowAlarmsSeen, hold_digits, keys, list_contributor, tag_of, vectors
from tests.support.world import LENDERS, World, Worlds, seeded_rng, tradeline

PEOPLE = keys(50)


@pytest.fixture
def hub(worlds: Worlds) -> ListHub:
    return ListHub(worlds.make(suite=Suite.MASKED_SUM))


def balances(results: list[BlockResult]) -> list[int]:
    return [int(value) for result in results for value in result.totals["balance"]]


def in_order(people: ListPeople, expected: dict[bytes, int]) -> list[int]:
    return [expected[key.tobytes()] for key in people.keys]


def subject(world: World, key: bytes) -> SubjectTags:
    known = (SubjectKey(key), tag_of(world, key))
    return SubjectTags.create([None, known, None], seeded_rng(key), generation=1)


def test_every_row_has_its_sum_and_a_repeat_is_the_same(hub: ListHub) -> None:
    expected, people = hold_digits(hub, PEOPLE), hub.people(PEOPLE)
    job, sealed = hub.build(people, rows_per_block=20)
    assert len(sealed) == 3
    hub.distribute(job, sealed)
    terms = hub.terms(job)
    runs = [hub.carry(terms, block) for block in range(3)]
    assert balances([hub.conclude(job, run) for run in runs]) == in_order(people, expected)
    matched = np.concatenate([hub.conclude(job, run).totals["matched_by_phone"] for run in runs])
    assert matched[matched > 0].size == sum(value > 0 for value in expected.values())
    for run in runs:
        assert all(len(one.data) == 32 for one in run.round2.values()), "everybody answers: seeds, no vectors"
        again = hub.carry(terms, run.block)
        for first, second in ((run.round1, again.round1), (run.round2, again.round2)):
            assert [block_message_to_proto(one) for one in first.values()] == [
                block_message_to_proto(one) for one in second.values()
            ]


def test_after_a_restart_a_member_repeats_its_bytes(hub: ListHub) -> None:
    hold_digits(hub, PEOPLE)
    job, sealed = hub.build(hub.people(PEOPLE), rows_per_block=20)
    hub.distribute(job, sealed)
    terms = hub.terms(job)
    run = hub.carry(terms, 1)
    hub.members["lender-c"] = list_contributor(hub.world.nodes["lender-c"].contributor)
    for held in hub.world.books["lender-c"].files.values():  # the book has changed meanwhile
        assert held
    hub.world.books["lender-c"].files.clear()
    again = hub.carry(terms, 1)
    assert again.round1["lender-c"].data == run.round1["lender-c"].data
    assert hub.conclude(job, again).totals["balance"].tolist() == hub.conclude(job, run).totals["balance"].tolist()


def test_two_nodes_of_a_lender_with_two_books_sign_the_same_values(
    hub: ListHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two replicas of the gateway call for a block at once, and the day's book changes between the two nodes."""
    expected, people = hold_digits(hub, PEOPLE), hub.people(PEOPLE)
    job, sealed = hub.build(people)
    hub.distribute(job, sealed)
    node, other = hub.members["lender-c"], list_contributor(hub.world.nodes["lender-c"].contributor)
    run = BlockRun(hub.terms(job), 0)
    call = run.call(frozenset(LENDERS))
    faster: list[bytes] = []
    keep_values = ListFolder.keep_values

    def is_second(files: ListFolder, job: bytes, ctx: bytes, sealed: bytes) -> None:
        if not faster:
            faster.append(b"")
            hub.world.books["lender-c"].files.clear()
            faster[0] = other.round1(call, hub.world.now).data
        keep_values(files, job, ctx, sealed)

    monkeypatch.setattr(ListFolder, "keep_values", is_second)
    assert node.round1(call, hub.world.now).data == faster[0]
    run = hub.carry(hub.terms(job), 0)
    assert run.round1["lender-c"].data == faster[0]
    without = [value - 100**2 * (value // 100**2 % 100) for value in in_order(people, expected)]
    assert balances([hub.conclude(job, run)]) == without


def test_the_same_list_again_is_answered_over_the_same_sets(hub: ListHub) -> None:
    expected, people = hold_digits(hub, PEOPLE), hub.people(PEOPLE)
    hub.offline = frozenset({"lender-e"})
    job, sealed = hub.build(people, rows_per_block=20)
    assert balances(hub.ask(job, sealed)) == [value % 10**8 for value in in_order(people, expected)]
    hub.offline = frozenset()
    job, sealed = hub.build(people, rows_per_block=30)
    for result in hub.ask(job, sealed):
        assert result.answered == frozenset(LENDERS) - {"lender-e"}, "everybody's set of before, whatever the blocks"
        assert result.kept.all()


def test_without_a_member_corrections_are_vectors_of_the_rows_kept(hub: ListHub) -> None:
    hold_digits(hub, PEOPLE)
    hub.offline = frozenset({"lender-b"})
    job, sealed = hub.build(hub.people(PEOPLE), rows_per_block=50)
    hub.distribute(job, sealed)
    run = hub.carry(hub.terms(job), 0)
    words = hub.terms(job).words
    assert {len(one.data) for one in run.round2.values()} == {50 * words * 8}


def test_a_single_query_binds_a_row_and_it_is_left_out(hub: ListHub) -> None:
    expected, people = hold_digits(hub, PEOPLE), hub.people(PEOPLE)
    world, asked = hub.world, PEOPLE[7]
    world.hub.offline = frozenset({"lender-e"})
    world.ask(subject(world, asked), suite=Suite.MASKED_SUM)
    world.hub.offline = frozenset()
    job, sealed = hub.build(people)
    (result,) = hub.ask(job, sealed)
    row = [key.tobytes() for key in people.keys].index(asked)
    assert np.flatnonzero(~result.kept).tolist() == [row], "one row is bound to the others' set"
    del expected[asked]
    wanted = [expected[key.tobytes()] for key in people.keys if key.tobytes() != asked]
    assert balances([result]) == wanted
    assert result.answered == frozenset(LENDERS)


def test_a_list_binds_its_people_for_single_queries(hub: ListHub) -> None:
    hold_digits(hub, PEOPLE)
    world = hub.world
    hub.offline = frozenset({"lender-e"})
    job, sealed = hub.build(hub.people(PEOPLE), rows_per_block=20)
    hub.ask(job, sealed)
    answer = world.ask(subject(world, PEOPLE[3]), suite=Suite.MASKED_SUM)
    assert answer.missing == ("lender-e",), "bound to the list's set, though everybody is here"
    world.hub.offline = frozenset({"lender-d"})
    with refused(Code.DIFFERENCING):
        world.ask(subject(world, PEOPLE[3]), suite=Suite.MASKED_SUM)
    other = world.ask(subject(world, keys(1, b"stranger")[0]), suite=Suite.MASKED_SUM)
    assert other.missing == ("lender-d",)


def test_another_requesters_list_meets_the_same_bindings(hub: ListHub) -> None:
    hold_digits(hub, PEOPLE)
    hub.offline = frozenset({"lender-e"})
    job, sealed = hub.build(hub.people(PEOPLE[:10]))
    hub.ask(job, sealed)
    hub.offline = frozenset()
    people = hub.people(PEOPLE)
    job, sealed = hub.build(people, by="lender-b")
    (result,) = hub.ask(job, sealed, by="lender-b")
    assert result.answered == frozenset(LENDERS)
    left = {people.keys[row].tobytes() for row in np.flatnonzero(~result.kept)}
    assert left == set(PEOPLE[:10])


def test_nothing_is_released_unless_rows_bound_otherwise_are_left_out(hub: ListHub) -> None:
    world = hub.world
    world.hub.offline = frozenset({"lender-e"})
    world.ask(subject(world, PEOPLE[7]), suite=Suite.MASKED_SUM)
    job, sealed = hub.build(hub.people(PEOPLE))
    hub.distribute(job, sealed)
    run = BlockRun(hub.terms(job), 0)
    hub.first_round(run)
    release, member = hub.release(run), hub.members["lender-b"]
    with refused(Code.DIFFERENCING):
        member.round2(replace(release, left_out=b""), world.now)
    other = bytearray(release.left_out)
    other[0] ^= 0xFF
    with refused(Code.DIFFERENCING, Code.MALFORMED):
        member.round2(replace(release, left_out=bytes(other[:1]) + bytes(len(other) - 1)), world.now)
    with refused(Code.MALFORMED):
        member.round2(replace(release, left_out=b"\x00" * 7), world.now)
    with refused(Code.MALFORMED):
        member.round2(replace(release, left_out=b"\xff" * 3), world.now)
    hub.second_round(run)
    words = hub.terms(job).words
    assert {len(one.data) for one in run.round2.values()} == {49 * words * 8}, "no word of the row left out"


def test_a_correction_is_released_once_for_one_set_and_one_bitmap(hub: ListHub) -> None:
    job, sealed = hub.build(hub.people(PEOPLE))
    hub.distribute(job, sealed)
    run = hub.carry(hub.terms(job), 0)
    release, member = hub.release(run), hub.members["lender-b"]
    smaller = release.members - {"lender-e"}
    with refused(Code.ALREADY_RELEASED):
        member.round2(replace(release, members=smaller), hub.world.now)
    with refused(Code.ALREADY_RELEASED):
        member.round2(replace(release, left_out=b"\x01" + bytes(6)), hub.world.now)
    with refused(Code.CTX_UNKNOWN):
        member.round2(BlockRelease(release.job, b"?" * 32, release.members, b""), hub.world.now)


def test_whom_a_lender_holds_shows_in_no_size(hub: ListHub) -> None:
    for key in PEOPLE:
        hub.hold("lender-b", key, 5)
    job, sealed = hub.build(hub.people(PEOPLE))
    hub.distribute(job, sealed)
    run = hub.carry(hub.terms(job), 0)
    for messages in (run.round1, run.round2):
        sizes = {len(block_message_to_proto(one).SerializeToString()) for one in messages.values()}
        assert len(sizes) == 1, "everything and nothing held look alike"


def test_a_late_attempt_for_a_block_whose_seeds_are_out_stays_with_its_set(hub: ListHub) -> None:
    """The seeds of a block are out; whatever is opened for its rows afterwards is for the same set only."""
    job, sealed = hub.build(hub.people(PEOPLE))
    hub.distribute(job, sealed)
    terms = hub.terms(job)
    hub.carry(terms, 0)
    hub.offline = frozenset({"lender-e"})
    late = BlockRun(terms, 0, attempt=1)
    call = late.call(frozenset(LENDERS) - hub.offline)
    for member in sorted(late.asked):
        late.receive_round1(member, hub.members[member].round1(call, hub.world.now))
    with refused(Code.DIFFERENCING):
        late.close_round1()
    for member in sorted(late.asked):
        with refused(Code.DIFFERENCING):
            hub.members[member].round2(BlockRelease(terms.digest, late.ctx, call.intended, b""), hub.world.now)


def test_a_list_that_differs_by_one_person_is_refused(hub: ListHub) -> None:
    job, sealed = hub.build(hub.people(PEOPLE))
    hub.ask(job, sealed)
    for other in (PEOPLE[1:], [*PEOPLE, *keys(1, b"one more")], [*PEOPLE[:1], *keys(30, b"others")]):
        job, sealed = hub.build(hub.people(list(other)))
        with refused(Code.LIST_OVERLAPS):
            hub.distribute(job, sealed)
    job, sealed = hub.build(hub.people(keys(30, b"disjoint")))
    hub.ask(job, sealed)
    job, sealed = hub.build(hub.people(PEOPLE))
    hub.ask(job, sealed)
    job, sealed = hub.build(hub.people(PEOPLE[1:]), by="lender-b")
    hub.ask(job, sealed, by="lender-b")


def test_a_list_has_its_tags_although_its_node_forgets_others_meanwhile(
    hub: ListHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without them every query of this lender would fail for as long as the list counts."""
    kept: list[bytes] = []
    keep_tags = ListFolder.keep_tags

    def forgets_once(files: ListFolder, digest: bytes, tags: ListTags) -> None:
        keep_tags(files, digest, tags)
        if not kept:
            files.forget_tags([])
        kept.append(digest)

    monkeypatch.setattr(ListFolder, "keep_tags", forgets_once)
    people = hub.people(PEOPLE)
    job, sealed = hub.build(people)
    hub.ask(job, sealed)
    assert len(kept) == len(LENDERS) + 1
    for member in hub.members.values():
        assert len(member.store.lists.tags(kept[0])) == len(PEOPLE)


def test_invented_tags_around_one_real_person(hub: ListHub) -> None:
    """Whoever has a tag without its key gets nothing, and the holders' own alarms see it; nothing outside shows it."""
    hub.hold("lender-b", PEOPLE[0], 77)
    hub.hold("lender-c", PEOPLE[1], 55)
    seen = RowAlarmsSeen()
    hub.members["lender-b"] = list_contributor(hub.world.nodes["lender-b"].contributor, seen)
    people = hub.people(PEOPLE)
    real = {hub.people([key]).tags.tobytes(): key for key in PEOPLE[:2]}
    wrong = people.keys.copy()
    for row, tag in enumerate(people.tags):
        if real.get(tag.tobytes()) == PEOPLE[0]:
            wrong[row] = np.frombuffer(keys(1, b"no key")[0], dtype=np.uint8)
    job, sealed = hub.build(replace(people, keys=wrong))
    (result,) = hub.ask(job, sealed)
    assert max(balances([result])) == 55
    assert sum(balances([result])) == 55
    assert seen.rows == 1


def test_a_requester_finds_out_what_a_gateway_changes(hub: ListHub) -> None:
    hold_digits(hub, PEOPLE)
    job, sealed = hub.build(hub.people(PEOPLE))
    hub.distribute(job, sealed)
    run = hub.carry(hub.terms(job), 0)
    transcript, given, rulebook = run.transcript(), vectors(run), hub.world.rulebook
    requester = hub.requester()
    requester.conclude(job, transcript, given, rulebook)
    flipped = bytearray(given.contributions["lender-c"])
    flipped[100] ^= 1
    for changed in (
        replace(given, contributions={**given.contributions, "lender-c": bytes(flipped)}),
        replace(given, corrections={**given.corrections, "lender-c": bytes(32)}),
        replace(given, contributions={"lender-a": given.contributions["lender-a"]}),
        replace(given, left_out=b"\x01" + bytes(6)),
    ):
        with refused(Code.TRANSCRIPT_INVALID):
            requester.conclude(job, transcript, changed, rulebook)
    for other in (
        replace(transcript, product=bytes(32)),
        replace(transcript, attempt=2),
        replace(transcript, block=1),
        replace(transcript, members=transcript.members - {"lender-e"}),
    ):
        with refused(Code.TRANSCRIPT_INVALID):
            requester.conclude(job, other, given, rulebook)


def test_what_a_list_must_be(hub: ListHub) -> None:
    people = hub.people(PEOPLE)
    with refused(Code.LIST_INVALID):
        hub.build(ListPeople(people.tags[::-1].copy(), people.keys[::-1].copy()))
    with refused(Code.LIST_INVALID):
        hub.build(ListPeople(people.tags[[0, 0, 1]], people.keys[[0, 0, 1]]))
    with refused(Code.LIST_INVALID):
        hub.build(ListPeople(people.tags[:0], people.keys[:0]))
    job, sealed = hub.build(people, rows_per_block=20)
    sealed[1], sealed[2] = sealed[2], sealed[1]
    with refused(Code.PAYLOAD_INVALID):
        hub.distribute(job, sealed)
    job, sealed = hub.build(people, rows_per_block=20)
    other, others = hub.build(people, rows_per_block=20)
    with refused(Code.PAYLOAD_INVALID):
        hub.distribute(job, others)
    with refused(Code.SIGNATURE_INVALID):
        hub.distribute(replace(job, query=replace(job.query, payload=other.query.payload)), sealed)


def test_a_member_that_names_sets_of_its_own_leaves_no_row_out(hub: ListHub) -> None:
    """A row or two are left out for one member's sake, a whole block is not: then the member is."""
    hold_digits(hub, PEOPLE)
    world = hub.world
    store, roster = world.nodes["lender-d"].contributor.store, frozenset(LENDERS)
    with store.transaction() as transaction:
        for key in PEOPLE[:40]:
            transaction.bind(tag_of(world, key), Binding(roster - {"lender-a"}, roster, world.now))
    job, sealed = hub.build(hub.people(PEOPLE), rows_per_block=50)
    (result,) = hub.ask(job, sealed)
    assert result.answered == roster - {"lender-d"}
    assert result.kept.all()


def test_held_files_are_found_whatever_the_blocks(hub: ListHub) -> None:
    for key in PEOPLE:
        hub.hold("lender-b", key, 3)
    tag = tag_of(hub.world, PEOPLE[5])
    held = hub.world.books["lender-b"].files[tag.value]
    more = CreditFile(IdentifierKind.PHONE, (tradeline(1), tradeline(2, "a2")))
    hub.world.books["lender-b"].files[tag.value] = replace(held, file=more)
    job, sealed = hub.build(hub.people(PEOPLE), rows_per_block=7)
    results = hub.ask(job, sealed)
    assert len(results) == 8
    assert balances(results) == [3] * 50
    assert sum(int(value) for result in results for value in result.totals["open_tradelines"]) == 51
    assert all(truths(b"\xff" * 6 + b"\x03", 50))
