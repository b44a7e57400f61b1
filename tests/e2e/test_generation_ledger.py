"""After a change of the key's generation the ledger still knows what was released before it, whatever is tried."""

from dataclasses import replace

import pytest

from consortium.errors import Code
from consortium.membership.changeover import generation_before
from consortium.membership.proposals import PROPOSAL_LIFETIME
from consortium.model.catalogue import Purpose
from consortium.model.credit_file import CreditFile
from consortium.model.identifiers import IdentifierKind, SubjectTag
from consortium.model.members import MemberId
from consortium.model.query import Suite
from consortium.model.rounds import Bound, BoundState
from consortium.sealing.payload import NO_EARLIER_TAGS, EarlierTags, SubjectTags
from consortium.wire.rounds import round1_request_to_bytes, signed_round1_from_bytes
from participants.lender.answer import Contributor
from participants.lender.ask import Question
from participants.lender.ledger import ChangedOver
from tests.support.change_over import carried, changed_over
from tests.support.codes import refused
from tests.support.world import ALICE, BOB, DEFAULT_ATTRIBUTES, LENDERS, World, tradeline

EVERYBODY = frozenset(LENDERS)
WITHOUT_E = EVERYBODY - {"lender-e"}
HOLDERS = ("lender-b", "lender-c", "lender-e")


def held(world: World) -> SubjectTags:
    """Three lenders hold ALICE, each with an amount that a sum shows."""
    subject = world.subject(ALICE)
    for number, member in enumerate(HOLDERS):
        world.hold(member, subject, 1, CreditFile(IdentifierKind.PHONE, (tradeline(10**number),)))
    return subject


def balance(world: World, subject: SubjectTags) -> int:
    return world.ask(subject).attributes[0].total


def asked_without_e(world: World) -> SubjectTags:
    """Release a sum for everybody but lender-e."""
    subject = held(world)
    world.hub.offline = frozenset({"lender-e"})
    assert balance(world, subject) == 11
    world.hub.offline = frozenset()
    return subject


def bound(world: World, member: MemberId, subject: SubjectTags) -> Bound:
    call = round1_request_to_bytes(world.call(world.query(subject), attempt=3))
    opening = signed_round1_from_bytes(world.nodes[member].contributor.round1(call, world.now)).opening
    assert opening is not None
    return opening.bound


def test_the_same_person_has_another_tag_and_the_same_total(world: World) -> None:
    before = held(world)
    total = balance(world, before)
    after = changed_over(world)
    subject = after.subject(ALICE)
    carried(world, after, before, subject)
    assert subject.tags[1] != before.tags[1]
    assert balance(after, subject) == total == 111


def test_what_was_released_before_the_change_still_binds(world: World) -> None:
    before = asked_without_e(world)
    after = changed_over(world)
    subject = after.subject(ALICE)
    carried(world, after, before, subject)
    assert balance(after, subject) == 11, "the number of lender-e would be the difference"
    for member in sorted(WITHOUT_E):
        assert bound(after, member, subject) == Bound(BoundState.SET, WITHOUT_E)
    assert balance(after, after.subject(BOB)) == 0
    assert bound(after, "lender-b", after.subject(BOB)) == Bound(BoundState.SET, EVERYBODY)


def test_a_made_up_earlier_tag_gets_zeros_and_so_nothing_to_subtract(world: World) -> None:
    """Who hides from the ledger hides from the books as well: lenders answer as if they did not hold the person."""
    before = asked_without_e(world)
    after = changed_over(world, newcomers=("lender-c",))
    subject = after.subject(ALICE)
    carried(world, after, before, subject)
    for tag in (SubjectTag(b"x" * 32), world.subject(BOB).tags[1]):
        hiding = replace(subject, earlier=EarlierTags(1, (None, tag, None)))
        result = after.ask(hiding)
        assert (result.attributes[0].total, sum(result.matched.values())) == (0, 0)
        assert sorted(result.answered) == sorted(EVERYBODY)


def test_a_query_without_earlier_tags_is_refused_by_all_alike(world: World) -> None:
    """Whom a lender holds, and whether it was there before the change, makes no difference."""
    before = held(world)
    after = changed_over(world, newcomers=("lender-d",))
    carried(world, after, before, after.subject(ALICE))
    question = Question(Purpose.ORIGINATION, DEFAULT_ATTRIBUTES, Suite.INSECURE_TEST_1024_MASKED, 60)
    for person in (ALICE, BOB):
        subject = replace(after.subject(person), earlier=NO_EARLIER_TAGS)
        with refused(Code.RULEBOOK_MISMATCH):
            after.query(subject)
        consent = after.consent(subject)
        query = after.nodes["lender-a"].requester.build(subject, question, consent, after.rulebook, after.now)
        for member in LENDERS:
            with refused(Code.EARLIER_TAGS_MISSING):
                after.nodes[member].contributor.round1(round1_request_to_bytes(after.call(query)), after.now)
        with refused(Code.EARLIER_TAGS_MISSING):
            after.transcript(query)


def test_the_ledger_looks_behind_a_change_for_one_window(world: World) -> None:
    before = asked_without_e(world)
    window = world.rulebook.policy.ledger_window
    after = changed_over(world)
    assert generation_before(after.rulebook.document, world.now + window + PROPOSAL_LIFETIME) is not None
    changed = ChangedOver(1, world.now)
    lifetime = world.rulebook.policy.query_lifetime
    assert changed.holds(after.rulebook, world.now + window + lifetime - 1)
    assert not changed.holds(after.rulebook, world.now + window + lifetime)
    assert before.generation == 1


def test_a_lender_without_the_generations_secrets_answers_nothing(world: World) -> None:
    after = changed_over(world)
    slow = after.nodes["lender-b"].contributor
    behind: Contributor = replace(slow, secrets=world.foundation.secrets)
    call = round1_request_to_bytes(after.call(after.query(after.subject(ALICE))))
    with refused(Code.RULEBOOK_MISMATCH):
        behind.round1(call, after.now)


@pytest.mark.parametrize("stale", [True, False])
def test_tags_of_the_generation_before_are_no_query(world: World, stale: bool) -> None:  # noqa: FBT001
    """An old share, or a node that is behind, gives tags that nobody asks with any more."""
    before = held(world)
    after = changed_over(world)
    carried(world, after, before, after.subject(ALICE))
    if stale:
        with refused(Code.RULEBOOK_MISMATCH):
            after.query(before)
        return
    forged = replace(before, generation=2, earlier=EarlierTags(1, before.tags))
    assert balance(after, forged) == 0
