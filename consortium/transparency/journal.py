"""
The journal of a book: a hash chain over every live change since the book's root was made.

    head_0     = SHA-256(JOURNAL_START, lender, day, size, root, salt digest, previous size, previous head)
    commitment = HMAC(opening(subject), JOURNAL_EVENT, entry bytes)
    link       = position || commitment                                    64 bytes, as a leaf of the book
    head_{k+1} = SHA-256(JOURNAL_ENTRY, head_k, link_k)

`position` and `opening` are those of `consortium.transparency.books` on the book's day; the entry bytes are those of
`consortium.model.journal_entry`. Previous size and head are where the journal of the book before ended (0 and 32 zero
bytes for the first), so that all journals of a lender are one chain.

Only size and head leave the lender, inside every contribution. An inspection of one subject is shown all links up to
that size (their chain gives the head), the day's salt, and the entries of that subject's links: it sees that none is
kept back, and of everybody else's nothing but that something changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hmac import compare_digest

from consortium.errors import Code, CreditError
from consortium.hashing import DIGEST_BYTES, keyed_hash, transcript_hash, uint
from consortium.labels import Label
from consortium.model.identifiers import SubjectTag
from consortium.transparency.books import BookRoot, DayKeys, position

LINK_BYTES = 2 * DIGEST_BYTES


@dataclass(frozen=True, slots=True)
class JournalHead:
    """Where a journal stands: the number of its entries and the hash over all of them."""

    size: int
    head: bytes

    def then(self, link: bytes) -> "JournalHead":
        """Give the head after one more entry."""
        return JournalHead(self.size + 1, transcript_hash(Label.JOURNAL_ENTRY, self.head, link))


NO_JOURNAL = JournalHead(0, bytes(DIGEST_BYTES))


def journal_start(lender: str, book: BookRoot, previous: JournalHead = NO_JOURNAL) -> JournalHead:
    """Begin the journal of a book where that of the book before ended."""
    head = transcript_hash(
        Label.JOURNAL_START,
        lender.encode(),
        uint(book.day),
        uint(book.size),
        book.root,
        book.salt_digest,
        uint(previous.size),
        previous.head,
    )
    return JournalHead(0, head)


def entry_commitment(opening: bytes, entry: bytes) -> bytes:
    """Commit to an entry's bytes under its subject's opening, 32 bytes."""
    return keyed_hash(opening, Label.JOURNAL_EVENT, entry)


def journal_link(keys: DayKeys, tag: SubjectTag, entry: bytes) -> bytes:
    """Give what the chain holds of an entry, 64 bytes."""
    return position(keys.salt, tag) + entry_commitment(keys.opening(tag), entry)


def verify_links(start: JournalHead, links: Iterable[bytes], end: JournalHead) -> None:
    """Verify that the links lead from the journal's start to its end; raises CreditError(JOURNAL_BROKEN)."""
    head = start
    for link in links:
        if len(link) != LINK_BYTES:
            raise CreditError(Code.JOURNAL_BROKEN, "length of a link")
        head = head.then(link)
    if head != end:
        raise CreditError(Code.JOURNAL_BROKEN, f"the chain does not lead to its head at entry {end.size}")


def verify_opened(
    links: Iterable[bytes], salt: bytes, opening: bytes, tag: SubjectTag, entries: Iterable[bytes]
) -> None:
    """
    Verify that `entries` are all of one subject's among the links, in order.

    The links must have been verified before. Raises CreditError(REVEAL_INVALID).
    """
    if len(opening) != DIGEST_BYTES:
        raise CreditError(Code.REVEAL_INVALID, "length of an opening")
    place = position(salt, tag)
    held = [link for link in links if link[:DIGEST_BYTES] == place]
    shown = [place + entry_commitment(opening, entry) for entry in entries]
    if not compare_digest(b"".join(held), b"".join(shown)):
        raise CreditError(Code.REVEAL_INVALID, "the entries shown are not all of this subject's")
