"""
What a serving party hears beside its rulebook: emergency suspensions, and what others have been seen to have.

The gateway brings both, so nothing of it is believed unsigned. What does not fit what this party has (a newer version
that does not come, another document of one version, a version that fails verification, nobody heard of for too long)
is an alarm: a line in the log, and the evidence in a file that says by itself who signed what.
"""

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.membership.emergency import EmergencySuspension
from consortium.membership.sightings import Claim
from consortium.membership.signed import body_of, parse_document
from consortium.model.members import MemberId
from consortium.model.rulebook import rulebook_digest
from consortium.wire.gateway import SignedRulebook
from consortium.wire.membership import BoardDocument, DocumentKind
from participants.rulebooks import TrustedRulebooks
from participants.storage.board import SqliteBoard
from participants.whole_files import write_public

LOG = logging.getLogger("participants.lookout")
FOLDER = "evidence"
MAXIMUM_FILES = 64
"""Whoever makes up evidence fills no disk; what comes after that is logged."""
GRACE_SECONDS = 600
"""After a start, so long is waited for somebody's word where the copy of the board has none that is fresh."""
WATCHED_SINCE = "sightings-watched-since"
_HEARD = (DocumentKind.EMERGENCY, DocumentKind.SIGHTING)
MAXIMUM_WAITING = 64


class Lookout:
    """One serving process's ear to the board; `look` is called again and again in the thread that serves."""

    def __init__(
        self,
        rulebooks: TrustedRulebooks,
        board: SqliteBoard,
        member: MemberId,
        folder: Path,
        clock: Callable[[], int],
    ) -> None:
        """Take the rulebooks in use, the party's copy of the board, and its folder, below which evidence is kept."""
        self._rulebooks, self._board, self._member = rulebooks, board, member
        self._folder, self._clock = folder / FOLDER, clock
        self._read_to = 0
        self._emergencies: list[bytes] = []
        self._sightings: list[bytes] = []
        self._raised: set[str] = set()

    def begin(self) -> None:
        """Take what the copy of the board holds already, and begin to hold the rulebook to others' sightings."""
        now = self._clock()
        if self._board.mark(WATCHED_SINCE) is None:
            self._board.set_mark(WATCHED_SINCE, now)
        freshness = self._rulebooks.current().policy.rulebook_freshness
        since = max(self._board.mark(WATCHED_SINCE) or 0, now - freshness + min(GRACE_SECONDS, freshness))
        self._rulebooks.trusted.watch_sightings(self._member, min(since, now))
        self.look()
        self.look()

    def look(self) -> None:
        """
        Take what is new on the board.

        A sighting is taken one look later than it was read: versions that it speaks of have had the time to come.
        """
        waiting, self._sightings = self._sightings, []
        for document in self._news():
            heard = self._sightings if document.kind is DocumentKind.SIGHTING else self._emergencies
            heard.append(document.signed)
        self._take_emergencies()
        for signed in waiting:
            self._take_sighting(signed)
        self._compare()

    def refused(self, signed: SignedRulebook, error: CreditError) -> None:
        """Raise the alarm about a version that the gateway gave and that failed verification."""
        offered = {
            "document": signed.document.hex(),
            "signatures": {name: one.hex() for name, one in signed.signatures.items()},
        }
        key = f"rulebook-refused-{rulebook_digest(signed.document).hex()}-{error.code}"
        self._alarm("rulebook-refused", key, error, {"offered": offered})

    def _news(self) -> Sequence[BoardDocument]:
        """Give what was read since; what we posted ourselves may stand before what others did."""
        read_to = self._board.read_to
        if read_to == self._read_to:
            return ()
        after, self._read_to = self._read_to, read_to
        return [one for one in self._board.documents(after) if one.sequence <= read_to and one.kind in _HEARD]

    def _take_emergencies(self) -> None:
        """Put notices into force; one under a version that is not here yet is tried again."""
        waiting, self._emergencies = self._emergencies, []
        for signed in waiting:
            try:
                if self._rulebooks.trusted.take_emergency(signed, self._clock()):
                    notice = self._rulebooks.trusted.check_emergency(signed, self._clock())
                    said = {"member": notice.member, "until": notice.lapses_at, "cause": notice.reason}
                    LOG.warning("emergency-suspension", extra=said)
            except CreditError as error:
                if error.code is Code.CLOCK_OFF or self._is_ahead(signed):
                    self._emergencies = [*self._emergencies, signed][-MAXIMUM_WAITING:]

    def _is_ahead(self, signed: bytes) -> bool:
        try:
            claimed = parse_document(EmergencySuspension, body_of(signed), Code.MALFORMED)
        except CreditError:
            return False
        return claimed.version > self._rulebooks.version

    def _take_sighting(self, signed: bytes) -> None:
        try:
            self._rulebooks.trusted.take_sighting(signed, self._clock())
        except CreditError as error:
            if error.code is not Code.RULEBOOK_FORK:  # which `_compare` raises the alarm about
                LOG.debug("sighting", extra={"code": error.code, "cause": error.cause})

    def _compare(self) -> None:
        """Raise the alarm about what others have and we have not, and about a silence that is too long."""
        trusted, version = self._rulebooks.trusted, self._rulebooks.version
        for claim in trusted.claims:
            newer = claim.sighting.version > version
            said = f"{claim.sighting.member} has version {claim.sighting.version} {claim.sighting.rulebook.hex()[:16]}"
            error = CreditError(Code.RULEBOOK_FROZEN if newer else Code.RULEBOOK_FORK, said)
            kind = "rulebook-withheld" if newer else "rulebook-fork"
            self._alarm(kind, f"{kind}-{said}", error, {"sighting": _claim_value(claim)})
        try:
            trusted.check_usable(self._clock())
        except CreditError as error:
            key = f"rulebook-unusable-{version}-{error.code}-{error.cause}"
            self._alarm("rulebook-unusable", key, error, {"claims": [_claim_value(one) for one in trusted.claims]})

    def _alarm(self, kind: str, key: str, error: CreditError, value: dict[str, object]) -> None:
        """Log once, with the file that the evidence is in."""
        if key in self._raised:
            return
        self._raised.add(key)
        current = self._rulebooks.current()
        own = {"version": current.document.version, "rulebook": current.digest.hex(), "document": current.raw.hex()}
        kept = self._keep(
            kind, key, {"alarm": kind, "code": error.code.value, "cause": error.cause, "own": own, **value}
        )
        LOG.error(kind, extra={"code": error.code, "cause": error.cause, "evidence": kept})

    def _keep(self, kind: str, key: str, value: dict[str, object]) -> str:
        """Write evidence once; gives its place, empty where there is too much of it already, or no room."""
        path = self._folder / f"{kind}-{transcript_hash(Label.SIGNED_DOCUMENT, key.encode()).hex()[:16]}.json"
        if not path.exists():
            try:
                self._folder.mkdir(mode=0o700, exist_ok=True)
                if sum(1 for _ in self._folder.iterdir()) >= MAXIMUM_FILES:
                    return ""
                write_public(path, json.dumps({**value, "found_at": self._clock()}, indent=2).encode() + b"\n")
            except (CreditError, OSError):
                return ""  # the alarm itself matters more than its file
        return f"{FOLDER}/{path.name}"


def _claim_value(claim: Claim) -> dict[str, object]:
    sighting = claim.sighting
    return {
        "member": sighting.member,
        "version": sighting.version,
        "rulebook": sighting.rulebook.hex(),
        "seen_at": sighting.seen_at,
        "signed": claim.signed.hex(),
    }
