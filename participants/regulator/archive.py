"""
The file of an export: a ZIP whose normative parts are `entries.jsonl`, `checkpoint`, `proof.json` and `rulebooks/`.

Everything else in it (tables, data dictionary) is derived from these. `docs/audit.md` describes every part.
"""

import base64
import errno
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from consortium.canonical import canonical_json, parse_canonical
from consortium.errors import Code, CreditError
from consortium.membership.files import document_name, signatures_from_text, signatures_name
from consortium.membership.trusted import Signed
from consortium.transparency.ranges import RangeProof
from consortium.wire.bodies import StoredBody

FORM = 1
ENTRIES = "entries.jsonl"
CHECKPOINT = "checkpoint"
PROOF = "proof.json"
LEAVES = "leaf-hashes.bin"
CSV = "entries.csv"
PARQUET = "entries.parquet"
DICTIONARY = "data-dictionary.md"
BODIES = "bodies/bodies.jsonl"
RULEBOOKS = "rulebooks/"
MAXIMUM_SMALL_FILE = 16 << 20
MAXIMUM_LINE = 1 << 20
BUFFER = 1 << 20


def _from_hex(value: object) -> object:
    return bytes.fromhex(value) if isinstance(value, str) else value


def from_base64(value: object) -> object:
    """Read base64 where a field of JSON has it."""
    return base64.b64decode(value, validate=True) if isinstance(value, str) else value


def to_base64(value: bytes) -> str:
    """Write base64."""
    return base64.b64encode(value).decode("ascii")


