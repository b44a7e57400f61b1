"""
A requester of a list: builds the job's query with its sealed blocks, and checks and opens what comes for a block.

As for one person nothing of the gateway's answer is believed: every vector is held to a signature, and the sum is made
here again.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from consortium.bitmaps import Truths
from consortium.errors import Code, CreditError
from consortium.hashing import Randomness, encode_fields
from consortium.labels import Label
from consortium.model.blocks import data_digest, sealed_digest
from consortium.model.catalogue import Purpose
from consortium.model.consent import SignedConsent
from consortium.model.keys import CertifiedKey
from consortium.model.lists import MAXIMUM_ROWS_PER_BLOCK, RowList
from consortium.model.members import MemberId, MemberSet
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
from consortium.model.rounds import Transcript, exchange_ctx, left_out_digest
from consortium.model.rulebook import Rulebook
from consortium.rules.blocks import block_total, check_correction_length, kept_rows
from consortium.rules.contributions import query_layout
from consortium.rules.lists import MAXIMUM_VECTOR_BYTES, check_list, job_lifetime
from consortium.rules.queries import active_lender, check_attributes
from consortium.sealing.rows import (
    ListPayload,
    list_commitment,
    list_consent,
    list_digest,
    list_envelope,
    manifest_digest,
    seal_rows,
    tags_digest,
)
from consortium.silent import Silent
from consortium.sums.block_layout import Column, unpack_rows
from consortium.sums.word_blocks import opened_block
from consortium.sums.words import WORD_BYTES, Words, words_from_bytes
from consortium.wire.queries import header_to_bytes
from participants.lender.ask import ConsentTerms, check_exchange, consent_for
from participants.lender.ephemeral import ephemeral_certified, requester_keys
from participants.lender.identity import LenderIdentity
from participants.lender.portfolio.rows import ListTags, Octets
from participants.lender.protect import LendersSecrets

RHO_BYTES, OPENING_BYTES = 32, 32


@dataclass(frozen=True, slots=True, repr=False)
class ListPeople(Silent):
    """The people of a list in the order of their tags: `tags` (n, 32) rising, each once, `keys` (n, 64)."""

    tags: Octets
    keys: Octets


@dataclass(frozen=True, slots=True)
class ListQuestion:
    """What is asked about everybody on a list; `lifetime` in seconds, None: as long as the rulebook lets a job live."""

    attributes: tuple[str, ...]
    lifetime: int | None = None
    staff_commitment: bytes = bytes(32)
    rows_per_block: int = MAXIMUM_ROWS_PER_BLOCK


@dataclass(frozen=True, slots=True, repr=False)
class BuiltJob(Silent):
    """A job's signed query, and the digest of every sealed block."""

    query: SignedQuery
    sealed: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, repr=False)
class BlockVectors(Silent):
    """The vectors of a block's answer by member, and the rows that it leaves out."""

    contributions: Mapping[MemberId, bytes]
    corrections: Mapping[MemberId, bytes]
    left_out: bytes


@dataclass(frozen=True, slots=True, repr=False)
class BlockResult(Silent):
    """
    What a requester learns of a block: for the rows kept one column of sums a slot, and who answered.

    `totals` has as many rows as `kept` has truths; the rows left out are not in it.
    """

    kept: Truths
    totals: Mapping[str, Column]
    words: Words
    answered: MemberSet


KeepSealed = Callable[[int, bytes], None]
"""Told of each sealed block."""


