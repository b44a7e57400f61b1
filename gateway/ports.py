"""What the gateway's use-cases need of the world around them; every guarantee is part of the interface."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from consortium.canonical import CanonicalValue
from consortium.custody import Answered
from consortium.errors import CreditError
from consortium.model.members import MemberId
from consortium.sums.paillier import PublicKey
from consortium.sums.profiles import Profile
from consortium.wire.membership import BoardDocument, DocumentKind, Page, ReadWanted

ResultT = TypeVar("ResultT")


class QueryKeys(Protocol):
    """The registry of requesters' Paillier keys."""

    def public_key(self, modulus: bytes, profile: Profile) -> PublicKey:
        """Give the checked key for a big-endian modulus; raises CreditError(PUBLIC_KEY_WEAK)."""
        ...


class ConsentUses(Protocol):
    """The count of queries under each consent record."""

    def use_consent(self, consent_digest: bytes, query_digest: bytes) -> int:
        """Count a query under a consent record once; gives the number of distinct queries so far."""
        ...


@dataclass(frozen=True, slots=True)
class Appended:
    """An entry's position (from 0), its RFC 6962 leaf hash, and when it was written (Unix milliseconds)."""

    index: int
    leaf_hash: bytes
    time_ms: int


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """A request seen before: the digest of its query, and the response once there is one."""

    query_digest: bytes
    response: bytes | None


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document for the board, verified by whoever posts it; `digest` is that of kind and signed bytes."""

    kind: DocumentKind
    signed: bytes
    author: MemberId
    digest: bytes


class BoardTransaction(Protocol):
    """What a unit of work may do on the board, an append-only sequence from 1 without gaps."""

    @property
    def newest(self) -> int:
        """Give the place of the newest document, 0 on an empty board."""
        ...

    def place(self, digest: bytes) -> int | None:
        """Give the place of the document with this digest."""
        ...

    def append(self, document: NewDocument, time_ms: int) -> BoardDocument:
        """Put a document at the next place; its digest must be new. Time never goes back."""
        ...


class BoardReader(Protocol):
    """The board for readers, who wait for nobody that posts."""

    def page(self, wanted: ReadWanted) -> Page:
        """Give the next documents in order, as many as fit into MAXIMUM_PAGE_BYTES but at least one."""
        ...

    def newest(self) -> int:
        """Give the place of the newest document, 0 on an empty board."""
        ...


@dataclass(frozen=True, slots=True)
class BodyState:
    """A body beside the log: whether it can still be read, is under a legal hold, and its entry's time (Unix ms)."""

    readable: bool
    held: bool
    time_ms: int


class BodyTransaction(Protocol):
    """What a unit of work may do beside the log; durable with the unit's entries or not at all."""

    def keep(self, entry: Appended, query_digest: bytes, content: bytes) -> None:
        """Keep an entry's body, encrypted under a key of its own."""
        ...

    def state(self, index: int) -> BodyState | None:
        """Give the state of an entry's body, None where it never had one."""
        ...

    def hold(self, index: int, *, held: bool) -> None:
        """Put a body under a legal hold, or release it."""
        ...

    def erase(self, index: int, erased_by: int) -> None:
        """Destroy a body's key, the body, and its query's kept response; `erased_by` is the entry that says why."""
        ...

    def older_than(self, before_ms: int, most: int) -> list[int]:
        """Give the indices of the oldest readable bodies before a time that nobody holds, rising."""
        ...


@dataclass(frozen=True, slots=True)
class NewFiling:
    """
    A verified document to be filed: its kind and signed bytes, their digest, and its author.

    `reader` is whom it concerns besides the author, "*" for everybody; `about` the entry that it is about.
    """

    kind: str
    signed: bytes
    digest: bytes
    author: MemberId
    reader: str
    about: int | None


@dataclass(frozen=True, slots=True)
class KnownFiling:
    """A filed document: the index of its entry, its kind, author, what it is about, and its signed bytes."""

    index: int
    kind: str
    author: MemberId
    about: int | None
    signed: bytes


class FilingTransaction(Protocol):
    """What a unit of work may do with filed documents and with bundles that inspections are shown."""

    def entry(self, digest: bytes) -> int | None:
        """Give the entry of a document that was filed before."""
        ...

    def keep(self, index: int, filing: NewFiling, time_ms: int) -> None:
        """Keep a filing beside its entry; its digest must be new."""
        ...

    def at(self, index: int) -> KnownFiling | None:
        """Give the filing of an entry."""
        ...

    def about(self, kind: str, index: int) -> list[KnownFiling]:
        """Give the filings of a kind about an entry, in the log's order."""
        ...

    def newest(self, kind: str, author: MemberId) -> KnownFiling | None:
        """Give an author's newest filing of a kind."""
        ...

    def count(self, author: MemberId, since_ms: int) -> int:
        """Count an author's filings since a time, Unix milliseconds."""
        ...

    def keep_piece(self, order: int, number: int, content: bytes) -> None:
        """Keep a piece of the bundle of an order, in place of an earlier one of its number."""
        ...

    def drop_pieces(self, order: int, number: int = 0) -> None:
        """Drop the pieces of a bundle from a number on."""
        ...


