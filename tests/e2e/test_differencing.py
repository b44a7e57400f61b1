"""Attacks on the answering set: everything a gateway could vary to isolate one lender's number."""

from dataclasses import replace
from itertools import combinations

import pytest

from consortium.errors import Code
from consortium.model.keys import SECONDS_PER_DAY, utc_day
from consortium.model.members import MemberId, MemberSet
from consortium.model.query import SignedQuery
from consortium.model.rounds import Bound, BoundState, Round2Request
from consortium.sealing.payload import SubjectTags
from consortium.wire.rounds import (
    round1_request_to_bytes,
    round2_request_to_bytes,
    signed_round1_from_bytes,
    signed_round2_from_bytes,
)
from gateway.policy.selection import choose_answering_set
from participants.lender.ask import ValueStatus, new_query_key
from participants.lender.identity import PairKeys, new_mask_key
from tests.support.codes import refused
from tests.support.world import ALICE, ALICE_ID, LENDERS, World, Worlds

EVERYBODY = frozenset(LENDERS)
WITHOUT_E = EVERYBODY - {"lender-e"}
WITHOUT_D = EVERYBODY - {"lender-d"}


def release(
    world: World, member: MemberId, query: SignedQuery, answering: MemberSet, *, attempt: int = 1, later: int = 0
) -> bytes:
    """Lead one member through both rounds as a gateway of our own choosing; gives its signed correction."""
    contributor = world.nodes[member].contributor
    call = world.call(query, attempt)
    contributor.round1(round1_request_to_bytes(call), world.now + later)
    return contributor.round2(round2_request_to_bytes(Round2Request(call.ctx, answering)), world.now + later)


def bound_state(world: World, member: MemberId, subject: SubjectTags) -> BoundState:
    call = round1_request_to_bytes(world.call(world.query(subject), attempt=3))
    opening = signed_round1_from_bytes(world.nodes[member].contributor.round1(call, world.now)).opening
    assert opening is not None
    return opening.bound.state


def test_two_attempts_of_one_query_release_for_one_set(world: World) -> None:
    query = world.query(world.subject(ALICE))
    release(world, "lender-b", query, EVERYBODY, attempt=1)
    with refused(Code.DIFFERENCING):
        release(world, "lender-b", query, WITHOUT_E, attempt=2)
    release(world, "lender-b", query, EVERYBODY, attempt=3)


def test_another_query_of_another_requester_meets_the_same_ledger(world: World) -> None:
    release(world, "lender-b", world.query(world.subject(ALICE)), WITHOUT_E)
    other = world.query(world.subject(ALICE, by="lender-c"), by="lender-c")
    with refused(Code.DIFFERENCING):
        release(world, "lender-b", other, EVERYBODY)


@pytest.mark.parametrize(("first", "second"), list(combinations(LENDERS[2:], 2)))
def test_pairwise_distant_sets_do_not_help(world: World, first: MemberId, second: MemberId) -> None:
    subject = world.subject(ALICE)
    release(world, "lender-b", world.query(subject), EVERYBODY - {first})
    with refused(Code.DIFFERENCING):
        release(world, "lender-b", world.query(subject), EVERYBODY - {second})


def test_a_repeat_gives_the_same_bytes_and_another_set_nothing(world: World) -> None:
    query = world.query(world.subject(ALICE))
    first = release(world, "lender-b", query, EVERYBODY)
    assert release(world, "lender-b", query, EVERYBODY) == first
    with refused(Code.ALREADY_RELEASED):
        release(world, "lender-b", query, WITHOUT_E)


def test_an_incomplete_query_binds_all_the_same(world: World) -> None:
    """One member released, then the gateway gave up: the subject stays bound at that member."""
    subject = world.subject(ALICE)
    release(world, "lender-b", world.query(subject), WITHOUT_E)
    assert bound_state(world, "lender-b", subject) is BoundState.SET
    assert bound_state(world, "lender-c", subject) is BoundState.NONE


def test_one_tag_of_several_binds_every_query_that_has_it(world: World) -> None:
    both = world.subject(ALICE, ALICE_ID)
    release(world, "lender-b", world.query(both), WITHOUT_E)
    with refused(Code.DIFFERENCING):
        release(world, "lender-b", world.query(world.subject(ALICE_ID)), EVERYBODY)


