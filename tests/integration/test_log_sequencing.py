"""The log over real databases: checkpoints, proofs, crashes between steps, and backups that were put back."""

import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consortium.canonical import CanonicalValue
from consortium.errors import Code, CreditError
from consortium.transparency.checkpoints import open_checkpoint
from consortium.transparency.notes import KeyType, NoteSigner
from consortium.transparency.outcomes import KEPT_MS
from consortium.transparency.ranges import verify_range
from consortium.transparency.tree import leaf_hash, tree_root, verify_consistency, verify_inclusion
from gateway.storage.guard import SqlGuard
from gateway.tlog.abandoned import OpenQueries
from gateway.tlog.fsck import Checker
from gateway.tlog.guard import FileGuard
from gateway.tlog.log import Log
from gateway.tlog.ports import CheckpointGuard, Kept
from tests.support.codes import refused
from tests.support.logs import LOG_SIGNER, ORIGIN, StoredLog, appender, dropped
from tests.support.postgres import Postgres

KEY = LOG_SIGNER.verifier(KeyType.ED25519)


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[StoredLog]:
    log = StoredLog(tmp_path)
    yield log
    log.close()


def reopened(stored: StoredLog) -> Log:
    return Log(stored.store, stored.guard, LOG_SIGNER)


def test_checkpoints_are_roots_of_the_exact_lines(stored: StoredLog) -> None:
    sizes = [0, 1, 255, 256, 257, 600]
    for size in sizes:
        stored.append(dropped(n + 1) for n in range(stored.store.size(), size))
        signed = stored.log.publish()
        assert signed is not None
        assert (signed.size, signed.root) == (size, tree_root(stored.lines()))
        assert stored.log.publish() is None
        assert stored.guard.read() == signed.note.to_bytes()
    assert [kept.size for kept in stored.store.checkpoints()] == sizes
    assert reopened(stored).start() == stored.log.newest()


def test_proofs_of_a_log_of_several_tiles(stored: StoredLog) -> None:
    size = 70_000
    stored.append(dropped(n + 1) for n in range(size))
    signed = stored.log.publish()
    assert signed is not None
    lines, prover = stored.lines(), reopened(stored).prover
    for index in (0, 255, 256, 65_535, 65_536, size - 1):
        proof = prover.inclusion(index, size)
        verify_inclusion(leaf_hash(lines[index]), index, size, proof, signed.root)
    for first in (1, 256, 300, 65_536, 65_537, size):
        verify_consistency(first, size, prover.consistency(first, size), tree_root(lines[:first]), signed.root)
    for first, end in ((0, size), (0, 0), (17, 17), (1, 2), (300, 66_000), (65_536, size)):
        verify_range(prover.range(first, end, size), lines[first:end], signed.root)
    older = tree_root(lines[:66_001])
    verify_range(prover.range(5, 66_000, 66_001), lines[5:66_000], older)
    checked = Checker(stored.store, stored.guard, KEY).run()
    assert (checked.findings, checked.entries, checked.tiles > 270) == ([], size, True)


def test_a_log_on_postgresql(postgres: Postgres, tmp_path: Path) -> None:
    stored = StoredLog(tmp_path, url=postgres.new_database(f"l{uuid.uuid4().hex}"))
    for size in (1, 300, 70_000):
        stored.append(dropped(n + 1) for n in range(stored.store.size(), size))
        signed = reopened(stored).publish()
        assert signed is not None
        assert signed.root == tree_root(stored.lines())
    stored.store.add_cosignature(300, "w", "line 1\n")
    stored.store.add_cosignature(300, "w", "line 2\n")
    assert stored.store.cosignatures(300) == ["line 2\n"]
    proof = reopened(stored).prover.range(17, 66_000, 70_000)
    assert signed is not None
    verify_range(proof, stored.store.lines(17, 66_000), signed.root)
    assert not Checker(stored.store, stored.guard, KEY).run().findings
    stored.close()


class Crash(Exception):  # noqa: N818  it stands for a process that is gone
    pass


