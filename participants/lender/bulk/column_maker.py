"""
From credit files as a book has them to columns; the one loop a person, run once a day.

Reads the canonical JSON of the book itself: whatever is left out there has the default of its field.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from consortium.model.credit_file import HISTORY_MONTHS, AccountStatus, Channel, PortfolioType, Scene
from consortium.sealing.payload import TAG_BYTES
from consortium.silent import Silent
from participants.lender.bulk.columns import (
    NO_DAY,
    CharacteristicColumns,
    Column,
    FileColumns,
    InquiryColumns,
    Keys,
    LineColumns,
)

BookedFile: TypeAlias = tuple[bytes, bytes, bytes | None, bytes]
"""Tag, key, tag in the generation before, and the bytes of the committed file."""

KEY_BYTES = 64
STATUSES = tuple(AccountStatus)
_STATUS = {status.value: place for place, status in enumerate(STATUSES)}
_PORTFOLIO, _CHANNEL, _SCENE = (
    {value.value: place for place, value in enumerate(kind)} for kind in (PortfolioType, Channel, Scene)
)
_KINDS = ("portfolio", "channel", "scene")
_SMALL = ("person", "status", "opened", "reported", "closed", "first_delinquency", "payment_due", "days_past_due")
_AMOUNTS = ("limit", "balance", "past_due", "payment", "charged_off", "in_collection")
_LINE = (*_SMALL, "disputed", *_KINDS, *_AMOUNTS)


@dataclass(repr=False)
class CharacteristicNames(Silent):
    """The names of characteristics, numbered as they are met."""

    places: dict[str, int] = field(default_factory=dict)

    def place(self, name: str) -> int:
        """Give the place of a name, a new one where it is new."""
        return self.places.setdefault(name, len(self.places))


def columns_of(files: Iterable[BookedFile], names: CharacteristicNames) -> tuple[Keys, FileColumns]:
    """Turn some people's files, in the order of their tags, into columns; `names` is shared by all parts."""
    made = _Maker(names)
    for booked in files:
        made.add(booked)
    return made.keys(), made.columns()


class _Maker:
    def __init__(self, names: CharacteristicNames) -> None:
        self._names = names
        self._tags: list[bytes] = []
        self._keys: list[bytes] = []
        self._earlier: list[bytes] = []
        self._people: list[tuple[int, int]] = []
        self._lines: list[tuple[int, ...]] = []
        self._history: list[Sequence[int]] = []
        self._inquiries: list[tuple[int, int]] = []
        self._characteristics: list[tuple[int, int, int]] = []

    def add(self, booked: BookedFile) -> None:
        tag, key, earlier, data = booked
        file, person = json.loads(data), len(self._people)
        self._tags.append(tag)
        self._keys.append(key)
        self._earlier.append(earlier or bytes(TAG_BYTES))
        self._people.append((file["identifier"], file.get("frozen", False)))
        for line in file.get("tradelines", ()):
            self._add_line(person, line)
        self._inquiries += [(person, one["time"]) for one in file.get("inquiries", ()) if one.get("hard", True)]
        for name, value in file.get("characteristics", {}).items():
            self._characteristics.append((person, self._names.place(name), value))

    def _add_line(self, person: int, line: dict[str, Any]) -> None:
        get = line.get
        days = get("closed", NO_DAY), get("first_delinquency", NO_DAY), get("payment_due", NO_DAY)
        amounts = get("limit", 0), get("balance", 0), get("past_due", 0), get("payment", 0)
        adverse = get("charged_off", 0), get("in_collection", 0)
        known = person, _STATUS[line["status"]], line["opened"], line["reported"]
        kinds = _PORTFOLIO[line["portfolio"]], _CHANNEL[get("channel", "other")], _SCENE[get("scene", "other")]
        counts = get("days_past_due", 0), get("disputed", False)
        self._lines.append((*known, *days, *counts, *kinds, *amounts, *adverse))
        history = get("history", ())
        self._history.append((*history, *[0] * (HISTORY_MONTHS - len(history))))

    def keys(self) -> Keys:
        return Keys(
            np.frombuffer(b"".join(self._tags), dtype=np.uint8).reshape(-1, TAG_BYTES),
            np.frombuffer(b"".join(self._keys), dtype=np.uint8).reshape(-1, KEY_BYTES),
            np.frombuffer(b"".join(self._earlier), dtype=np.uint8).reshape(-1, TAG_BYTES),
        )

    def columns(self) -> FileColumns:
        people, inquiries = _table(self._people, 2), _table(self._inquiries, 2)
        values = _table(self._characteristics, 3)
        lines = dict(zip(_LINE, _table(self._lines, len(_LINE)), strict=True))
        columns: dict[str, npt.NDArray[Any]] = {name: lines[name] for name in _AMOUNTS}
        columns |= {name: lines[name].astype(np.int32) for name in (*_SMALL, "disputed", *_KINDS)}
        columns["history"] = np.array(self._history, dtype=np.uint16).reshape(-1, HISTORY_MONTHS)
        return FileColumns(
            kinds=people[0].astype(np.int32),
            frozen=people[1].astype(np.int32),
            lines=LineColumns(**columns),
            inquiries=InquiryColumns(inquiries[0].astype(np.int32), inquiries[1]),
            characteristics=CharacteristicColumns(values[0].astype(np.int32), values[1].astype(np.int32), values[2]),
            names=tuple(self._names.places),
        )


def _table(rows: Sequence[tuple[int, ...]], width: int) -> list[Column]:
    """Turn rows into columns."""
    return [*np.array(rows, dtype=np.int64).reshape(-1, width).T.copy()]
