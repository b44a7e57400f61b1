"""What a contributor needs of its store of answers; every guarantee is part of the interface."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from consortium.model.identifiers import SubjectTag
from consortium.model.members import MemberId, MemberSet
from consortium.silent import Silent
from consortium.sums.paillier import Obfuscator, PublicKey
from consortium.sums.profiles import Profile
from participants.lender.ports import BookView


@dataclass(frozen=True, slots=True)
class Binding:
    """A subject's tag bound to an answering set U since its first release (Unix seconds), and the roster then."""

    members: MemberSet
    roster: MemberSet
    since: int


@dataclass(frozen=True, slots=True, repr=False)
class Exchange(Silent):
    """What round 1 left behind for an exchange: the call as received, the answer, and the sealed reveal record."""

    request: bytes
    answer: bytes
    reveal: bytes


class Encryptor(Protocol):
    """The encryption side of requesters' keys: checked once each, with obfuscators ready."""

    def public_key(self, modulus: bytes, profile: Profile) -> PublicKey:
        """Give the checked key for a big-endian modulus; raises CreditError(PUBLIC_KEY_WEAK)."""
        ...

    def obfuscator(self, key: PublicKey) -> Obfuscator:
        """Give an obfuscator that was never used."""
        ...


class BookReader(Protocol):
    """The part of a book that answering needs; see `BookStore`."""

    def read(self, tags: Sequence[SubjectTag], *, live: bool) -> BookView:
        """Read the files of several tags and the book's state in one consistent snapshot."""
        ...


@dataclass(frozen=True, slots=True)
class Charge:
    """What an exchange of a statistic costs: rho in millionths, of a template's budget and the whole, in a period."""

    template: str
    period: int
    rho: int
    template_limit: int
    whole_limit: int


@dataclass(frozen=True, slots=True, repr=False)
class StatisticExchange(Silent):
    """
    What round 1 of a statistic left behind: the call, the answer, and the seed of its blind.

    The noise is not in it: it is in the answer alone, under the masks, and nowhere else.
    """

    request: bytes
    answer: bytes
    seed: bytes


class StatisticTransaction(Protocol):
    """
    The privacy budget of a lender, and its exchanges of statistics, in the transaction of its answers.

    A charge is reserved before noise is drawn, spent with the release, and given back only by a tombstone, after which
    nothing is ever released for its ctx.
    """

    def reserve(self, ctx: bytes, statistic: bytes, charge: Charge, expires_at: int) -> None:
        """
        Reserve what an exchange costs; a ctx that has a reservation or a release is left as it is.

        Another exchange of the same signed statistic that has released nothing gets a tombstone first. Raises
        STATISTIC_CLOSED for a ctx with a tombstone, STATISTIC_BUDGET_SPENT where either budget does not suffice.
        """
        ...

    def exchange(self, ctx: bytes) -> StatisticExchange | None:
        """Give what round 1 stored; raises STATISTIC_CLOSED for a ctx with a tombstone."""
        ...

    def keep(self, ctx: bytes, exchange: StatisticExchange) -> None:
        """Keep round 1 of a reserved exchange; raises STATISTIC_CLOSED where there is no reservation any more."""
        ...

    def correction(self, ctx: bytes) -> bytes | None:
        """Give the signed answer of round 2, if it was released."""
        ...

    def release(self, ctx: bytes, answer: bytes) -> None:
        """Spend the charge and store the signed answer of round 2, once; the seed is forgotten."""
        ...

    def releases(self, statistic: bytes) -> int:
        """Count the releases for one signed statistic."""
        ...

    def bury(self, now: int) -> int:
        """Put a tombstone on what has expired without a release, and forget old answers; gives how many tombstones."""
        ...

    def used(self, period: int, template: str = "") -> int:
        """Give what is reserved and spent in a period, of one template or of all."""
        ...

    def count_hit(self, requester: MemberId, day: int, hits: int) -> None:
        """Count queries of a member that hit the book on a UTC day; zero is written like any other number."""
        ...

    def hits(self, days: range) -> dict[MemberId, int]:
        """Give the hits by requester on these days."""
        ...


class AnswerTransaction(Protocol):
    """One exclusive transaction; all of it or nothing becomes durable when its context ends without an exception."""

    @property
    def statistics(self) -> StatisticTransaction:
        """Give the statistics' part of the store."""
        ...

    def exchange(self, ctx: bytes) -> Exchange | None:
        """Give what round 1 of this exchange stored, if it happened."""
        ...

    def open_exchange(self, ctx: bytes, exchange: Exchange) -> None:
        """Store round 1; a ctx is opened once."""
        ...

    def correction(self, ctx: bytes) -> bytes | None:
        """Give the signed answer of round 2, if it was released."""
        ...

    def release(self, ctx: bytes, answer: bytes) -> None:
        """Store the signed answer of round 2; a ctx is released once."""
        ...

    def bindings(self, tags: Sequence[SubjectTag], not_before: int) -> list[Binding | None]:
        """Give each tag's binding whose first release is at or after `not_before`, or None."""
        ...

    def bind(self, tag: SubjectTag, binding: Binding) -> None:
        """Bind a tag, replacing a binding whose window has passed."""
        ...

    def counter(self) -> int:
        """Give the number of the last signed message, 0 before the first."""
        ...

    def next_counter(self, day: int) -> int:
        """Give the next gapless number of this lender's signed messages, from 1, and count it to a UTC day."""
        ...

    def last_of_days(self, after: int) -> list[tuple[int, int]]:
        """Give each later UTC day on which messages were signed, with the number of its last one, in order."""
        ...

    def consent_uses(self, consent_digest: bytes, query_digest: bytes) -> int:
        """Give what `use_consent` would give, and count nothing."""
        ...

    def use_consent(self, consent_digest: bytes, query_digest: bytes) -> int:
        """Count a query under a consent record, each query once; gives the number of distinct queries so far."""
        ...

    def travel_releases(self, tag: SubjectTag, not_before: int) -> list[tuple[bytes, int]]:
        """Give digest and time (Unix seconds) of each query whose travel check was released for a tag since then."""
        ...

    def travel_payment(self, requester: MemberId, commitment: bytes) -> bytes | None:
        """Give the digest of the query that a payment reference of a requester has served."""
        ...

    def note_travel(
        self, tags: Sequence[SubjectTag], query_digest: bytes, payment: tuple[MemberId, bytes], now: int
    ) -> None:
        """Keep that a query's travel check was released for some tags, for a payment; a repeat changes nothing."""
        ...

    def quarantined_until(self) -> int:
        """Give the Unix seconds before which a node restored from a backup releases nothing; else 0."""
        ...

    def quarantine(self, until: int) -> None:
        """Release nothing before this time."""
        ...

    def note_generation(self, generation: int, now: int) -> None:
        """
        Note the generation that tags are of from now on (Unix seconds); a known one changes nothing.

        Bindings name tags: those of before are of the generation before.
        """
        ...

    def changed_over(self) -> tuple[int, int] | None:
        """Give the generation before and when another one was noted; None where there was never another."""
        ...


class AnswerStore(Protocol):
    """The durable memory of a lender's answers, shared by all nodes of the lender."""

    def find(self, ctx: bytes) -> Exchange | None:
        """Look an exchange up outside any transaction."""
        ...

    def transaction(self) -> AbstractContextManager[AnswerTransaction]:
        """Begin an exclusive transaction; its effects are durable before the context's end returns."""
        ...
