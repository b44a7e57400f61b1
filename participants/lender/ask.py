"""
A requester: builds a query, and checks and decrypts what comes back.

Nothing of the gateway's answer is believed: signatures, pairs, the hidden sum and the answering set are checked
here, from the signed parts. A decryption or guard error is for the requester's own records: it is never reported to the
gateway at once, because its timing would be an oracle.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from enum import StrEnum

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.labels import Label
from consortium.model.catalogue import Attribute, Family, Purpose
from consortium.model.consent import ConsentRecord, SignedConsent
from consortium.model.identifiers import IdentifierKind
from consortium.model.keys import CertifiedKey, KeyType
from consortium.model.members import MemberId, MemberSet, check_answering_set
from consortium.model.query import (
    NO_CONSENT,
    NONCE_BYTES,
    QUERY_ID_BYTES,
    Credential,
    QueryHeader,
    SignedQuery,
    Suite,
    header_digest,
)
from consortium.model.rounds import (
    Round1Body,
    Round2Body,
    Signed,
    Transcript,
    digests_by_peer,
    exchange_ctx,
    members_with_keys,
)
from consortium.model.rulebook import Rulebook
from consortium.model.signing import verify_signature
from consortium.rules.contributions import CAPPED, FROZEN, MATCHED, query_layout
from consortium.rules.profiles import PROFILES, query_key_type
from consortium.rules.tallies import Sums, check_total
from consortium.rules.travel import NO_WHEREABOUTS
from consortium.sealing.payload import (
    SubjectTags,
    build_envelope,
    build_payload,
    seal_payload,
    tags_commitment,
)
from consortium.silent import Silent
from consortium.sums.paillier import Ciphertext
from consortium.sums.pairs import differing_pairs
from consortium.sums.secret import SecretKey
from consortium.sums.words import WordSums
from consortium.wire.queries import consent_to_bytes, header_to_bytes
from participants.lender.ephemeral import ephemeral_certified, open_words
from participants.lender.identity import LenderIdentity, certify_key
from participants.lender.protect import LendersSecrets
from participants.lender.travel import TravelQuestion, TravelResult, check_tables, travel_parts, travel_result


class ValueStatus(StrEnum):
    """What a value is worth; a value is never a magic number."""

    OK = "OK"
    NO_HIT = "NO_HIT"
    THIN = "THIN"
    NOT_PERMITTED = "NOT_PERMITTED"
    INCOMPLETE = "INCOMPLETE"


@dataclass(frozen=True, slots=True, repr=False)
class AttributeResult(Silent):
    """One attribute: the consortium's total, the asking lender's own part of it, unit and status."""

    attribute: Attribute
    total: int
    own: int
    status: ValueStatus


@dataclass(frozen=True, slots=True, repr=False)
class QueryResult(Silent):
    """What a requester learns: totals, how many lenders matched by which identifier, who was asked and answered."""

    attributes: tuple[AttributeResult, ...]
    matched: Mapping[IdentifierKind, int]
    frozen: int
    capped: int
    asked: tuple[MemberId, ...]
    answered: tuple[MemberId, ...]
    as_of: int
    travel: TravelResult | None = None

    @property
    def missing(self) -> tuple[MemberId, ...]:
        """The members that were asked and did not answer."""
        return tuple(member for member in self.asked if member not in self.answered)


@dataclass(frozen=True, slots=True, repr=False)
class OwnPart(Silent):
    """What the asking lender's own node contributed: by slot, and of a travel check by cell; empty where nothing."""

    values: Mapping[str, int]
    travel: bytes = b""


