"""The outer form of a travel table, which everybody may check who cannot open it."""

from consortium.hashing import transcript_hash
from consortium.labels import Label

WORD_BYTES = 8
"""An entry is a word mod 2^64, big-endian."""


def table_digest(words: bytes) -> bytes:
    """Digest a table's words: what the contributor signs of them, 32 bytes."""
    return transcript_hash(Label.TRAVEL_TABLE, words)
