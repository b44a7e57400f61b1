"""A lender with a real book whose contributions are inspected, in a world of five; statements, bundles, verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from consortium.membership.signed import sign_document
from consortium.model.identifiers import IdentifierKind, Secret
from consortium.model.journal_entry import Event
from consortium.model.members import MemberId
from consortium.model.query import SignedQuery
from consortium.model.rounds import Transcript
from consortium.sealing.payload import SubjectTags
from consortium.supervision.bundle import Bundle, open_bundle, read_bundle, seal_bundle
from consortium.supervision.documents import FORMS, FilingKind, InspectionOrder, MemberStatement, filing_digest
from consortium.supervision.examine import Exchange, examine
from consortium.supervision.statements import stated_journals
from participants.lender.inspections import Inspector
from participants.lender.ports import BookRow, Subject
from participants.lender.statements import Stating, parse_statement
from participants.storage.book import SqliteBook
from participants.storage.book_rows import BookIdentity
from participants.storage.supervision import SqliteSupervision
from tests.support.world import World

INSPECTED = "lender-b"


@dataclass
class Asked:
    """An answered query."""

    query: SignedQuery
    transcript: Transcript


@dataclass
class Supervised:
    """A world in which `lender-b` has a book on disk and makes statements."""

    world: World
    folder: Path
    member: MemberId = INSPECTED
    day: int = 0
    asked: list[Asked] = field(default_factory=list)
    stated: list[MemberStatement] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.day = self.day or self.world.now // 86_400
        self.book = SqliteBook(self.folder / "book.db", BookIdentity(self.member, Secret(b"b" * 32)))
        self.store = SqliteSupervision(self.folder / "supervision.db")
        node = self.world.nodes[self.member]
        contributor = replace(node.contributor, book=self.book)
        self.world.nodes[self.member] = replace(node, contributor=contributor)
        self.contributor = contributor
        rng = self.world.foundation.rng
        self.stating = Stating(contributor.identity, self.book, contributor.store, self.store, rng)
        self.inspector = Inspector(contributor.identity, contributor.store, self.book)

    def close(self) -> None:
        self.book.close()
        self.store.close()

    def held(self, subject: SubjectTags, place: int = 1) -> Subject:
        key = subject.keys[place]
        assert key is not None
        return Subject(subject.tags[place], key, IdentifierKind(place))

    def record(self, who: Subject, event: Event) -> None:
        self.book.record(who, event, self.world.now)

    def load(self, rows: Sequence[BookRow]) -> None:
        self.book.load([rows], day=self.day, as_of=self.world.now - 1)

    def roll(self) -> None:
        self.day += 1
        self.book.roll_day(self.day)

    def ask(self, subject: SubjectTags, **options: object) -> Asked:
        query = self.world.query(subject, **options)  # type: ignore[arg-type]  # passed through
        self.asked.append(Asked(query, self.world.transcript(query)))
        return self.asked[-1]

    def state(self) -> None:
        self.stated.append(parse_statement(self.stating.make(self.world.rulebook, self.world.now)))

    def exchange(self, asked: Asked) -> Exchange:
        t = asked.transcript
        return Exchange(
            asked.query,
            self.world.rulebook,
            t.roster,
            t.attempt,
            t.intended,
            t.members,
            {one.body.contributor: one for one in t.round1},
            {one.body.contributor: one for one in t.round2},
            t.block,
        )

    def order(self, asked: Asked) -> InspectionOrder:
        return InspectionOrder(
            consortium=self.world.rulebook.document.consortium,
            regulator="regulator",
            member=self.member,
            entry=1,
            ctx=self.exchange(asked).ctx,
            reason="audit",
            issued_at=self.world.now,
            due_at=self.world.now + 86_400,
        )

    def bundle(self, asked: Asked) -> tuple[Bundle, tuple[bytes, ...]]:
        """What the honest lender shows."""
        order = self.order(asked)
        return self.inspector.bundle(order, self.order_digest(order), self.stated[-1].number)

    def order_digest(self, order: InspectionOrder) -> bytes:
        signer = self.world.foundation.keys["regulator"].signer
        return filing_digest(FilingKind.ORDER, sign_document(signer, FORMS[FilingKind.ORDER][1], order))

    def examine(self, asked: Asked, bundle: Bundle, links: Sequence[bytes]) -> tuple[str, ...]:
        """Seal, open, verify and examine, as it goes by way of the gateway."""
        keys = self.world.foundation.keys
        rng = self.world.foundation.rng
        signer, regulator = keys[self.member].signer, keys["regulator"].hpke
        sealed = seal_bundle(signer, bundle, links, regulator.public_key().public_bytes_raw(), rng)
        shown = read_bundle(open_bundle(regulator, bundle.order, sealed), signer.public)
        return examine(shown, self.exchange(asked), stated_journals(self.stated))

    def inspect(self, asked: Asked) -> tuple[str, ...]:
        return self.examine(asked, *self.bundle(asked))
