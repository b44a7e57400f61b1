"""Small consortia with travel checks: places in Beijing, its rush hours, and a question about being there."""

from dataclasses import replace

from consortium.membership.genesis import DEFAULT_FAMILIES
from consortium.model.catalogue import Family, Purpose
from consortium.model.consent import SignedConsent
from consortium.model.credit_file import CreditFile, Location
from consortium.model.identifiers import IdentifierKind
from consortium.model.members import MemberId
from consortium.model.query import SignedQuery
from consortium.model.rounds import Transcript
from consortium.sealing.payload import SubjectTags
from consortium.travel.geography import Point
from consortium.travel.policy import DEFAULT_TRAVEL, PeakHours, TravelPolicy
from participants.lender.ask import QueryResult, Question
from participants.lender.travel import TravelQuestion, TravelResult
from tests.support.world import LENDERS, World, Worlds

FAMILIES = (*DEFAULT_FAMILIES, Family.LOCATION)
WEST_SECOND_RING = Point(39_923_600, 116_349_600)
EAST_FOURTH_RING = Point(39_923_600, 116_483_500)
SHANGHAI = Point(31_230_400, 121_473_700)
BEIJING_RUSH = PeakHours(
    name="Beijing, mornings",
    utc_offset=480,
    weekdays=(0, 1, 2, 3, 4),
    begins=7 * 60,
    ends=9 * 60,
    south=39_750_000,
    west=116_150_000,
    north=40_050_000,
    east=116_650_000,
)
SMALL = DEFAULT_TRAVEL.model_copy(update={"tile": 16_000})
"""64 cells instead of 1,024: pads are made on the spot in tests."""


def travelling(worlds: Worlds, policy: TravelPolicy = SMALL, **terms: object) -> World:
    """Found five lenders whose rulebook allows travel checks."""
    return worlds.make(LENDERS, travel=policy, **{"families": FAMILIES, **terms})


def was_at(world: World, member: MemberId, subject: SubjectTags, *events: tuple[Point, int], place: int = 1) -> None:
    """Put a file into a lender's book that says where the subject was, seconds before now."""
    locations = tuple(
        sorted(
            (Location(world.now - ago, where.latitude, where.longitude) for where, ago in events),
            key=lambda one: one.order,
        )
    )
    world.hold(member, subject, place, CreditFile(IdentifierKind(place), locations=locations))


def travel_question(where: Point, time: int, payment: str = "payment-1") -> TravelQuestion:
    return TravelQuestion(where, time, payment)


def agreed(world: World, subject: SubjectTags, *, by: MemberId = "lender-a", uses: int = 100) -> SignedConsent:
    return world.consent(subject, by=by, families=frozenset(FAMILIES), maximum_uses=uses)


def travel_query(
    world: World,
    subject: SubjectTags,
    question: TravelQuestion,
    *,
    by: MemberId = "lender-a",
    consent: SignedConsent | None = None,
    purpose: Purpose = Purpose.ORIGINATION,
    attribute: str = "balance",
) -> SignedQuery:
    asked = Question(purpose, (attribute,), world.rulebook.policy.suites[0], travel=question)
    return world.nodes[by].ask(subject, asked, consent or agreed(world, subject, by=by), world.now)


def concluded(
    world: World, query: SignedQuery, transcript: Transcript, question: TravelQuestion, by: MemberId = "lender-a"
) -> QueryResult:
    return world.nodes[by].conclude(query, transcript, question)


def check_travel(
    world: World, subject: SubjectTags, question: TravelQuestion, *, by: MemberId = "lender-a"
) -> TravelResult:
    """Ask by the whole protocol; gives the check's outcome."""
    query = travel_query(world, subject, question, by=by)
    found = concluded(world, query, world.transcript(query), question, by).travel
    assert found is not None
    return found


def payment(question: TravelQuestion, number: int) -> TravelQuestion:
    return replace(question, payment=f"payment-{number}")
