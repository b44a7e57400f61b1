"""
Bodies beside the log: each under a random key of its own, which erasing destroys.

They are written within a unit of work, in one transaction with the entry; `body_reader` reads beside it. Keys lie in
a table of their own. A body is bound to its entry's index: it opens at no other place.
"""

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.ports import Appended, BodyState, BodyTransaction
from gateway.storage.statements import Statements

KEY_BYTES = 32
NONCE = bytes(12)  # a key seals one body
KEEP = 'INSERT INTO bodies ("index", sealed) VALUES (:index, :sealed)'
KEEP_KEY = """
INSERT INTO body_keys ("index", key, query_digest, time_ms, held) VALUES (:index, :key, :query_digest, :time_ms, 0)
"""
STATE = 'SELECT key IS NOT NULL, held, time_ms FROM body_keys WHERE "index" = :index'
HOLD = 'UPDATE body_keys SET held = :held WHERE "index" = :index'
ERASE_KEY = 'UPDATE body_keys SET key = NULL, erased_by = :erased_by WHERE "index" = :index'
ERASE = 'DELETE FROM bodies WHERE "index" = :index'
ERASE_RESPONSE = """
UPDATE requests SET response = NULL WHERE query_digest = (SELECT query_digest FROM body_keys WHERE "index" = :index)
"""
EXPIRED = """
SELECT "index" FROM body_keys WHERE key IS NOT NULL AND held = 0 AND time_ms < :before_ms ORDER BY "index" LIMIT :most
"""


class SqlBodies(Statements):
    """A `BodyTransaction` over the statements of one batch."""

    def keep(self, entry: Appended, query_digest: bytes, content: bytes) -> None:
        """Seal and keep a body."""
        key = os.urandom(KEY_BYTES)
        self._run(KEEP, index=entry.index, sealed=AESGCM(key).encrypt(NONCE, content, bound(entry.index)))
        self._run(KEEP_KEY, index=entry.index, key=key, query_digest=query_digest, time_ms=entry.time_ms)

    def state(self, index: int) -> BodyState | None:
        """Give what there is."""
        row = self._one(STATE, index=index)
        return BodyState(bool(row[0]), bool(row[1]), int(row[2])) if row else None

    def hold(self, index: int, *, held: bool) -> None:
        """Hold or release."""
        self._run(HOLD, index=index, held=int(held))

    def erase(self, index: int, erased_by: int) -> None:
        """Destroy the key and what it sealed, and the answer that was kept for a repeat."""
        self._run(ERASE_RESPONSE, index=index)
        self._run(ERASE_KEY, index=index, erased_by=erased_by)
        self._run(ERASE, index=index)

    def older_than(self, before_ms: int, most: int) -> list[int]:
        """Give the oldest bodies."""
        return [int(row[0]) for row in self._every(EXPIRED, before_ms=before_ms, most=most)]


def bound(index: int) -> bytes:
    """Give what a body is sealed to."""
    return index.to_bytes(8, "big")


_: type[BodyTransaction] = SqlBodies
