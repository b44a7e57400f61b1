"""A gateway that was changed to lie: each lie is caught, by a file of evidence that proves it to a third party."""

import asyncio
import json
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from consortium.canonical import canonical_json
from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.model.catalogue import Purpose
from consortium.model.receipts import Round, Subject
from consortium.rules.tallies import PaillierTally
from consortium.sums.paillier import Ciphertext, add_plain
from consortium.transparency.tree import leaf_hash
from consortium.transparency.witness import WitnessRefusedError
from consortium.wire.gateway import Answered, message_receipt_from_bytes
from consortium.wire.queries import signed_query_to_bytes
from consortium.wire.rounds import signed_round1_from_bytes, transcript_from_bytes
from gateway.bootstrap import GatewayServer, build
from gateway.storage.transaction import SqlTransaction
from gateway.tlog.guard import FileGuard
from gateway.usecases import admission, asking, carrier, entries
from gateway.usecases.query import QueryRun
from participants.cli.regulator import app
from participants.gateway_client.asking import AskClient
from participants.receipt_lines import answer_line, message_line
from participants.regulator.archive import Selection, open_export
from participants.regulator.body_checks import CONSENTS, EXCHANGES
from participants.regulator.entry_checks import SETS
from participants.regulator.evidence import Evidence, Version, check, make_evidence, proven_lines
from participants.regulator.order_checks import TIMES
from participants.regulator.receipts import PART as RECEIPTS
from participants.regulator.verdict import State
from participants.regulator.verify import verify
from tests.integration.test_bodies import trust, witnessed, words
from tests.support.audits import export_of, log_settings
from tests.support.codes import refused
from tests.support.grpc_world import GrpcWorld, grpc_world
from tests.support.logs import policy_text
from tests.support.world import ALICE, BOB, LENDERS, World, Worlds

DROPPED = "lender-b"
Lie = Callable[[pytest.MonkeyPatch], None]


@dataclass
class Case:
    """A gateway that begins to lie after one honest query."""

    running: GrpcWorld
    folder: Path
    answers: list[bytes] = field(default_factory=list)

    async def ask(self, number: int) -> Answered:
        """Ask, and keep the receipt of the answer as a node does."""
        world = self.running.world
        query = world.query(world.subject(ALICE if number == 1 else BOB), consent=None)
        client = AskClient([self.running.address], self.running.tls("lender-a"))
        try:
            answered = await client.ask(bytes([number]) * 16, signed_query_to_bytes(query), 20)
        finally:
            await client.close()
        self.answers.append(answer_line(answered.receipt, Subject(query.digest, answered.transcript)))
        world.nodes["lender-a"].conclude(query, transcript_from_bytes(answered.transcript))
        return answered

    async def receipts(self) -> Path:
        """Write what the members hold."""
        self.running.parts.attachments.pay()
        async with asyncio.timeout(30):
            while not self.running.receipts:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
        lines = {message_line(message_receipt_from_bytes(raw)) for raw in self.running.receipts}
        path = self.folder / "receipts.jsonl"
        path.write_bytes(b"".join([*self.answers, *sorted(lines)]))
        return path

    async def export(self, selection: Selection | None = None) -> Path:
        await witnessed(self.running, self.folder, 3600)
        target = self.folder / "export.zip"
        await export_of(self.running, target, selection)
        return target


def drops_a_contribution(patch: pytest.MonkeyPatch) -> None:
    """Takes what a lender sent, gives the receipt, and has it that nothing came in time."""
    receive, taken = QueryRun.receive_round1, QueryRun.taken
    dropped: dict[bytes, bytes] = {}

    def receive_and_forget(self: QueryRun, member: str, raw: bytes) -> None:
        if member != DROPPED:
            receive(self, member, raw)
            return
        signed = signed_round1_from_bytes(raw)
        dropped[self.query.digest] = transcript_hash(Label.ROUND1, signed.raw, signed.signature)
        self.outcomes[member] = Code.TOO_FEW_CONTRIBUTORS.value

    def taken_with_it(self: QueryRun, number: int) -> tuple[Round, dict[str, bytes]]:
        of, found = taken(self, number)
        return of, found | ({DROPPED: dropped[self.query.digest]} if number == 1 else {})

    patch.setattr(QueryRun, "receive_round1", receive_and_forget)
    patch.setattr(QueryRun, "taken", taken_with_it)


def changes_a_sum(patch: pytest.MonkeyPatch) -> None:
    """Adds one to every sum."""

    class OneMore(PaillierTally):
        def total(self, corrections: Mapping[str, bytes]) -> bytes:
            return add_plain(Ciphertext.from_bytes(self.key, super().total(corrections)), 1).to_bytes()

    patch.setattr(admission, "tally_in", OneMore)