NoteBytes = Annotated[bytes, BeforeValidator(from_base64), PlainSerializer(to_base64), Field(max_length=1 << 16)]
Hash = Annotated[bytes, BeforeValidator(_from_hex), PlainSerializer(bytes.hex), Field(min_length=32, max_length=32)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Selection(_Part):
    """
    What was asked for: entries with `from_ms` <= time < `to_ms` (Unix milliseconds), of one requester, one purpose.

    None means no bound. With `member` or `purpose` the lines are a choice, and no proof can show that it is all.
    """

    from_ms: int | None = None
    to_ms: int | None = None
    member: str | None = None
    purpose: str | None = None

    @property
    def filtered(self) -> bool:
        """Whether lines inside the range are left out."""
        return self.member is not None or self.purpose is not None


class Before(_Part):
    """An earlier checkpoint's note (base64), and the proof that this export's checkpoint grew from it."""

    checkpoint: NoteBytes
    consistency: tuple[Hash, ...]


class Proof(_Part):
    """`proof.json`: what was asked for, which lines these are, and the hashes that tie them to the checkpoint."""

    form: int = FORM
    consortium: str
    selection: Selection
    first: int = Field(ge=0)
    end: int = Field(ge=0)
    size: int = Field(ge=0)
    left: tuple[Hash, ...]
    right: tuple[Hash, ...]
    before: Before | None = None
    bodies: Literal["digests", "beside"] = "digests"
    files: Mapping[str, Hash]

    @property
    def range(self) -> RangeProof:
        """The range's proof; raises CreditError(TREE_PROOF_INVALID)."""
        return RangeProof(self.first, self.end, self.size, self.left, self.right)

    def to_bytes(self) -> bytes:
        """Give canonical JSON."""
        return canonical_json(self.model_dump(mode="json"))


def proof_from_bytes(data: bytes) -> Proof:
    """Parse `proof.json`; raises CreditError(EXPORT_INVALID), or (VERSION_UNSUPPORTED) for a later form."""
    try:
        value = parse_canonical(data)
        if isinstance(value, dict) and value.get("form") != FORM:
            raise CreditError(Code.VERSION_UNSUPPORTED, "an export of another form")
        return Proof.model_validate(value)
    except ValidationError:
        raise CreditError(Code.EXPORT_INVALID, PROOF) from None


@dataclass(frozen=True, slots=True)
class Export:
    """An export that was opened; nothing of it is believed yet."""

    archive: zipfile.ZipFile
    proof: Proof
    checkpoint: bytes

    def lines(self) -> Iterator[bytes]:
        """Give the exact lines one after another; raises CreditError(EXPORT_INVALID) for a file that is damaged."""
        with _damage(), self.archive.open(ENTRIES) as raw, _buffered(raw) as stream:
            yield from lines_of(stream)

    def leaf_hashes(self) -> Iterator[bytes]:
        """Give the leaf hashes of a filtered export's whole range."""
        with _damage(), self.archive.open(LEAVES) as stream:
            while node := stream.read(32):
                yield node

    def bodies(self) -> Iterator[StoredBody]:
        """Give what lies beside the entries, in their order; raises CreditError(EXPORT_INVALID)."""
        with _damage(), self.archive.open(BODIES) as raw, _buffered(raw) as stream:
            for line in lines_of(stream):
                yield body_from_line(line)

    def rulebooks(self) -> list[Signed]:
        """Give the rulebook's versions in order; raises CreditError(EXPORT_INVALID) or (RULEBOOK_INVALID)."""
        found: list[Signed] = []
        names = set(self.archive.namelist())
        while (document := f"{RULEBOOKS}{document_name(len(found) + 1)}") in names:
            signatures = self.small(f"{RULEBOOKS}{signatures_name(len(found) + 1)}")
            found.append(Signed(self.small(document), signatures_from_text(_ascii(signatures))))
        return found

    def small(self, name: str) -> bytes:
        """Give a file of at most 16 MiB; raises CreditError(EXPORT_INVALID)."""
        return _small(self.archive, name)

    def digest(self, name: str) -> bytes:
        """Hash a file's content as it streams by."""
        hasher = hashlib.sha256()
        with _damage(), self.archive.open(name) as stream:
            while chunk := stream.read(BUFFER):
                hasher.update(chunk)
        return hasher.digest()


@contextmanager
def open_export(path: Path) -> Iterator[Export]:
    """Open an export; raises CreditError(EXPORT_INVALID), (VERSION_UNSUPPORTED) or (SOURCE_UNREADABLE)."""
    try:
        with _damage():
            archive = zipfile.ZipFile(path)
    except OSError as error:
        raise CreditError(Code.SOURCE_UNREADABLE, type(error).__name__) from None
    with archive:
        names = archive.namelist()
        if len(set(names)) != len(names) or any(info.flag_bits & 1 for info in archive.infolist()):
            raise CreditError(Code.EXPORT_INVALID, "a file that occurs twice, or is encrypted")
        yield Export(archive, proof_from_bytes(_small(archive, PROOF)), _small(archive, CHECKPOINT))


def _buffered(raw: IO[bytes]) -> IO[bytes]:
    """Read ahead: a ZIP's own stream is slow at lines."""
    return io.BufferedReader(raw, BUFFER)  # type: ignore[type-var]  # a raw stream in all but its name


def lines_of(stream: IO[bytes]) -> Iterator[bytes]:
    """Give lines without their newline; raises CreditError(EXPORT_INVALID) for one without or one too long."""
    while line := stream.readline(MAXIMUM_LINE):
        if not line.endswith(b"\n"):
            raise CreditError(Code.EXPORT_INVALID, "a line without its end")
        yield line[:-1]


def body_to_line(body: StoredBody) -> bytes:
    """Write a body as a line of canonical JSON, without its newline."""
    if body.erased_by is not None:
        return canonical_json({"erased_by": body.erased_by, "index": body.index})
    return canonical_json({"body": to_base64(body.content), "index": body.index})


def body_from_line(line: bytes) -> StoredBody:
    """Parse a line of `bodies.jsonl`; raises CreditError(EXPORT_INVALID)."""
    try:
        value = json.loads(line)
        erased = value.pop("erased_by", None)
        content = b"" if erased is not None else base64.b64decode(value.pop("body"), validate=True)
        body = StoredBody(value.pop("index"), content, erased)
    except (ValueError, KeyError, AttributeError, TypeError):
        raise CreditError(Code.EXPORT_INVALID, BODIES) from None
    if value or type(body.index) is not int or not isinstance(erased, int | None) or isinstance(erased, bool):
        raise CreditError(Code.EXPORT_INVALID, BODIES)
    return body


class ArchiveWriter:
    """Writes an export: names and bytes, always in the same way, each file hashed as it is written."""

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        self.digests: dict[str, bytes] = {}

    def add(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write one file."""
        hasher = hashlib.sha256()
        with self._archive.open(name, "w", force_zip64=True) as target:
            for chunk in chunks:
                hasher.update(chunk)
                target.write(chunk)
        self.digests[name] = hasher.digest()

    def add_file(self, name: str, path: Path) -> None:
        """Write one file from another."""
        with path.open("rb") as source:
            self.add(name, iter(lambda: source.read(BUFFER), b""))

    def close(self) -> None:
        """Finish."""
        self._archive.close()


def _small(archive: zipfile.ZipFile, name: str) -> bytes:
    with _damage():
        info = archive.getinfo(name)
        if info.file_size > MAXIMUM_SMALL_FILE:
            raise CreditError(Code.EXPORT_INVALID, f"{name} is too long")
        return archive.read(info)


@contextmanager
def _damage() -> Iterator[None]:
    """Turn whatever a damaged ZIP raises into a code."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, ValueError) as error:
        raise CreditError(Code.EXPORT_INVALID, f"the file is damaged: {type(error).__name__}") from None
    except OSError as error:
        if error.errno != errno.EINVAL:  # a directory that points before the file's beginning
            raise
        raise CreditError(Code.EXPORT_INVALID, "the file is damaged: a place outside of it") from None


def _ascii(data: bytes) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise CreditError(Code.EXPORT_INVALID, "signatures") from None
