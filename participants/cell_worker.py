"""
Reading a large book for a statistic in a process of its own, with low priority: queries are answered meanwhile.

The process opens the book's file for reading alone; nothing secret is handed to it.
"""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.model.facts import Moment
from consortium.noise.vectors import Integers
from consortium.rules.statistics import Statistic
from participants.lender.statistic_cells import sum_of_files
from participants.storage.book import committed_in
from participants.storage.database import connect
from participants.storage.dimensions import SqliteDimensions

NICENESS = 10


def read_in_process(book: Path, dimensions: Path, found: Statistic, moment: Moment) -> Integers:
    """Give the sums of every cell; raises as reading a book does, or CreditError(INTERNAL) where the process dies."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_step_back) as pool:
        try:
            return pool.submit(_read, book, dimensions, found, moment).result()
        except BrokenProcessPool:
            raise CreditError(Code.INTERNAL, "the process that read the book has died") from None


def _step_back() -> None:
    os.nice(NICENESS)


def _read(book: Path, dimensions: Path, found: Statistic, moment: Moment) -> Integers:
    with closing(connect(book)) as connection:
        return sum_of_files(committed_in(connection), SqliteDimensions(dimensions), found, moment)
