"""
The examination of what a member shows: every byte it signed must follow from its committed book, journal and secrets.

Pure: what log and bodies say of the exchange goes in, an exception or a list of open points comes out. In order:

1. the tags rebuild the query's envelope; the reveal gives c_i, corr_i and commit_i byte for byte, each pair key by the
   *peer's* digest;
2. the book's root is one that the member had stated in the log, the journal shown is the one that it stated, and goes
   through size and head of commit_i;
3. under each of the query's tags the book has what is shown, by its leaf, or nothing, by the leaf's neighbours;
4. X_i is the number that these files, changed by the journal up to commit_i, give as of the query's time;
5. where the query has a travel check, key and numbers give the signed table, and the numbers are those that the files'
   location events give for the tile and time which the query's holder part has.

Every comparison is with something that the member had signed before it was inspected, so that an honest one is never
convicted by what changed in its book afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from consortium.errors import Code, CreditError
from consortium.hashing import DIGEST_BYTES
from consortium.model.credit_file import CreditFile
from consortium.model.credit_file_bytes import credit_file_from_bytes
from consortium.model.identifiers import SubjectTag
from consortium.model.journal_entry import journal_entry_from_bytes, replay
from consortium.model.members import MemberId, MemberSet
from consortium.model.query import SignedQuery
from consortium.model.rounds import (
    RosterEntry,
    Round1Body,
    Round2Body,
    Signed,
    digests_by_peer,
    exchange_ctx,
    members_with_keys,
)
from consortium.model.rulebook import Rulebook
from consortium.rules.contributions import contribution_values, is_live, query_layout
from consortium.rules.tallies import Sums, sums_of
from consortium.rules.travel_reveals import StatedTravel
from consortium.sealing.payload import Payload, Place, check_envelope
from consortium.sums.exchange import BookState
from consortium.sums.paillier import public_key_from_bytes
from consortium.sums.reveals import Reveal, Stated, check_reveal
from consortium.supervision.bundle import Bundle, Shown, ShownLeaf, ShownPlace
from consortium.supervision.documents import StatedBook
from consortium.supervision.examine_travel import examine_travel, stated_travel
from consortium.transparency.books import LEAF_BYTES, position, salt_digest, verify_leaf
from consortium.transparency.journal import journal_start, verify_opened
from consortium.transparency.tree import EMPTY_ROOT, leaf_hash, verify_inclusion


@dataclass(frozen=True)
class Exchange:
    """One answered exchange as log and bodies have it; every signature in it was verified, messages by member."""

    query: SignedQuery
    rulebook: Rulebook
    roster: tuple[RosterEntry, ...]
    attempt: int
    intended: MemberSet
    answering: MemberSet
    round1: Mapping[MemberId, Signed[Round1Body]]
    round2: Mapping[MemberId, Signed[Round2Body]]
    block: int = 0

    @cached_property
    def ctx(self) -> bytes:
        """The exchange, 32 bytes."""
        return exchange_ctx(self.query, self.roster, self.attempt, self.intended, self.block)

    @cached_property
    def sums(self) -> Sums:
        """What the sum was made in: under the requester's key, checked, or in vectors of words."""
        return sums_of(self.query, self.rulebook, public_key_from_bytes)

    def stated(self, member: MemberId) -> Stated:
        """Give what a member had signed, and its peers about the same pairs; raises CreditError(REVEAL_INVALID)."""
        if member not in self.answering or not self.answering <= self.round1.keys() & self.round2.keys():
            raise CreditError(Code.REVEAL_INVALID, "not a member of the answering set, or messages are missing")
        keyed = members_with_keys(self.roster)
        digests = {peer: digests_by_peer(self.round1[peer].body, keyed) for peer in self.answering}
        own = self.round1[member].body
        return Stated(
            member=member,
            ctx=self.ctx,
            answering=self.answering,
            everybody=self.answering == frozenset(keyed),
            ciphertext=own.ciphertext,
            correction=int.from_bytes(self.round2[member].body.correction, "big"),
            commitment=own.commitment,
            own_digests=digests[member],
            peers_digests={peer: digests[peer][member] for peer in self.answering - {member}},
            requester_digest=own.requester_digest,
        )

    def stated_travel(self, member: MemberId) -> StatedTravel | None:
        """Give what a member of U had signed of a travel check; None where the query has none."""
        everybody = self.answering == frozenset(members_with_keys(self.roster))
        first, second = self.round1[member].body, self.round2[member].body
        return stated_travel(self.query, first, second, self.answering, everybody=everybody)