@dataclass(frozen=True, slots=True, repr=False)
class QueryKey(Silent):
    """A Paillier key of the requester with its certificate."""

    secret: SecretKey
    certified: CertifiedKey


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, without the person: attribute ids, purpose, suite and the life of the query in seconds."""

    purpose: Purpose
    attributes: tuple[str, ...]
    suite: Suite = Suite.PAILLIER_3072_MASKED
    lifetime: int = 60
    staff_commitment: bytes = bytes(32)
    travel: TravelQuestion | None = None


@dataclass(frozen=True, slots=True)
class ConsentTerms:
    """What a subject agreed to when consent was captured; times are Unix seconds, digests 32 bytes."""

    purpose: Purpose
    families: frozenset[Family]
    issued_at: int
    expires_at: int
    maximum_uses: int
    notice_digest: bytes
    notice_language: str
    evidence_digest: bytes
    recipients: frozenset[MemberId] = frozenset()


def new_query_key(identity: LenderIdentity, secret: SecretKey, validity: tuple[int, int]) -> QueryKey:
    """Certify a Paillier key for the Unix seconds [from, until)."""
    modulus = secret.public_key.to_bytes()
    return QueryKey(secret, certify_key(identity.signer, identity.member, KeyType.QUERY, modulus, validity))


def record_consent(
    identity: LenderIdentity, subject: SubjectTags, terms: ConsentTerms, rng: Randomness
) -> SignedConsent:
    """Make and sign a consent record that commits to the three tags of this subject."""
    return consent_for(identity, subject.commitment, terms, rng)


def consent_for(identity: LenderIdentity, commitment: bytes, terms: ConsentTerms, rng: Randomness) -> SignedConsent:
    """Make and sign a consent record of whoever a commitment stands for, 32 bytes."""
    record = ConsentRecord(
        record_id=rng(QUERY_ID_BYTES),
        controller=identity.member,
        purpose=terms.purpose,
        families=terms.families,
        recipients=terms.recipients,
        notice_digest=terms.notice_digest,
        notice_language=terms.notice_language,
        issued_at=terms.issued_at,
        expires_at=terms.expires_at,
        maximum_uses=terms.maximum_uses,
        evidence_digest=terms.evidence_digest,
        subject_commitment=commitment,
    )
    raw = consent_to_bytes(record)
    return SignedConsent(record, raw, identity.signer.sign(Label.CONSENT, raw))


@dataclass(frozen=True, repr=False)
class Requester(Silent):
    """One lender's asking side."""

    identity: LenderIdentity
    secrets: LendersSecrets
    query_key: QueryKey
    rng: Randomness
    executor: Executor | None = None
    """Threads in which both primes are worked on at once."""
    earlier: tuple[SecretKey, ...] = ()
    """Query keys that were exchanged, for what was asked under them."""

    def build(
        self,
        subject: SubjectTags,
        question: Question,
        consent: SignedConsent | None,
        rulebook: Rulebook,
        now: int,
    ) -> SignedQuery:
        """Build and sign a query about one subject as of `now` (Unix seconds); its travel check by `travel_parts`."""
        nonce, travel = self.rng(NONCE_BYTES), None
        if question.travel is not None:
            travel = travel_parts(question.travel, self.identity, rulebook, nonce, now)
        key = self._key_for(question, nonce, now)
        header = self._header(question, consent, (rulebook, key), nonce, now)
        if travel is not None:
            header = replace(header, travel=travel.element)
        raw = header_to_bytes(header)
        digest = header_digest(raw)
        payload = build_payload(subject, digest, travel.holder_plain if travel else NO_WHEREABOUTS, self.rng)
        envelope = build_envelope(rulebook.regulator.hpke_key, digest, payload, header.consent_digest)
        parts = (
            raw,
            seal_payload(payload, self.secrets.sealing_key, digest),
            envelope,
            tags_commitment(digest, payload),
        )
        signature = self.identity.signer.sign(Label.SIGNED_QUERY, *parts)
        payment = travel.payment if travel else None
        return SignedQuery(header, *parts, signature, consent, key, payment)

    def conclude(
        self,
        query: SignedQuery,
        transcript: Transcript,
        rulebook: Rulebook,
        own: OwnPart,
        travel: TravelQuestion | None = None,
    ) -> QueryResult:
        """
        Check a transcript, open its sum and subtract the own part.

        `own` is what this lender's node contributed to the exchange; `travel` is the question's travel check, by which
        the tables are opened: without it they are checked only.
        Raises TRANSCRIPT_INVALID, SIGNATURE_INVALID, ROSTER_MISMATCH, TOO_FEW_CONTRIBUTORS, PAIR_MISMATCH,
        CIPHERTEXT_INVALID or SUM_INVALID.
        """
        if query.header.rulebook_digest != rulebook.digest:
            raise CreditError(Code.RULEBOOK_MISMATCH, "the answer belongs to the rulebook of its query")
        layout = query_layout(query.header, rulebook)
        if query.header.suite in PROFILES:
            plain = self._decrypted(query, transcript, rulebook)
        else:
            total = check_transcript(query, transcript, rulebook, WordSums(layout.words))
            plain = open_words(query, transcript, rulebook, self.identity, total)
        sums = layout.unpack(plain, len(transcript.members))
        result = _result(query.header, transcript.members, rulebook, sums, own.values)
        check = travel_result(query.header, transcript, rulebook, travel, self.identity, own.travel)
        return replace(result, travel=check)

    def _decrypted(self, query: SignedQuery, transcript: Transcript, rulebook: Rulebook) -> int:
        secret = self._secret_of(query)
        total = check_transcript(query, transcript, rulebook, secret.public_key)
        return secret.decrypt(Ciphertext.from_bytes(secret.public_key, total), self.executor)

    def _key_for(self, question: Question, nonce: bytes, now: int) -> CertifiedKey:
        """Give the key that a query names: the Paillier key of the day, or one for this query alone."""
        if query_key_type(question.suite) is KeyType.QUERY:
            return self.query_key.certified
        return ephemeral_certified(self.identity, nonce, (now, now + question.lifetime))

    def _secret_of(self, query: SignedQuery) -> SecretKey:
        for secret in (self.query_key.secret, *self.earlier):
            if secret.public_key.to_bytes() == query.query_key.key:
                return secret
        raise CreditError(Code.TRANSCRIPT_INVALID, "asked under a query key that is not here any more")

    def _header(
        self,
        question: Question,
        consent: SignedConsent | None,
        under: tuple[Rulebook, CertifiedKey],
        nonce: bytes,
        now: int,
    ) -> QueryHeader:
        rulebook, key = under
        return QueryHeader(
            query_id=self.rng(QUERY_ID_BYTES),
            requester=self.identity.member,
            credential=Credential.IDENTIFIED,
            query_key_digest=key.digest,
            purpose=question.purpose,
            attributes=question.attributes,
            suite=question.suite,
            consent_digest=consent.digest if consent else NO_CONSENT,
            staff_commitment=question.staff_commitment,
            issued_at=now,
            expires_at=now + question.lifetime,
            nonce=nonce,
            rulebook_digest=rulebook.digest,
            epoch=self.secrets.epoch,
        )


