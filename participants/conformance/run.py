"""A conformance run: all checks on a book and answers of their own in a temporary folder, and the signed report."""

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from consortium.errors import CreditError
from consortium.hashing import Randomness
from consortium.membership.statements import ConformanceReport, Finding
from consortium.model.identifiers import Secret
from consortium.model.members import MemberId
from consortium.model.query import Suite
from consortium.model.rulebook import Rulebook
from consortium.model.signing import Signer
from participants.conformance.checks import BALANCE, CHECKS, KNOWN, UNRELEASED, Failed, Run
from participants.conformance.circle import make_circle
from participants.conformance.holders import published_tokeniser
from participants.keys.obfuscators import ObfuscatorPool
from participants.lender.event_input import TradelineInput, parse_event
from participants.lender.recording import record_event
from participants.lender.tokens import Tokenises
from participants.storage.book import SqliteBook
from participants.storage.book_rows import BookIdentity

READY = 64
EVENT = """{{"identifiers": {{"country": "CN", "phone": "{phone}"}},
 "tradeline": {{"account": "a-1", "portfolio": "R", "status": "11", "opened": "2024-01-01", "reported": "2024-02-01",
               "balance": {balance}}}}}"""


def conformance(own: tuple[MemberId, Signer], suite: Suite, rng: Randomness, now: int) -> tuple[Finding, ...]:
    """
    Run every check for a member with its identity key, as of `now` (Unix seconds); a failed check stops no other.

    Takes a few seconds with keys of 3072 bits, most of them for making one.
    """
    with (
        tempfile.TemporaryDirectory(prefix="conformance-") as name,
        ObfuscatorPool(ready=READY) as pool,
        closing(SqliteBook(Path(name) / "book.db", BookIdentity(own[0], Secret(rng(32))))) as book,
    ):
        _fill(book, published_tokeniser(*own, rng), now)
        circle = make_circle(own, book, Path(name), pool, suite, rng, now)
        try:
            run = Run(circle, suite, rng, now)
            return tuple(_finding(title, check, run) for title, check in CHECKS)
        finally:
            for store in circle.answers.values():
                store.close()


def report(member: MemberId, rulebook: Rulebook, findings: tuple[Finding, ...], now: int) -> ConformanceReport:
    """Write the findings up under the rulebook in force."""
    return ConformanceReport(
        consortium=rulebook.document.consortium,
        rulebook=rulebook.digest,
        member=member,
        findings=findings,
        made_at=now,
    )


def _fill(book: SqliteBook, tokens: Tokenises, now: int) -> None:
    for person in (KNOWN, UNRELEASED):
        told = parse_event(TradelineInput, EVENT.format(phone=person.text, balance=BALANCE).encode())
        record_event(book, tokens, told, now)


def _finding(title: str, check: Callable[[Run], None], run: Run) -> Finding:
    try:
        check(run)
    except Failed as failed:
        return Finding(name=title, passed=False, note=str(failed))
    except CreditError as error:
        return Finding(name=title, passed=False, note=f"{error.code}: {error.cause}"[:200])
    return Finding(name=title, passed=True)
