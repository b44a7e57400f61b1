"""`credit-participant sandbox`: founded, asked about every test person, killed, started again, with an own book."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from participants.sandbox.persons import PERSONS
from participants.sandbox.processes import BIN
from tests.support.journey import EXAMPLE
from tests.support.processes import own_ports

SECONDS = 150


def sandbox(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command: list[str | Path] = [
        BIN / "credit-participant",
        "sandbox",
        folder,
        "--port",
        str(own_ports()),
        "--json",
        *arguments,
    ]
    log = folder.with_suffix(".log").open("wb")
    with log:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, start_new_session=True)


def told(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    with process:
        printed, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, printed.decode()
    return dict(json.loads(printed))


@pytest.mark.slow
def test_every_test_person_is_answered_as_it_is_written_down(tmp_path: Path) -> None:
    answers = told(sandbox(tmp_path / "sandbox", "--check"))
    assert [person["right"] for person in answers["persons"]] == [True] * len(PERSONS)
    statuses = {person["name"]: person["status"] for person in answers["persons"]}
    assert (statuses["everywhere"], statuses["thin"]) == ("OK", "THIN")
    assert (statuses["frozen"], statuses["nobody"]) == ("NOT_PERMITTED", "NO_HIT")
    everywhere = next(person for person in answers["persons"] if person["name"] == "everywhere")
    assert everywhere["got"]["balance"] == 432_100, "lender i contributes (i + 1) * 10**i yuan"


def test_a_folder_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    process = sandbox(tmp_path, "--check")
    with process:
        printed, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert json.loads(printed)["error"]["code"] == "SETTINGS_INVALID"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_it_is_killed_in_the_founding_and_later_and_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    first = sandbox(folder)
    wait_for((folder / "sandbox-one" / "identity.key").exists)
    kill(first)
    again = sandbox(folder)
    node = folder / "your-node"
    wait_for(lambda: (folder / ".founded").exists() and (node / "local-token").exists())
    for path in EXAMPLE.iterdir():
        shutil.copy(path, node)
    load: list[str | Path] = [
        BIN / "credit-participant",
        "book",
        "load",
        "--node",
        ".",
        "--mapping",
        "mapping.toml",
        "--json",
    ]
    done = subprocess.run(load, cwd=node, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    key = (node / "identity.key").read_bytes()
    kill(again)
    answers = told(sandbox(folder, "--check"))
    assert all(person["right"] for person in answers["persons"])
    assert (node / "identity.key").read_bytes() == key
    status: list[str | Path] = [BIN / "credit-participant", "book", "status", "--node", ".", "--json"]
    kept = subprocess.run(status, cwd=node, capture_output=True, timeout=SECONDS, check=True)
    assert json.loads(kept.stdout)["book"]["subjects"] == 17, "the engineer's own book is still there"


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill it with everything that it has started, as a closed terminal would."""
    with process:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
