"""A lender's assessments, in SQLite: noted before anything is done, each sealed for this node alone."""

import secrets
import threading
from collections.abc import Iterator
from hmac import compare_digest
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import ValidationError

from consortium.errors import Code, CreditError
from consortium.hashing import derive
from consortium.labels import Label
from participants.lender.assess import Noted
from participants.lender.assessment import Assessment
from participants.storage.database import open_database, storage_errors, write_transaction

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE applications (request_id BLOB PRIMARY KEY, digest BLOB NOT NULL, begun INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE assessments (
    request_id BLOB NOT NULL, attempt INTEGER NOT NULL, assessed INTEGER NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (request_id, attempt)
) WITHOUT ROWID;
CREATE INDEX assessments_by_time ON assessments (assessed)
"""
NONCE_BYTES = 12


class SqliteAssessments:
    """Assessments in one file; what they say is sealed with AES-256-GCM under a key from the node's audit secret."""

    def __init__(self, path: Path, audit_secret: bytes) -> None:
        self._connection = open_database(path, SCHEMA, SCHEMA_VERSION)
        self._lock = threading.Lock()
        self._cipher = AESGCM(derive(audit_secret, Label.ASSESSMENT_KEY))

    def begin(self, request_id: bytes, digest: bytes, now: int) -> Noted:
        """Note an application durably; raises CreditError(REQUEST_ID_REUSED) where the id is another's."""
        with self._lock, write_transaction(self._connection) as connection:
            connection.execute("INSERT OR IGNORE INTO applications VALUES (?, ?, ?)", (request_id, digest, now))
            sql = "SELECT digest, begun FROM applications WHERE request_id = ?"
            known, begun = connection.execute(sql, (request_id,)).fetchone()
        if not compare_digest(known, digest):
            raise CreditError(Code.REQUEST_ID_REUSED)
        tried = self.find(request_id)
        return Noted(begun, len(tried), tried[-1] if tried and tried[-1].final else None)

    def keep(self, assessment: Assessment) -> None:
        """Keep an assessment durably; of two at the same time of one attempt the first stays."""
        request_id, nonce = bytes.fromhex(assessment.request_id), secrets.token_bytes(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, assessment.model_dump_json().encode(), request_id)
        row = (request_id, assessment.attempt, assessment.assessed_at, sealed)
        with self._lock, write_transaction(self._connection) as connection:
            connection.execute("INSERT OR IGNORE INTO assessments VALUES (?, ?, ?, ?)", row)

    def find(self, request_id: bytes) -> list[Assessment]:
        """Give every attempt at an application, the first one first."""
        sql = "SELECT request_id, sealed FROM assessments WHERE request_id = ? ORDER BY attempt"
        return [*self._opened(sql, request_id)]

    def since(self, time: int) -> Iterator[Assessment]:
        """Give the assessments made at or after a time (Unix seconds), the oldest first."""
        return self._opened("SELECT request_id, sealed FROM assessments WHERE assessed >= ? ORDER BY assessed", time)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _opened(self, sql: str, value: bytes | int) -> Iterator[Assessment]:
        with self._lock, storage_errors():
            rows = self._connection.execute(sql, (value,)).fetchall()
        return (self._open(request_id, sealed) for request_id, sealed in rows)

    def _open(self, request_id: bytes, sealed: bytes) -> Assessment:
        try:
            plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], request_id)
            return Assessment.model_validate_json(plain)
        except (InvalidTag, ValidationError):
            pass  # out here, so that the error refers to nothing that was decrypted
        raise CreditError(Code.STORAGE_BROKEN, "an assessment was changed, or is of another node")
