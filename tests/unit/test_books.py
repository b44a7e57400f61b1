"""What a book and its journal commit to, byte for byte, and what an inspection can and cannot be told."""

import hashlib
import hmac
from dataclasses import replace

import pytest

from consortium.errors import Code
from consortium.hashing import encode_fields
from consortium.labels import Label
from consortium.model.identifiers import Secret, SubjectTag
from consortium.transparency.books import DayKeys, book_root, day_keys, position, salt_digest, verify_leaf
from consortium.transparency.journal import (
    NO_JOURNAL,
    JournalHead,
    journal_link,
    journal_start,
    verify_links,
    verify_opened,
)
from consortium.transparency.tree import EMPTY_ROOT, tree_root
from tests.support.codes import refused

SECRET = Secret(bytes(range(32)))
DAY = 20_500
KEYS = day_keys(SECRET, DAY)
TAG, OTHER = SubjectTag(b"t" * 32), SubjectTag(b"u" * 32)
FILE = b'{"identifier":0}'
LEAF_DIGEST = "259706fceeaea0575c1f57736cbaf1880e143a347b1cc27b4e7768e9b3e2bc0c"
HEAD = "98e552137a2d4f52414afc7741885192c3628b11dd3200a93320c05e5a373e56"


def test_a_leaf_is_position_and_keyed_commitment() -> None:
    leaf = KEYS.leaf(TAG, FILE)
    place = hmac.digest(KEYS.salt, encode_fields(Label.BOOK_POSITION, TAG.value), "sha256")
    opening = hmac.digest(KEYS.openings, encode_fields(Label.BOOK_OPENING, TAG.value), "sha256")
    committed = hmac.digest(opening, encode_fields(Label.BOOK_FILE, TAG.value, FILE), "sha256")
    assert leaf == place + committed
    assert len(leaf) == 64


def test_the_leaf_is_final() -> None:
    assert hashlib.sha256(KEYS.leaf(TAG, FILE)).hexdigest() == LEAF_DIGEST
    start = journal_start("lender-a", book_root(KEYS, [KEYS.leaf(TAG, FILE)]), JournalHead(3, b"p" * 32))
    assert start.then(journal_link(KEYS, TAG, b"{}")).head.hex() == HEAD


def test_days_cannot_be_joined() -> None:
    tomorrow = day_keys(SECRET, DAY + 1)
    assert position(KEYS.salt, TAG) != position(tomorrow.salt, TAG)
    assert KEYS.opening(TAG) != tomorrow.opening(TAG)
    assert KEYS.leaf(TAG, FILE)[32:] != tomorrow.leaf(TAG, FILE)[32:]
    assert day_keys(SECRET, DAY).salt == KEYS.salt
    assert day_keys(Secret(bytes(32)), DAY).salt != KEYS.salt


def test_a_shown_leaf_is_held_to_tag_file_salt_and_opening() -> None:
    leaf, opening = KEYS.leaf(TAG, FILE), KEYS.opening(TAG)
    verify_leaf(leaf, KEYS.salt, opening, TAG, FILE)
    for wrong in (
        (leaf, KEYS.salt, opening, OTHER, FILE),
        (leaf, KEYS.salt, opening, TAG, FILE + b" "),
        (leaf, KEYS.salt, KEYS.opening(OTHER), TAG, FILE),
        (leaf, bytes(32), opening, TAG, FILE),
        (leaf[:-1], KEYS.salt, opening, TAG, FILE),
        (leaf, KEYS.salt, opening + b"\0", TAG, FILE),  # HMAC pads its key with zeros: lengths are fixed
    ):
        with refused(Code.REVEAL_INVALID):
            verify_leaf(*wrong)


