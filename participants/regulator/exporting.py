"""
Making an export: lines streamed from the gateway, verified as they come, packed into one file.

What was received lies in `<file>.partial` until the file is complete; the next call with the same selection goes on
where the last one broke off. Memory does not grow with the number of entries.
"""

import json
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consortium.errors import Code, CreditError
from consortium.membership.files import document_name, signatures_name, signatures_to_text
from consortium.transparency.checkpoints import SignedCheckpoint
from consortium.transparency.notes import parse_note
from consortium.transparency.policy import Policy
from consortium.transparency.ranges import RangeProof
from consortium.transparency.tree import TreeHasher, leaf_hash, verify_consistency
from consortium.wire.gateway import SignedRulebook
from participants.gateway_client.transparency import TransparencyClient
from participants.regulator import archive
from participants.regulator.archive import (
    ArchiveWriter,
    Before,
    Proof,
    Selection,
    body_from_line,
    body_to_line,
    lines_of,
)
from participants.regulator.dictionary import data_dictionary
from participants.storage.entry_tables import write_tables

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Source:
    """Where an export comes from: the gateway's log, the rulebook's versions, and whom to believe."""

    client: TransparencyClient
    rulebooks: tuple[SignedRulebook, ...]
    policy: Policy
    consortium: str


async def export(source: Source, selection: Selection, target: Path, progress: Progress = lambda _d, _o: None) -> Proof:
    """
    Write an export to `target` and give what it proves.

    Raises CreditError: CHECKPOINT_INVALID, TREE_PROOF_INVALID where the gateway's lines do not lead to its checkpoint,
    UNREACHABLE and others when the line breaks; what was received is kept.
    """
    partial = _Partial(target.with_name(f"{target.name}.partial"), selection)
    plan = await partial.begin(source)
    ties = await _ties(source, plan)
    await _receive(source, partial, plan, ties, progress)
    await _receive_bodies(source, partial, plan, selection)
    proof = _Packing(source, partial, plan, ties, selection).pack(target)
    shutil.rmtree(partial.folder)
    return proof


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which checkpoint and which lines; fixed at the first call, so that a later one goes on with the same."""

    note: str
    first: int
    end: int
    before: str | None


class _Partial:
    """The folder of an export that is not complete."""

    def __init__(self, folder: Path, selection: Selection) -> None:
        self.folder = folder
        self._selection = selection.model_dump()

    @property
    def lines(self) -> Path:
        return self.folder / archive.ENTRIES

    async def begin(self, source: Source) -> _Plan:
        """Read the plan of an earlier call, or make one; raises CreditError(EXPORT_INVALID) for another selection."""
        path = self.folder / "plan.json"
        if path.exists():
            kept = json.loads(path.read_text("utf-8"))
            if kept["selection"] != self._selection:
                raise CreditError(Code.EXPORT_INVALID, f"{self.folder.name} is of another selection: remove it")
            return _Plan(**kept["plan"])
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        plan = await _plan(source, Selection(**self._selection))
        kept = {"selection": self._selection, "plan": {name: getattr(plan, name) for name in _Plan.__slots__}}
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(kept), "utf-8")
        temporary.replace(path)
        return plan

    def resume(self, hasher: TreeHasher) -> int:
        """Hash what is here, cut a half line off, and give how many lines there are."""
        self.lines.touch(mode=0o600)
        whole = 0
        with self.lines.open("rb") as stream:
            try:
                for line in lines_of(stream):
                    hasher.append(line)
                    whole += len(line) + 1
            except CreditError:
                pass  # the last line was not written to its end
        os.truncate(self.lines, whole)
        return hasher.size


async def _plan(source: Source, selection: Selection) -> _Plan:
    note = await source.client.checkpoint()
    size = source.policy.identify(parse_note(note)).signed.size
    first = await _first_at(source.client, size, selection.from_ms) if selection.from_ms is not None else 0
    end = await _first_at(source.client, size, selection.to_ms) if selection.to_ms is not None else size
    first, end = max(0, first - 1), min(size, max(first, end) + 1)  # one more on either side shows where time begins
    before = await _before(source, first)
    return _Plan(note.decode(), first, end, before)


async def _before(source: Source, first: int) -> str | None:
    """Give the newest checkpoint of at most `first` entries: the range cannot have begun before it was cosigned."""
    try:
        note = await source.client.checkpoint(at_most=first)
    except CreditError as error:
        if error.code is Code.TREE_PROOF_INVALID:
            return None
        raise
    size = source.policy.identify(parse_note(note)).signed.size
    return note.decode() if 0 < size <= first else None


async def _first_at(client: TransparencyClient, size: int, time_ms: int) -> int:
    """Find the first entry that is not before a time; times never decrease, so that halving finds it."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        (line,) = [line async for page in client.entries(middle, middle + 1) for line in page]
        if _time(line) < time_ms:
            low = middle + 1
        else:
            high = middle
    return low


@dataclass(frozen=True, slots=True)
class _Ties:
    """What ties the lines to the checkpoint."""

    signed: SignedCheckpoint
    range: RangeProof
    before: Before | None


async def _ties(source: Source, plan: _Plan) -> _Ties:
    signed = _signed(source, plan.note)
    proof = await source.client.range(plan.first, plan.end, signed.size)
    if plan.before is None:
        return _Ties(signed, proof, None)
    before = _signed(source, plan.before)
    consistency = await source.client.consistency(before.size, signed.size)
    verify_consistency(before.size, signed.size, consistency, before.root, signed.root)
    return _Ties(signed, proof, Before(checkpoint=plan.before.encode(), consistency=consistency))


