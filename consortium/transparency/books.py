"""
The committed book: one Merkle root a day over everything that a lender holds, without showing any of it.

    salt(day)        = HKDF(book secret, DAY_SALT, day)                     shown when that day is inspected
    openings(day)    = HKDF(book secret, BOOK_OPENING, day)                 never shown
    opening(subject) = HMAC(openings(day), BOOK_OPENING, tag)               shown when that subject is inspected
    position         = HMAC(salt(day), BOOK_POSITION, tag)                  32 bytes
    commitment       = HMAC(opening(subject), BOOK_FILE, tag, file bytes)   32 bytes
    leaf             = position || commitment                               64 bytes
    root             = RFC 6962 tree hash of the leaves in increasing order of position
    salt digest      = SHA-256(BOOK_SALT_DIGEST, salt(day))

`day` counts from 1970-01-01 in 8 bytes; fields are encoded by `consortium.hashing`. Positions depend on the day, so
two days' trees cannot be joined. The commitment has a key of its own for every subject, so whoever inspects one
subject, and learns the salt with it, can test nothing against the neighbouring leaves. The salt digest is bound into
the journal's start and so into every contribution: a lender cannot later show another salt under which a subject
would be absent. Two neighbouring leaves prove absence *if* the tree is sorted, which only a full audit shows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hmac import compare_digest

from consortium.errors import Code, CreditError
from consortium.hashing import DIGEST_BYTES, derive, keyed_hash, transcript_hash, uint
from consortium.labels import Label
from consortium.model.identifiers import Secret, SubjectTag
from consortium.silent import Silent
from consortium.transparency.tree import TreeHasher

LEAF_BYTES = 2 * DIGEST_BYTES


@dataclass(frozen=True, slots=True, repr=False)
class DayKeys(Silent):
    """What a lender commits with on one day; `salt` may be shown to an inspection of the day, `openings` never."""

    day: int
    salt: bytes
    openings: bytes

    @property
    def salt_digest(self) -> bytes:
        """The public commitment to the salt, 32 bytes."""
        return salt_digest(self.salt)

    def opening(self, tag: SubjectTag) -> bytes:
        """Give the key of one subject's commitments on this day: what an inspection of that subject is shown."""
        return keyed_hash(self.openings, Label.BOOK_OPENING, tag.value)

    def leaf(self, tag: SubjectTag, file: bytes) -> bytes:
        """Give the leaf of a subject with its credit file's bytes, 64 bytes."""
        return position(self.salt, tag) + file_commitment(self.opening(tag), tag, file)


@dataclass(frozen=True, slots=True)
class BookRoot:
    """What is published of a book: its day, how many subjects, the tree's root and the digest of the day's salt."""

    day: int
    size: int
    root: bytes
    salt_digest: bytes


def day_keys(book_secret: Secret, day: int) -> DayKeys:
    """Derive the keys of a day (epoch days) from the lender's book secret of at least 32 bytes."""
    salt = derive(book_secret.value, Label.DAY_SALT, uint(day))
    return DayKeys(day, salt, derive(book_secret.value, Label.BOOK_OPENING, uint(day)))


def salt_digest(salt: bytes) -> bytes:
    """Commit to a day's salt, 32 bytes."""
    return transcript_hash(Label.BOOK_SALT_DIGEST, salt)


def position(salt: bytes, tag: SubjectTag) -> bytes:
    """Give a subject's place in the tree of the salt's day, 32 bytes."""
    return keyed_hash(salt, Label.BOOK_POSITION, tag.value)


def file_commitment(opening: bytes, tag: SubjectTag, file: bytes) -> bytes:
    """Commit to a credit file's bytes under the subject's opening, 32 bytes."""
    return keyed_hash(opening, Label.BOOK_FILE, tag.value, file)


def verify_leaf(leaf: bytes, salt: bytes, opening: bytes, tag: SubjectTag, file: bytes) -> None:
    """
    Verify that a leaf is that of a subject with these file bytes.

    The salt must have been held to a published salt digest before. Raises CreditError(REVEAL_INVALID).
    """
    if len(opening) != DIGEST_BYTES or len(leaf) != LEAF_BYTES:
        raise CreditError(Code.REVEAL_INVALID, "length of a leaf or an opening")
    if not compare_digest(leaf, position(salt, tag) + file_commitment(opening, tag, file)):
        raise CreditError(Code.REVEAL_INVALID, "the book's leaf is not that of this file")


def book_root(keys: DayKeys, leaves: Iterable[bytes]) -> BookRoot:
    """
    Hash the leaves of a day, given in increasing order of position, to what is published.

    Raises CreditError(INTERNAL) where they are not: a book that is not sorted proves nothing.
    """
    hasher = TreeHasher()
    before = b""
    for leaf in leaves:
        if len(leaf) != LEAF_BYTES or leaf[:DIGEST_BYTES] <= before:
            raise CreditError(Code.INTERNAL, "the book's leaves are not in increasing order")
        before = leaf[:DIGEST_BYTES]
        hasher.append(leaf)
    return BookRoot(keys.day, hasher.size, hasher.root(), keys.salt_digest)
