"""The Node.js example against real processes: what another language sees with the .proto files alone."""

import datetime as dt
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.certificates import Authority
from participants.sandbox.ports import Ports
from tests.support.processes import LENDERS, Processes, consortium

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "node"
QUESTION = json.loads((EXAMPLE / "question.json").read_text())
Client = Callable[..., Any]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as a user has it after `npm ci`, in a folder of its own beside a copy of the .proto files."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("no node and npm here")
    root = tmp_path_factory.mktemp("node")
    shutil.copytree(EXAMPLE, root / "examples" / "node", ignore=shutil.ignore_patterns("node_modules"))
    shutil.copytree(ROOT / "protos", root / "protos", ignore=shutil.ignore_patterns("*.py*", "__pycache__"))
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=root / "examples" / "node", capture_output=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"npm ci fails here: {done.stderr.decode(errors='replace')[-200:]}")
    return root / "examples" / "node"


@pytest.fixture(scope="module")
def parties(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """All eight processes."""
    assert installed.is_dir()
    with consortium(tmp_path_factory.mktemp("consortium") / "out") as processes:
        processes.start("gateway", "custodian-one", "custodian-two")
        processes.start(*LENDERS)
        processes.wait_attached(*LENDERS)
        yield processes


@pytest.fixture(scope="module")
def client(installed: Path, parties: Processes) -> Client:
    """Runs a command of the example as lender-one's application; gives its exit status and what it printed."""
    ports, folder = Ports(parties.port), parties.out / "lender-one"

    def run(command: str, *, given: object = None, **changes: str) -> Any:
        port = ports.gateway if command == "health" else ports.lender(0)
        options = {"address": f"localhost:{port}", "token": f"{folder}/local-token"}
        options |= {"ca": f"{folder}/ca.crt", "certificate": f"{folder}/tls.crt", "key": f"{folder}/tls.key"} | changes
        arguments = [f"--{name}={value}" for name, value in options.items()]
        done = subprocess.run(
            ["node", "client.js", command, *arguments],  # noqa: S607  found by the fixture before
            cwd=installed,
            input=json.dumps(given).encode(),
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert not done.stderr, done.stderr.decode()
        return done.returncode, json.loads(done.stdout)

    return run


def test_status_and_health(client: Client, parties: Processes) -> None:
    failed, status = client("status")
    shown = parties.command("lender-one", "status")
    assert (failed, status) == (0, {name: shown[name] for name in status})
    assert status["attached"] == [f"127.0.0.1:{parties.port}"]
    assert client("health") == (0, {"status": "SERVING"})


def test_an_answer_is_the_one_that_the_command_line_gives(client: Client, parties: Processes) -> None:
    question = QUESTION | {"request_id": "cd" * 16}
    failed, answer = client("query", given=question)
    assert failed == 0
    assert (answer["asked"], answer["missing"], answer["status"]) == (sorted(LENDERS), [], "NO_HIT")
    assert client("query", given=question) == (0, answer), "a repeat gets the same answer"
    told = {name for name, value in answer.items() if value is not None}  # a message that is absent is null there
    assert told == {*parties.query("lender-one", {"phone": "13912340009"})}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"attributes": ["shoe_size"]}, "ATTRIBUTE_UNKNOWN"),
        ({"identifiers": {"country": "CN", "national_id": "110105194912310021"}}, "IDENTIFIER_CHECKSUM"),
        ({"consent": None}, "CONSENT_MISSING"),
        ({"purpose": "curiosity"}, "MALFORMED"),
    ],
)
def test_refusals_show_their_reason(client: Client, changes: dict[str, object], code: str) -> None:
    failed, answer = client("query", given=QUESTION | changes)
    assert (failed, answer["error"]["code"]) == (1, code)
    assert answer["error"]["message"]
    assert "110105194912310021" not in json.dumps(answer)


def test_a_wrong_token_and_a_strange_authority_are_refused(client: Client, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("guess")
    failed, answer = client("status", token=f"{tmp_path}/token")
    assert (failed, answer["error"]["code"]) == (1, "CERTIFICATE_INVALID")
    stranger = Authority("demo-consortium", dt.datetime.now(dt.UTC))
    (tmp_path / "ca.crt").write_bytes(stranger.certificate)
    failed, answer = client("health", ca=f"{tmp_path}/ca.crt")
    assert (failed, answer["error"]["code"]) == (1, "UNAVAILABLE"), answer


def test_the_lock_file_names_no_host() -> None:
    lock = (EXAMPLE / "package-lock.json").read_text()
    assert "resolved" not in lock
    assert "://" not in lock
    packages = json.loads(lock)["packages"]
    assert all("integrity" in entry for name, entry in packages.items() if name)