def check_transcript(query: SignedQuery, transcript: Transcript, rulebook: Rulebook, sums: Sums) -> bytes:
    """Check every signed part of an answer and that the hidden sum follows from them; gives the hidden sum."""
    if transcript.block:
        raise CreditError(Code.TRANSCRIPT_INVALID, "a query about one person has no blocks")
    ctx = exchange_ctx(query, transcript.roster, transcript.attempt, transcript.intended, transcript.block)
    check_exchange(query, transcript, rulebook, ctx)
    check_tables(query.header, transcript, rulebook)
    return check_total(query, transcript, sums)


def check_exchange(query: SignedQuery, transcript: Transcript, rulebook: Rulebook, ctx: bytes) -> None:
    """Check roster, sets, signatures and pairs of an answer, whatever its sum is made in; `ctx` is its exchange."""
    roster = tuple(entry.member for entry in transcript.roster)
    if roster != rulebook.roster:
        raise CreditError(Code.ROSTER_MISMATCH, "the transcript's roster is not the rulebook's")
    keyed = members_with_keys(transcript.roster)
    if not transcript.intended <= frozenset(keyed):
        raise CreditError(Code.TRANSCRIPT_INVALID, "a member without a mask key of the day was intended")
    if not transcript.members <= transcript.intended:
        raise CreditError(Code.TRANSCRIPT_INVALID, "an answer from outside the intended set")
    check_parts(transcript.round1, Label.ROUND1, ctx, transcript.members, rulebook)
    check_parts(transcript.round2, Label.ROUND2, ctx, transcript.members, rulebook)
    _check_answering(query.header.requester, transcript, rulebook)
    check_pairs(transcript, keyed)


