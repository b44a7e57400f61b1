"""
Whoever changes an export and makes every digest fit again is found: lines, bodies, proofs, notes and rulebooks.

One real export, with answers, refusals, statements, an inspection and an erasure, is changed at random in its normative
parts. What is drawn may by chance say the same as before (a note's lines exchanged); such a draw is left out.
"""

import asyncio
import base64
import hashlib
import json
import random
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from consortium.canonical import canonical_json
from consortium.errors import Code, CreditError
from consortium.membership.files import signatures_from_text
from consortium.model.bodies import BodyAction, BodyOrder
from consortium.model.catalogue import Purpose
from consortium.model.query import SignedQuery, Suite
from consortium.transparency.policy import parse_policy
from consortium.transparency.proofs import LogProof, log_proof_from_bytes
from consortium.transparency.tree import inclusion_proof, leaf_hash
from consortium.wire.bodies import entry_body_from_bytes, entry_body_to_bytes
from consortium.wire.queries import signed_query_to_bytes
from gateway.usecases.bodies import OPEN_MS
from participants.regulator.archive import BODIES, CHECKPOINT, ENTRIES, PROOF, proof_from_bytes
from participants.regulator.trust import Trust
from participants.regulator.verdict import State
from participants.regulator.verify import verify
from tests.integration.test_bodies import ordered, words
from tests.integration.test_inspections import Running, begun, order_of
from tests.support.codes import refused
from tests.support.logs import policy_text
from tests.support.world import ALICE, Worlds

Files = dict[str, bytes]
QUICK, MANY = 300, 6000


@dataclass
class Made:
    """The export's files, whom to believe, and where to put changed ones."""

    files: Files
    trust: Trust
    folder: Path
    lines: list[bytes]


