"""A list from its source to keys and tags: the same bytes wherever it is worked on, and nothing asked for twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dask
import pytest

from consortium.custody import EvaluationAnswer
from consortium.errors import Code, CreditError
from consortium.model.identifiers import IdentifierKind, NormalisedIdentifier
from consortium.oprf.elements import BlindedElement, Evaluation
from consortium.oprf.sharing import ThresholdKey
from participants.lender.bulk import list_rows, preparing
from participants.lender.bulk.list_rows import WorkerSecrets
from participants.lender.bulk.preparing import ListPreparation, PreparedList
from participants.lender.bulk.workers import Workers, open_workers
from participants.lender.mapping import load_list_mapping
from participants.lender.tokenise import Tokeniser
from participants.lender.validation import SetAside, ValidationReport
from participants.storage.list_partitions import PartitionFolder
from tests.support.dask_cluster import ClusterTls, dask_cluster
from tests.support.leaks import leaks
from tests.support.oprf_world import World, build_world, lenders_secrets

MAPPING = """
[source]
kind = "csv"
path = "list.csv"

[identifiers]
country = { constant = "CN" }
phone = "phone"
email = "mail"

[row]
id = "loan"
"""
SECRETS = WorkerSecrets(lenders_secrets().pre_hash_secret, lenders_secrets().tag_key)
PHONES = [f"139123456{n:02}" for n in range(30)]


@dataclass
class CountingAsks:
    """The way to the key holders, counted; `before` is called with the number of each batch."""

    tokeniser: Tokeniser
    before: Callable[[int], None] = lambda _: None
    asked: list[int] = field(default_factory=list)
    again: int = 0

    @property
    def key(self) -> ThresholdKey:
        return self.tokeniser.key

    def ask(self, elements: tuple[BlindedElement, ...]) -> dict[int, Evaluation]:
        self.before(len(self.asked))
        self.asked.append(len(elements))
        return self.tokeniser.ask(elements)

    def evaluate(self, inputs: Sequence[bytes]) -> list[bytes]:
        self.again += 1
        return self.tokeniser.evaluate(inputs)


@pytest.fixture(autouse=True)
def small_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "PARTITION_ROWS", 7)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A list of 41 rows about 31 people, one of whom has two phones' worth of rows; one row is broken."""
    rows = [f"loan-{n},{phone}," for n, phone in enumerate(PHONES)]
    rows += [f"again-{n},+86 {phone}," for n, phone in enumerate(PHONES[:9])]
    rows += ["bad,12345,", "mail,,Someone@Example.com"]
    (tmp_path / "list.csv").write_text("loan,phone,mail\n" + "\n".join(rows) + "\n")
    (tmp_path / "list.toml").write_text(MAPPING)
    return tmp_path


@contextmanager
def threads() -> Iterator[Workers]:
    workers = Workers(lambda: ThreadPoolExecutor(2), 2)
    yield workers
    workers.close()


def preparation(folder: Path, asks: CountingAsks, workers: Workers, kept: str = "kept") -> ListPreparation:
    mapping = load_list_mapping(folder / "list.toml")
    source = mapping.source()
    return ListPreparation(
        mapping=mapping.file,
        source=source,
        secrets=SECRETS,
        asks=asks,
        workers=workers,
        kept=PartitionFolder(folder / kept),
        report=ValidationReport(source.name),
        aside=SetAside(folder / "refused.csv", newest_only=True),
    )


def prepared(folder: Path, kept: str = "kept", asks: CountingAsks | None = None) -> PreparedList:
    with threads() as workers:
        return preparation(folder, asks or CountingAsks(build_world().tokeniser()), workers, kept).prepare()


def same(first: PreparedList, second: PreparedList) -> bool:
    arrays = ("tags", "keys", "places", "numbers")
    return first.names == second.names and all(
        getattr(first, name).tobytes() == getattr(second, name).tobytes() for name in arrays
    )


def test_the_list_has_everybody_once_and_every_good_row(folder: Path) -> None:
    found = prepared(folder)
    people = [NormalisedIdentifier(IdentifierKind.PHONE, "", f"+86{phone}") for phone in PHONES]
    people.append(NormalisedIdentifier(IdentifierKind.EMAIL, "", "someone@example.com"))
    tokens = {token.tag.value: token.key.value for token in build_world().tokeniser().tokenise(people)}
    assert {tag.tobytes(): key.tobytes() for tag, key in zip(found.tags, found.keys, strict=True)} == tokens
    assert [tag.tobytes() for tag in found.tags] == sorted(tokens)
    assert list(found.names[:2]) == ["loan-0", "loan-1"]
    assert list(found.numbers) == [*range(1, 40), 41]
    by_name = dict(zip(found.names, found.places.tolist(), strict=True))
    assert all(by_name[f"again-{n}"] == by_name[f"loan-{n}"] for n in range(9))
    assert len(set(found.places.tolist())) == len(found.tags) == 31


def test_a_broken_row_is_set_aside_and_nothing_else_is_lost(folder: Path) -> None:
    with threads() as workers:
        job = preparation(folder, CountingAsks(build_world().tokeniser()), workers)
        job.prepare()
    assert (job.report.read, job.report.accepted, job.report.refused) == (41, 40, 1)
    assert "40,phone,IDENTIFIER_MALFORMED,bad,12345," in (folder / "refused.csv").read_text()


