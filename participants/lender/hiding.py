"""How a contributor hides its number in a query's suite, and what it gives out in round 2 to lift that again."""

from collections.abc import Mapping
from dataclasses import dataclass

from consortium.hashing import uint
from consortium.model.members import MemberId, MemberSet
from consortium.model.query import SignedQuery
from consortium.model.rounds import Round1Request
from consortium.rules.profiles import PROFILES
from consortium.silent import Silent
from consortium.sums.exchange import CtxSeeds, correction, masked
from consortium.sums.masks import PairMasks
from consortium.sums.paillier import encrypt
from consortium.sums.word_masks import WordMasks, key_for_requester, masked_words, requester_digest, words_correction
from consortium.sums.words import WORD_BYTES, words_to_bytes
from participants.lender.answer_ports import Encryptor
from participants.lender.identity import PairKeys
from participants.lender.reveal import RevealRecord


@dataclass(frozen=True, slots=True, repr=False)
class Hidden(Silent):
    """
    A number under all masks, its width in bytes, and what opens it later.

    Either `obfuscator_seed` or `requester_key` with its digest is there, by suite.
    """

    contribution: bytes
    width: int
    obfuscator_seed: bytes = b""
    requester_key: bytes = b""
    requester_digest: bytes = b""


@dataclass(frozen=True, slots=True, repr=False)
class Hiding(Silent):
    """What one contributor hides its numbers with."""

    own: MemberId
    pairs: PairKeys
    encryptor: Encryptor

    def hide(
        self, request: Round1Request, value: int, words: int, seeds: CtxSeeds, pair_keys: Mapping[MemberId, bytes]
    ) -> Hidden:
        """
        Hide a packed number; `words` is the length of the layout, 0 where the suite has Paillier.

        Raises CreditError(PUBLIC_KEY_WEAK) for the requester's key.
        """
        query = request.query
        profile = PROFILES.get(query.header.suite)
        if profile is None:
            return self._in_words(request, value, words, seeds, pair_keys)
        key = self.encryptor.public_key(query.query_key.key, profile)
        obfuscator = self.encryptor.obfuscator(key)
        hidden = masked(value, seeds, PairMasks(self.own, pair_keys, int(key.n)))
        return Hidden(encrypt(key, hidden, obfuscator).to_bytes(), profile.modulus_bytes, obfuscator.seed)

    def _in_words(
        self, request: Round1Request, value: int, words: int, seeds: CtxSeeds, pair_keys: Mapping[MemberId, bytes]
    ) -> Hidden:
        query, ctx, own = request.query, request.ctx, self.own
        shown = next(entry.mask_key for entry in request.roster if entry.member == own)
        mine = self.pairs.shown(shown.key if shown else b"", query.header.issued_at)
        key = key_for_requester(mine.private, query.query_key.key, ctx, own)
        hidden = masked_words(value, seeds, WordMasks(own, pair_keys, key, words))
        digest = requester_digest(ctx, own, key)
        return Hidden(words_to_bytes(hidden), words * WORD_BYTES, requester_key=key, requester_digest=digest)


def lifted(
    query: SignedQuery, own: MemberId, record: RevealRecord, words: int, seeds: CtxSeeds, answering: MemberSet
) -> bytes:
    """Give corr_i for the answering set U, encoded; `words` as in `hide`."""
    if query.header.suite in PROFILES:
        modulus = query.query_key.key
        masks = PairMasks(own, record.pair_keys, int.from_bytes(modulus, "big"))
        return uint(correction(record.value, seeds, masks, answering), len(modulus))
    vectors = WordMasks(own, record.pair_keys, record.requester_key, words)
    return words_to_bytes(words_correction(record.value, seeds, vectors, answering))
