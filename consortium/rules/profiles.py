"""Which sizes a suite has, and what kind of key hides its sums from everybody but the requester."""

from collections.abc import Iterable
from dataclasses import dataclass

from consortium.model.keys import KeyType
from consortium.model.query import Suite
from consortium.sums.profiles import INSECURE_TEST_1024, PAILLIER_3072, Profile
from consortium.sums.words import MAXIMUM_WORDS, WORD_BITS

PROFILES: dict[Suite, Profile] = {
    Suite.PAILLIER_3072_MASKED: PAILLIER_3072,
    Suite.INSECURE_TEST_1024_MASKED: INSECURE_TEST_1024,
}
"""The suites with Paillier; the others have none."""


@dataclass(frozen=True, slots=True)
class Room:
    """What one answer holds: bits in all, and the bits of a word that no slot crosses the end of (0: no words)."""

    bits: int
    word_bits: int = 0


_WORDS = Room(MAXIMUM_WORDS * WORD_BITS, WORD_BITS)


def room_in(suite: Suite) -> Room:
    """Give the room that an answer has in a suite."""
    profile = PROFILES.get(suite)
    return Room(profile.modulus_bits) if profile else _WORDS


def query_key_type(suite: Suite) -> KeyType:
    """Give the type of the key that a query of this suite names."""
    return KeyType.QUERY if suite in PROFILES else KeyType.EPHEMERAL


def paillier_profile(suites: Iterable[Suite]) -> Profile:
    """
    Give the sizes of a member's Paillier key: those of the first suite that has one.

    Where none has, the full ones: the key waits for a rulebook that allows such a suite.
    """
    return next((PROFILES[suite] for suite in suites if suite in PROFILES), PAILLIER_3072)
