"""Secret files on a disk: both sides' implementation keeps the same promises."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import gateway.private_files
import participants.private_files
from consortium.errors import Code
from consortium.vault.locked import INSECURE_TEST_COSTS, is_locked
from consortium.vault.vault import RING
from tests.support.codes import refused

SIDES = {"participants": participants.private_files, "gateway": gateway.private_files}
PHRASE, OTHER = "correct horse battery", "staple another phrase"


@pytest.fixture(params=sorted(SIDES))
def side(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = SIDES[request.param]
    monkeypatch.setattr(module, "COSTS", INSECURE_TEST_COSTS)
    monkeypatch.delenv(module.VARIABLE, raising=False)
    module.vault_of.cache_clear()
    return module


@pytest.fixture
def say(side: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes a passphrase to a file and names it in the environment."""

    def written(phrase: str) -> Path:
        path = tmp_path / f"phrase-{len(phrase)}"
        path.touch(mode=0o600)
        path.write_text(f"{phrase}\n")
        monkeypatch.setenv(side.VARIABLE, str(path))
        return path

    return written


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


def test_owner_only_whole_and_in_no_other_file(side: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "party"
    (folder / "shares").mkdir(parents=True)
    os.umask(os.umask(0))
    for name in ("identity.key", "shares/one.json"):
        side.write_private(folder / name, b"first")
        side.write_private(folder / name, b"second")
        assert side.read_private(folder / name) == b"second"
    assert modes(folder) == {0o600}
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == [
        ".key-ring.lock",
        "identity.key",
        "one.json",
    ]


def test_a_key_is_made_once_whoever_is_faster(side: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "identity.key"
    made: list[bool] = []
    threads = [
        threading.Thread(target=lambda number=number: made.append(side.create_private(path, bytes([number]) * 8)))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False] * 7 + [True]
    kept = side.read_private(path)
    assert not side.create_private(path, b"another")
    assert side.read_private(path) == kept


def test_a_file_that_others_may_read_is_refused(side: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "identity.key"
    side.write_private(path, b"secret")
    path.chmod(0o640)
    with refused(Code.SETTINGS_INVALID):
        side.read_private(path)
    with refused(Code.SETTINGS_INVALID):
        side.read_private(tmp_path / "nothing.key")


def test_under_a_passphrase_and_free_of_it(side: ModuleType, tmp_path: Path, say: Callable[[str], Path]) -> None:
    folder = tmp_path / "party"
    (folder / "shares").mkdir(parents=True)
    content = {"identity.key": b"i" * 64, "tls.key": b"t" * 200, "share.json": b"{}", "shares/one.json": b"[]"}
    for name, data in content.items():
        side.write_private(folder / name, data)
    (folder / "ca.crt").write_bytes(b"public")
    vault = side.vault_of(folder)
    vault.set_passphrase(PHRASE.encode())
    assert vault.states() == dict.fromkeys(content, True)
    assert modes(folder) - {0o644} == {0o600}
    assert (folder / "ca.crt").read_bytes() == b"public"

    side.vault_of.cache_clear()  # a process of its own
    with refused(Code.PASSPHRASE_NEEDED):
        side.read_private(folder / "identity.key")
    say(OTHER)
    with refused(Code.PASSPHRASE_WRONG):
        side.read_private(folder / "shares" / "one.json")
    say(PHRASE)
    assert {name: side.read_private(folder / name) for name in content} == content
    side.write_private(folder / "shares" / "two.json", b"new")
    assert is_locked((folder / "shares" / "two.json").read_bytes())
    side.vault_of(folder).remove_passphrase()
    assert {name: (folder / name).read_bytes() for name in content} == content
    assert not (folder / RING).exists()


def test_the_passphrase_comes_from_a_descriptor_that_is_read_once(
    side: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    side.write_private(tmp_path / "identity.key", b"secret")
    side.vault_of(tmp_path).set_passphrase(PHRASE.encode())
    side.vault_of.cache_clear()
    reading, writing = os.pipe()
    os.write(writing, f"{PHRASE}\n".encode())
    os.close(writing)
    monkeypatch.setenv(side.VARIABLE, f"/dev/fd/{reading}")
    try:
        assert side.read_private(tmp_path / "identity.key") == b"secret"
        side.vault_of.cache_clear()
        assert side.read_private(tmp_path / "identity.key") == b"secret", "what was said is remembered"
    finally:
        os.close(reading)
        side._said.clear()


def test_a_passphrase_file_that_others_may_read_or_that_is_empty(side: ModuleType, say: Callable[[str], Path]) -> None:
    path = say(PHRASE)
    path.chmod(0o644)
    with refused(Code.SETTINGS_INVALID):
        side.said_passphrase()
    path.chmod(0o600)
    assert side.said_passphrase() == PHRASE.encode()
    path.write_text("\n")
    with refused(Code.SETTINGS_INVALID):
        side.said_passphrase()
    path.unlink()
    with refused(Code.SETTINGS_INVALID):
        side.said_passphrase()
