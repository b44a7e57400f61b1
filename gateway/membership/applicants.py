"""The applications on the board: whose keys and ids they claim, and how many may wait at once."""

from dataclasses import dataclass

from consortium.errors import Code, CreditError
from consortium.membership.applications import APPLICATION_LIFETIME, Application, application_digest
from consortium.model.members import MemberId, id_skeleton

PENDING = 64
PENDING_OF_A_SPONSOR = 16


@dataclass(frozen=True, slots=True)
class Applied:
    """An application with its digest and its exact bytes."""

    application: Application
    digest: bytes
    signed: bytes

    @property
    def keys(self) -> frozenset[bytes]:
        """Every key that it names."""
        return frozenset(key for key in self.application.keys if key is not None)


class Applicants:
    """The newest application of each applicant; those decided or too old make room."""

    def __init__(self) -> None:
        self._applied: dict[MemberId, Applied] = {}
        self._decided: set[bytes] = set()
        self._proposals: dict[MemberId, set[bytes]] = {}

    def check(self, application: Application, signed: bytes, now: int) -> None:
        """
        Refuse an application that stands in another's way.

        Raises CreditError(APPLICATION_REPLAYED) for one that is here, (MEMBER_ID_CONFUSABLE) for the id of another
        applicant, (KEY_REUSED) for another's key, (QUOTA_EXCEEDED) where too many wait.
        """
        new = Applied(application, application_digest(signed), signed)
        if new.digest in self._decided or any(one.digest == new.digest for one in self._applied.values()):
            raise CreditError(Code.APPLICATION_REPLAYED, "it is on the board")
        others = [one for one in self.pending(now) if one.application.identity_key != application.identity_key]
        self._check_others(new, others)
        sponsored = sum(one.application.sponsor == application.sponsor for one in others)
        if len(others) >= PENDING or sponsored >= PENDING_OF_A_SPONSOR:
            raise CreditError(Code.QUOTA_EXCEEDED, "too many applications wait for a decision")

    def take(self, application: Application, signed: bytes) -> None:
        """Keep an application in place of the applicant's one before."""
        self._applied[application.member] = Applied(application, application_digest(signed), signed)

    def decide(self, digest: bytes) -> None:
        """Note that an application was admitted or rejected; the applicant may still read what became of it."""
        self._decided.add(digest)

    def find(self, member: MemberId) -> Applied | None:
        """Give an applicant's application."""
        return self._applied.get(member)

    def pending(self, now: int) -> list[Applied]:
        """Give the applications that wait for a decision."""
        return [
            one
            for one in self._applied.values()
            if one.digest not in self._decided and now <= one.application.issued_at + APPLICATION_LIFETIME
        ]

    def note_proposal(self, member: MemberId, digest: bytes) -> None:
        """Note that a proposal is about an applicant, who may then read it and the votes on it."""
        self._proposals.setdefault(member, set()).add(digest)

    def proposals_of(self, member: MemberId) -> frozenset[bytes]:
        """Give the digests of the proposals about an applicant."""
        return frozenset(self._proposals.get(member, ()))

    @property
    def all(self) -> list[Applied]:
        """Give the newest application of everybody."""
        return list(self._applied.values())

    def _check_others(self, new: Applied, others: list[Applied]) -> None:
        skeleton = id_skeleton(new.application.member)
        for other in others:
            if id_skeleton(other.application.member) == skeleton:
                raise CreditError(Code.MEMBER_ID_CONFUSABLE, "an id that somebody else applied for")
            if other.keys & new.keys:
                raise CreditError(Code.KEY_REUSED, "a key of another application")
