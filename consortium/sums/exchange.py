"""
One contribution and one correction: the formulas of the two rounds.

y_i    = X_i + b_i + sum_{j > i} s_ij - sum_{j < i} s_ij   mod n      over the whole roster
corr_i = b_i + sum_{j not in U} (+-) s_ij                  mod n
prod c_i * (1 - n sum corr_i) mod n^2   decrypts to   sum_{i in U} X_i.
"""

from dataclasses import dataclass

from consortium.hashing import derive, transcript_hash, uint
from consortium.labels import Label
from consortium.model.identifiers import Silent
from consortium.sums.masks import PairMasks, blind


@dataclass(frozen=True, slots=True, repr=False)
class CtxSeeds(Silent):
    """A contributor's secrets of one ctx, derived from its audit secret so that an inspection can open them."""

    seed: bytes

    @classmethod
    def derive(cls, audit_secret: bytes, ctx: bytes) -> "CtxSeeds":
        """Derive the seed of one ctx."""
        return cls(derive(audit_secret, Label.CTX_SEED, ctx))

    def blind_seed(self, value: int) -> bytes:
        """
        Give the sub-seed "b" for the number that it hides.

        It depends on the number, so that a node that answers an exchange again from an older state, with another
        number under the same masks, does not show the difference.
        """
        return derive(self.seed, Label.SEED_BLIND, uint(value, (value.bit_length() + 7) // 8))

    def blind_seed_of(self, values: bytes) -> bytes:
        """Give the sub-seed "b" for the values of a block that it hides, encoded; for the same reason of them."""
        return derive(self.seed, Label.SEED_BLIND, transcript_hash(Label.BLOCK_VALUES, values))

    @property
    def commit_seed(self) -> bytes:
        """The sub-seed "commit"; releasing "b" tells nothing about it."""
        return derive(self.seed, Label.SEED_COMMIT)


@dataclass(frozen=True, slots=True)
class BookState:
    """What a contribution was computed from: the day's book root and the journal's size and head."""

    root: bytes
    journal_size: int
    journal_head: bytes


def masked(value: int, seeds: CtxSeeds, masks: PairMasks) -> int:
    """y_i: the number under all masks, below n."""
    everyone = frozenset(masks.keys)
    return (value + blind(seeds.blind_seed(value), masks.modulus) + masks.signed_sum(everyone)) % masks.modulus


def correction(value: int, seeds: CtxSeeds, masks: PairMasks, answering: frozenset[str]) -> int:
    """corr_i for the answering set U: the blind of the number and the masks towards everybody outside U."""
    absent = frozenset(masks.keys) - answering
    return (blind(seeds.blind_seed(value), masks.modulus) + masks.signed_sum(absent)) % masks.modulus


def contribution_commitment(ctx: bytes, value: int, width: int, commit_seed: bytes, book: BookState) -> bytes:
    """commit_i over the number (`width` bytes) and the state of the book it came from."""
    return values_commitment(ctx, uint(value, width), commit_seed, book)


def values_commitment(ctx: bytes, values: bytes, commit_seed: bytes, book: BookState) -> bytes:
    """commit_i over the encoded number, or the words of a block, and the state of the book it came from."""
    fields = (ctx, values, commit_seed, book.root, uint(book.journal_size), book.journal_head)
    return transcript_hash(Label.CONTRIBUTION, *fields)