@dataclass(frozen=True, slots=True)
class StatedJournal:
    """A book that a member stated, every head of its journal that it stated, and the one at which the journal ended."""

    book: StatedBook
    heads: frozenset[bytes]
    ended: bytes | None


def examine(
    shown: Shown,
    exchange: Exchange,
    stated: Mapping[bytes, StatedJournal],
) -> tuple[str, ...]:
    """
    Examine a bundle whose signature was verified; gives what stays open, nothing where everything is confirmed.

    `stated` are the member's journals by their start, from the statements up to the one that the bundle names.
    Raises CreditError(REVEAL_INVALID), or (PAIR_MISMATCH) where two members stated different pair keys and nobody can
    tell who is wrong.
    """
    bundle = shown.bundle
    if bundle.ctx != exchange.ctx:
        raise _invalid("another exchange")
    tags = _tags(bundle, exchange)
    check_reveal(_reveal(bundle), exchange.stated(bundle.member), exchange.sums)
    _check_book(shown, stated)
    files = [_file(place, tag, shown, exchange) for place, tag in zip(bundle.places, tags, strict=True)]
    counted = _counted(bundle, files)
    _check_value(bundle, counted, exchange)
    travel = examine_travel(bundle, exchange.stated_travel(bundle.member), counted, exchange.query, exchange.rulebook)
    return (*_open_points(bundle.places, files), *travel)


def _reveal(bundle: Bundle) -> Reveal:
    state = BookState(bundle.book.root, bundle.journal_size, bundle.journal_head)
    seed, key = bundle.obfuscator_seed or b"", bundle.requester_key or b""
    return Reveal(int(bundle.value, 16), bundle.seed, seed, bundle.pair_keys, state, key)


def _tags(bundle: Bundle, exchange: Exchange) -> tuple[SubjectTag, ...]:
    """Give whom the query was about: the tags that rebuild the envelope which its requester had signed."""
    tags, query = tuple(map(SubjectTag, bundle.tags)), exchange.query
    payload = Payload(bundle.rho, tuple(Place(tag, tag, b"", b"") for tag in tags), 0, b"")
    claimed = query.envelope, query.tags_commitment
    key = exchange.rulebook.regulator.hpke_key
    try:
        check_envelope(payload, key, query.header_digest, query.header.consent_digest, claimed)
    except CreditError as error:
        raise _invalid("other tags than the query's") from error
    return tags


def _check_book(shown: Shown, stated: Mapping[bytes, StatedJournal]) -> None:
    """Hold book and journal to what the member stated before it knew of the inspection."""
    bundle, book = shown.bundle, shown.bundle.book
    if salt_digest(bundle.salt) != book.salt_digest:
        raise _invalid("another salt than the book's")
    start = journal_start(bundle.member, book.published, book.previous)
    known = stated.get(start.head)
    if known is None:
        raise _invalid("a book that the member never stated")
    head, heads = start, {start.head}
    if bundle.journal_size > len(shown.links):
        raise _invalid("fewer links than the contribution's journal had")
    for link in shown.links:
        if head.size == bundle.journal_size and head.head != bundle.journal_head:
            raise _invalid("the journal shown is not the contribution's")
        head = head.then(link)
        heads.add(head.head)
    if head.size == bundle.journal_size and head.head != bundle.journal_head:
        raise _invalid("the journal shown is not the contribution's")
    if not known.heads <= heads or known.ended not in (None, head.head):
        raise _invalid("the journal shown is not the one that the member stated")


