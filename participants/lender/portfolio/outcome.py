"""
What a job brought for every person of a list, in columns: status, numbers and, by a scorecard, score and reasons.

A person that no answer has come for, or whose row was left out, is INCOMPLETE without numbers; a frozen file has none
either. The columns lie in files of a scratch folder, so that memory does not grow with the list.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from consortium.model.scorecard import Scorecard
from consortium.rules.contributions import FROZEN, MATCHED
from consortium.scoring.asking import card_attributes
from consortium.scoring.score import ScoreStatus
from consortium.silent import Silent
from consortium.sums.words import WORD_BYTES
from participants.lender.ask import ValueStatus
from participants.lender.portfolio.asking import BlockRows
from participants.lender.portfolio.scorer import REASONS, SCORE, SCORE_STATUS, SCORE_STATUSES, SCORED, Scorer
from participants.lender.portfolio.stages import Answers, Told

STATUSES = tuple(ValueStatus)
LENDERS, STATUS, SHOWN = "lenders", "status", "shown"

Numbers: TypeAlias = npt.NDArray[np.int64]
_Place = {status: place for place, status in enumerate(STATUSES)}


@dataclass(frozen=True, slots=True, repr=False)
class Wanted(Silent):
    """Which columns an outcome has: attributes, whether the own part stands beside each, and a card or None."""

    attributes: tuple[str, ...]
    own: bool
    card: Scorecard | None

    @property
    def asked(self) -> tuple[str, ...]:
        """Every attribute that the job has to ask for."""
        card = card_attributes(self.card) if self.card else ()
        return (*self.attributes, *(name for name in card if name not in self.attributes))


@dataclass(frozen=True, repr=False)
class Outcome(Silent):
    """
    The columns, a row for each person in the order of the tags, by name.

    `status` and `score_status` are places in STATUSES and SCORE_STATUSES, `reasons` places in `reason_texts`; `shown`
    and `scored` are 1 where a person has numbers, or a score. `lenders` is how many know the person.
    """

    columns: Mapping[str, Numbers]
    reason_texts: Sequence[str]

    def counted(self) -> dict[ValueStatus, int]:
        """Count the people of each status."""
        counts = np.bincount(self.columns[STATUS], minlength=len(STATUSES))
        return {status: int(count) for status, count in zip(STATUSES, counts, strict=True)}


def gathered(answers: Answers, wanted: Wanted, scratch: Path, told: Told) -> Outcome:
    """
    Gather all blocks; `scratch` is a folder of the caller's that may be thrown away afterwards.

    Raises CreditError(SUM_INVALID) where the points of somebody's card contradict each other, and OSError where the
    scratch folder has no room.
    """
    rows = answers.header.rows.rows if answers.header.rows else 0
    made = _Gathering(wanted, scratch, rows)
    for block in answers.blocks:
        made.add(block, answers)
        told("gathering", block.rows.stop, rows)
    return Outcome(made.columns, made.reason_texts)


def own_name(attribute: str) -> str:
    """Name the column of the own part of an attribute."""
    return f"{attribute}_own"


class _Gathering:
    def __init__(self, wanted: Wanted, scratch: Path, rows: int) -> None:
        self._wanted = wanted
        names = [STATUS, SHOWN, LENDERS, *wanted.attributes]
        names += [own_name(name) for name in wanted.attributes] if wanted.own else []
        names += [SCORE, SCORE_STATUS, SCORED, REASONS] if wanted.card else []
        self.columns: dict[str, Numbers] = {name: _column(scratch / f"{name}.column", rows) for name in names}
        self.columns[STATUS][:] = _Place[ValueStatus.INCOMPLETE]
        self._scorer = Scorer(wanted.card) if wanted.card else None
        if self._scorer is not None:
            self.columns[SCORE_STATUS][:] = SCORE_STATUSES.index(ScoreStatus.INCOMPLETE)

    @property
    def reason_texts(self) -> Sequence[str]:
        return self._scorer.texts if self._scorer else ()

    def add(self, block: BlockRows, answers: Answers) -> None:
        places = np.arange(block.rows.start, block.rows.stop)[block.kept]
        matched = np.sum([block.totals[name] for name in MATCHED], axis=0).astype(np.int64)
        frozen = block.totals[FROZEN].astype(np.int64)
        complete = block.answered == answers.rulebook.roster_set
        self.columns[STATUS][places] = _statuses(matched, frozen, complete=complete)
        self.columns[LENDERS][places] = matched
        self.columns[SHOWN][places] = frozen == 0
        for name in self._wanted.attributes:
            self.columns[name][places] = block.totals[name]
            if self._wanted.own:
                self.columns[own_name(name)][places] = block.own[name]
        if self._scorer is not None:
            as_of = answers.header.issued_at
            scores = self._scorer.scored(block.totals, matched, frozen, as_of, complete=complete)
            for name, column in scores.items():
                self.columns[name][places] = column


def _statuses(matched: Numbers, frozen: Numbers, *, complete: bool) -> Numbers:
    """Tell the status of each person, as an answer about one person does."""
    known = np.where(matched == 1, _Place[ValueStatus.THIN], _Place[ValueStatus.OK])
    known = np.where(matched == 0, _Place[ValueStatus.NO_HIT], known)
    if not complete:
        known = np.full(len(matched), _Place[ValueStatus.INCOMPLETE])
    return np.asarray(np.where(frozen > 0, _Place[ValueStatus.NOT_PERMITTED], known))


def _column(path: Path, rows: int) -> Numbers:
    """Make a column of zeros in a file; its room is taken first, for a full disk met while writing kills a process."""
    if not rows:
        return np.zeros(0, dtype=np.int64)
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, rows * WORD_BYTES)
    return np.memmap(path, mode="r+", dtype=np.int64, shape=(rows,))