@pytest.fixture(scope="module")
def made(worlds: Worlds, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return asyncio.run(_make(worlds, tmp_path_factory.mktemp("mutations"), Suite.INSECURE_TEST_1024_MASKED))


@pytest.fixture(scope="module")
def made_of_words(worlds: Worlds, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return asyncio.run(_make(worlds, tmp_path_factory.mktemp("mutations-of-words"), Suite.MASKED_SUM))


async def _make(worlds: Worlds, folder: Path, suite: Suite) -> Made:
    async with begun(worlds, folder, suite=suite) as running:
        answers = [await running.ask(number) for number in range(3)]
        with refused(Code.CONSENT_MISMATCH):
            await running.grpc.ask(signed_query_to_bytes(_unlawful(running)), b"x" * 16)
        await running.once()
        ctx = bytes.fromhex(json.loads(running.grpc.parts.store.lines(answers[0], answers[0] + 1)[0])["ctx"])
        await running.file(order_of(running, answers[0], ctx))
        await running.once()
        consortium, later = running.world.rulebook.document.consortium, running.world.now + OPEN_MS // 1000 + 60
        order = BodyOrder(consortium, BodyAction.ERASE, (answers[1] - 1, answers[1]), "asked for", later)
        ordered(running.grpc, order, "gateway", "regulator")
        export = await running.export()
    with zipfile.ZipFile(export) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    trust = Trust(parse_policy(policy_text().encode()), running.world.rulebook.digest.hex())
    return Made(files, trust, folder, files[ENTRIES].splitlines())


def _unlawful(running: Running) -> SignedQuery:
    return running.world.query(running.world.subject(ALICE), purpose=Purpose.ACCOUNT_REVIEW)


def packed(made: Made, files: Files, name: str) -> Path:
    """Write an export whose digests fit its files."""
    proof = json.loads(files[PROOF])
    digests = {file: hashlib.sha256(data).hexdigest() for file, data in files.items() if file != PROOF}
    whole = {**files, PROOF: canonical_json({**proof, "files": digests})}
    target = made.folder / f"{name}.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for file, data in whole.items():
            archive.writestr(file, data)
    return target


def flipped(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]


def in_list(rng: random.Random, items: list[bytes]) -> list[bytes]:
    """Drop, double, exchange, move, alter or cut one of several items."""
    at, other = rng.randrange(len(items)), rng.randrange(len(items))
    changed = list(items)
    match rng.randrange(6) if items[at] else 0:
        case 0:
            del changed[at]
        case 1:
            changed.insert(other, items[at])
        case 2:
            changed[at], changed[other] = items[other], items[at]
        case 3:
            changed[at] = flipped(rng, items[at])
        case 4:
            changed[at] = items[at][: rng.randrange(len(items[at]))]
        case _:
            changed[at] = items[other]
    return changed


def in_value(rng: random.Random, value: Any) -> Any:
    """Change one leaf of a JSON value, or leave a field or an item out."""
    found: Any = None
    match value:
        case dict() if value:
            name = rng.choice(sorted(value))
            rest = {key: item for key, item in value.items() if key != name}
            found = rest if rng.random() < 0.1 else {**rest, name: in_value(rng, value[name])}
        case list() if value:
            at = rng.randrange(len(value))
            middle = [] if rng.random() < 0.2 else [in_value(rng, value[at])]
            found = value[:at] + middle + value[at + 1 :]
        case bool():
            found = not value
        case int():
            found = value + rng.choice([-1, 1, 1000])
        case str() if value:
            at = rng.randrange(len(value))
            found = value[:at] + rng.choice("0123456789abcdefz") + value[at + 1 :]
        case None:
            found = 7
    return found


def joined(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def a_line(rng: random.Random, files: Files) -> Files:
    lines = files[ENTRIES].splitlines()
    if rng.random() < 0.4:  # true to JSON, and often to the schema
        at = rng.randrange(len(lines))
        lines[at] = canonical_json(in_value(rng, json.loads(lines[at])))
        return {**files, ENTRIES: joined(lines)}
    return {**files, ENTRIES: joined(in_list(rng, lines))}


def the_end_of_lines(rng: random.Random, files: Files) -> Files:
    data = files[ENTRIES]
    return {**files, ENTRIES: data[: rng.randrange(len(data))]}


def a_body(rng: random.Random, files: Files) -> Files:
    lines = files[BODIES].splitlines()
    if rng.random() < 0.4:
        return {**files, BODIES: joined(in_list(rng, lines))}
    at = rng.randrange(len(lines))
    value = json.loads(lines[at])
    if "body" in value and rng.random() < 0.8:
        content = base64.b64decode(value["body"])
        content = flipped(rng, content) if rng.random() < 0.8 else content[: rng.randrange(len(content))]
        value["body"] = base64.b64encode(content).decode()
    else:
        value = rng.choice([{"erased_by": rng.randrange(30), "index": value["index"]}, in_value(rng, value)])
    lines[at] = canonical_json(value) if value is not None else b"null"
    return {**files, BODIES: joined(lines)}


def a_message_of_another(rng: random.Random, files: Files) -> Files:
    """Put a signed message into the place of another: each is signed by somebody."""
    lines = files[BODIES].splitlines()
    values = [json.loads(line) for line in lines]
    places = [at for at, value in enumerate(values) if "body" in value]
    at = rng.choice(places)
    body = entry_body_from_bytes(base64.b64decode(values[at]["body"]))
    if not body.round1 or not body.round2:
        return a_body(rng, files)
    first, second = list(body.round1), list(body.round2)
    one, other = rng.sample(range(len(first)), 2)
    if rng.random() < 0.5:
        first[one] = first[other]
    else:
        second[one % len(second)] = second[other % len(second)]
    changed = entry_body_to_bytes(replace(body, round1=tuple(first), round2=tuple(second)))
    values[at]["body"] = base64.b64encode(changed).decode()
    return {**files, BODIES: joined([canonical_json(value) for value in values])}


def a_note(rng: random.Random, files: Files) -> Files:
    note = files[CHECKPOINT]
    if rng.random() < 0.6:
        return {**files, CHECKPOINT: flipped(rng, note)}
    text, signatures = note.split(b"\n\n", 1)
    if rng.random() < 0.5:
        return {**files, CHECKPOINT: b"\n".join(in_list(rng, text.splitlines())) + b"\n\n" + signatures}
    return {**files, CHECKPOINT: text + b"\n\n" + joined(in_list(rng, signatures.splitlines()))}


def a_proof(rng: random.Random, files: Files) -> Files:
    value = json.loads(files[PROOF])
    name = rng.choice([name for name in value if name != "files"])
    return {**files, PROOF: canonical_json({**value, name: in_value(rng, value[name])})}


def a_rulebook(rng: random.Random, files: Files) -> Files:
    name = rng.choice([name for name in files if name.startswith("rulebooks/")])
    match rng.randrange(4):
        case 0:
            return {other: data for other, data in files.items() if other != name}
        case 1:
            return {**files, name: flipped(rng, files[name])}
        case 2:
            return {**files, name: canonical_json(in_value(rng, json.loads(files[name])))}
        case _:
            forged = files["rulebooks/rulebook-000001.json"].replace(b'"version":1', b'"version":2')
            signatures = files["rulebooks/rulebook-000001.signatures.json"]
            later = {"rulebooks/rulebook-000002.json": forged, "rulebooks/rulebook-000002.signatures.json": signatures}
            return {**files, **later}


MUTATIONS: tuple[Callable[[random.Random, Files], Files], ...] = (
    a_line,
    the_end_of_lines,
    a_body,
    a_body,
    a_message_of_another,
    a_note,
    a_proof,
    a_rulebook,
)


def says_the_same(files: Files, changed: Files) -> bool:
    """Tell whether a draw left everything as it was, by what a note and bodies say rather than how."""
    if files.keys() != changed.keys():
        return False
    for name, data in files.items():
        other = changed[name]
        if name == CHECKPOINT and _note(data) == _note(other):
            continue
        if name == PROOF and _proof(data) == _proof(other):
            continue
        if name.endswith("signatures.json") and _signatures(data) == _signatures(other):
            continue
        if name == BODIES and _bodies(data) == _bodies(other):
            continue
        if data != other:
            return False
    return True


def _note(data: bytes) -> object:
    text, _, signatures = data.partition(b"\n\n")
    return text, frozenset(signatures.splitlines())


def _proof(data: bytes) -> object:
    """A time from which on everything is wanted, before the first entry, is no other wish than none."""
    value = json.loads(data)
    try:
        proof = proof_from_bytes(canonical_json({**value, "files": {}}))
    except CreditError:
        return data
    early = proof.selection.from_ms == 7
    return (
        proof.model_copy(update={"selection": proof.selection.model_copy(update={"from_ms": None})}) if early else proof
    )


def _signatures(data: bytes) -> object:
    try:
        return signatures_from_text(data.decode("ascii"))
    except (CreditError, UnicodeDecodeError):
        return data


def _loads(data: bytes) -> object:
    try:
        return json.loads(data)
    except ValueError:
        return data


def _bodies(data: bytes) -> object:
    return [_loads(line) for line in data.splitlines()]


def mutated(made: Made, seed: int, count: int) -> Iterator[tuple[str, Files]]:
    rng = random.Random(seed)
    for _ in range(count):
        mutation = MUTATIONS[rng.randrange(len(MUTATIONS))]
        changed = mutation(rng, made.files)
        if not says_the_same(made.files, changed):
            yield mutation.__name__, changed


def check_none_accepted(made: Made, seed: int, count: int) -> None:
    seen: dict[str, int] = {}
    for name, changed in mutated(made, seed, count):
        audit = verify(packed(made, changed, f"seed-{seed}"), made.trust)
        assert audit.verdict.state is not State.COMPLETE, (name, _difference(made.files, changed))
        seen[name] = seen.get(name, 0) + 1
    assert seen.keys() == {mutation.__name__ for mutation in MUTATIONS}
    assert sum(seen.values()) > 0.9 * count


def _difference(files: Files, changed: Files) -> list[object]:
    """Show what was changed, around the first byte that differs."""
    found: list[object] = []
    for name, data in files.items():
        other = changed.get(name, b"")
        if data != other:
            at = next((n for n, (a, b) in enumerate(zip(data, other, strict=False)) if a != b), 0)
            found.append((name, data[max(0, at - 60) : at + 60], other[max(0, at - 60) : at + 60]))
    return found


def test_the_export_itself_is_complete(made: Made) -> None:
    audit = verify(packed(made, made.files, "whole"), made.trust)
    assert audit.verdict.state is State.COMPLETE, words(audit)
    kinds = {json.loads(line)["kind"] for line in made.lines}
    assert {"query-answered", "query-refused", "member-statement", "inspection-answered", "bodies-ordered"} <= kinds


def test_no_mutation_is_accepted(made: Made) -> None:
    check_none_accepted(made, 1, QUICK)


def test_no_mutation_of_sums_in_words_is_accepted(made_of_words: Made) -> None:
    whole = verify(packed(made_of_words, made_of_words.files, "whole"), made_of_words.trust)
    assert whole.verdict.state is State.COMPLETE, words(whole)
    assert b'"suite":"MASKED_SUM"' in made_of_words.files[ENTRIES]
    check_none_accepted(made_of_words, 11, QUICK // 2)


@pytest.mark.slow
def test_no_mutation_of_thousands_of_sums_in_words_is_accepted(made_of_words: Made) -> None:
    check_none_accepted(made_of_words, 12, MANY // 4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_no_mutation_of_thousands_is_accepted(made: Made, seed: int) -> None:
    check_none_accepted(made, seed, MANY // 4)


def test_no_mutation_of_a_lines_proof_is_accepted(made: Made) -> None:
    policy, rng = made.trust.policy, random.Random(7)
    assert policy is not None
    hashes = [leaf_hash(line) for line in made.lines]
    accepted = 0
    for _ in range(2000):
        index = rng.randrange(len(made.lines))
        proof = LogProof(index, tuple(inclusion_proof(hashes, index)), made.files[CHECKPOINT])
        proof.verify(made.lines[index], policy)
        line, data = made.lines[index], proof.to_bytes()
        if rng.random() < 0.3:
            line = flipped(rng, line)
        else:
            data = flipped(rng, data) if rng.random() < 0.5 else b"\n".join(in_list(rng, data.split(b"\n")))
        try:
            found = log_proof_from_bytes(data)
            found.verify(line, policy)
        except CreditError:
            continue
        assert (line, found.index, found.path) == (made.lines[index], index, proof.path)
        assert _note(found.checkpoint)[0] == _note(proof.checkpoint)[0]  # type: ignore[index]  # a pair
        accepted += 1
    assert accepted < 100, "only what says the same"
