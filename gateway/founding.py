"""
A gateway before the first rulebook: only the join port is open, for the founders.

It ends when version 1 is signed and the gateway holds the share that it pins; what follows is an ordinary start. The
fingerprint that the gateway goes by is then in the file `fingerprint` beside the versions: everybody else compares it
out of band.
"""

import asyncio
import logging
from typing import Any

import grpc

from consortium.errors import Code, CreditError
from consortium.membership.files import document_name
from consortium.model.rulebook import parse_rulebook, rulebook_digest
from consortium.wire.membership import DocumentKind, Posted
from gateway.committer import GroupCommitter
from gateway.keys import read_signer
from gateway.membership.folder import APPLICATION_FILE
from gateway.membership_parts import Around, MembershipService, listen
from gateway.metrics import Metrics
from gateway.private_files import replace
from gateway.rpc.interceptor import Watcher
from gateway.rulebooks import FINGERPRINT_FILE
from gateway.settings import Settings
from gateway.storage.sql import SqlStore
from gateway.transport import OPTIONS, again_and_again, cancelled, seconds

LOG = logging.getLogger("gateway.founding")
POLL_SECONDS = 0.2


def is_founded(settings: Settings) -> bool:
    """Say whether there is a rulebook to go by."""
    return bool(settings.fingerprint) or (settings.rulebooks / FINGERPRINT_FILE).exists()


class FoundingServer:
    """Serves founders until the first version is in force; `founded` is set then."""

    def __init__(self, settings: Settings) -> None:
        """Wire the parts; raises CreditError, SETTINGS_INVALID without `consortium` or `join_listen`."""
        if not settings.consortium or not settings.join_listen:
            raise CreditError(Code.SETTINGS_INVALID, "a founding needs consortium and join_listen")
        self._settings = settings
        self._store = SqlStore(settings.storage)
        self._committer = GroupCommitter(self._store)
        signer = read_signer(settings.identity_key)
        around = Around(settings, settings.consortium, signer, self._committer, None, seconds)
        self.membership = MembershipService(around)
        self._server = grpc.aio.server(interceptors=[Watcher(Metrics())], options=OPTIONS)
        self._tasks: list[asyncio.Task[Any]] = []
        self.founded = asyncio.Event()
        self.port = 0

    async def start(self) -> None:
        """Listen on the join port."""
        self._committer.start()
        board = self.membership.board
        await board.catch_up()
        await self._apply()
        self.membership.add_join_door(self._server)
        credentials = self.membership.tls.credentials(clients=False)
        self.port = listen(self._server, self._settings.join_listen or "", credentials)
        await self._server.start()
        self._tasks = [asyncio.create_task(again_and_again(work)) for work in self.membership.work()]
        self._tasks.append(asyncio.create_task(self._watch()))
        LOG.info("founding", extra={"address": self._settings.join_listen})

    async def stop(self) -> None:
        """Close everything."""
        await self._server.stop(grace=1.0)
        await cancelled(self._tasks)
        await self._committer.stop()
        self.membership.reader.close()
        self._store.close()

    async def _apply(self) -> None:
        """Post the gateway's own application, if `init` has made one."""
        path = self._settings.identity_key.parent / APPLICATION_FILE
        if path.exists():
            await self.membership.board.post(Posted(DocumentKind.APPLICATION, path.read_bytes()), None)

    async def _watch(self) -> None:
        while True:
            if self._is_complete():
                return self.founded.set()
            await asyncio.sleep(POLL_SECONDS)

    def _is_complete(self) -> bool:
        """Say whether version 1 is there and the gateway has its share; then keep the fingerprint."""
        path = self._settings.rulebooks / document_name(1)
        if not path.exists():
            return False
        raw = path.read_bytes()
        try:
            self.membership.keeper.pinned(parse_rulebook(raw).oprf, self._settings.member)
        except CreditError as error:
            LOG.warning("share-missing", extra={"code": error.code, "cause": error.cause})
            return False
        replace(self._settings.rulebooks / FINGERPRINT_FILE, rulebook_digest(raw).hex().encode("ascii"), 0o644)
        return True
