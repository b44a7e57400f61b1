"""The demonstration from beginning to end: data, eight processes, books, questions, comparison, figures."""

import re
import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from consortium.errors import Code, CreditError
from consortium.model.query import Suite
from consortium.rules.profiles import PROFILES
from consortium.rules.statistic_defaults import DEFAULT_STATISTICS
from demo.assessments import FAMILIES, assess_four, differences, print_four, scorecards, signals, travel
from demo.audit import audit
from demo.books import Books, load_all, record_live
from demo.consortium import Terms
from demo.dataset import Dataset
from demo.founding import found_in
from demo.made_up import made_up
from demo.population import PEOPLE
from demo.portfolio import Listed, ask_list, print_list
from demo.progress import Meter, Stages
from demo.questions import Answer, ask_all
from demo.report import print_books, print_people, print_summary
from demo.statistics import print_release, release
from demo.summary import Run, write_summary
from demo.taiwan import taiwan
from participants.membership.charter import catalogue_in
from participants.rpc.local_client import LocalClient
from participants.sandbox.ports import Ports
from participants.sandbox.processes import Processes, ProcessFailedError, free_ports
from participants.settings import NodeSettings

MARK = ".made-by-demo"
SUITES = {suite: PROFILES[suite].name if suite in PROFILES else suite.name for suite in Suite}
FIRST_PORT = 7_400
_EVALUATE = "/credit.v1.KeyHolderService/Evaluate"


@dataclass(frozen=True, slots=True)
class Options:
    """
    What a run may vary.

    `data` is a UCI_Credit_Card.csv, `population` how many people there are, None for all; the processes listen on
    the first free run of ports from `port` on.
    """

    data: Path | None
    people: int
    population: int | None
    seed: int
    out: Path
    suite: Suite
    port: int = FIRST_PORT


def run(options: Options, console: Console) -> int:
    """
    Run the demonstration; gives the number of totals and assessments that are not what they must be.

    Own parts and matches are held against the truth, too. Everything is written below `options.out`, whose earlier
    sources and folders are removed. Raises CreditError, or ProcessFailedError where a process ends before its time; no
    process is left running.
    """
    stages = Stages(console)
    options.out.mkdir(parents=True, exist_ok=True)
    with stages.stage("data", "source files and the truth"):
        dataset = _dataset(options)
        console.print(dataset.title)
    folder, ports = _fresh(options.out / "consortium"), Ports(free_ports(options.port))
    with Processes(folder) as processes, _explained(processes):
        with stages.stage("consortium", f"a folder for each party in {folder}, and a process for each"):
            _found(dataset, options, processes, ports, console)
            processes.start_all()
            _print_processes(console, processes)
        with stages.stage("books", "five loads, every identifier through gateway and custodians"):
            books = _load(dataset, processes, console)
            print_books(console, books.loaded)
        with stages.stage("questions", f"{dataset.requester} asks about {len(dataset.asked):,} people"):
            before = _carried(ports)
            answers = _ask(dataset, folder, console)
            carried = _carried(ports) - before
            print_people(console, answers)
        with stages.stage("assessments", f"{dataset.lenders[0]} assesses four applications"):
            four = assess_four(folder, dataset.lenders, int(time.time()))
            print_four(console, four)
        count = len(processes.running)
        with stages.stage("portfolio", f"{dataset.requester} asks about the same people in one job"):
            listed = _portfolio(dataset, folder, _fresh(options.out / "portfolio"), console)
            print_list(console, listed, dataset.requester)
        with stages.stage("statistics", "the regulator counts accounts by scene and channel, with noise"):
            released = release(folder, dataset.lenders)
            print_release(console, released)
        with stages.stage("audit", "the regulator exports the log, verifies it, and meets a copy changed in one byte"):
            audited = audit(processes, _fresh(options.out / "audit"))
            console.print(audited.told, highlight=False, soft_wrap=True)
    suite, seconds = SUITES[options.suite], stages.seconds
    done = Run(dataset.title, suite, count, books, answers, carried, seconds, audited, four, listed, released)
    print_summary(console, write_summary(done, options.out / "summary.json"))
    unequal = sum(answer.unequal + (not answer.beside_equal) for answer in answers)
    return unequal + differences(four) + listed.wrong + released.wrong