@pytest.mark.parametrize("point", ["gateway.before-guard", "gateway.after-guard", "gateway.after-checkpoint"])
def test_a_crash_at_any_step_of_a_checkpoint_is_finished_by_the_next_start(
    stored: StoredLog, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    stored.append(dropped() for _ in range(300))
    stored.log.publish()
    stored.append(dropped() for _ in range(300))

    def crash(name: str) -> None:
        if name == point:
            raise Crash

    monkeypatch.setattr("gateway.tlog.log.failpoint", crash)
    with pytest.raises(Crash):
        stored.log.publish()
    monkeypatch.undo()
    log = reopened(stored)
    log.start()
    stored.append(dropped() for _ in range(3))
    signed = log.publish()
    assert signed is not None
    assert signed.root == tree_root(stored.lines())
    assert not Checker(stored.store, stored.guard, KEY).run().findings


def test_a_restored_backup_cannot_fork_the_log(stored: StoredLog, tmp_path: Path) -> None:
    stored.append(dropped() for _ in range(10))
    stored.log.publish()
    backup = tmp_path / "backup.db"
    with sqlite3.connect(tmp_path / "gateway.db") as source, sqlite3.connect(backup) as target:
        source.backup(target)
    source.close()
    target.close()
    stored.append(dropped() for _ in range(10))
    stored.log.publish()
    guard = stored.guard.read()
    stored.close()
    for name in ("gateway.db", "gateway.db-wal", "gateway.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    shutil.copy(backup, tmp_path / "gateway.db")
    restored = StoredLog(tmp_path)
    with refused(Code.LOG_BEHIND):
        restored.log.start()
    restored.append(dropped(7) for _ in range(10))  # even with as many entries as before
    with refused(Code.LOG_FORKED):
        restored.log.publish()
    assert restored.guard.read() == guard
    assert restored.store.newest() == Kept(10, stored_note(restored, 10))
    assert Checker(restored.store, restored.guard, KEY).run().findings
    restored.close()


def stored_note(stored: StoredLog, size: int) -> bytes:
    (note,) = [kept.note for kept in stored.store.checkpoints() if kept.size == size]
    return note


def test_what_does_not_fit_the_guard_is_refused(stored: StoredLog, tmp_path: Path) -> None:
    stored.append(dropped() for _ in range(4))
    stored.log.publish()
    older = stored.guard.read()
    stored.append([dropped()])
    stored.log.publish()
    path = tmp_path / "guard" / "checkpoint"
    path.write_bytes(older or b"")
    with refused(Code.LOG_GUARD_LOST):
        reopened(stored).start()
    path.unlink()
    with refused(Code.LOG_GUARD_LOST):
        reopened(stored).start()
    path.write_bytes(b"nothing")
    with refused(Code.CHECKPOINT_INVALID):
        reopened(stored).start()
    stranger = NoteSigner(ORIGIN, b"x" * 32)
    with refused(Code.CHECKPOINT_INVALID):
        Log(stored.store, FileGuard(tmp_path / "guard" / "other"), stranger).start()
    with refused(Code.LOG_GUARD_LOST):
        Log(stored.store, FileGuard(tmp_path / "absent" / "checkpoint"), LOG_SIGNER).start()


def test_replicas_share_one_guard_and_one_history(stored: StoredLog) -> None:
    first, second = reopened(stored), reopened(stored)
    first.start()
    second.start()
    published = []
    for turn in range(12):
        stored.append(dropped() for _ in range(100))
        log = (first, second)[turn % 2]
        published += [signed for signed in (log.publish(), log.publish()) if signed]
    assert [signed.size for signed in published] == sorted(signed.size for signed in published)
    assert published[-1].root == tree_root(stored.lines())
    assert not Checker(stored.store, stored.guard, KEY).run().findings


@pytest.fixture(params=["file", "sqlite", "postgresql"])
def guard(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], CheckpointGuard]:
    if request.param == "file":
        return lambda: FileGuard(tmp_path / "checkpoint")
    url = f"sqlite:///{tmp_path}/guard.db"
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.new_database(f"g{uuid.uuid4().hex}")

    def opened() -> CheckpointGuard:
        made = SqlGuard(url, ORIGIN)
        request.addfinalizer(made.close)
        return made

    return opened


def test_every_guard_swaps_only_what_it_was_told_to_expect(guard: Callable[[], CheckpointGuard]) -> None:
    assert guard().read() is None
    assert not guard().swap(b"something", b"first")
    assert guard().swap(None, b"first")
    assert not guard().swap(None, b"other")
    assert not guard().swap(b"other", b"second")
    assert guard().read() == b"first"
    assert guard().swap(b"first", b"second")
    assert guard().read() == b"second"


def assigned(target: str, column: str, old: str, new: str) -> str:
    return f"UPDATE {target} = CAST(replace(CAST({column} AS TEXT), '{old}', '{new}') AS BLOB)"


@pytest.mark.parametrize(
    "damage",
    [
        assigned("entries SET line", "line", "1", "2") + ' WHERE "index" = 7',
        'DELETE FROM entries WHERE "index" = 299',
        'DELETE FROM entries WHERE "index" = 7',
        assigned("entries SET line", "line", "}", "} ") + ' WHERE "index" = 8',
        'UPDATE tiles SET nodes = zeroblob(8192) WHERE "row" = 0',
        'DELETE FROM tiles WHERE "row" = 1',
        assigned("checkpoints SET note", "note", "demo", "nemo"),
        "DELETE FROM checkpoints",
    ],
)
def test_fsck_finds_what_was_changed(stored: StoredLog, tmp_path: Path, damage: str) -> None:
    stored.append(dropped() for _ in range(300))
    stored.log.publish()
    checker = Checker(stored.store, stored.guard, KEY)
    assert not checker.run().findings
    connection = sqlite3.connect(tmp_path / "gateway.db")
    with connection:
        connection.execute(damage)
    connection.close()
    found = Checker(stored.store, stored.guard, KEY).run().findings
    if damage == "DELETE FROM checkpoints":  # the next start makes them anew
        reopened(stored).start()
        assert stored.store.newest() is not None
    else:
        assert found


def test_an_entry_of_no_published_kind_is_refused_and_nothing_is_appended(stored: StoredLog) -> None:
    wrong: list[dict[str, CanonicalValue]] = [
        {"kind": "secret-query"},
        {**dropped(), "more": 1},
        {**dropped(), "count": 0},
        {**dropped(), "requester": "Lender A"},
        {"kind": "requests-dropped"},
    ]
    for entry in wrong:
        (result,) = stored.entries.transact([appender(entry)])
        assert isinstance(result, CreditError)
        assert result.code is Code.ENTRY_INVALID
    assert stored.store.size() == 0


def test_time_never_runs_backwards(tmp_path: Path) -> None:
    times = iter([2000, 1000, 3000, 500])
    stored = StoredLog(tmp_path, lambda: next(times))
    found = [one.time_ms for _ in range(2) for one in stored.append([dropped(), dropped()])]
    assert found == [2000, 2000, 3000, 3000]
    stored.close()


ADMITTED = '{"expires_at":1790000060,"index":%d,"kind":"query-admitted","query":"%s","request":"%s","time_ms":%d}'


def test_queries_without_an_end_are_found() -> None:
    seen = OpenQueries()
    for index, (query, request) in enumerate((("aa", "1"), ("bb", "2"), ("cc", "3"), ("cc", "4"), ("cc", "4"))):
        seen.take((ADMITTED % (index, query, request, 1_790_000_000_000)).encode())
    seen.take(b'{"admission":0,"kind":"query-answered","query":"aa"}')
    seen.take(b'{"kind":"query-refused","query":"bb"}')  # before its admission: it ends no other one
    assert not seen.expired(1_790_000_180)
    assert [(one.query, one.admission) for one in seen.expired(1_790_000_181)] == [("bb", 1), ("cc", 2), ("cc", 4)]
    seen.forget(seen.expired(1_790_000_181)[0])
    seen.take(b'{"admission":3,"kind":"query-answered","query":"cc"}')  # another replica carried the request as well
    assert [one.admission for one in seen.expired(1_790_001_000)] == [2]


def test_what_has_ended_is_forgotten_and_what_is_open_is_not() -> None:
    seen, later = OpenQueries(), 1_790_000_060_000 + KEPT_MS + 1
    for index in range(3):
        seen.take((ADMITTED % (index, "aa", str(index), 1_790_000_000_000)).encode())
    seen.take(b'{"admission":1,"kind":"query-answered","query":"aa"}')
    for index in range(3, 9):
        seen.take((ADMITTED % (index, "bb", "x", later)).encode())
    assert sorted(one.admission for one in seen.expired(1_790_001_000)) == [0, 2, 8]


def test_a_checkpoint_opens_with_the_logs_key_only(stored: StoredLog) -> None:
    signed = stored.log.publish()
    assert signed is not None
    assert open_checkpoint(signed.note.to_bytes(), KEY) == signed
    for other in (NoteSigner(ORIGIN, b"x" * 32), NoteSigner("other/log", b"l" * 32)):
        with refused(Code.CHECKPOINT_INVALID):
            open_checkpoint(signed.note.to_bytes(), other.verifier(KeyType.ED25519))