def false_roster(patch: pytest.MonkeyPatch) -> None:
    """Has it in the log that a lender was not asked because it is none."""
    honest = entries.admitted
    patch.setattr(entries, "admitted", lambda *given: {**honest(*given), "roster": [*LENDERS[:4]]})


def back_dates(patch: pytest.MonkeyPatch) -> None:
    """Dates what happens now to the day before."""

    def dated(value: Any) -> bytes:
        return canonical_json({**value, "time_ms": value["time_ms"] - 86_400_000})

    patch.setattr("gateway.storage.transaction.canonical_json", dated)


def timeout_for_an_answer(patch: pytest.MonkeyPatch) -> None:
    """Sends the answer, with its receipt, and has it in the log that the query timed out."""
    append = SqlTransaction.append

    def other(self: SqlTransaction, entry: dict[str, Any]) -> Any:
        if entry["kind"] != "query-answered":
            return append(self, entry)
        line = canonical_json({**entry, "index": self.size, "time_ms": max(self._clock(), self._time)})
        refusal = {
            **{name: entry[name] for name in ("query", "admission", "attempt")},
            "kind": "query-refused",
            "request": "00" * 16,
            "requester": "lender-a",
            "purpose": "origination",
            "contributions": [{**one, "round1": None, "round2": None} for one in entry["contributions"]],
            "decision": "DEADLINE",
            "reason": "nobody answered",
        }
        return replace(append(self, refusal), leaf_hash=leaf_hash(line))

    patch.setattr(SqlTransaction, "append", other)


def as_any(value: Any) -> Any:
    return value


def silence_of_everybody(patch: pytest.MonkeyPatch) -> None:
    """Lets a query fail after all messages have come, and has it that none had."""
    carry, told = carrier.Carrier.carry, entries.contributions

    async def carried_for_nothing(self: carrier.Carrier[QueryRun], run: QueryRun) -> Any:
        await carry(self, run)
        raise CreditError(Code.DEADLINE, "nobody answered")

    def nothing_came(run: QueryRun) -> list[Any]:
        return [{**as_any(one), "round1": None, "round2": None, "outcome": "DEADLINE"} for one in told(run)]

    patch.setattr(carrier.Carrier, "carry", carried_for_nothing)
    patch.setattr(entries, "contributions", nothing_came)


LIES: dict[str, tuple[Lie, str, Code | None]] = {
    "drops a contribution": (drops_a_contribution, RECEIPTS, None),
    "changes a sum": (changes_a_sum, EXCHANGES, Code.TRANSCRIPT_INVALID),
    "false roster": (false_roster, SETS, None),
    "back-dates": (back_dates, TIMES, None),
    "timeout for an answer": (timeout_for_an_answer, RECEIPTS, None),
    "silence of everybody": (silence_of_everybody, RECEIPTS, Code.DEADLINE),
}
"""The lie, what shows it, and what the requester is told, where it sees it at once."""


