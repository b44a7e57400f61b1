"""
A member's releases in its folder: asked for under a request id, kept whole, published, and shown.

The question and the key that opens its answer are durable before it is asked, so that a crash at any point is followed
by the same question and the same release; with the release the key is gone.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from consortium.errors import Code, CreditError
from consortium.membership.signed import body_of, parse_document
from consortium.model.receipts import Receipt, Subject, check_receipt
from consortium.model.rounds import Transcript
from consortium.model.rulebook import Rulebook
from consortium.model.statistic import SignedStatistic
from consortium.model.statistic_policy import HOLDERS_WEIGHT, OF_PEOPLE
from consortium.silent import Silent
from consortium.supervision.releases import (
    ReleasedTable,
    StatisticRelease,
    check_table,
    release_from_bytes,
    release_to_bytes,
)
from consortium.wire.gateway import REQUEST_ID_BYTES, Answered
from consortium.wire.rounds import transcript_from_bytes
from consortium.wire.statistics import (
    MAXIMUM_ANSWER_BYTES,
    signed_statistic_from_bytes,
    signed_statistic_to_bytes,
)
from participants.gateway_client.lender import gateway_key
from participants.statistics.asking import StatisticRequester, conclude
from participants.statistics.releases import sign_release
from participants.whole_files import write_whole

FOLDER = Path("statistics")
OWNER_ONLY = 0o600
AWAY = frozenset({Code.UNREACHABLE, Code.DRAINING, Code.DEADLINE, Code.OVERLOADED, Code.INTERNAL})
"""After these the same question may still be answered; after others it is dropped, and another one is asked."""


class AsksStatistics(Protocol):
    """The way to the gateway."""

    def ask(self, request_id: bytes, statistic: SignedStatistic) -> Answered:
        """Ask and wait for the answer."""
        ...


@dataclass(frozen=True, slots=True)
class Release:
    """A release as the folder has it; `entry` is where it was published in the log, None before that."""

    request_id: bytes
    signed: bytes
    document: StatisticRelease
    table: ReleasedTable
    entry: int | None = None

    @property
    def name(self) -> str:
        """What it is called in commands and files."""
        return self.request_id.hex()


@dataclass(frozen=True, repr=False)
class StatisticsDesk(Silent):
    """One member's side; `rulebooks` gives every version that is trusted here, by its digest."""

    folder: Path
    requester: StatisticRequester
    client: AsksStatistics
    rulebook: Rulebook
    rulebooks: Callable[[bytes], Rulebook | None]

    def ask(self, template: str, request_id: bytes, now: int, tags_digest: bytes = b"") -> Release:
        """
        Ask for a statistic and keep its release; a repeat of the request id gives the same release.

        `tags_digest` names the list of a total over a list.

        Raises REQUEST_ID_REUSED for an id of another template, what the gateway refuses with, and as `conclude`.
        """
        known = self._known(template, request_id)
        if known is not None:
            return known
        statistic, private = self._question(template, request_id, now, tags_digest)
        try:
            answered = self.client.ask(request_id, statistic)
        except CreditError as error:
            if error.code not in AWAY:
                self._asking(request_id).unlink(missing_ok=True)
            raise
        rulebook = self.rulebooks(statistic.header.rulebook_digest) or self.rulebook
        subject = Subject(statistic.digest, answered.transcript)
        check_receipt(answered.receipt, gateway_key(rulebook), subject)
        transcript = transcript_from_bytes(answered.transcript, MAXIMUM_ANSWER_BYTES)
        return self._released(request_id, statistic, transcript, answered.receipt, (rulebook, private))

    def releases(self) -> Iterator[Release]:
        """Give every release of the folder, by the time of its answer."""
        yield from read_releases(self.folder)

    def published(self, release: Release, entry: int) -> None:
        """Keep where a release stands in the log."""
        value = json.dumps({"entry": entry}).encode()
        write_whole(self._place / f"{release.name}.entry.json", value, OWNER_ONLY)

    @property
    def _place(self) -> Path:
        place = self.folder / FOLDER
        place.mkdir(mode=0o700, exist_ok=True)
        return place

    def _asking(self, request_id: bytes) -> Path:
        return self._place / f"{request_id.hex()}.asking.json"

    def _known(self, template: str, request_id: bytes) -> Release | None:
        path = self._place / f"{request_id.hex()}.json"
        if len(request_id) != REQUEST_ID_BYTES:
            raise CreditError(Code.MALFORMED, f"a request id has {REQUEST_ID_BYTES} bytes")
        if not path.exists():
            return None
        known = read_release_file(path)
        if known.document.template != template:
            raise CreditError(Code.REQUEST_ID_REUSED, f"it has released {known.document.template}")
        return known

    def _question(
        self, template: str, request_id: bytes, now: int, tags_digest: bytes
    ) -> tuple[SignedStatistic, bytes]:
        """Give the question that waits under this id, or make one; durable before it is asked."""
        path = self._asking(request_id)
        if path.exists():
            kept = json.loads(path.read_bytes())
            statistic = signed_statistic_from_bytes(bytes.fromhex(kept["statistic"]))
            if statistic.header.template != template:
                raise CreditError(Code.REQUEST_ID_REUSED, f"it asks for {statistic.header.template}")
            return statistic, bytes.fromhex(kept["key"])
        statistic, private = self.requester.build(template, self.rulebook, now, tags_digest)
        value = {"statistic": signed_statistic_to_bytes(statistic).hex(), "key": private.hex()}
        write_whole(path, json.dumps(value).encode(), OWNER_ONLY)
        return statistic, private

    def _released(
        self,
        request_id: bytes,
        statistic: SignedStatistic,
        transcript: Transcript,
        receipt: Receipt,
        opening: tuple[Rulebook, bytes],
    ) -> Release:
        rulebook, private = opening
        values = conclude(statistic, transcript, rulebook, private)
        signed, table = sign_release(statistic, transcript, values, receipt, rulebook, self.requester.signer)
        path = self._place / f"{request_id.hex()}.json"
        write_whole(path, release_to_bytes(signed, table), OWNER_ONLY)
        self._asking(request_id).unlink(missing_ok=True)
        return read_release_file(path)