@dataclass(frozen=True, slots=True)
class KnownJob:
    """A job over a list: query and roster as every member is shown them, its admission, and how it ended, if it has."""

    digest: bytes
    requester: MemberId
    request_id: bytes
    begin: bytes
    admission: int
    expires_at: int
    ended: bytes | None = None


@dataclass(frozen=True, slots=True)
class KnownBlock:
    """A block of a job: what was chosen for it, and its receipt once it is answered."""

    block: int
    fixed: bytes
    receipt: bytes | None


class JobTransaction(Protocol):
    """What a unit of work may do with jobs over lists."""

    def by_request(self, requester: MemberId, request_id: bytes) -> KnownJob | None:
        """Look a job up by its request."""
        ...

    def find(self, job: bytes) -> KnownJob | None:
        """Look a job up by the digest of its signed query."""
        ...

    def open(self, job: KnownJob) -> None:
        """Keep a job; digest and request are new."""
        ...

    def end(self, job: bytes, ended: bytes) -> None:
        """Keep how a job ended; the first end stands."""
        ...

    def overdue(self, before: int) -> list[KnownJob]:
        """Give jobs that expired before a time (Unix seconds) and have not ended."""
        ...

    def blocks(self, job: bytes) -> list[KnownBlock]:
        """Give what is known of a job's blocks, by number."""
        ...

    def fix(self, job: bytes, block: int, fixed: bytes) -> None:
        """Keep what was chosen for a block, before anybody is asked to release for it; an answered one stays."""
        ...

    def receipt(self, job: bytes, block: int) -> bytes | None:
        """Give the receipt of a block, None before it is answered."""
        ...

    def answer(self, job: bytes, block: int, receipt: bytes) -> None:
        """Keep the receipt of a block that is fixed; the first one stands."""
        ...


class GatewayTransaction(ConsentUses, Protocol):
    """
    One unit of work inside a durable batch; units run one after another over all replicas.

    A unit checks before it writes: when it raises CreditError, what it has written so far stays undone.
    """

    def give_back_consent(self, consent_digest: bytes, query_digest: bytes) -> None:
        """Count a query under a consent record no more: it ended before anything was released."""
        ...

    @property
    def size(self) -> int:
        """Give the number of entries."""
        ...

    @property
    def board(self) -> BoardTransaction:
        """Give the board of membership."""
        ...

    @property
    def bodies(self) -> BodyTransaction:
        """Give what lies beside the log."""
        ...

    @property
    def filings(self) -> FilingTransaction:
        """Give the filed documents."""
        ...

    @property
    def jobs(self) -> JobTransaction:
        """Give the jobs over lists."""
        ...

    def line(self, index: int) -> bytes | None:
        """Give the exact bytes of an entry."""
        ...

    def append(self, entry: dict[str, CanonicalValue]) -> Appended:
        """Append an entry as one canonical JSON line; index and time are added to it."""
        ...

    def request(self, requester: MemberId, request_id: bytes) -> KnownRequest | None:
        """Look a request up."""
        ...

    def open_request(self, requester: MemberId, request_id: bytes, query_digest: bytes) -> None:
        """Remember a request that is being answered."""
        ...

    def close_request(self, requester: MemberId, request_id: bytes, response: bytes) -> None:
        """Keep the response, for every repeat."""
        ...

    def spend(self, member: MemberId, quota: str, period: int, amount: int) -> int:
        """Add to what a member has used of a quota in a period; gives the new total."""
        ...

    def spent(self, member: MemberId, quota: str, period: int) -> int:
        """Give what a member has used of a quota in a period."""
        ...

    def keep_mask_key(self, member: MemberId, day: int, certified: bytes) -> None:
        """Keep a member's certified mask key of a UTC day, the newest in place of an older one."""
        ...

    def mask_keys(self, day: int) -> dict[MemberId, bytes]:
        """Give every member's certified mask key of a UTC day."""
        ...

    def last_evaluation(self, member: MemberId, generation: int) -> Answered | None:
        """Give the last committed answer of this key holder to a member under a generation."""
        ...

    def keep_evaluation(self, member: MemberId, generation: int, answered: Answered) -> None:
        """Keep an answer in place of the last one; raises CreditError(COUNTER_GAP) unless its counter follows."""
        ...

    def counter(self, member: MemberId) -> int:
        """Give the number of the last signed message seen of a member, 0 before the first."""
        ...

    def see_counters(self, seen: Mapping[MemberId, int]) -> None:
        """Remember the highest number of a signed message of each member."""
        ...


Unit = Callable[[GatewayTransaction], ResultT]


class GatewayStore(Protocol):
    """The gateway's durable memory, shared by its replicas."""

    def transact(self, units: Sequence[Unit[ResultT]]) -> list[ResultT | CreditError]:
        """
        Run the units one after another and make all of them durable at once; gives results in order.

        A unit that raises CreditError is undone and gives its error. Raises CreditError(STORAGE_FULL) or another
        storage error where nothing of the whole batch is durable.
        """
        ...

    def lines(self, start: int, end: int) -> list[bytes]:
        """Give the exact bytes of the entries from `start` up to `end`, without it."""
        ...

    def size(self) -> int:
        """Give the number of entries."""
        ...
