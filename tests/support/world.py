"""A consortium of five lenders with small keys, books in memory and every message in reach of the test."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from consortium.hashing import Randomness
from consortium.model.catalogue import DEFAULT_CATALOGUE, LENDING, Attribute, Family, Purpose, Tier, Unit
from consortium.model.consent import SignedConsent
from consortium.model.credit_file import AccountStatus, CreditFile, PortfolioType, Tradeline
from consortium.model.identifiers import IdentifierKind, RawIdentifier, SubjectTag
from consortium.model.keys import SECONDS_PER_DAY
from consortium.model.members import MemberId
from consortium.model.query import SignedQuery, Suite
from consortium.model.rounds import Round1Request, Transcript
from consortium.model.rulebook import Rulebook
from consortium.sealing.payload import SubjectTags
from consortium.sums.secret import SecretKey
from demo.consortium import Foundation, Terms, found, lender_node
from participants.lender.ask import ConsentTerms, QueryResult, Question
from participants.lender.encryptor import PooledEncryptor
from participants.lender.node import LenderNode
from participants.lender.ports import BookView, HeldFile
from tests.support.hub import Hub

LENDERS = ("lender-a", "lender-b", "lender-c", "lender-d", "lender-e")
NOW = 20_500 * SECONDS_PER_DAY + 40_000
ALICE = RawIdentifier(IdentifierKind.PHONE, "13912345678", "CN")
ALICE_ID = RawIdentifier(IdentifierKind.NATIONAL_ID, "11010519491231002X", "CN")
BOB = RawIdentifier(IdentifierKind.PHONE, "13887654321", "CN")
DEFAULT_ATTRIBUTES = ("balance", "open_tradelines", "amount_past_due")
SWITCHED_OFF = Attribute("ties", "ties to others", Unit.COUNT, 255, Family.NETWORK, Tier.FULL, LENDING)
"""An attribute of a family that the usual jurisdiction profile does not permit."""


def seeded_rng(seed: bytes) -> Randomness:
    """A deterministic stream for tests: never the same bytes twice, the same stream for the same seed."""
    counter = iter(range(1 << 62))
    return lambda length: hashlib.shake_256(seed + next(counter).to_bytes(8, "big")).digest(length)


@dataclass(repr=False)
class FixedBook:
    """A book that a test fills by hand."""

    files: dict[bytes, HeldFile] = field(default_factory=dict)
    journal_size: int = 0

    def read(self, tags: Sequence[SubjectTag], *, live: bool) -> BookView:  # noqa: ARG002  same file either way
        held = tuple(self.files.get(tag.value) for tag in tags)
        return BookView(held, b"r" * 32, self.journal_size, b"h" * 32)


def tradeline(balance: int, account: str = "a1") -> Tradeline:
    return Tradeline(
        account,
        PortfolioType.REVOLVING,
        AccountStatus.CURRENT,
        opened=20_000,
        reported=20_490,
        limit=10**9,
        balance=balance,
    )


@dataclass
class World:
    """Five lenders, their nodes and books, and the hub."""

    foundation: Foundation
    nodes: dict[MemberId, LenderNode]
    books: dict[MemberId, FixedBook]
    hub: Hub
    now: int = NOW

    @property
    def rulebook(self) -> Rulebook:
        return self.foundation.rulebook

    def hold(self, member: MemberId, subject: SubjectTags, place: int, file: CreditFile) -> None:
        """Put a file into a lender's book under the tag of one place."""
        key = subject.keys[place]
        assert key is not None
        self.books[member].files[subject.tags[place].value] = HeldFile(IdentifierKind(place), key, file)

    def subject(self, *identifiers: RawIdentifier, by: MemberId = "lender-a") -> SubjectTags:
        return self.nodes[by].subject(identifiers)

    def consent(self, subject: SubjectTags, *, by: MemberId = "lender-a", **changes: object) -> SignedConsent:
        return self.nodes[by].consent(subject, self.terms(**changes))

    def terms(self, **changes: object) -> ConsentTerms:
        values: dict[str, object] = {
            "purpose": Purpose.ORIGINATION,
            "families": frozenset({Family.EXPOSURE, Family.REPAYMENT, Family.INQUIRIES, Family.RISK}),
            "issued_at": self.now - 60,
            "expires_at": self.now + 30 * SECONDS_PER_DAY,
            "maximum_uses": 10,
            "notice_digest": b"n" * 32,
            "notice_language": "zh-CN",
            "evidence_digest": b"e" * 32,
        }
        return ConsentTerms(**(values | changes))  # type: ignore[arg-type]  # tests vary single fields by name

    def query(
        self,
        subject: SubjectTags,
        *,
        by: MemberId = "lender-a",
        attributes: tuple[str, ...] = DEFAULT_ATTRIBUTES,
        consent: SignedConsent | None = None,
        purpose: Purpose = Purpose.ORIGINATION,
        issued_at: int | None = None,
        lifetime: int = 60,
        suite: Suite | None = None,
    ) -> SignedQuery:
        question = Question(purpose, attributes, suite or self.rulebook.policy.suites[0], lifetime)
        agreed = consent or self.consent(subject, by=by)
        return self.nodes[by].ask(subject, question, agreed, issued_at or self.now)

    def ask(self, subject: SubjectTags, *, by: MemberId = "lender-a", **options: object) -> QueryResult:
        query = self.query(subject, by=by, **options)  # type: ignore[arg-type]  # passed through
        return self.nodes[by].conclude(query, self.transcript(query))

    def transcript(self, query: SignedQuery) -> Transcript:
        return self.hub.ask(query, self.now)

    def call(self, query: SignedQuery, attempt: int = 1, intended: Sequence[MemberId] = LENDERS) -> Round1Request:
        """A round-1 call as a gateway of the test's own choosing would make it."""
        return Round1Request(query, self.hub.roster(query.header.issued_at), attempt, frozenset(intended))


@dataclass
class Worlds:
    """Makes worlds that share one small query key and one pool, which are the slow parts."""

    secret: SecretKey
    encryptor: PooledEncryptor
    folder: Callable[[], Path]

    def make(self, lenders: Sequence[MemberId] = LENDERS, **terms: object) -> World:
        rng = seeded_rng(b"world")
        usual: dict[str, object] = {
            "suite": Suite.INSECURE_TEST_1024_MASKED,
            "attributes": (*DEFAULT_CATALOGUE, SWITCHED_OFF),
        }
        foundation = found(lenders, NOW, rng, Terms(**(usual | terms)))  # type: ignore[arg-type]
        books = {member: FixedBook() for member in lenders}
        folder = self.folder()
        nodes = {
            member: lender_node(
                foundation, member, books[member], folder / f"{member}.db", self.encryptor, self.secret, NOW
            )
            for member in lenders
        }
        return World(foundation, nodes, books, Hub(foundation.rulebook, nodes))