@dataclass(frozen=True, repr=False)
class ListRequester(Silent):
    """One lender's asking side for lists."""

    identity: LenderIdentity
    secrets: LendersSecrets
    rng: Randomness

    def build(
        self,
        people: ListPeople,
        question: ListQuestion,
        consent: ConsentTerms | None,
        rulebook: Rulebook,
        now: int,
        keep: KeepSealed,
    ) -> BuiltJob:
        """
        Build and sign a job's query as of `now` (Unix seconds); `keep` is given the sealed blocks, one after another.

        Raises LIST_INVALID for a list that is empty, too long, out of order or with somebody twice, or attributes too
        many for a block; and what the rulebook refuses, before anything is built.
        """
        digest = self._checked(people)
        opening = self.rng(OPENING_BYTES)
        signed = consent_for(self.identity, list_consent(opening, digest), consent, self.rng) if consent else None
        rho, nonce = self.rng(RHO_BYTES), self.rng(NONCE_BYTES)
        rows = RowList(list_digest(rho, nonce, digest), len(people.tags), question.rows_per_block)
        header, key = self._header(rows, question, signed, rulebook, (nonce, now))
        rows = header.rows or rows  # blocks are smaller where many attributes are asked for
        raw = header_to_bytes(header)
        bound = header_digest(raw)
        sealed = tuple(self._seal(people, rows, block, bound, keep) for block in range(rows.blocks))
        payload = ListPayload(rho, manifest_digest(sealed), opening)
        parts = (
            raw,
            payload.seal(self.secrets.sealing_key, bound),
            list_envelope(rulebook.regulator.hpke_key, bound, rho, digest, header.consent_digest),
            list_commitment(bound, rho, digest),
        )
        signature = self.identity.signer.sign(Label.SIGNED_QUERY, *parts)
        return BuiltJob(SignedQuery(header, *parts, signature, signed, key), sealed)

    def conclude(self, job: BuiltJob, transcript: Transcript, vectors: BlockVectors, rulebook: Rulebook) -> BlockResult:
        """
        Check a block's answer and open its sums.

        Raises TRANSCRIPT_INVALID, SIGNATURE_INVALID, ROSTER_MISMATCH, RULEBOOK_MISMATCH, TOO_FEW_CONTRIBUTORS,
        PAIR_MISMATCH, CIPHERTEXT_INVALID, MALFORMED or SUM_INVALID.
        """
        query, block = job.query, transcript.block
        if query.header.rulebook_digest != rulebook.digest:
            raise CreditError(Code.RULEBOOK_MISMATCH, "the answer belongs to the rulebook of its query")
        if query.header.rows is None or not 0 <= block < len(job.sealed):
            raise CreditError(Code.TRANSCRIPT_INVALID, "a block that the list has not")
        roster, sealed = transcript.roster, job.sealed[block]
        ctx = exchange_ctx(query, roster, transcript.attempt, transcript.intended, block, sealed)
        check_exchange(query, transcript, rulebook, ctx)
        layout = query_layout(query.header, rulebook)
        kept = kept_rows(vectors.left_out, len(query.header.rows.rows_of(block)))
        total = _checked_total(transcript, vectors, (ctx, kept, layout.words), rulebook)
        keys = requester_keys(query, transcript, rulebook, self.identity)
        words = opened_block(words_from_bytes(total, len(total) // WORD_BYTES), keys, kept)
        words = words.reshape(-1, layout.words)
        return BlockResult(kept, unpack_rows(layout, words, len(transcript.members)), words, transcript.members)

    def _checked(self, people: ListPeople) -> bytes:
        """Check the order of a list's tags and digest them."""
        if not len(people.tags) or len(people.keys) != len(people.tags):
            raise CreditError(Code.LIST_INVALID, "a list of nobody, or keys for others")
        ListTags.of(people.tags)
        return tags_digest(people.tags.tobytes())

    def _header(
        self,
        rows: RowList,
        question: ListQuestion,
        consent: SignedConsent | None,
        rulebook: Rulebook,
        fresh: tuple[bytes, int],
    ) -> tuple[QueryHeader, CertifiedKey]:
        (nonce, now), lifetime = fresh, question.lifetime or job_lifetime(rulebook.policy)
        key = ephemeral_certified(self.identity, nonce, (now, now + lifetime))
        header = QueryHeader(
            query_id=self.rng(QUERY_ID_BYTES),
            requester=self.identity.member,
            credential=Credential.IDENTIFIED,
            query_key_digest=key.digest,
            purpose=Purpose.PORTFOLIO,
            attributes=question.attributes,
            suite=Suite.MASKED_SUM,
            consent_digest=consent.digest if consent else NO_CONSENT,
            staff_commitment=question.staff_commitment,
            issued_at=now,
            expires_at=now + lifetime,
            nonce=nonce,
            rulebook_digest=rulebook.digest,
            epoch=self.secrets.epoch,
            rows=rows,
        )
        check_attributes(header, active_lender(rulebook, self.identity.member), rulebook)
        most = MAXIMUM_VECTOR_BYTES // (query_layout(header, rulebook).words * WORD_BYTES)
        header = replace(header, rows=replace(rows, rows_per_block=min(rows.rows_per_block, most)))
        check_list(header, rulebook)
        return header, key

    def _seal(self, people: ListPeople, rows: RowList, block: int, bound: bytes, keep: KeepSealed) -> bytes:
        span = rows.rows_of(block)
        message = encode_fields(Label.SUBJECT_PROOF, bound)
        keys = people.keys[span.start : span.stop]
        proofs = b"".join([hmac.digest(key.tobytes(), message, "sha256") for key in keys])
        tags = people.tags[span.start : span.stop].tobytes()
        sealed = seal_rows(tags, proofs, self.secrets.sealing_key, bound, block)
        keep(block, sealed)
        return sealed_digest(sealed)


def _checked_total(
    transcript: Transcript, vectors: BlockVectors, about: tuple[bytes, Truths, int], rulebook: Rulebook
) -> bytes:
    """Hold every vector to what was signed, add up again, and give the hidden sum; `about` is (ctx, kept, words)."""
    ctx, kept, words = about
    seeded = transcript.members == rulebook.roster_set and not vectors.left_out
    for first, second in zip(transcript.round1, transcript.round2, strict=True):
        member = first.body.contributor
        given, taken = vectors.contributions.get(member, b""), vectors.corrections.get(member, b"")
        if data_digest(ctx, member, given) != first.body.ciphertext:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"another vector than {member} signed")
        if data_digest(ctx, member, taken) != second.body.correction:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"another correction than {member} signed")
        if second.body.left_out != left_out_digest(vectors.left_out):
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{member} left other rows out")
        check_correction_length(taken, kept, words, seeded=seeded)
    order = sorted(transcript.members)
    contributions = [vectors.contributions[member] for member in order]
    corrections = [vectors.corrections[member] for member in order]
    total = block_total(contributions, corrections, kept, words, seeded=seeded)
    if data_digest(ctx, "", total) != transcript.product:
        raise CreditError(Code.TRANSCRIPT_INVALID, "the sum does not follow from its parts")
    return total
