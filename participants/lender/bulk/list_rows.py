"""
What workers do with a partition of a list: rows to blinded identifiers, and key holders' answers to keys and tags.

Both functions depend on nothing but their task: any process may run any of them, once or again after a worker died.
What they give for a row is the same wherever they run; only the blinds are drawn afresh.
"""

import secrets
from dataclasses import dataclass

from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.model.identifiers import SubjectKey
from consortium.oprf.blinding import BlindedBatch, blind, finalize_shared, verify_answer
from consortium.oprf.elements import Evaluation
from consortium.oprf.sharing import ThresholdKey
from consortium.silent import Silent
from participants.lender.mapping import ListFile
from participants.lender.protect import pre_hash, subject_tag
from participants.lender.records import RawRow
from participants.lender.row_reader import ListRowReader
from participants.lender.tokenise import DEFAULT_BATCH
from participants.lender.values import RefusedError


@dataclass(frozen=True, slots=True, repr=False)
class WorkerSecrets(Silent):
    """What a worker needs of the lenders' secrets: a `TokenSecrets`. The sealing key stays at the node."""

    pre_hash_secret: bytes
    tag_key: bytes


@dataclass(frozen=True, slots=True, repr=False)
class RowsTask(Silent):
    """Some rows of a source whose columns are these, and how to read them."""

    mapping: ListFile
    columns: tuple[str, ...]
    rows: tuple[RawRow, ...]
    secrets: WorkerSecrets


@dataclass(frozen=True, slots=True, repr=False)
class ReadRow(Silent):
    """A row that is good: its number, its name in the output, and which of the partition's people it is about."""

    number: int
    name: str
    person: int


@dataclass(frozen=True, slots=True, repr=False)
class BlindedRows(Silent):
    """
    A partition that was read: its good rows, the refused ones, and its people blinded, each once, in batches.

    `digest` is of the people's pre-hashes in their order: the same people give the same.
    """

    rows: tuple[ReadRow, ...]
    refused: tuple[tuple[RawRow, RefusedError], ...]
    batches: tuple[BlindedBatch, ...]
    digest: bytes


@dataclass(frozen=True, slots=True, repr=False)
class FinishTask(Silent):
    """A blinded batch with what t key holders made of it, not verified yet."""

    batch: BlindedBatch
    evaluations: dict[int, Evaluation]
    key: ThresholdKey
    secrets: WorkerSecrets


@dataclass(frozen=True, slots=True, repr=False)
class KeysAndTags(Silent):
    """Subject keys (64 bytes each) and tags (32 bytes each) of people, one behind the other."""

    keys: bytes
    tags: bytes


def blind_rows(task: RowsTask) -> BlindedRows:
    """Read rows, bring their identifiers into canonical form, pre-hash and blind them."""
    reader, people = ListRowReader(task.mapping, task.columns), dict[bytes, int]()
    rows, refused = [], []
    for row in task.rows:
        try:
            name, identifier = reader.read(row)
        except RefusedError as error:
            refused.append((row, error))
            continue
        person = people.setdefault(pre_hash(task.secrets, identifier), len(people))
        rows.append(ReadRow(row.number, name, person))
    inputs = [*people]
    batches = tuple(
        blind(inputs[start : start + DEFAULT_BATCH], secrets.token_bytes)
        for start in range(0, len(inputs), DEFAULT_BATCH)
    )
    return BlindedRows(tuple(rows), tuple(refused), batches, transcript_hash(Label.LIST_PARTITION, *inputs))


def finish_batch(task: FinishTask) -> KeysAndTags:
    """Verify each holder's proof, finalize, and make the tags; raises CreditError(PROOF_INVALID)."""
    answers = [
        verify_answer(task.batch.elements, evaluation, task.key.share_key(holder))
        for holder, evaluation in sorted(task.evaluations.items())
    ]
    return keys_and_tags(finalize_shared(task.batch, answers, task.key), task.secrets)


def keys_and_tags(outputs: list[bytes], token_secrets: WorkerSecrets) -> KeysAndTags:
    """Make the tags of some keys."""
    tags = b"".join(subject_tag(token_secrets, SubjectKey(output)).value for output in outputs)
    return KeysAndTags(b"".join(outputs), tags)
