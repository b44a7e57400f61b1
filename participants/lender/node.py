"""
A lender's node: one party that asks and answers, composed of its two sides and its tokeniser.

Everything comes in and goes out as bytes or domain values; whoever drives a node (a process behind gRPC, or the
demonstration in one process) does the sending.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.membership.changeover import generation_before
from consortium.model.consent import SignedConsent
from consortium.model.identifiers import IdentifierKind, RawIdentifier
from consortium.model.query import SignedQuery
from consortium.model.rounds import Transcript, exchange_ctx
from consortium.model.rulebook import Rulebook
from consortium.rules.contributions import query_layout
from consortium.sealing.payload import NO_EARLIER_TAGS, EarlierTags, SubjectTags
from consortium.silent import Silent
from participants.lender.answer import Contributor
from participants.lender.ask import ConsentTerms, OwnPart, QueryResult, Question, Requester, record_consent
from participants.lender.normalise import normalise
from participants.lender.reveal import open_record
from participants.lender.tokenise import Token
from participants.lender.tokens import Tokenises, check_generation
from participants.lender.travel import TravelQuestion


@dataclass(frozen=True, repr=False)
class LenderNode(Silent):
    """A lender as its own applications see it."""

    contributor: Contributor
    requester: Requester
    tokeniser: Tokenises
    version: Callable[[bytes], Rulebook | None] = lambda _: None
    """Gives the trusted rulebook of a digest: an answer is concluded under the version of its query."""

    def subject(self, identifiers: Sequence[RawIdentifier]) -> SubjectTags:
        """
        Turn one to three identifiers of one person, of different kinds, into tags.

        Raises IDENTIFIER_MALFORMED, IDENTIFIER_CHECKSUM, IDENTIFIER_UNSUPPORTED or TOO_FEW_HOLDERS.
        """
        normalised = [normalise(identifier) for identifier in identifiers]
        kinds = [identifier.kind for identifier in normalised]
        if len(set(kinds)) != len(kinds):
            raise CreditError(Code.IDENTIFIER_MALFORMED, "two identifiers of one kind")
        tokens = dict(zip(kinds, self.tokeniser.tokenise(normalised), strict=True))
        places = [(token.key, token.tag) if (token := tokens.get(kind)) else None for kind in IdentifierKind]
        generation = self.requester.secrets.generation
        check_generation([*tokens.values()], generation)
        return SubjectTags.create(
            places, self.requester.rng, generation=generation, earlier=_earlier([tokens.get(k) for k in IdentifierKind])
        )

    def consent(self, subject: SubjectTags, terms: ConsentTerms) -> SignedConsent:
        """Sign a consent record of this subject."""
        return record_consent(self.requester.identity, subject, terms, self.requester.rng)

    def ask(self, subject: SubjectTags, question: Question, consent: SignedConsent | None, now: int) -> SignedQuery:
        """
        Build a query as of `now` (Unix seconds).

        Raises CreditError(RULEBOOK_MISMATCH) while this node has not taken up the keys of the version in force,
        SUITE_NOT_ALLOWED for a suite that it has not.
        """
        rulebook, identity = self._rulebook, self.requester.identity
        if question.suite not in rulebook.policy.suites:
            raise CreditError(Code.SUITE_NOT_ALLOWED, question.suite.name)
        pinned = rulebook.members.get(identity.member)
        if pinned is not None and pinned.identity_key != identity.signer.public:
            raise CreditError(Code.RULEBOOK_MISMATCH, "another identity key of this node is in force")
        before = generation_before(rulebook.document, now)
        due = before is not None and before.generation != subject.earlier.generation
        if subject.generation != rulebook.document.oprf.generation or due:
            raise CreditError(Code.RULEBOOK_MISMATCH, "the subject's tags are of other generations")
        return self.requester.build(subject, question, consent, rulebook, now)

    def conclude(self, query: SignedQuery, transcript: Transcript, travel: TravelQuestion | None = None) -> QueryResult:
        """
        Check and decrypt an answer; raises as `Requester.conclude`, to which `travel` goes.

        A contributor that was cut off after it answered stays in the answer.
        """
        rulebook = self.version(query.header.rulebook_digest) or self._rulebook.as_signed
        return self.requester.conclude(query, transcript, rulebook, self._own_part(query, transcript, rulebook), travel)

    @property
    def _rulebook(self) -> Rulebook:
        return self.contributor.rulebook()

    def _own_part(self, query: SignedQuery, transcript: Transcript, rulebook: Rulebook) -> OwnPart:
        """Give what this node contributed to the exchange; nothing where it did not answer."""
        contributor = self.contributor
        if contributor.identity.member not in transcript.members:
            return OwnPart({})
        ctx = exchange_ctx(query, transcript.roster, transcript.attempt, transcript.intended, transcript.block)
        exchange = contributor.store.find(ctx)
        if exchange is None:
            raise CreditError(Code.TRANSCRIPT_INVALID, "this node has no record of its own answer")
        record = open_record(exchange.reveal, contributor.identity.audit_secret, ctx)
        values = query_layout(query.header, rulebook).unpack(record.value)
        return OwnPart(values, record.travel.numbers if record.travel else b"")


def _earlier(tokens: Sequence[Token | None]) -> EarlierTags:
    """Give the tags of the generation before by place, where the tokeniser gave them."""
    earlier = [token.earlier if token else None for token in tokens]
    generations = [one.generation for one in earlier if one]
    return (
        EarlierTags(generations[0], tuple(one.tag if one else None for one in earlier))
        if generations
        else NO_EARLIER_TAGS
    )