def test_a_list_of_broken_rows_is_refused(folder: Path) -> None:
    (folder / "list.csv").write_text("loan,phone,mail\n" + "x,1,\n" * 9 + f"y,{PHONES[0]},\n")
    with pytest.raises(CreditError) as refused:
        prepared(folder)
    assert refused.value.code is Code.ROWS_REFUSED


def test_what_was_evaluated_is_not_asked_for_again(folder: Path) -> None:
    def break_off(batch: int) -> None:
        if batch == 3:
            raise CreditError(Code.TOO_FEW_HOLDERS)

    broken = CountingAsks(build_world().tokeniser(), break_off)
    with pytest.raises(CreditError):
        prepared(folder, asks=broken)
    again = CountingAsks(build_world().tokeniser())
    assert same(prepared(folder, asks=again), prepared(folder, kept="elsewhere"))
    assert (len(broken.asked), len(again.asked)) == (3, 3)


def test_a_holder_that_answers_wrongly_is_noticed_and_replaced(folder: Path) -> None:
    world: World = build_world()
    tap = world.taps[1]
    honest = tap.evaluate

    def wrong(request: bytes) -> bytes:
        answer = EvaluationAnswer.decode(honest(request))
        elements = tuple(reversed(answer.evaluation.elements))
        forged = Evaluation(elements, answer.evaluation.proof)
        return EvaluationAnswer(answer.position, forged).encode()

    tap.evaluate = wrong  # type: ignore[method-assign]
    asks = CountingAsks(world.tokeniser())
    assert same(prepared(folder, asks=asks), prepared(folder, kept="elsewhere"))
    assert asks.again
    assert (1, Code.PROOF_INVALID) in world.alarms


def test_local_processes_give_the_same_and_one_that_dies_costs_its_partitions(folder: Path) -> None:
    pools: list[ProcessPoolExecutor] = []

    def kill_one(batch: int) -> None:
        if batch == 2:
            os.kill(next(iter(pools[0]._processes)), signal.SIGKILL)

    asks = CountingAsks(build_world().tokeniser(), kill_one)
    with open_workers(processes=2) as workers:
        make = workers._make

        def made() -> Executor:
            pools.append(make())  # type: ignore[arg-type]  # processes they are
            return pools[-1]

        workers._make = made
        found = preparation(folder, asks, workers).prepare()
    assert len(pools) == 2, "the broken pool was replaced"
    assert len(asks.asked) == 6, "no partition was asked about twice"
    assert same(found, prepared(folder, kept="elsewhere"))


STARTER = """
import os, sys, time
from participants.lender.bulk.workers import open_workers
if __name__ == "__main__":
    with open_workers(processes=1) as workers:
        print(workers.result(workers.submit(os.getpgid, 0)), *workers._pool._processes, flush=True)
        time.sleep(60)
"""


def test_workers_end_with_a_node_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "starter.py"
    script.write_text(STARTER)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        _, worker = map(int, node.stdout.readline().split())
        assert Path(f"/proc/{worker}").exists()
        node.kill()
    deadline = time.monotonic() + 20
    while is_running(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(worker)


def is_running(process: int) -> bool:
    """A process that has ended and that nobody has asked about yet is not running."""
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_a_dask_cluster_gives_the_same_and_a_worker_that_dies_costs_its_partitions(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with dask_cluster(folder) as cluster:
        asks = CountingAsks(build_world().tokeniser(), lambda batch: cluster.kill_one() if batch == 2 else None)
        with open_workers(cluster.address) as workers:
            found = preparation(folder, asks, workers).prepare()
    assert len(asks.asked) == 6
    assert same(found, prepared(folder, kept="elsewhere"))
    said = caplog.text + "".join(log.read_text() for log in folder.glob("*.log"))
    secrets: list[tuple[str, bytes | str | int]] = [
        ("pre-hash", SECRETS.pre_hash_secret),
        ("tag key", SECRETS.tag_key),
        ("phone", PHONES[0]),
    ]
    assert leaks(said.encode(), secrets) == []


def test_a_cluster_with_tls_is_reached_by_the_configuration_of_dask(folder: Path) -> None:
    tls = ClusterTls.made(folder)
    with dask_cluster(folder, 1, tls) as cluster:
        assert cluster.address.startswith("tls://")
        with dask.config.set(tls.settings), open_workers(cluster.address) as workers:
            found = preparation(folder, CountingAsks(build_world().tokeniser()), workers).prepare()
        with pytest.raises(CreditError) as refused, open_workers(cluster.address):
            pass  # a client without a certificate of this CA
    assert refused.value.code is Code.SETTINGS_INVALID
    assert same(found, prepared(folder, kept="elsewhere"))


@pytest.mark.parametrize("address", ["tcp://10.0.0.7:8786", "http://127.0.0.1:1", "tcp://", "127.0.0.1:8786"])
def test_identifiers_do_not_cross_a_network_in_clear(address: str) -> None:
    with pytest.raises(CreditError) as refused, open_workers(address):
        pass
    assert refused.value.code is Code.SETTINGS_INVALID


def test_a_scheduler_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("participants.lender.bulk.workers.CONNECT_SECONDS", 1)
    with pytest.raises(CreditError) as refused, open_workers("tcp://127.0.0.1:9"):
        pass
    assert refused.value.code is Code.SETTINGS_INVALID
    assert "reached" in refused.value.cause


def test_tasks_do_not_print_what_they_hold(folder: Path) -> None:
    mapping = load_list_mapping(folder / "list.toml").file
    task = list_rows.RowsTask(mapping, ("loan",), (), SECRETS)
    assert repr(task) == "<RowsTask>"
    assert repr(SECRETS) == "<WorkerSecrets>"