def _dataset(options: Options) -> Dataset:
    if options.data is not None and not options.data.is_file():  # before anything of an earlier run is removed
        raise CreditError(
            Code.SOURCE_UNREADABLE, f"no file {options.data}; docs/demo.md says where to get the data set"
        )
    folder, now = _fresh(options.out / "sources"), int(time.time())
    if options.data is not None:
        return taiwan(options.data, options.seed, options.people, folder, now, options.population)
    return made_up(options.seed, options.population or PEOPLE, options.people, folder, now)


def _fresh(folder: Path) -> Path:
    """Empty a folder that an earlier run has made; raises CreditError(SETTINGS_INVALID) for anybody else's."""
    if folder.exists() and not (folder / MARK).exists():
        raise CreditError(Code.SETTINGS_INVALID, f"out: {folder} exists and was not made by this demonstration")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).touch()
    return folder


def _found(dataset: Dataset, options: Options, processes: Processes, ports: Ports, console: Console) -> None:
    terms = Terms(
        suite=options.suite,
        more_suites=(Suite.MASKED_SUM,),
        attributes=catalogue_in(dataset.currency),
        families=FAMILIES,
        scorecards=scorecards(),
        travel=travel(),
        signals=signals(),
        statistics=DEFAULT_STATISTICS,
    )
    found_in(processes, ports, dataset.lenders, terms, lambda line: console.print(line, highlight=False))


@contextmanager
def _explained(processes: Processes) -> Iterator[None]:
    """Where something fails because a party's process has ended, say that instead."""
    try:
        yield
    except ProcessFailedError:
        processes.check()
        raise
    except CreditError as error:
        processes.check()
        raise ProcessFailedError(
            f"{error} The processes are still running; their logs: {processes.out}/*.log"
        ) from None


def _print_processes(console: Console, processes: Processes) -> None:
    running = ", ".join(f"{name} {process.pid}" for name, process in processes.running.items())
    console.print(
        f"{len(processes.running)} processes: {running}; logs in {processes.out}", highlight=False, soft_wrap=True
    )


def _load(dataset: Dataset, processes: Processes, console: Console) -> Books:
    with Meter.shown(console, "identifiers evaluated") as meter:
        books = load_all(processes, dataset, meter)
    events = sum(map(len, dataset.live.values()))
    with Meter.shown(console, "live events recorded", events) as meter:
        record_live(processes.out, dataset, meter)
    return books


def _ask(dataset: Dataset, folder: Path, console: Console) -> list[Answer]:
    with (
        Meter.shown(console, "people asked about", len(dataset.asked)) as meter,
        LocalClient(NodeSettings(folder / dataset.requester)) as client,
    ):
        return ask_all(client, dataset, meter)


def _portfolio(dataset: Dataset, folder: Path, out: Path, console: Console) -> Listed:
    with (
        Meter.shown(console, "people on the list", len(dataset.asked)) as meter,
        LocalClient(NodeSettings(folder / dataset.requester)) as client,
    ):
        return ask_list(client, dataset, out, meter)


def _carried(ports: Ports) -> int:
    """
    Give the bytes of all messages between the parties so far, from the gateway's metrics.

    The gateway is one of the two key holders that evaluate; the other one gets and gives as many bytes.
    """
    with urllib.request.urlopen(f"http://127.0.0.1:{ports.metrics}/metrics", timeout=5) as page:
        found = re.findall(
            r'^credit_message_bytes_total\{.*method="([^"]+)".*\} (\S+)$', page.read().decode(), re.MULTILINE
        )
    return round(sum(float(count) * (2 if method == _EVALUATE else 1) for method, count in found))