def _file(place: ShownPlace, tag: SubjectTag, shown: Shown, exchange: Exchange) -> CreditFile | None:
    """Give the file that the contribution had to be computed from."""
    bundle = shown.bundle
    file = _committed(place, tag, bundle)
    links = shown.links[: bundle.journal_size]
    verify_opened(links, bundle.salt, place.opening, tag, place.entries)
    if not is_live(exchange.query.header, exchange.rulebook):
        return file
    try:
        entries = [journal_entry_from_bytes(entry) for entry in place.entries]
    except CreditError as error:
        raise _invalid("an entry of the journal that cannot be read") from error
    if any(entry.subject != tag for entry in entries):
        raise _invalid("an entry about somebody else")
    return replay(file, entries, tag)


def _committed(place: ShownPlace, tag: SubjectTag, bundle: Bundle) -> CreditFile | None:
    book = bundle.book
    if place.file is None:
        _check_absent(place.leaves, position(bundle.salt, tag), book.size, book.root)
        return None
    if len(place.leaves) != 1:
        raise _invalid("a file with its leaf is needed")
    (leaf,) = place.leaves
    verify_leaf(leaf.leaf, bundle.salt, place.opening, tag, place.file)
    _check_included(leaf, book.size, book.root)
    try:
        return credit_file_from_bytes(place.file)
    except CreditError as error:
        raise _invalid("a file that cannot be read") from error


def _check_absent(leaves: Sequence[ShownLeaf], wanted: bytes, size: int, root: bytes) -> None:
    """Hold a subject to be absent: nothing stands between two neighbouring leaves, or beyond the first or last one."""
    if size == 0:
        if leaves or root != EMPTY_ROOT:
            raise _invalid("leaves of an empty book")
        return
    for leaf in leaves:
        _check_included(leaf, size, root)
    below = [leaf.index for leaf in leaves if leaf.leaf[:DIGEST_BYTES] < wanted]
    above = [leaf.index for leaf in leaves if leaf.leaf[:DIGEST_BYTES] > wanted]
    between = len(below) == len(above) == len(leaves) - 1 == 1 and above[0] == below[0] + 1
    before_all = len(leaves) == 1 and above == [0]
    after_all = len(leaves) == 1 and below == [size - 1]
    if not (between or before_all or after_all):
        raise _invalid("the leaves shown do not prove absence")


def _check_included(leaf: ShownLeaf, size: int, root: bytes) -> None:
    if len(leaf.leaf) != LEAF_BYTES:
        raise _invalid("length of a leaf")
    try:
        verify_inclusion(leaf_hash(leaf.leaf), leaf.index, size, leaf.path, root)
    except CreditError as error:
        raise _invalid("a leaf that is not in the book") from error


def _counted(bundle: Bundle, files: Sequence[CreditFile | None]) -> list[CreditFile | None]:
    """Leave the files that count: proven, and reached by the identifier of their place."""
    return [
        file if file is not None and place.proven and file.identifier == index else None
        for index, (file, place) in enumerate(zip(files, bundle.places, strict=True))
    ]


def _check_value(bundle: Bundle, counted: Sequence[CreditFile | None], exchange: Exchange) -> None:
    header, rulebook = exchange.query.header, exchange.rulebook
    if query_layout(header, rulebook).pack(contribution_values(counted, header, rulebook)) != int(bundle.value, 16):
        raise _invalid("the number is not the one that book and journal give")


def _open_points(places: Sequence[ShownPlace], files: Sequence[CreditFile | None]) -> tuple[str, ...]:
    """
    Name what nobody but a holder can tell: whether the query proved the subject's key.

    Where the member holds the subject and says that the query did not, requester and other holders are to be asked.
    """
    return tuple(
        f"place {index}: held, and left out as unproven by the query"
        for index, (place, file) in enumerate(zip(places, files, strict=True))
        if file is not None and file.identifier == index and not place.proven
    )


def _invalid(cause: str) -> CreditError:
    return CreditError(Code.REVEAL_INVALID, cause)
