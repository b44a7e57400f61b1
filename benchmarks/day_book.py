"""The day's book of a lender asked for a whole list: snapshot, words of everybody, and blocks of rows."""

import hashlib
import hmac
import resource
import secrets
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.rows import Row, row
from consortium.hashing import encode_fields
from consortium.labels import Label
from consortium.model.catalogue import Purpose
from consortium.model.query import NO_CONSENT, Credential, QueryHeader, Suite
from demo.consortium import Terms, found
from participants.lender.bulk.column_maker import BookedFile
from participants.lender.bulk.ports import TaggedRows
from participants.storage.day_book import DayBook
from participants.storage.day_snapshot import write_snapshot

PEOPLE, ROWS, BLOCK = 400_000, 1_000_000, 65_536
NOW = 20_500 * 86_400 + 40_000
ATTRIBUTES = (
    *("lenders_with_open_tradeline", "open_tradelines", "credit_limit", "balance"),
    *("amount_past_due", "scheduled_payments_30d", "worst_dpd_12m_30_59", "worst_dpd_12m_120_plus"),
)
LENDERS = ("lender-a", "lender-b", "lender-c", "lender-d", "lender-e")
HEADER_DIGEST = b"d" * 32


def header(attributes: tuple[str, ...]) -> QueryHeader:
    none = bytes(32)
    return QueryHeader(
        *(bytes(16), "lender-a", Credential.IDENTIFIED, none, Purpose.PORTFOLIO, attributes, Suite.MASKED_SUM),
        *(NO_CONSENT, none, NOW, NOW + 60, none, none, 1),
    )


def key(number: int) -> bytes:
    return hashlib.sha512(b"key %d" % number).digest()


def tag(number: int) -> bytes:
    return hashlib.sha256(key(number)).digest()


def file_of(number: int) -> bytes:
    """Make a file with one to five tradelines and as many inquiries."""
    lines = [
        b'{"account":"a%d","balance":%d,"days_past_due":%d,"history":[%s],"limit":%d,"opened":%d,"payment":%d,'
        b'"portfolio":"R","reported":20490,"status":"11"}'
        % (
            i,
            number * 7 % 90_000,
            number % 11 * (number % 5 == 0),
            b",".join([b"%d" % (number % 40)] * 12),
            10**6,
            19_000 + i,
            900,
        )
        for i in range(1 + number % 5)
    ]
    asked = [b'{"time":%d}' % (NOW - (1 + i) * 100_000) for i in range(1 + number % 5)][::-1]
    return b'{"identifier":1,"inquiries":[%s],"tradelines":[%s]}' % (b",".join(asked), b",".join(lines))


def booked() -> Iterator[BookedFile]:
    for made, number in sorted((tag(number), number) for number in range(PEOPLE)):
        yield made, key(number), None, file_of(number)


def rows() -> TaggedRows:
    """Make a list of which the first PEOPLE are in the book."""
    message = encode_fields(Label.SUBJECT_PROOF, HEADER_DIGEST)
    keys = [key(number) for number in range(ROWS)]
    tags = b"".join(hashlib.sha256(one).digest() for one in keys)
    return TaggedRows.of(tags, b"".join(hmac.digest(one, message, "sha256") for one in keys), HEADER_DIGEST)


def run() -> list[Row]:
    rulebook = found(LENDERS, NOW, secrets.token_bytes, Terms()).rulebook
    wanted, asked = rows(), header(ATTRIBUTES)
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        snapshot = write_snapshot(Path(folder) / "book", booked(), bytes(32), bytes(32))
        written, start = time.process_time() - start, time.process_time()
        book = DayBook(snapshot)
        book.contributions(TaggedRows.of(b"", b"", HEADER_DIGEST), asked, rulebook)
        made, start, held = time.process_time() - start, time.process_time(), 0
        for first in range(0, ROWS, BLOCK):
            block = slice(first, first + BLOCK)
            part = TaggedRows(wanted.tags[block], wanted.proofs[block], HEADER_DIGEST)
            held += int(np.count_nonzero(book.contributions(part, asked, rulebook).words.any(axis=1)))
        answered = time.process_time() - start
    assert held == PEOPLE
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        row(f"snapshot of a book of {PEOPLE:,} people, made once a book", written, "CPU s", "lower", None),
        row(f"{len(ATTRIBUTES)} attributes of everybody in it, once a job", made, "CPU s", "lower", None),
        row(f"{ROWS:,} rows found, proven and answered", answered, "CPU s", "lower", 8.0),
        row("rows a second of one processor", ROWS / answered, "1/s", "higher", None),
        row("most memory of the process, the benchmark's own list included", memory, "MiB", "lower", 2048.0),
    ]
