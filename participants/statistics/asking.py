"""
A statistic's requester: builds the question under a key of its own, checks what comes back, and opens the sums.

Nothing of the gateway's answer is believed: signatures, pairs, the shares of noise that contributors state, and the
hidden sums are checked here. The key is fresh for each question and lives until the release is written.
"""

from dataclasses import dataclass
from hmac import compare_digest

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.labels import Label
from consortium.model.keys import KeyType
from consortium.model.members import MemberId
from consortium.model.query import NONCE_BYTES
from consortium.model.rounds import Transcript, members_with_keys
from consortium.model.rulebook import Rulebook
from consortium.model.signing import Signer
from consortium.model.statistic import (
    STATISTIC_ID_BYTES,
    SignedStatistic,
    StatisticHeader,
    list_mark,
    statistic_ctx,
)
from consortium.model.statistic_policy import Measure
from consortium.rules.statistics import (
    STATISTIC_LIFETIME,
    Statistic,
    check_contributors,
    share_statement,
    statistic_of,
)
from consortium.rules.tallies import WordTally
from consortium.silent import Silent
from consortium.sums.word_masks import key_of_member, requester_digest, unmasked
from consortium.sums.words import Words, WordSums, words_from_bytes
from consortium.wire.statistics import statistic_header_to_bytes
from participants.lender.ask import check_pairs, check_parts
from participants.lender.ephemeral import certified_mask_key
from participants.lender.identity import certify_key

KEY_BYTES = 32
MAXIMUM_VALUE = 2**53 - 1


@dataclass(frozen=True, slots=True, repr=False)
class StatisticRequester(Silent):
    """Who asks."""

    member: MemberId
    signer: Signer
    rng: Randomness

    def build(
        self, template: str, rulebook: Rulebook, now: int, tags_digest: bytes = b""
    ) -> tuple[SignedStatistic, bytes]:
        """
        Build and sign a question as of `now` (Unix seconds); gives it with the private key that opens its answer.

        `tags_digest` is the digest of a list's tags, for totals over a list.

        Raises STATISTIC_UNKNOWN, STATISTIC_NOT_ALLOWED, MEMBER_NOT_ACTIVE, RULEBOOK_INVALID or SETTINGS_INVALID.
        """
        rulebook.check_current(now)
        found, own = statistic_of(template, rulebook), rulebook.active_member(self.member)
        if own.role.value not in found.template.roles:
            raise CreditError(Code.STATISTIC_NOT_ALLOWED, f"{template} is not for a {own.role}")
        if bool(tags_digest) != (found.template.measure is Measure.LIST):
            raise CreditError(Code.SETTINGS_INVALID, f"{template}: a list goes with totals over a list, and only there")
        private = self.rng(KEY_BYTES)
        public = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
        validity = now, now + STATISTIC_LIFETIME
        key = certify_key(self.signer, self.member, KeyType.EPHEMERAL, public, validity)
        nonce = self.rng(NONCE_BYTES)
        header = StatisticHeader(
            statistic_id=self.rng(STATISTIC_ID_BYTES),
            requester=self.member,
            template=template,
            query_key_digest=key.digest,
            issued_at=now,
            expires_at=now + STATISTIC_LIFETIME,
            nonce=nonce,
            rulebook_digest=rulebook.digest,
            list_mark=list_mark(nonce, tags_digest) if tags_digest else b"",
        )
        raw = statistic_header_to_bytes(header)
        return SignedStatistic(header, raw, self.signer.sign(Label.STATISTIC, raw), key), private


def conclude(statistic: SignedStatistic, transcript: Transcript, rulebook: Rulebook, private: bytes) -> list[int]:
    """
    Check a transcript and open its sums, in the order of the cells; `rulebook` is that of the question.

    Raises RULEBOOK_MISMATCH, TRANSCRIPT_INVALID, SIGNATURE_INVALID, ROSTER_MISMATCH, TOO_FEW_CONTRIBUTORS,
    PAIR_MISMATCH, CIPHERTEXT_INVALID or SUM_INVALID.
    """
    if statistic.header.rulebook_digest != rulebook.digest:
        raise CreditError(Code.RULEBOOK_MISMATCH, "the answer belongs to the rulebook of its question")
    found = statistic_of(statistic.header.template, rulebook)
    total = check_statistic_transcript(statistic, transcript, found, rulebook)
    key = X25519PrivateKey.from_private_bytes(private)
    words = unmasked(total, _member_keys(statistic, transcript, rulebook, key)).view(np.int64)
    opened = [int(word) for word in words]
    if any(abs(value) > MAXIMUM_VALUE for value in opened):
        raise CreditError(Code.SUM_INVALID, "a sum beyond what lenders may contribute")
    return opened


def check_statistic_transcript(
    statistic: SignedStatistic, transcript: Transcript, found: Statistic, rulebook: Rulebook
) -> Words:
    """Check every signed part of an answer and that the hidden sums follow from them; gives the hidden sums."""
    keyed = members_with_keys(transcript.roster)
    if tuple(entry.member for entry in transcript.roster) != rulebook.roster:
        raise CreditError(Code.ROSTER_MISMATCH, "the transcript's roster is not the rulebook's")
    if not transcript.members <= transcript.intended <= frozenset(keyed) or transcript.block:
        raise CreditError(Code.TRANSCRIPT_INVALID, "a set leaves the one that it is of, or a block of a statistic")
    ctx = statistic_ctx(statistic, transcript.roster, transcript.attempt, transcript.intended)
    check_parts(transcript.round1, Label.STATISTIC_ROUND1, ctx, transcript.members, rulebook)
    check_parts(transcript.round2, Label.STATISTIC_ROUND2, ctx, transcript.members, rulebook)
    check_contributors(transcript.members, found, statistic.header.requester, rulebook)
    check_pairs(transcript, keyed)
    stated = share_statement(ctx, found, statistic.header.issued_at)
    for part in transcript.round1:
        if part.body.commitment != stated:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"{part.body.contributor} states another share of the noise")
    return _total(transcript, WordSums(found.count))


def _total(transcript: Transcript, sums: WordSums) -> Words:
    tally = WordTally(sums)
    corrections = {part.body.contributor: part.body.correction for part in transcript.round2}
    for part in transcript.round1:
        tally.take(part.body.contributor, part.body.ciphertext)
    for member, correction in corrections.items():
        tally.check_correction(member, correction)
    total = tally.total(corrections)
    if total != transcript.product:
        raise CreditError(Code.TRANSCRIPT_INVALID, "the sums do not follow from their parts")
    return words_from_bytes(total, sums.count)


def _member_keys(
    statistic: SignedStatistic, transcript: Transcript, rulebook: Rulebook, private: X25519PrivateKey
) -> list[bytes]:
    """Give the keys of the requester's masks, each held to the digest that its contributor signed."""
    if private.public_key().public_bytes_raw() != statistic.query_key.key:
        raise CreditError(Code.TRANSCRIPT_INVALID, "asked under another key")
    shown, keys = {entry.member: entry for entry in transcript.roster}, []
    for part in transcript.round1:
        member, ctx = part.body.contributor, part.body.ctx
        mask_key = certified_mask_key(shown[member], rulebook, statistic.header.issued_at)
        key = key_of_member(private, mask_key, ctx, member)
        if not compare_digest(requester_digest(ctx, member, key), part.body.requester_digest):
            raise CreditError(Code.PAIR_MISMATCH, f"{member} and the requester")
        keys.append(key)
    return keys