def test_the_root_is_that_of_the_sorted_leaves_and_nothing_else_passes() -> None:
    leaves = sorted(KEYS.leaf(SubjectTag(bytes([n]) * 32), FILE) for n in range(7))
    root = book_root(KEYS, leaves)
    assert (root.day, root.size, root.root) == (DAY, 7, tree_root(leaves))
    assert root.salt_digest == salt_digest(KEYS.salt) == KEYS.salt_digest
    for wrong in (leaves[::-1], [leaves[0], leaves[0]], [leaves[0], leaves[0][:32] + bytes(32)], [leaves[0] + b"\0"]):
        with refused(Code.INTERNAL):
            book_root(KEYS, wrong)


def test_an_empty_book_has_the_empty_tree() -> None:
    assert book_root(KEYS, []).root == EMPTY_ROOT


BOOK = book_root(KEYS, [KEYS.leaf(TAG, FILE)])
ENTRIES = [(TAG, b"one"), (OTHER, b"two"), (TAG, b"three")]
LINKS = [journal_link(KEYS, tag, entry) for tag, entry in ENTRIES]


def chain(start: JournalHead, links: list[bytes]) -> JournalHead:
    for link in links:
        start = start.then(link)
    return start


@pytest.mark.parametrize(
    "other",
    [
        journal_start("lender-b", BOOK),
        journal_start("lender-a", replace(BOOK, day=DAY + 1)),
        journal_start("lender-a", replace(BOOK, size=2)),
        journal_start("lender-a", replace(BOOK, root=bytes(32))),
        journal_start("lender-a", replace(BOOK, salt_digest=bytes(32))),
        journal_start("lender-a", BOOK, JournalHead(1, bytes(32))),
        journal_start("lender-a", BOOK, JournalHead(0, b"\1" * 32)),
    ],
)
def test_a_journal_starts_from_all_that_the_book_is(other: JournalHead) -> None:
    assert other != journal_start("lender-a", BOOK, NO_JOURNAL)
    assert other.size == 0


def test_links_lead_to_the_head_and_no_others_do() -> None:
    start = journal_start("lender-a", BOOK)
    end = chain(start, LINKS)
    assert end.size == 3
    verify_links(start, LINKS, end)
    for wrong in (LINKS[:-1], LINKS[::-1], [*LINKS, LINKS[0]], [LINKS[0], LINKS[0], LINKS[2]], [b"", *LINKS]):
        with refused(Code.JOURNAL_BROKEN):
            verify_links(start, wrong, end)
    with refused(Code.JOURNAL_BROKEN):
        verify_links(start, LINKS, replace(end, size=2))


def test_an_inspection_sees_that_no_entry_of_the_subject_is_kept_back() -> None:
    opening = KEYS.opening(TAG)
    verify_opened(LINKS, KEYS.salt, opening, TAG, [b"one", b"three"])
    verify_opened(LINKS, KEYS.salt, KEYS.opening(OTHER), OTHER, [b"two"])
    for shown in ([b"one"], [b"three", b"one"], [b"one", b"two", b"three"], [b"one", b"threeX"], []):
        with refused(Code.REVEAL_INVALID):
            verify_opened(LINKS, KEYS.salt, opening, TAG, shown)
    with refused(Code.REVEAL_INVALID):
        verify_opened(LINKS, KEYS.salt, KEYS.opening(OTHER), TAG, [b"one", b"three"])
    with refused(Code.REVEAL_INVALID):
        verify_opened(LINKS, KEYS.salt, opening[:-1], TAG, [b"one", b"three"])


def test_what_one_inspection_is_shown_opens_nobody_else() -> None:
    """With the salt and one subject's opening, a guess at another's file still cannot be tested."""
    leaf = KEYS.leaf(OTHER, FILE)
    for key in (KEYS.salt, KEYS.opening(TAG)):
        with refused(Code.REVEAL_INVALID):
            verify_leaf(leaf, KEYS.salt, key, OTHER, FILE)


def test_the_keys_of_a_day_do_not_print() -> None:
    assert repr(KEYS) == str(KEYS) == f"{KEYS}" == "<DayKeys>"
    assert isinstance(KEYS, DayKeys)