def read_releases(folder: Path) -> list[Release]:
    """Read every release of a folder, by the time of its answer; raises as `read_release_file`."""
    place = folder / FOLDER
    names = [path for path in place.glob("*.json") if path.stem.count(".") == 0] if place.is_dir() else []
    found = [read_release_file(path) for path in names]
    return sorted(found, key=lambda one: (one.document.released_at, one.request_id))


def release_named(folder: Path, name: str) -> Release:
    """Give the release whose request id begins so; raises CreditError(SETTINGS_INVALID) where it is not one."""
    found = [one for one in read_releases(folder) if one.name.startswith(name)]
    if len(found) != 1:
        raise CreditError(Code.SETTINGS_INVALID, f"{len(found)} releases begin with {name[:32]}: `statistics list`")
    return found[0]


def read_release_file(path: Path) -> Release:
    """Read a release and hold its table to its document; raises MALFORMED or EXPORT_INVALID."""
    signed, table = release_from_bytes(path.read_bytes())
    document = parse_document(StatisticRelease, body_of(signed), Code.MALFORMED)
    check_table(document, table)
    beside = path.with_name(f"{path.stem}.entry.json")
    entry = int(json.loads(beside.read_bytes())["entry"]) if beside.exists() else None
    return Release(bytes.fromhex(path.stem), signed, document, table, entry)


def weight_of(release: StatisticRelease) -> int:
    """Give what one person weighs in the numbers: 1, or L where people are counted by their lenders."""
    return HOLDERS_WEIGHT if release.measure in OF_PEOPLE else 1


def rows_of(release: Release) -> Sequence[tuple[str, int]]:
    """Give each cell by its values in one text, with its number."""
    return [(" / ".join(names), number) for names, number in release.table.rows]
