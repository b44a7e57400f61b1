"""Bodies for readers, on connections of their own; an erased one is given as such."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from consortium.errors import Code, CreditError
from consortium.wire.bodies import StoredBody
from gateway.storage.bodies import NONCE, bound
from gateway.storage.log import open_log_engine
from gateway.storage.sql import close_engine, translated

READ = text("""
SELECT body_keys."index", key, sealed, erased_by FROM body_keys LEFT JOIN bodies ON bodies."index" = body_keys."index"
WHERE body_keys."index" >= :start AND body_keys."index" < :end ORDER BY body_keys."index" LIMIT :most
""")


class SqlBodyReader:
    """Reads bodies on connections of its own."""

    def __init__(self, url: str) -> None:
        self._engine = open_log_engine(make_url(url))

    def read(self, start: int, end: int, most: int) -> list[StoredBody]:
        """Give at most so many bodies of a range, erased ones as such; raises CreditError(LOG_DAMAGED)."""
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(READ, {"start": start, "end": end, "most": most}).all()
        except SQLAlchemyError as error:
            raise translated(error) from None
        return [_stored(*row) for row in rows]

    def close(self) -> None:
        """Close every connection."""
        close_engine(self._engine)


def _stored(index: int, key: bytes | None, sealed: bytes | None, erased_by: int | None) -> StoredBody:
    if key is None:
        return StoredBody(index, b"", erased_by)
    try:
        return StoredBody(index, AESGCM(bytes(key)).decrypt(NONCE, bytes(sealed or b""), bound(index)))
    except (InvalidTag, ValueError):
        raise CreditError(Code.LOG_DAMAGED, f"the body of entry {index}") from None
