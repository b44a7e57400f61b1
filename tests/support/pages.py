"""Runs what a page of the documentation shows: every command, in its party's folder, with the output beside it."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from participants.sandbox.processes import BIN
from tests.support.processes import Processes

PROMPT = re.compile(r"(?P<party>[a-z][a-z0-9-]*)\$ (?P<command>.+)")
_SAME = (
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?Z?"), "TIME"),
    (re.compile(r"[0-9a-f]{16,}"), "HEX"),
    (re.compile(r"\b\d{10}\b"), "SECONDS"),
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"\b\d+\.\d+ (ms|s)\b"), "DURATION"),
)
ANYTHING = "..."
SECONDS = 120
WORDS = re.compile(r"(?:^(?:[a-z]+ ){3}[a-z]+\n){6}", re.MULTILINE)
RECORDING = bool(os.environ.get("RECORD_PAGES"))


@dataclass
class Shown:
    """A command of the page, and what the page says that it prints."""

    party: str
    command: str
    expected: list[str] = field(default_factory=list)


def commands_of(page: Path) -> Iterator[Shown]:
    """Give the commands of every block of the kind `console`, in order."""
    for block in re.findall(r"^```console\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        found: list[Shown] = []
        for line in block.splitlines():
            if (prompt := PROMPT.fullmatch(line)) is not None:
                found.append(Shown(prompt["party"], prompt["command"]))
            elif found:
                found[-1].expected.append(line)
        yield from found


class PageRun:
    """
    Runs every command of a page and compares what it prints.

    `credit-... serve ... &` starts the party's process and waits until it serves; what else ends in `&` is awaited
    before the page goes on after the next command. `alike` names parties that do whatever another one does, its
    `found` commands aside; `places` gives each party its `$LOCAL`; 24 words that a command prints are in `$WORDS`
    from then on. Where the page is to be recorded (`RECORD_PAGES`), what was printed goes to `PAGE.recorded` beside
    it, for whoever writes the page.
    """

    def __init__(
        self,
        page: Path,
        parties: Processes,
        variables: Mapping[str, str],
        alike: Mapping[str, Sequence[str]] | None = None,
        places: Mapping[str, str] | None = None,
    ) -> None:
        self._places = places or {}
        self._page, self._parties, self._alike = page, parties, alike or {}
        self._variables = dict(variables)
        self._waiting: list[tuple[Shown, subprocess.Popen[str]]] = []
        self._recorded: list[str] = []

    def run(self) -> int:
        """Run; gives how many commands there were."""
        commands = list(commands_of(self._page))
        for shown in commands:
            for party in (shown.party, *self._others(shown)):
                self._do(_by(party, shown))
        self._await()
        if RECORDING:
            self._page.with_suffix(".recorded").write_text("\n".join(self._recorded), "utf-8")
        return len(commands)

    def _others(self, shown: Shown) -> Sequence[str]:
        return () if " found " in shown.command else self._alike.get(shown.party, ())

    def _do(self, shown: Shown) -> None:
        if not shown.command.endswith("&"):
            self._check(shown, *self._printed(shown, self._launch(shown)))
            self._await()
        elif " serve " not in shown.command:
            self._waiting.append((shown, self._launch(replace(shown, command=shown.command.removesuffix("&")))))
        elif "credit-gateway" in shown.command:
            self._parties.start(shown.party, until="founding")
        else:
            self._parties.start(shown.party)

    def _await(self) -> None:
        """Wait for what runs in the background."""
        while self._waiting:
            shown, process = self._waiting.pop(0)
            self._check(shown, *self._printed(shown, process))

    def _launch(self, shown: Shown) -> subprocess.Popen[str]:
        folder = self._parties.out / shown.party
        folder.mkdir(exist_ok=True, mode=0o700)
        own = {"PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": "80", "NO_COLOR": "1"}
        return subprocess.Popen(
            ["/bin/bash", "-c", shown.command],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **self._variables, **own, "LOCAL": self._places.get(shown.party, "")},
        )

    def _printed(self, shown: Shown, process: subprocess.Popen[str]) -> tuple[str, int]:
        with process:
            printed, _ = process.communicate(timeout=SECONDS)
        if (found := WORDS.search(printed)) is not None:
            self._variables["WORDS"] = " ".join(found[0].split())
        self._recorded.append(f"{shown.party}$ {shown.command}\n{printed}")
        return printed, process.returncode

    def _check(self, shown: Shown, printed: str, status: int) -> None:
        assert status == 0, f"{shown.party}$ {shown.command}\n{printed}"
        if not RECORDING:
            assert matches(printed, shown.expected), f"{shown.party}$ {shown.command}\n{printed}"


def _by(party: str, shown: Shown) -> Shown:
    """Give what another party does, and sees, alike."""
    expected = [line.replace(shown.party, party) for line in shown.expected]
    return Shown(party, shown.command.replace(shown.party, party), expected)


def matches(printed: str, expected: list[str]) -> bool:
    """Compare line by line: times, durations and digests are any, and so are the lines that `...` stands for."""
    lines = [_plain(line) for line in printed.splitlines()]
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == ANYTHING else _line_pattern(_plain(line)) + r"\n" for line in expected
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None


def _line_pattern(line: str) -> str:
    return ".*".join(map(re.escape, line.split(ANYTHING)))


def _plain(line: str) -> str:
    for pattern, word in _SAME:
        line = pattern.sub(word, line)
    return re.sub(r" +", " ", line).rstrip()
