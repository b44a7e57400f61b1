"""
The board: signed documents are verified, put in order, made durable, and only then taken into account.

Replicas share the board by the database. Each follows it and comes to the same standing; a replica that finds the
board longer than it knew reads on and judges the document again, so that two replicas never take what excludes each
other. A version of the rulebook that has its votes is written by every replica from the board: a gateway that dies
in between does so when it starts again.
"""

import asyncio
import logging
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.membership.files import document_name
from consortium.model.members import MemberId
from consortium.wire.gateway import SignedRulebook
from consortium.wire.membership import MAXIMUM_PAGE, BoardDocument, DocumentKind, Page, Posted, ReadWanted
from gateway.committer import GroupCommitter
from gateway.failpoints import failpoint
from gateway.membership.limits import Usage
from gateway.membership.standing import Checked, Standing
from gateway.ports import BoardReader, GatewayTransaction, NewDocument
from gateway.rulebooks import write_version

LOG = logging.getLogger("gateway.membership")
POLL_SECONDS = 0.5
ATTEMPTS = 16
ALL: frozenset[DocumentKind] = frozenset()


class Board:
    """One replica's view of the board; `folder` is where rulebook versions are written."""

    def __init__(
        self,
        committer: GroupCommitter,
        reader: BoardReader,
        standing: Standing,
        folder: Path,
        clock_ms: Callable[[], int],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.standing = standing
        self.on_change = on_change
        self._committer = committer
        self._reader = reader
        self._folder = folder
        self._clock_ms = clock_ms
        self._usage = Usage()
        self._read_to = 0
        self._unwritten: tuple[int, Code] | None = None
        self._lock = asyncio.Lock()

    @property
    def read_to(self) -> int:
        """The place of the newest document that was taken into account."""
        return self._read_to

    async def post(self, posted: Posted, caller: MemberId | None) -> int:
        """
        Take a document, durably; gives its place, for a known one the place that it has.

        Raises what is wrong with it, QUOTA_EXCEEDED where its author has posted too much, or a storage error.
        """
        async with self._lock:
            for _ in range(ATTEMPTS):
                await self._catch_up()
                place = await self._try(posted, caller)
                if place is not None:
                    return place
        raise CreditError(Code.OVERLOADED, "the board is busy")

    async def page(self, wanted: ReadWanted, reader: MemberId) -> Page:
        """Give what this reader sees of the next documents; an empty page is the end, a short one need not be."""
        found: list[BoardDocument] = []
        after = wanted.after
        while True:
            page = await asyncio.to_thread(self._reader.page, ReadWanted(after, wanted.kinds, wanted.limit))
            found += (one for one in page.documents if self.standing.sees(one, reader))
            if found or not page.documents:
                return Page(tuple(found), page.newest, self._clock_ms())
            after = page.documents[-1].sequence

    async def catch_up(self) -> None:
        """Take what other replicas have posted, and what was on the board when this process started."""
        async with self._lock:
            await self._catch_up()

    async def follow(self) -> None:
        """Catch up for ever."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self.catch_up()
            except CreditError as error:
                LOG.error("board-unread", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400

    async def _try(self, posted: Posted, caller: MemberId | None) -> int | None:
        """Post once; None where another replica was faster."""
        now_ms, digest = self._clock_ms(), _digest(posted)
        known = await self._committer.commit(lambda transaction: transaction.board.place(digest))
        if known is not None:
            return known
        checked = self.standing.check(posted, caller, now_ms // 1000)
        self._usage.check(checked.author, len(posted.signed), now_ms // 1000)
        new = NewDocument(posted.kind, posted.signed, checked.author, digest)
        failpoint("board.before-commit")
        document = await self._committer.commit(lambda one: _append(one, new, checked, self._read_to, now_ms))
        if document is None:
            return None
        failpoint("board.after-commit")
        self._take(document)
        LOG.info("posted", extra={"kind": posted.kind.name, "sequence": document.sequence})
        return document.sequence

    async def _catch_up(self) -> None:
        while True:
            page = await asyncio.to_thread(self._reader.page, ReadWanted(self._read_to, ALL, MAXIMUM_PAGE))
            if not page.documents:
                self._write_decided()  # for which there may have been no room before
                return
            for document in page.documents:
                self._take(document)

    def _take(self, document: BoardDocument) -> None:
        self.standing.take(document)
        self._usage.take(document)
        self._read_to = document.sequence
        self._write_decided()
        if document.kind is DocumentKind.EMERGENCY:
            self.on_change()

    def _write_decided(self) -> None:
        """
        Write a version that has its votes; it comes into force as any other that is in the folder.

        Where there is no room for it, the votes are on the board all the same, and it is tried again.
        """
        decided = self.standing.decided()
        if decided is None or (self._folder / document_name(decided[0])).exists():
            return
        version, signed = decided
        failpoint("board.before-version")
        try:
            write_version(self._folder, SignedRulebook(signed.document, dict(signed.signatures)), version)
        except CreditError as error:
            if self._unwritten != (told := (version, error.code)):
                self._unwritten = told
                LOG.error("version-unwritten", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400
            return
        failpoint("board.after-version")
        LOG.info("version-decided", extra={"version": version})
        self.on_change()


def _append(
    transaction: GatewayTransaction, new: NewDocument, checked: Checked, read_to: int, now_ms: int
) -> BoardDocument | None:
    """Append a document and what the log says of it, if the board is as it was when the document was checked."""
    if transaction.board.newest != read_to:
        return None
    document = transaction.board.append(new, now_ms)
    for entry in checked.entries:
        transaction.append(dict(entry))
    return document


def _digest(posted: Posted) -> bytes:
    return sha256(bytes([posted.kind]) + posted.signed).digest()
