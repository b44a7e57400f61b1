"""
The sandbox: a consortium of test persons on this machine, in which a lender's engineer has a node of its own.

It is founded once, by the journey of its members, and started again from its folder later. Four made-up lenders hold
the test persons; the engineer's node `your-node` holds what the engineer loads into it. Nothing leaves the machine.
"""

import datetime as dt
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.membership.genesis import default_policy
from consortium.model.query import Suite
from participants.lender.question_input import parse_question, with_request_id
from participants.rpc.local_client import LocalClient
from participants.sandbox.founding import REGULATOR, Founding, Plan, charter_of
from participants.sandbox.persons import (
    FROZEN,
    MAPPING,
    PERSONS,
    Person,
    persons_csv,
    persons_json,
    question_for,
)
from participants.sandbox.ports import Ports
from participants.sandbox.processes import BIN, Processes, ProcessFailedError, free_ports
from participants.settings import NodeSettings
from participants.whole_files import write_public

CONSORTIUM = "sandbox"
LENDERS = ("sandbox-one", "sandbox-two", "sandbox-three", "sandbox-four")
YOURS = "your-node"
MARK, FOUNDED = Path(".sandbox"), Path(".founded")
_README = """\
A sandbox: test persons only, keys that protect nothing unless it was made with --full-size. Not for real data.

  persons.json         the test persons, and the sums that must come back
  question.json        a question about one of them
  {yours}/           your node: its settings, keys, and the token of its local service (local-token)

  credit-participant sandbox {here}                     starts it again; Ctrl-C ends it
  credit-participant query --node {here}/{yours} {here}/question.json
  credit-participant book load --node {here}/{yours} --mapping YOUR-MAPPING.toml
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What came back about a test person, beside what had to."""

    person: Person
    status: str
    got: dict[str, int]
    expected: dict[str, int]

    @property
    def right(self) -> bool:
        """Whether every sum is the one that is written down."""
        return self.got == self.expected


@contextmanager
def sandbox(folder: Path, port: int, suite: Suite, now: dt.datetime, say: Callable[[str], object]) -> Iterator[None]:
    """
    Found a sandbox in `folder`, or take the one that is there, and run it until the context is left.

    Raises CreditError(SETTINGS_INVALID) for a folder that is something else, ProcessFailedError where a part ends.
    """
    _claim(folder)
    for log in folder.glob("*.log"):
        log.replace(log.with_suffix(".log.before"))  # who starts a party waits for what it logs from now on
    with Processes(folder) as processes:
        if not (folder / FOUNDED).exists():
            _found(processes, Ports(free_ports(port)), suite, say)
        processes.start_all()
        processes.run_beside(REGULATOR, "serve", ("credit-regulator", "serve", "--folder", "."), {})
        _load(processes, now)
        say(f"{len(processes.running) + 1} processes run; their logs: {folder}/*.log")
        yield


def ask_about_everybody(folder: Path) -> list[Told]:
    """Ask about every test person by the engineer's node; raises CreditError where one cannot be asked about."""
    with LocalClient(NodeSettings(folder / YOURS)) as client:
        return [_told(client, person) for person in PERSONS]


def local_service(folder: Path) -> str:
    """Give the address of the engineer's local service."""
    return NodeSettings(folder / YOURS).file.local.listen


def _told(client: LocalClient, person: Person) -> Told:
    question = json.dumps(question_for(person)).encode()
    answer = client.ask(with_request_id(parse_question(question)))
    attributes = answer["attributes"]
    assert isinstance(attributes, list)
    values: dict[str, object] = {}
    for one in attributes:
        assert isinstance(one, dict)
        values[str(one["id"])] = int(str(one["value"])) - int(str(one["own"]))  # without what your own book adds
    got = {name: int(str(value)) for name, value in (values | {FROZEN: answer[FROZEN]}).items()}
    return Told(person, str(answer["status"]), got, person.expected(len(LENDERS)))


def _claim(folder: Path) -> None:
    """Make the folder, or see that it is a sandbox; one whose founding did not end is begun anew."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise CreditError(Code.SETTINGS_INVALID, f"{folder} is not empty and no sandbox: name another folder")
    if (folder / MARK).exists() and not (folder / FOUNDED).exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def _found(processes: Processes, ports: Ports, suite: Suite, say: Callable[[str], object]) -> None:
    folder, lenders = processes.out, (*LENDERS, YOURS)
    charter = charter_of(lenders, policy=default_policy(suite, Suite.MASKED_SUM))
    Founding(Plan(CONSORTIUM, lenders, ports, charter), processes, say).run()
    write_public(folder / "persons.json", persons_json(len(LENDERS)).encode())
    write_public(folder / "question.json", json.dumps(question_for(PERSONS[0]), indent=2).encode() + b"\n")
    write_public(folder / "README.txt", _README.format(yours=YOURS, here=folder).encode())
    (folder / FOUNDED).touch()


def _load(processes: Processes, now: dt.datetime) -> None:
    """Load the test persons into the made-up lenders' books, anew each day: a book is one of its day."""
    today, opened = now.date().isoformat(), (now.date() - dt.timedelta(days=400)).isoformat()
    for place, lender in enumerate(LENDERS):
        folder = processes.out / lender
        loaded = folder / "persons.csv"
        text = persons_csv(place, opened, today)
        if loaded.exists() and loaded.read_text("utf-8") == text:
            continue
        write_public(folder / "mapping.toml", MAPPING.encode())
        _run(folder, "book", "load", "--mapping", "mapping.toml", "--source", _staged(folder, text))
        (folder / "persons.csv.new").replace(loaded)


def _staged(folder: Path, text: str) -> str:
    write_public(folder / "persons.csv.new", text.encode())
    return "persons.csv.new"


def _run(folder: Path, *arguments: str) -> None:
    command: list[str | Path] = [BIN / "credit-participant", *arguments, "--node", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603  our own
    if done.returncode:
        raise ProcessFailedError(f"{folder.name}: {' '.join(arguments)}: {done.stdout}{done.stderr}")
