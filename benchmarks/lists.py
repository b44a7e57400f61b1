"""A list prepared by workers: from rows to keys and tags, with the key holders in this process."""

import resource
import secrets
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rows import Row, row
from consortium.oprf.elements import BlindedElement, Evaluation
from consortium.oprf.sharing import ThresholdKey
from demo.consortium import Terms, found
from participants.lender.bulk.list_rows import WorkerSecrets
from participants.lender.bulk.preparing import ListPreparation
from participants.lender.bulk.workers import open_workers
from participants.lender.mapping import load_list_mapping
from participants.lender.tokenise import Tokeniser
from participants.lender.validation import SetAside, ValidationReport
from participants.storage.list_partitions import PartitionFolder

ROWS, PROCESSES, NOW = 16_384, 2, 20_500 * 86_400
MAPPING = """
source = { kind = "csv", path = "list.csv" }
identifiers = { country = { constant = "CN" }, phone = "phone" }
row = { id = "loan" }
"""


@dataclass
class TimedAsks:
    """The key holders, whose processor time is counted apart."""

    tokeniser: Tokeniser
    spent: float = 0.0

    @property
    def key(self) -> ThresholdKey:
        """Give the key."""
        return self.tokeniser.key

    def ask(self, elements: tuple[BlindedElement, ...]) -> dict[int, Evaluation]:
        """Ask, and take the time."""
        start = time.process_time()
        found = self.tokeniser.ask(elements)
        self.spent += time.process_time() - start
        return found

    def evaluate(self, inputs: Sequence[bytes]) -> list[bytes]:
        """Ask the usual way."""
        return self.tokeniser.evaluate(inputs)


def run() -> list[Row]:
    foundation = found(("lender-a", "lender-b", "lender-c", "lender-d", "lender-e"), NOW, secrets.token_bytes, Terms())
    asks = TimedAsks(foundation.tokeniser("lender-a"))
    shared = foundation.secrets
    with tempfile.TemporaryDirectory() as name, open_workers(processes=PROCESSES) as workers:
        folder = Path(name)
        (folder / "list.toml").write_text(MAPPING)
        lines = (f"loan-{number},139{number:08}\n" for number in range(ROWS))
        (folder / "list.csv").write_text("loan,phone\n" + "".join(lines))
        found_mapping = load_list_mapping(folder / "list.toml")
        start, node = time.perf_counter(), time.process_time()
        ListPreparation(
            mapping=found_mapping.file,
            source=found_mapping.source(),
            secrets=WorkerSecrets(shared.pre_hash_secret, shared.tag_key),
            asks=asks,
            workers=workers,
            kept=PartitionFolder(folder / "kept"),
            report=ValidationReport("list"),
            aside=SetAside(None),
        ).prepare()
        wall, node = time.perf_counter() - start, time.process_time() - node - asks.spent
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = children.ru_utime + children.ru_stime
    return [
        row(
            "workers: normalise, blind, verify, finalize, their start included",
            worked / ROWS * 1e6,
            "CPU us a row",
            "lower",
            None,
        ),
        row("node: read rows, sign requests, keep partitions", node / ROWS * 1e6, "CPU us a row", "lower", None),
        row("key holders, two of three, in this process", asks.spent / ROWS * 1e6, "CPU us a row", "lower", None),
        row(f"{ROWS:,} rows, {PROCESSES} workers, all on this machine", wall, "s", "lower", None),
    ]
