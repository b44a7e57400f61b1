"""
What a lender does with its book, as plain functions over the port `BookStore`; and the rules that every store keeps.

Loading replaces what the sources know; `carried_pieces` and `first_kept` say what they cannot know.
"""

from collections.abc import Iterable, Iterator
from itertools import takewhile

from consortium.errors import Code, CreditError
from consortium.model.credit_file import (
    CreditFile,
    Freeze,
    Inquiry,
    Location,
    PendingGrant,
    Piece,
    PieceKind,
    Tradeline,
)
from consortium.model.credit_file_bytes import pieces_of
from consortium.model.identifiers import SubjectTag
from consortium.model.journal_entry import Confirmation, Dispute, JournalEntry, Release
from consortium.transparency.journal import JournalHead
from participants.lender.ports import BookStore, Subject

INQUIRY_SECONDS = 90 * 86_400  # no window looks back further
LOCATION_SECONDS = 4 * 86_400  # a travel check looks back two days at most, from a time at most two days past


def record_pending(store: BookStore, subject: Subject, pending: PendingGrant, now: int) -> JournalHead:
    """
    Record a grant before the query about it goes out; durable on return.

    So of two simultaneous applications at least one sees the other. Raises as `BookStore.record`.
    """
    return store.record(subject, pending, now)


def confirm(store: BookStore, tag: SubjectTag, pending_id: str, tradeline: Tradeline, now: int) -> JournalHead:
    """Turn a pending grant into its tradeline in one step, so that the exposure is never out of sight."""
    return store.record(_held(store, tag), Confirmation(pending_id, tradeline), now)


def release(store: BookStore, tag: SubjectTag, pending_id: str, now: int) -> JournalHead:
    """End a pending grant that came to nothing."""
    return store.record(_held(store, tag), Release(pending_id), now)


def record_inquiry(store: BookStore, subject: Subject, now: int, *, hard: bool = True) -> JournalHead:
    """Record that this lender looked into the subject now."""
    return store.record(subject, Inquiry(now, hard), now)


def set_freeze(store: BookStore, subject: Subject, now: int, *, frozen: bool) -> JournalHead:
    """Freeze or unfreeze a file; a subject unknown so far gets a file that holds the freeze alone."""
    return store.record(subject, Freeze(frozen), now)


def set_dispute(store: BookStore, tag: SubjectTag, account: str, now: int, *, disputed: bool) -> JournalHead:
    """Mark a tradeline as disputed by the subject, or no longer."""
    return store.record(_held(store, tag), Dispute(account, disputed), now)


def _held(store: BookStore, tag: SubjectTag) -> Subject:
    held = store.find(tag)
    if held is None:
        raise CreditError(Code.RECORD_INVALID, "no such subject")
    return Subject(tag, held.key, held.kind)


def carried_pieces(file: CreditFile, brought: frozenset[PieceKind], as_of: int) -> Iterator[Piece]:
    """
    Give what a load keeps of a subject's file from the book before.

    A kind of piece that no source brings at all (`brought` has those that one does) is kept as it is, pending grants
    always: only this node knows them. Grants that have expired, and inquiries and locations beyond every window, are
    dropped.
    """
    for piece in pieces_of(file):
        match piece:
            case PendingGrant():
                keep = piece.expires > as_of
            case Inquiry():
                keep = piece.kind not in brought and piece.time > as_of - INQUIRY_SECONDS
            case Location():
                keep = piece.kind not in brought and piece.time > as_of - LOCATION_SECONDS
            case _:
                keep = piece.kind not in brought
        if keep:
            yield piece


def first_kept(entries: Iterable[JournalEntry], as_of: int) -> int:
    """
    Give the place, among all entries since the last load, from which on a load keeps them.

    It is the first recorded at or after the time that the sources speak of: what was recorded before is in them by
    then, what was recorded from it on is applied again on the new book.
    """
    return sum(1 for _ in takewhile(lambda entry: entry.time < as_of, entries))


def applied_again(entry: JournalEntry, brought: frozenset[PieceKind], *, rolled: bool) -> bool:
    """
    Tell whether a load applies a kept entry again; `rolled` says that a roll has put it into the committed file.

    An inquiry there is not, where inquiries are carried over from that file: it would count twice. Every other event
    gives the same file when it is applied again.
    """
    return not (rolled and isinstance(entry.event, Inquiry) and PieceKind.INQUIRY not in brought)
