"""
The committed files of one book as Parquet files, by DuckDB: made once, whole or not at all, and never changed.

A snapshot is a folder (0700, its files 0600) with a part for every PART_PEOPLE subjects in the order of their tags:
who they are with their keys, tradelines, hard inquiries and characteristics. It is as secret as the book itself.
Tags and keys are numpy's arrays of octets: a million objects of Python would be made with the interpreter held, and
whoever asks about one person meanwhile would wait for it.
"""

import io
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Self, TypeAlias

import duckdb
import numpy as np
import numpy.typing as npt

from consortium.canonical import canonical_json
from consortium.errors import Code, CreditError
from consortium.model.credit_file import HISTORY_MONTHS
from consortium.silent import Silent
from consortium.sums.exchange import BookState
from participants.lender.bulk.column_maker import BookedFile, CharacteristicNames, columns_of
from participants.lender.bulk.columns import (
    CharacteristicColumns,
    FileColumns,
    InquiryColumns,
    Keys,
    LineColumns,
)
from participants.lender.bulk.ports import Octets
from participants.storage.database import storage_errors
from participants.whole_files import write_whole

PART_PEOPLE = 65_536
FORMAT = 3
MANIFEST = "snapshot.json"
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": "512MB",
    "autoinstall_known_extensions": False,  # never the network
    "autoload_known_extensions": False,
}
_FILES, _LINES, _INQUIRIES, _CHARACTERISTICS = "files", "lines", "inquiries", "characteristics"

Table: TypeAlias = dict[str, npt.NDArray[np.generic]]


class ParquetSnapshot(Silent):
    """A `Snapshot` in a folder; raises CreditError(STORAGE_BROKEN) for one that this version cannot read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with _refusals():
            found = json.loads((folder / MANIFEST).read_bytes())
        if found["format"] != FORMAT:
            raise CreditError(Code.STORAGE_BROKEN, "a snapshot of another format")
        self._parts: int = found["parts"]
        self._names: Sequence[str] = tuple(found["names"])
        self._state = BookState(bytes.fromhex(found["root"]), 0, bytes.fromhex(found["start"]))

    @property
    def state(self) -> BookState:
        """The book: its root, and its journal's start."""
        return self._state

    def keys(self) -> Keys:
        """Give who the files are about."""
        with _refusals():
            return Keys(*(_octets(self._folder, self._parts, name, width) for name, width in _KEY_WIDTHS.items()))

    def parts(self) -> Iterator[FileColumns]:
        """Give the files, PART_PEOPLE at a time."""
        with _Tables(self._folder) as tables:
            for part in range(self._parts):
                files, lines = tables.read(_FILES, part), tables.read(_LINES, part)
                history = np.stack([lines.pop(name) for name in _MONTHS], axis=1)
                yield FileColumns(
                    kinds=files["kinds"].astype(np.int32),
                    frozen=files["frozen"].astype(np.int32),
                    lines=LineColumns(**lines, history=history),  # type: ignore[arg-type]  # written from one
                    inquiries=InquiryColumns(**tables.read(_INQUIRIES, part)),  # type: ignore[arg-type]
                    characteristics=CharacteristicColumns(**tables.read(_CHARACTERISTICS, part)),  # type: ignore[arg-type]
                    names=self._names,
                )


def write_snapshot(folder: Path, files: Iterator[BookedFile], root: bytes, start: bytes) -> ParquetSnapshot:
    """
    Write a snapshot of these files, in the order of their tags, to a folder that is not there yet.

    Raises CreditError(STORAGE_FULL) or (STORAGE_BROKEN), and then there is none.
    """
    making = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    names, parts = CharacteristicNames(), 0
    try:
        with _refusals():
            making.mkdir(mode=0o700, parents=True)
            with _Tables(making) as tables:
                while batch := [*islice(files, PART_PEOPLE)]:
                    _write_part(tables, parts, *columns_of(batch, names))
                    parts += 1
            book = {"root": root.hex(), "start": start.hex()}
            known = canonical_json({"format": FORMAT, "parts": parts, "names": [*names.places], **book})
            (making / MANIFEST).write_bytes(known)
            _settle(making)
            making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return ParquetSnapshot(folder)


_KEY_WIDTHS: Mapping[str, int] = {"tags": 32, "keys": 64, "earlier": 32}
_MONTHS = [f"month_{number}" for number in range(HISTORY_MONTHS)]


def _write_part(tables: "_Tables", part: int, keys: Keys, files: FileColumns) -> None:
    for name in _KEY_WIDTHS:
        whole = io.BytesIO()  # numpy itself writes past a full disk without a word
        np.save(whole, getattr(keys, name), allow_pickle=False)
        write_whole(_octets_path(tables.folder, name, part), whole.getbuffer(), 0o600)
    tables.write(_FILES, part, {"kinds": files.kinds, "frozen": files.frozen})
    lines = _table_of(files.lines)
    history = lines.pop("history")
    tables.write(_LINES, part, lines | {name: history[:, place].copy() for place, name in enumerate(_MONTHS)})
    tables.write(_INQUIRIES, part, _table_of(files.inquiries))
    tables.write(_CHARACTERISTICS, part, _table_of(files.characteristics))


def _table_of(columns: LineColumns | InquiryColumns | CharacteristicColumns) -> Table:
    return {field.name: getattr(columns, field.name) for field in fields(columns)}


def _octets(folder: Path, parts: int, name: str, width: int) -> Octets:
    """Read one of the arrays of `Keys`; raises ValueError for a file of another shape."""
    read = [np.load(_octets_path(folder, name, part), allow_pickle=False) for part in range(parts)]
    return np.concatenate([np.empty((0, width), dtype=np.uint8), *read], dtype=np.uint8, casting="no")


def _octets_path(folder: Path, name: str, part: int) -> Path:
    return folder / f"{name}-{part:05}.npy"


class _Tables:
    """The Parquet files of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(":memory:", config=_SETTINGS)
        connection.execute("SET enable_progress_bar = false")
        return connection

    def write(self, name: str, part: int, table: Table) -> None:
        """Write one table."""
        path = self._path(name, part)
        path.touch(mode=0o600)
        self._connection.register("written", table)
        self._connection.execute(f"COPY (SELECT * FROM written) TO '{_quoted(path)}' (FORMAT parquet)")  # noqa: S608
        self._connection.unregister("written")

    def read(self, name: str, part: int) -> Table:
        """Read one table."""
        with _refusals():
            self._connection.execute(f"SELECT * FROM read_parquet('{_quoted(self._path(name, part))}')")  # noqa: S608
            return dict(self._connection.fetchnumpy())

    def _path(self, name: str, part: int) -> Path:
        return self.folder / f"{name}-{part:05}.parquet"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what DuckDB and the file system raise into codes; nothing of a row is in them."""
    full = False
    try:
        with storage_errors():
            yield
    except duckdb.Error as error:
        full = "No space left" in str(error)
    except (KeyError, TypeError, ValueError, EOFError):
        pass
    else:
        return
    raise CreditError(Code.STORAGE_FULL if full else Code.STORAGE_BROKEN, "the day's snapshot")


def _settle(folder: Path) -> None:
    """Make every file of a folder durable, and owner-only."""
    for path in folder.iterdir():
        path.chmod(0o600)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