def test_tags_bound_to_different_sets_conflict(world: World) -> None:
    by_phone, by_id = world.subject(ALICE), world.subject(ALICE_ID)
    for member in LENDERS[:4]:
        release(world, member, world.query(by_phone), WITHOUT_E)
    for member in LENDERS:
        release(world, member, world.query(by_id), EVERYBODY)
    with refused(Code.CONFLICT):
        world.ask(world.subject(ALICE, ALICE_ID))
    with refused(Code.CONFLICT):
        release(world, "lender-b", world.query(world.subject(ALICE, ALICE_ID)), EVERYBODY)


def test_the_binding_ends_with_its_window_and_is_never_prolonged(world: World) -> None:
    window = world.rulebook.policy.ledger_window
    release(world, "lender-b", world.query(world.subject(ALICE)), WITHOUT_E)
    late = _on_day(world, window // 2)
    release(late, "lender-b", late.query(late.subject(ALICE)), WITHOUT_E)
    last = _on_day(world, window - 1)
    with refused(Code.DIFFERENCING):
        release(last, "lender-b", last.query(last.subject(ALICE)), EVERYBODY)
    after = _on_day(world, window)
    release(after, "lender-b", after.query(after.subject(ALICE)), EVERYBODY)


def test_a_set_with_too_few_members_or_without_us_is_refused(world: World) -> None:
    query = world.query(world.subject(ALICE))
    with refused(Code.TOO_FEW_CONTRIBUTORS):
        release(world, "lender-b", query, frozenset(LENDERS[:3]))
    with refused(Code.ROSTER_MISMATCH):
        release(world, "lender-b", query, EVERYBODY - {"lender-b"})
    with refused(Code.ROSTER_MISMATCH):
        release(world, "lender-b", query, EVERYBODY | {"lender-x"})
    assert bound_state(world, "lender-b", world.subject(ALICE)) is BoundState.NONE


def test_an_answering_set_stays_within_the_intended_one(world: World) -> None:
    query, contributor = world.query(world.subject(ALICE)), world.nodes["lender-b"].contributor
    call = world.call(query, intended=sorted(WITHOUT_E))
    contributor.round1(round1_request_to_bytes(call), world.now)
    with refused(Code.ROSTER_MISMATCH):
        contributor.round2(round2_request_to_bytes(Round2Request(call.ctx, EVERYBODY)), world.now)


def test_a_roster_of_the_gateways_own_is_refused(world: World) -> None:
    query = world.query(world.subject(ALICE))
    call = world.call(query)
    contributor = world.nodes["lender-b"].contributor
    fewer = replace(call, roster=call.roster[:4], intended=frozenset(LENDERS[:4]))
    with refused(Code.ROSTER_MISMATCH):
        contributor.round1(round1_request_to_bytes(fewer), world.now)


def test_another_members_mask_key_in_our_place_is_refused(world: World) -> None:
    call = world.call(world.query(world.subject(ALICE)))
    swapped = tuple(
        replace(entry, mask_key=call.roster[2].mask_key) if entry.member == "lender-b" else entry
        for entry in call.roster
    )
    with refused(Code.ROSTER_MISMATCH, Code.CERTIFICATE_INVALID):
        request = round1_request_to_bytes(replace(call, roster=swapped))
        world.nodes["lender-b"].contributor.round1(request, world.now)


def test_one_invented_binding_changes_nothing_but_its_own_part(world: World) -> None:
    """A single member that claims to be bound elsewhere is left out; it cannot choose the set for the others."""
    groups = world.rulebook.groups
    bounds = {member: Bound(BoundState.NONE) for member in LENDERS}
    bounds["lender-e"] = Bound(BoundState.SET, WITHOUT_D)
    chosen = choose_answering_set(bounds, EVERYBODY, "lender-a", groups, (1, 3))
    assert chosen.members == WITHOUT_E
    assert not chosen.bound
    bounds["lender-c"] = Bound(BoundState.SET, WITHOUT_D)
    with refused(Code.DIFFERENCING):
        choose_answering_set(
            bounds | {"lender-b": Bound(BoundState.SET, WITHOUT_E)}, EVERYBODY, "lender-a", groups, (1, 3)
        )


def test_a_bound_set_is_chosen_again_and_marked_incomplete(world: World) -> None:
    world.hub.offline = frozenset({"lender-e"})
    assert world.ask(world.subject(ALICE)).answered == tuple(sorted(WITHOUT_E))
    world.hub.offline = frozenset()
    result = world.ask(world.subject(ALICE))
    assert result.answered == tuple(sorted(WITHOUT_E))
    assert {item.status for item in result.attributes} == {ValueStatus.INCOMPLETE}


def test_while_a_bound_member_is_silent_there_is_no_answer(world: World) -> None:
    world.ask(world.subject(ALICE))
    world.hub.offline = frozenset({"lender-e"})
    with refused(Code.DIFFERENCING):
        world.ask(world.subject(ALICE))
    world.hub.offline = frozenset()
    assert world.ask(world.subject(ALICE)).answered == LENDERS


@pytest.mark.parametrize("joining", ["f", "fghi"], ids=["one", "four"])
def test_members_that_join_within_the_window_do_not_widen_the_set(worlds: Worlds, joining: str) -> None:
    """The bound set stays large enough for the roster of its binding, however many join; asked twice, alike."""
    newcomers = tuple(f"lender-{letter}" for letter in joining)
    before, after = worlds.make(LENDERS), worlds.make((*LENDERS, *newcomers))
    _share_ledgers(before, after)
    subject = before.subject(ALICE)
    before.ask(subject)
    for _ in range(2):
        result = after.ask(subject)
        assert result.answered == LENDERS
        assert result.missing == newcomers


def test_a_member_that_leaves_within_the_window_does_not_narrow_it(worlds: Worlds) -> None:
    six = (*LENDERS, "lender-f")
    before, after = worlds.make(six), worlds.make(LENDERS)
    _share_ledgers(before, after)
    subject = before.subject(ALICE)
    before.ask(subject)
    with refused(Code.DIFFERENCING):
        after.ask(subject)


def test_a_node_restored_from_a_backup_releases_nothing_for_one_window(world: World) -> None:
    store = world.nodes["lender-b"].contributor.store
    with store.transaction() as transaction:
        transaction.quarantine(world.now + world.rulebook.policy.ledger_window)
    query = world.query(world.subject(ALICE))
    with refused(Code.RESTORED_FROM_BACKUP):
        release(world, "lender-b", query, EVERYBODY)
    with refused(Code.RESTORED_FROM_BACKUP):
        world.nodes["lender-b"].contributor.round1(round1_request_to_bytes(world.call(query)), world.now)


def test_counters_have_no_gap_and_refusals_take_none(world: World) -> None:
    query, contributor = world.query(world.subject(ALICE)), world.nodes["lender-b"].contributor
    call = world.call(query)
    first = signed_round1_from_bytes(contributor.round1(round1_request_to_bytes(call), world.now))
    with refused(Code.TOO_FEW_CONTRIBUTORS):
        contributor.round2(round2_request_to_bytes(Round2Request(call.ctx, frozenset(LENDERS[:2]))), world.now)
    second = contributor.round2(round2_request_to_bytes(Round2Request(call.ctx, EVERYBODY)), world.now)
    openings = first.opening, signed_round2_from_bytes(second).opening
    assert [opening.counter for opening in openings if opening] == [1, 2]


def _on_day(world: World, later: int) -> World:
    """The same ledgers, some seconds later, with that day's mask keys."""
    now = world.now + later
    day = utc_day(now)
    nodes = {}
    for member, node in world.nodes.items():
        identity = node.contributor.identity
        keys = {day: new_mask_key(identity, world.foundation.rng(32), day)}
        contributor = replace(node.contributor, pairs=PairKeys(keys))
        validity = (day * SECONDS_PER_DAY, (day + 1) * SECONDS_PER_DAY)
        query_key = new_query_key(identity, node.requester.query_key.secret, validity)
        nodes[member] = replace(node, contributor=contributor, requester=replace(node.requester, query_key=query_key))
    return replace(world, nodes=nodes, hub=replace(world.hub, nodes=nodes), now=now)


def _share_ledgers(before: World, after: World) -> None:
    for member in set(before.nodes) & set(after.nodes):
        object.__setattr__(after.nodes[member].contributor, "store", before.nodes[member].contributor.store)
