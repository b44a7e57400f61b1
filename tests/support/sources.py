"""Small sources of rows with their mappings, and tokens without key holders."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from consortium.model.identifiers import NormalisedIdentifier, SubjectKey, SubjectTag
from participants.lender.connectors import Source
from participants.lender.loading import BookLoad
from participants.lender.mapping import MappingFile, parse_mapping
from participants.lender.records import RawRow
from participants.lender.tokenise import Token
from participants.lender.validation import DEFAULT_MAXIMUM_REFUSED

HEADER = "phone,account,opened,limit"
GOOD_PHONES = tuple(f"139{number:08d}" for number in range(10_000_000, 10_002_000))
"""Numbers with the form of Chinese mobile phones."""

SOURCE = '[source]\nkind = "csv"\n'
IDENTIFIERS = """
[identifiers]
country = { constant = "CN" }
phone = "phone"
"""
TRADELINE = """
[[tradeline]]
account = "account"
portfolio = { constant = "R" }
status = { constant = "11" }
opened = "opened"
reported = { constant = 2026-11-01 }
limit = { column = "limit", scale = 100 }
"""
MAPPING = SOURCE + IDENTIFIERS + TRADELINE


def mapping(text: str = MAPPING) -> MappingFile:
    return parse_mapping(text.encode(), Path()).file


def good_rows(count: int, first: int = 0) -> list[str]:
    return [f"{GOOD_PHONES[number]},a-{number},2025-01-31,1000" for number in range(first, first + count)]


def write_csv(path: Path, rows: Iterable[str], header: str = HEADER) -> Path:
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def read_rows(source: Source) -> list[RawRow]:
    with source.open() as table:
        return [row for batch in table.batches for row in batch]


def book_load(source: Source, aside: Path | None = None, maximum: float = DEFAULT_MAXIMUM_REFUSED) -> BookLoad:
    return BookLoad(mapping(), source, maximum_refused=maximum, set_aside=aside)


@dataclass
class FakeTokens:
    """Gives everybody a token without asking anybody, and remembers the sizes of the batches."""

    batches: list[int] = field(default_factory=list)

    def tokenise(self, identifiers: Sequence[NormalisedIdentifier]) -> list[Token]:
        assert len(set(identifiers)) == len(identifiers), "somebody is tokenised twice in one batch"
        self.batches.append(len(identifiers))
        return [token_of(identifier) for identifier in identifiers]


def token_of(identifier: NormalisedIdentifier) -> Token:
    seed = repr((identifier.kind, identifier.country, identifier.value)).encode()
    return Token(SubjectKey(hashlib.sha512(seed).digest()), SubjectTag(hashlib.sha256(seed).digest()), 1)
