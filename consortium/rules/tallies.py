"""The addition of hidden contributions, as everybody can make it who has the messages: it needs no secret."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId
from consortium.model.query import SignedQuery
from consortium.model.rounds import Round1Body, Transcript
from consortium.model.rulebook import Rulebook
from consortium.rules.contributions import query_layout
from consortium.rules.profiles import PROFILES
from consortium.sums.paillier import Ciphertext, PublicKey, add_plain, product
from consortium.sums.profiles import Profile
from consortium.sums.words import Words, WordSums, added, words_from_bytes, words_to_bytes

KeyReader = Callable[[bytes, Profile], PublicKey]
"""Gives the checked key for a big-endian modulus; raises CreditError(PUBLIC_KEY_WEAK)."""
Sums = PublicKey | WordSums
"""What a query's sums are made in: under the requester's Paillier key, or in vectors of words."""


class Tally(Protocol):
    """The contributions of one query, added up without opening them."""

    def take(self, member: MemberId, contribution: bytes) -> None:
        """Read a contribution, in the place of an earlier one; raises CreditError(CIPHERTEXT_INVALID)."""
        ...

    def check_correction(self, member: MemberId, correction: bytes) -> None:
        """Raise CreditError(TRANSCRIPT_INVALID) for a correction that is none."""
        ...

    def total(self, corrections: Mapping[MemberId, bytes]) -> bytes:
        """Add up what the members named contributed, and take their corrections off: the hidden sum, encoded."""
        ...


def sums_of(query: SignedQuery, rulebook: Rulebook, keys: KeyReader) -> Sums:
    """Give what a query's sums are made in; raises PUBLIC_KEY_WEAK or ATTRIBUTES_DO_NOT_FIT."""
    profile = PROFILES.get(query.header.suite)
    return keys(query.query_key.key, profile) if profile else WordSums(query_layout(query.header, rulebook).words)


def tally_in(sums: Sums) -> Tally:
    """Give an empty tally."""
    return WordTally(sums) if isinstance(sums, WordSums) else PaillierTally(sums)


def check_form(body: Round1Body, query: SignedQuery) -> None:
    """Raise CreditError(MALFORMED) unless a contribution names the requester's key exactly where there is one."""
    if bool(body.requester_digest) is (query.header.suite in PROFILES):
        raise CreditError(Code.MALFORMED, "requester_digest")


def check_total(query: SignedQuery, transcript: Transcript, sums: Sums) -> bytes:
    """
    Give a transcript's hidden sum, added up again from its messages.

    Raises CreditError(TRANSCRIPT_INVALID) where the gateway's is another one, CIPHERTEXT_INVALID or MALFORMED.
    """
    tally = tally_in(sums)
    for first in transcript.round1:
        check_form(first.body, query)
        tally.take(first.body.contributor, first.body.ciphertext)
    corrections = {second.body.contributor: second.body.correction for second in transcript.round2}
    for member, correction in corrections.items():
        tally.check_correction(member, correction)
    total = tally.total(corrections)
    if total != transcript.product:
        raise CreditError(Code.TRANSCRIPT_INVALID, "the product does not follow from its parts")
    return total


@dataclass
class PaillierTally:
    """Ciphertexts under the requester's key, multiplied."""

    key: PublicKey
    _taken: dict[MemberId, Ciphertext] = field(default_factory=dict)

    def take(self, member: MemberId, contribution: bytes) -> None:
        """Read a ciphertext."""
        self._taken[member] = Ciphertext.from_bytes(self.key, contribution)

    def check_correction(self, member: MemberId, correction: bytes) -> None:
        """Hold a correction below the modulus."""
        if int.from_bytes(correction, "big") >= self.key.n:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"correction of {member} is out of range")

    def total(self, corrections: Mapping[MemberId, bytes]) -> bytes:
        """Multiply the ciphertexts and the corrections' inverses."""
        whole = sum(int.from_bytes(correction, "big") for correction in corrections.values())
        return add_plain(product([self._taken[member] for member in corrections]), -whole).to_bytes()


@dataclass
class WordTally:
    """Vectors of words, added."""

    sums: WordSums
    _taken: dict[MemberId, Words] = field(default_factory=dict)

    def take(self, member: MemberId, contribution: bytes) -> None:
        """Read a vector."""
        self._taken[member] = words_from_bytes(contribution, self.sums.count)

    def check_correction(self, member: MemberId, correction: bytes) -> None:
        """Hold a correction to the vectors' length."""
        if len(correction) != self.sums.width:
            raise CreditError(Code.TRANSCRIPT_INVALID, f"correction of {member} has another length")

    def total(self, corrections: Mapping[MemberId, bytes]) -> bytes:
        """Add the vectors and take the corrections off."""
        count = self.sums.count
        given = added((self._taken[member] for member in corrections), count)
        return words_to_bytes(given - added((words_from_bytes(one, count) for one in corrections.values()), count))
