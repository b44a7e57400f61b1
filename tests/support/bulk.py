"""Rows of lists, headers of portfolios and books of many people, for tests of what works on whole lists."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from consortium.model.catalogue import Purpose
from consortium.model.credit_file import CreditFile
from consortium.model.credit_file_bytes import pieces_of
from consortium.model.query import NO_CONSENT, Credential, QueryHeader, Suite
from consortium.sealing.payload import subject_proof
from participants.lender.bulk.ports import TaggedRows
from participants.lender.ports import Subject
from participants.storage.book import SqliteBook
from tests.support import books

HEADER_DIGEST = b"d" * 32


def header(attributes: Sequence[str], issued_at: int = books.NOW) -> QueryHeader:
    return QueryHeader(
        query_id=bytes(16),
        requester="lender-a",
        credential=Credential.IDENTIFIED,
        query_key_digest=bytes(32),
        purpose=Purpose.PORTFOLIO,
        attributes=tuple(attributes),
        suite=Suite.MASKED_SUM,
        consent_digest=NO_CONSENT,
        staff_commitment=bytes(32),
        issued_at=issued_at,
        expires_at=issued_at + 60,
        nonce=bytes(32),
        rulebook_digest=bytes(32),
        epoch=1,
    )


def tagged(people: Sequence[Subject], *, unproven: Sequence[int] = ()) -> TaggedRows:
    """The rows of a list of these people; the proofs of some are another key's."""
    tags = b"".join(one.tag.value for one in people)
    proofs = [bytearray(subject_proof(one.key, HEADER_DIGEST)) for one in people]
    for row in unproven:
        proofs[row][-1] ^= 1
    return TaggedRows.of(tags, b"".join(map(bytes, proofs)), HEADER_DIGEST)


def book_of(path: Path, files: Sequence[CreditFile], day: int = books.DAY) -> SqliteBook:
    """A book of `subject(n)` with file n; a file without pieces is nobody's."""
    book = SqliteBook(path, books.IDENTITY)
    rows = [
        row
        for number, file in enumerate(files)
        for row in books.rows(books.subject(number, file.identifier), *pieces_of(file))
    ]
    book.load(books.batched(rows), day=day, as_of=books.NOW)
    return book


def with_earlier(rows: TaggedRows, earlier: Sequence[bytes]) -> TaggedRows:
    return replace(rows, earlier=np.frombuffer(b"".join(earlier), dtype=np.uint8).reshape(-1, 32))