def check_parts(
    parts: Sequence[Signed[Round1Body]] | Sequence[Signed[Round2Body]],
    label: Label,
    ctx: bytes,
    members: MemberSet,
    rulebook: Rulebook,
) -> None:
    """Hold one round's messages to their signatures, the exchange and the answering set."""
    if [part.body.contributor for part in parts] != sorted(members):
        raise CreditError(Code.TRANSCRIPT_INVALID, "not one message of each answering member")
    for part in parts:
        body = part.body
        verify_signature(rulebook.active_member(body.contributor).identity_key, part.signature, label, part.raw)
        if body.ctx != ctx:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{body.contributor} answered another exchange")
        if isinstance(body, Round2Body) and body.members != members:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{body.contributor} answered for another set")


def _check_answering(requester: MemberId, transcript: Transcript, rulebook: Rulebook) -> None:
    """Check U against the roster that most contributors say they tested it against: an older one where it was bound."""
    if not transcript.members <= rulebook.roster_set:
        raise CreditError(Code.ROSTER_MISMATCH, "the answering set leaves the roster")
    tested = Counter(part.body.tested_roster for part in transcript.round2).most_common(1)[0][0]
    check_answering_set(transcript.members, tested, requester, rulebook.groups, rulebook.limits)


def check_pairs(transcript: Transcript, roster: Sequence[MemberId]) -> None:
    """Raise PAIR_MISMATCH, or TRANSCRIPT_INVALID for another number of digests than there are peers."""
    if any(len(part.body.pair_digests) != len(roster) - 1 for part in transcript.round1):
        raise CreditError(Code.TRANSCRIPT_INVALID, "number of pair digests")
    digests = {part.body.contributor: digests_by_peer(part.body, roster) for part in transcript.round1}
    if differing_pairs(roster, digests):
        raise CreditError(Code.PAIR_MISMATCH)


def _result(
    header: QueryHeader, answered: MemberSet, rulebook: Rulebook, sums: Mapping[str, int], own: Mapping[str, int]
) -> QueryResult:
    matched = {kind: sums[slot] for kind, slot in zip(IdentifierKind, MATCHED, strict=True)}
    complete = answered == rulebook.roster_set
    status = _status(sum(matched.values()), frozen=sums[FROZEN], complete=complete)
    attributes = tuple(
        AttributeResult(rulebook.attributes[name], sums[name], own.get(name, 0), status) for name in header.attributes
    )
    return QueryResult(
        attributes=attributes,
        matched=matched,
        frozen=sums[FROZEN],
        capped=sums[CAPPED],
        asked=rulebook.roster,
        answered=tuple(sorted(answered)),
        as_of=header.issued_at,
    )


def _status(matched: int, *, frozen: int, complete: bool) -> ValueStatus:
    if frozen:
        return ValueStatus.NOT_PERMITTED
    if not complete:
        return ValueStatus.INCOMPLETE
    if matched == 0:
        return ValueStatus.NO_HIT
    return ValueStatus.THIN if matched == 1 else ValueStatus.OK
