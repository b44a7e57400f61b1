"""The demonstration from beginning to end: data, consortium, books, questions, comparison, figures."""

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from consortium.errors import Code, CreditError
from consortium.model.catalogue import DEFAULT_CATALOGUE
from consortium.model.query import Suite
from consortium.rules.profiles import PROFILES
from consortium.sums.secret import SecretKey
from demo.books import LoadedBook, LoadJob, Origin, jobs, load_all
from demo.consortium import Foundation, Terms
from demo.dataset import Dataset
from demo.lines import Desk
from demo.made_up import made_up
from demo.population import PEOPLE
from demo.questions import Answer, ask_all, join
from demo.report import print_books, print_people, print_summary
from demo.summary import Run, tokenising_seconds, write_summary
from demo.taiwan import taiwan
from participants.keys.obfuscators import ObfuscatorPool
from participants.lender.encryptor import PooledEncryptor

MARK = ".made-by-demo"
SUITES = {suite: PROFILES[suite].name for suite in Suite}


@dataclass(frozen=True, slots=True)
class Options:
    """What a run may vary; `data` is a UCI_Credit_Card.csv, `population` how many people there are, None for all."""

    data: Path | None
    people: int
    population: int | None
    seed: int
    out: Path
    suite: Suite
    processes: bool = True


class Stages:
    """Times the stages of a run."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage."""
        self._console.rule(f"[bold]{name}", align="left")
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start


def run(options: Options, console: Console) -> int:
    """
    Run the demonstration; gives the number of totals that are not the truth, own parts and matches included.

    Everything is written below `options.out`, whose earlier sources and books are removed. Raises CreditError.
    """
    stages = Stages(console)
    options.out.mkdir(parents=True, exist_ok=True)
    with stages.stage("data"):
        dataset = _dataset(options)
        console.print(dataset.title)
    with stages.stage("consortium"):
        origin = Origin(dataset.lenders, dataset.asked_at, _terms(dataset, options), secrets.token_bytes(32))
        foundation, key = origin.found(), SecretKey.generate(PROFILES[options.suite])
    desk = Desk(foundation.holders, foundation.rng)
    with stages.stage("books"):
        todo = jobs(dataset, origin, _fresh(options.out / "books"))
        books = _load(todo, desk, console, processes=options.processes)
        print_books(console, books)
    spent = tokenising_seconds(books, desk)
    with stages.stage("questions"):
        answers = _ask(dataset, foundation, todo, books, desk, key, console, options.out / "books")
        print_people(console, answers)
    done = Run(dataset.title, SUITES[options.suite], books, answers, stages.seconds, spent)
    print_summary(console, write_summary(done, options.out / "summary.json"))
    return sum(answer.unequal + (not answer.beside_equal) for answer in answers)


def _dataset(options: Options) -> Dataset:
    folder = _fresh(options.out / "sources")
    if options.data is not None:
        return taiwan(options.data, options.seed, options.people, folder, options.population)
    return made_up(options.seed, options.population or PEOPLE, options.people, folder)


def _fresh(folder: Path) -> Path:
    """Empty a folder that an earlier run has made; raises CreditError(SETTINGS_INVALID) for anybody else's."""
    if folder.exists() and not (folder / MARK).exists():
        raise CreditError(Code.SETTINGS_INVALID, f"out: {folder} exists and was not made by this demonstration")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).touch()
    return folder


def _terms(dataset: Dataset, options: Options) -> Terms:
    catalogue = tuple(
        replace(attribute, currency=dataset.currency) if attribute.currency else attribute
        for attribute in DEFAULT_CATALOGUE
    )
    return Terms(suite=options.suite, attributes=catalogue)


def _progress(console: Console) -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,}"))
    return Progress(*columns, TextColumn("{task.fields[stage]}"), TimeElapsedColumn(), console=console)


def _load(todo: tuple[LoadJob, ...], desk: Desk, console: Console, *, processes: bool) -> list[LoadedBook]:
    with _progress(console) as progress:
        bars = {job.lender: progress.add_task(job.lender, total=None, stage="starting") for job in todo}

        def tell(lender: str, stage: str, done: int) -> None:
            progress.update(bars[lender], completed=done, stage=stage)

        books = load_all(todo, desk, tell, processes=processes)
        for book in books:
            progress.update(bars[book.lender], completed=book.people, total=book.people, stage="people in the book")
    return books


def _ask(
    dataset: Dataset,
    foundation: Foundation,
    todo: tuple[LoadJob, ...],
    books: list[LoadedBook],
    desk: Desk,
    key: SecretKey,
    console: Console,
    folder: Path,
) -> list[Answer]:
    with ExitStack() as stack, _progress(console) as progress:
        pool = stack.enter_context(ObfuscatorPool())
        pool.prepare(key.public_key)
        stores = {job.lender: job.open_book() for job in todo}
        for store in stores.values():
            stack.callback(store.close)
        journals = {book.lender: book.journal for book in books}
        circle = join(foundation, stores, journals, desk, PooledEncryptor(pool), key, folder, dataset.asked_at)
        stack.callback(circle.close)
        bar = progress.add_task("asking", total=len(dataset.asked), stage="people asked about")
        answers = []
        for answer in ask_all(circle, dataset, foundation):
            answers.append(answer)
            progress.advance(bar)
    return answers