async def _receive(source: Source, partial: _Partial, plan: _Plan, ties: _Ties, progress: Progress) -> None:
    hasher = ties.range.hasher()
    start = partial.resume(hasher)
    with partial.lines.open("ab") as file:
        async for lines in _pages(source, start, plan.end):
            for line in lines:
                hasher.append(line)
            file.write(b"".join(line + b"\n" for line in lines))
            progress(hasher.size - plan.first, plan.end - plan.first)
    try:
        ties.range.finish(hasher, ties.signed.root)
    except CreditError:
        shutil.rmtree(partial.folder)  # whoever sent it, it is not the log: begin anew
        raise


async def _receive_bodies(source: Source, partial: _Partial, plan: _Plan, selection: Selection) -> None:
    """Receive what lies beside the chosen entries; what an earlier call has received stays."""
    path = partial.folder / "bodies.jsonl"
    start = _resumed_bodies(path, plan.first)
    wanted = _chosen_indices(partial, selection) if selection.filtered else None
    with path.open("ab") as file:
        async for page in source.client.bodies(start, plan.end):
            kept = [body for body in page if wanted is None or body.index in wanted]
            file.write(b"".join(body_to_line(body) + b"\n" for body in kept))


def _resumed_bodies(path: Path, first: int) -> int:
    """Cut a half line off and give the first index that is still to come."""
    path.touch(mode=0o600)
    whole, start = 0, first
    with path.open("rb") as stream:
        try:
            for line in lines_of(stream):
                start = body_from_line(line).index + 1
                whole += len(line) + 1
        except CreditError:
            pass  # the last line was not written to its end
    os.truncate(path, whole)
    return start


def _chosen_indices(partial: _Partial, selection: Selection) -> set[int]:
    queries: set[str] = set()
    with partial.lines.open("rb") as source:
        entries = (json.loads(line) for line in lines_of(source))
        return {entry["index"] for entry in entries if _is_chosen(entry, selection, queries)}


async def _pages(source: Source, start: int, end: int) -> AsyncIterator[list[bytes]]:
    if start < end:
        async for lines in source.client.entries(start, end):
            if any(b"\n" in line for line in lines):
                raise CreditError(Code.EXPORT_INVALID, "a line with a line's end in it")
            yield lines


@dataclass(frozen=True, slots=True)
class _Packing:
    """Packs what was received."""

    source: Source
    partial: _Partial
    plan: _Plan
    ties: _Ties
    selection: Selection

    def pack(self, target: Path) -> Proof:
        folder = self.partial.folder
        packed = folder / "export.zip"
        writer = ArchiveWriter(packed)
        lines = self._chosen() if self.selection.filtered else self.partial.lines
        writer.add_file(archive.ENTRIES, lines)
        if self.selection.filtered:
            writer.add_file(archive.LEAVES, folder / archive.LEAVES)
        writer.add(archive.CHECKPOINT, [self.plan.note.encode()])
        for version, signed in enumerate(self.source.rulebooks, start=1):
            writer.add(archive.RULEBOOKS + document_name(version), [signed.document])
            writer.add(archive.RULEBOOKS + signatures_name(version), [signatures_to_text(signed.signatures).encode()])
        write_tables(lines, folder / archive.CSV, folder / archive.PARQUET)
        for name in (archive.CSV, archive.PARQUET):
            writer.add_file(name, folder / name)
        writer.add(archive.DICTIONARY, [data_dictionary().encode()])
        writer.add_file(archive.BODIES, folder / "bodies.jsonl")
        proof = self._proof({**writer.digests})
        writer.add(archive.PROOF, [proof.to_bytes()])
        writer.close()
        packed.replace(target)
        return proof

    def _proof(self, files: dict[str, bytes]) -> Proof:
        tied = self.ties.range
        return Proof(
            consortium=self.source.consortium,
            selection=self.selection,
            first=tied.first,
            end=tied.end,
            size=tied.size,
            left=tied.left,
            right=tied.right,
            before=self.ties.before,
            bodies="beside",
            files=files,
        )

    def _chosen(self) -> Path:
        """Write the lines of the selection, and every line's leaf hash beside them."""
        chosen, leaves = self.partial.folder / "chosen.jsonl", self.partial.folder / archive.LEAVES
        queries: set[str] = set()
        with self.partial.lines.open("rb") as source, chosen.open("wb") as kept, leaves.open("wb") as hashes:
            for line in lines_of(source):
                hashes.write(leaf_hash(line))
                if _is_chosen(json.loads(line), self.selection, queries):
                    kept.write(line + b"\n")
        return chosen


def _is_chosen(entry: Mapping[str, Any], selection: Selection, queries: set[str]) -> bool:
    """Choose by requester and purpose; an outcome without them is chosen with its admission."""
    wanted = {"requester": selection.member, "purpose": selection.purpose}
    asked = {name: value for name, value in wanted.items() if value is not None}
    question = entry.get("query") or entry.get("statistic")
    if question in queries:
        return True
    if any(entry.get(name) != value for name, value in asked.items()):
        return False
    if question:
        queries.add(question)
    return True


def _signed(source: Source, note: str) -> SignedCheckpoint:
    return source.policy.identify(parse_note(note.encode())).signed


def _time(line: bytes) -> int:
    return int(json.loads(line)["time_ms"])
