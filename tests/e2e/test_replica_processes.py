"""Two gateway replicas as processes on one PostgreSQL database; one is killed under load."""

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from consortium.errors import Code, CreditError
from consortium.transparency.tree import leaf_hash
from participants.lender.question_input import parse_question
from participants.rpc.local_client import LocalClient
from participants.settings import NodeSettings
from tests.support.crashes import TEMPORARY
from tests.support.postgres import Postgres
from tests.support.processes import LENDERS, Processes, consortium

SECOND = "gateway-two"
ASKERS = LENDERS[:2]
IN_FLIGHT = 8
QUESTIONS = 24
QUOTA = 20
"""Queries a day of each lender: both askers together could ask twice as often if each replica counted alone."""
RECOVERY_SECONDS = 60.0


@pytest.fixture
def parties(tmp_path: Path, postgres: Postgres) -> Iterator[Processes]:
    """Both replicas, custodians that know both, and lenders attached to both."""
    storage = postgres.new_database(f"replicas-{tmp_path.name}")
    with consortium(tmp_path / "out", storage) as processes:
        first, second = f"127.0.0.1:{processes.port}", f"127.0.0.1:{processes.port + 25}"
        add_replica(processes.out, first, second)
        for lender in LENDERS:
            change(
                processes.out / lender / "node.toml", f'addresses = ["{first}"]', f'addresses = ["{first}", "{second}"]'
            )
        for custodian in ("custodian-one", "custodian-two"):
            path = processes.out / custodian / "custodian.toml"
            change(path, f'addresses = ["{first}"]', f'addresses = ["{first}", "{second}"]')
        processes.start_all()
        wait_attached_to(processes, 2)
        yield processes


def add_replica(out: Path, first: str, second: str) -> None:
    """Put both replicas on one database, with a quota; the second has a folder like the first's."""
    path = out / "gateway" / "gateway.toml"
    path.write_text(f"{path.read_text()}\n[limits]\nqueries_per_day = {QUOTA}\n")
    shutil.copytree(out / "gateway", out / SECOND)
    lines = (out / SECOND / "gateway.toml").read_text().replace(first, second).splitlines()
    own = ("metrics_port", "join_listen")  # ports of the first replica alone
    (out / SECOND / "gateway.toml").write_text("\n".join(line for line in lines if not line.startswith(own)))


def change(path: Path, old: str, new: str) -> None:
    content = path.read_text()
    assert content.count(old) == 1, (path, old)
    path.write_text(content.replace(old, new))


def wait_attached_to(parties: Processes, replicas: int) -> None:
    def attached() -> bool:
        return all(len(local(parties, lender, "status")["attached"]) == replicas for lender in LENDERS)

    parties.wait_for(attached, f"lenders to be attached to {replicas}")


def local(parties: Processes, lender: str, method: str, *arguments: Any) -> Any:
    with LocalClient(NodeSettings(parties.out / lender)) as client:
        return getattr(client, method)(*arguments)


def ask(parties: Processes, number: int) -> dict[str, Any] | Code:
    """Ask under one request id until there is an answer or a definite refusal."""
    asker = ASKERS[number % len(ASKERS)]
    question = {
        **parties.question({"phone": f"137{number:08d}"}),
        "request_id": f"{number:032x}",
        "lifetime_seconds": 60,
    }
    asked = parse_question(json.dumps(question).encode())
    deadline = time.monotonic() + RECOVERY_SECONDS
    while True:
        try:
            return dict(local(parties, asker, "ask", asked))
        except CreditError as error:
            if error.code not in TEMPORARY:
                return error.code
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def log_lines(storage: str) -> list[bytes]:
    engine = create_engine(storage)
    with engine.connect() as connection:
        lines = [bytes(line) for line in connection.scalars(text('SELECT line FROM entries ORDER BY "index"'))]
    engine.dispose()
    return lines


def storage_of(parties: Processes) -> str:
    line = next(one for one in (parties.out / SECOND / "gateway.toml").read_text().splitlines() if "storage" in one)
    return line.split('"')[1]


def check_log(lines: list[bytes], answers: dict[int, dict[str, Any]]) -> None:
    """Every answer has its entry, the log has no gap, and no query is answered twice."""
    entries = [json.loads(line) for line in lines]
    assert [entry["index"] for entry in entries] == list(range(len(entries)))
    answered = Counter(entry["query"] for entry in entries if entry["kind"] == "query-answered")
    assert set(answered.values()) == {1}
    assert len(answered) == len(answers)
    for answer in answers.values():
        index = answer["receipt"]["index"]
        assert entries[index]["kind"] == "query-answered"
        assert leaf_hash(lines[index]).hex() == answer["receipt"]["leaf_hash"]


def test_one_replica_is_killed_under_load(parties: Processes) -> None:
    """No query is lost for good, quotas hold over both together, and nodes come back to the replica."""
    storage = storage_of(parties)
    with ThreadPoolExecutor(IN_FLIGHT) as workers:
        asking = {number: workers.submit(ask, parties, number) for number in range(1, QUESTIONS + 1)}
        parties.wait_for(lambda: sum(task.done() for task in asking.values()) >= 3, "the first answers")
        parties.kill("gateway")
        early = sum(task.done() for task in asking.values())
        outcomes = {number: task.result() for number, task in asking.items()}
    assert early < QUESTIONS, "it must die under load"
    answers = {number: one for number, one in outcomes.items() if isinstance(one, dict)}
    assert len(answers) == QUESTIONS, outcomes
    assert all(answer["missing"] == [] for answer in answers.values())
    check_log(log_lines(storage), answers)

    parties.start("gateway")
    wait_attached_to(parties, 2)
    for number in (1, QUESTIONS):
        assert ask(parties, number) == answers[number], "a repeat is answered alike"

    more = {number: ask(parties, number) for number in range(QUESTIONS + 1, 2 * QUOTA + 5)}
    assert {one for one in more.values() if isinstance(one, Code)} == {Code.QUOTA_EXCEEDED}
    answers |= {number: one for number, one in more.items() if isinstance(one, dict)}
    assert len(answers) == 2 * QUOTA, "each asker has used its quota, at whichever replica, and no more"
    check_log(log_lines(storage), answers)