@pytest.mark.parametrize("name", LIES)
def test_every_lie_is_proven_to_a_third_party(
    worlds: Worlds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    lie, part, code = LIES[name]
    world = worlds.make()
    export, receipts = asyncio.run(_lied(world, tmp_path, lambda: lie(monkeypatch), code))
    monkeypatch.undo()
    audit = verify(export, trust(world), receipts)
    assert audit.verdict.failed(part), words(audit)
    evidence = make_evidence(export, audit, trust(world))
    assert evidence is not None
    export.unlink()
    checked = check(evidence.to_bytes(), trust(world))
    assert any(text.startswith(part) for text in checked.proven), checked
    assert evidence.findings == tuple(checked.proven)


async def _lied(world: World, folder: Path, begin: Callable[[], None], code: Code | None) -> tuple[Path, Path]:
    async with grpc_world(world, folder, log=log_settings(folder)) as running:
        await running.attach(*LENDERS)
        case = Case(running, folder)
        await case.ask(1)
        begin()
        if code is None:
            await case.ask(2)
        else:
            with refused(code):
                await case.ask(2)
        return await case.export(), await case.receipts()


def test_a_gateway_that_admits_what_may_not_be_asked(
    worlds: Worlds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question for another purpose than the consent, and a second one under a consent for one use."""

    async def scene(world: World) -> Path:
        async with grpc_world(world, tmp_path, log=log_settings(tmp_path)) as running:
            await running.attach(*LENDERS)
            subject = world.subject(ALICE)
            once = world.consent(subject, maximum_uses=1)
            await running.ask(signed_query_to_bytes(world.query(subject, consent=once)), b"1" * 16)
            monkeypatch.setattr(asking, "count_consent", lambda *_: None)
            monkeypatch.setattr(admission, "check_query", lambda *_: None)
            again = world.query(subject, consent=once)
            other = world.query(subject, consent=world.consent(subject), purpose=Purpose.ACCOUNT_REVIEW)
            for query, code in ((again, Code.CONSENT_USED_UP), (other, Code.CONSENT_MISMATCH)):
                with refused(code):  # by the lenders
                    await running.ask(signed_query_to_bytes(query), code.value.encode()[-16:].zfill(16))
            await witnessed(running, tmp_path, 3600)
            await export_of(running, tmp_path / "export.zip")
        return tmp_path / "export.zip"

    world = worlds.make()
    export = asyncio.run(scene(world))
    audit = verify(export, trust(world))
    assert audit.verdict.counts == {EXCHANGES: 1, CONSENTS: 1}, words(audit)
    assert "CONSENT_MISMATCH" in words(audit)
    evidence = make_evidence(export, audit, trust(world))
    assert evidence is not None
    assert any("CONSENT_MISMATCH" in text for text in check(evidence.to_bytes(), trust(world)).proven)


def test_an_honest_gateway_leaves_no_evidence(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds.make()
    export, receipts = asyncio.run(_lied(world, tmp_path, lambda: None, None))
    audit = verify(export, trust(world), receipts)
    assert audit.verdict.state is State.COMPLETE, words(audit)
    assert "receipts: 6 of 6 receipts fit" in words(audit)
    assert make_evidence(export, audit, trust(world)) is None


def test_a_backup_put_back_is_proven_by_witness_and_receipts(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds.make()
    export, receipts = asyncio.run(_restored(world, tmp_path))
    audit = verify(export, trust(world), receipts)
    assert audit.verdict.failed(RECEIPTS), words(audit)
    assert "UNDECIDED checkpoint" in words(audit)  # no witness has cosigned the other history
    evidence = make_evidence(export, audit, trust(world))
    assert evidence is not None
    assert any(text.startswith(RECEIPTS) for text in check(evidence.to_bytes(), trust(world)).proven)
    kept = [json.loads(path.read_bytes())["code"] for path in (tmp_path / "witness").glob("evidence-*.json")]
    assert sorted(kept) == [Code.LOG_BEHIND, Code.LOG_FORKED]
    for path in (tmp_path / "witness").glob("evidence-*.json"):
        assert check(path.read_bytes(), trust(world)).open
        (said,) = check(path.read_bytes(), trust(world), export).proven
        assert "are not those it had" in said


def put_back(backup: Path, database: Path) -> None:
    for path in database.parent.glob(f"{database.name}*"):
        path.unlink()
    shutil.copy(backup, database)


def set_guard(guard: Path, backup: Path) -> None:
    """Make the guard agree with the backup: a missing one would be noticed as well."""
    guard.unlink()
    with closing(sqlite3.connect(backup)) as database:
        (note,) = database.execute("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
    assert FileGuard(guard).swap(None, note)


async def _restored(world: World, folder: Path) -> tuple[Path, Path]:
    """Run a gateway whose operator puts a backup back, and changes the guard that would have stopped it."""
    database, backup = folder / "gateway" / "gateway.db", folder / "backup.db"
    async with grpc_world(world, folder, log=log_settings(folder)) as running:
        await running.attach(*LENDERS)
        case = Case(running, folder)
        await case.ask(1)
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as target:
            source.backup(target)
        await case.ask(2)
        await witnessed(running, folder, 3600)
        await running.server.stop()
        put_back(backup, database)
        with refused(Code.LOG_BEHIND):
            await GatewayServer(build(running.settings)).start()
        set_guard(folder / "guard" / "checkpoint", backup)
        running.server = GatewayServer(build(running.settings))
        await running.server.start()
        for member in LENDERS:
            await running.detach(member)
        await running.attach(*LENDERS)
        with pytest.raises(WitnessRefusedError, match=Code.LOG_BEHIND):
            await witnessed(running, folder, 3600)
        for number in (3, 4):
            await case.ask(number)
        with pytest.raises(WitnessRefusedError, match=Code.LOG_FORKED):
            await witnessed(running, folder, 3600)
        await export_of(running, folder / "export.zip")
        return folder / "export.zip", await case.receipts()


def test_no_choice_of_honest_lines_is_evidence(worlds: Worlds, tmp_path: Path) -> None:
    """Whatever is left out of an honest log's lines, bodies and receipts, the rest proves nothing."""
    world = worlds.make()
    export, receipts = asyncio.run(_honest_life(world, tmp_path))
    audit = verify(export, trust(world), receipts)
    assert audit.verdict.state is State.COMPLETE, words(audit)
    with open_export(export) as opened:
        lines = list(proven_lines(opened, range(opened.proof.size)))
        whole = Evidence(
            checkpoint=opened.checkpoint,
            rulebooks=tuple(Version(document=one.document, signatures=one.signatures) for one in opened.rulebooks()),
            lines=tuple(lines),
            receipts=tuple(receipts.read_bytes().splitlines()),
            findings=("made up",),
        )
    admitted = Counter(entry["query"] for entry in map(json.loads, (one.line for one in lines)) if "roster" in entry)
    assert max(admitted.values()) == 2  # one query was carried twice
    rng = random.Random(5)
    for _ in range(150):
        some = [one for one in lines if rng.random() < 0.6]
        chosen = [one if rng.random() < 0.7 else one.model_copy(update={"body": None}) for one in some]
        held = tuple(line for line in whole.receipts if rng.random() < 0.8)
        part = whole.model_copy(update={"lines": tuple(chosen), "receipts": held})
        assert check(part.to_bytes(), trust(world)).proven == []


async def _honest_life(world: World, folder: Path) -> tuple[Path, Path]:
    """Answers with everybody and without one, refusals before and after admission, and the same query once more."""
    async with grpc_world(world, folder, log=log_settings(folder)) as running:
        await running.attach(*LENDERS)
        case = Case(running, folder)
        await case.ask(1)
        await running.detach(DROPPED)
        await running.detach("lender-c")
        await running.detach("lender-d")
        query = signed_query_to_bytes(world.query(world.subject(BOB), consent=None))
        with refused(Code.TOO_FEW_CONTRIBUTORS):
            await running.ask(query, b"m" * 16)
        await running.attach(DROPPED, "lender-c")
        await running.ask(query, b"m" * 16)
        await running.attach("lender-d")
        with refused(Code.CONSENT_MISMATCH):
            bad = world.query(world.subject(ALICE), purpose=Purpose.ACCOUNT_REVIEW)
            await running.ask(signed_query_to_bytes(bad), b"x" * 16)
        await case.ask(3)
        return await case.export(), await case.receipts()


def test_changed_evidence_is_refused(worlds: Worlds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = worlds.make()
    export, receipts = asyncio.run(_lied(world, tmp_path, lambda: false_roster(monkeypatch), None))
    found = make_evidence(export, verify(export, trust(world), receipts), trust(world))
    assert found is not None
    first = found.lines[0]
    other = replace_text(first.line, b'"requester":"lender-a"', b'"requester":"lender-b"')
    for code, changes in (
        (Code.TREE_PROOF_INVALID, {"lines": (first.model_copy(update={"line": other}), *found.lines[1:])}),
        (Code.TREE_PROOF_INVALID, {"lines": (first.model_copy(update={"path": first.path[1:]}), *found.lines[1:])}),
        (Code.CHECKPOINT_INVALID, {"checkpoint": found.checkpoint.replace(b"demo", b"omed")}),
        (Code.EXPORT_INVALID, {"rulebooks": ()}),
    ):
        with refused(code):
            check(found.model_copy(update=changes).to_bytes(), trust(world))
    for nothing in (b"{}", b"no", b'{"kind":"log-contradictions"}'):
        with refused(Code.MALFORMED):
            check(nothing, trust(world))


def replace_text(line: bytes, old: bytes, new: bytes) -> bytes:
    assert old in line
    return line.replace(old, new)


def test_the_commands_hand_evidence_on(worlds: Worlds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = worlds.make()
    export, receipts = asyncio.run(_lied(world, tmp_path, lambda: drops_a_contribution(monkeypatch), None))
    policy, file = tmp_path / "policy.txt", tmp_path / "evidence.json"
    policy.write_text(policy_text())
    believed = "--policy", policy, "--fingerprint", world.rulebook.digest.hex()
    code, out = invoked("verify", export, *believed, "--receipts", receipts, "--evidence", file)
    assert code == 1, out
    code, out = invoked("evidence", file, *believed, "--json")
    assert code == 0, out
    assert "the gateway took lender-b's message of round 1" in json.loads(out)["proven"][0]
    file.write_bytes(b"{}")
    code, _ = invoked("evidence", file, *believed)
    assert code == 2
    code, out = invoked("verify", export, *believed, "--evidence", tmp_path / "none.json")  # without the receipts
    assert (code, (tmp_path / "none.json").exists()) == (0, False), out


def invoked(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    return result.exit_code, result.stdout
