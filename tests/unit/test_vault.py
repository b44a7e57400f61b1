"""Secret files under a passphrase: what opens them, what does not, and a crash between any two writes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from consortium.errors import Code, CreditError
from consortium.vault.locked import COSTS, INSECURE_TEST_COSTS, KeyRing, is_locked, locked_by
from consortium.vault.vault import RING, Vault
from tests.support.codes import refused
from tests.support.world import seeded_rng

FIRST, SECOND = b"correct horse battery", b"staple another phrase"
CONTENT = {"identity.key": b"11" * 32, "shares/one.json": b'{"holder": 1}', "query-key.bin": bytes(range(256))}


class PowerCutError(Exception):
    """The machine stops before a write."""


@dataclass
class Disk:
    """A `VaultFiles` in memory that can stop before any write."""

    files: dict[str, bytes] = field(default_factory=lambda: dict(CONTENT))
    writes: int = 0
    cut_at: int = -1

    def names(self) -> Sequence[str]:
        return sorted(name for name in self.files if name != RING)

    def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    def replace(self, name: str, data: bytes) -> None:
        self._write()
        self.files[name] = data

    def create(self, name: str, data: bytes) -> bool:
        if name in self.files:
            return False
        self.replace(name, data)
        return True

    def remove(self, name: str) -> None:
        self._write()
        self.files.pop(name, None)

    def stamp(self, name: str) -> object:
        return self.files.get(name)

    @contextmanager
    def held(self, *, alone: bool) -> Iterator[None]:
        del alone
        yield

    def _write(self) -> None:
        if self.writes == self.cut_at:
            raise PowerCutError
        self.writes += 1


def vault(disk: Disk, passphrase: bytes = b"") -> Vault:
    def said() -> bytes:
        if not passphrase:
            raise CreditError(Code.PASSPHRASE_NEEDED)
        return passphrase

    return Vault(disk, said, seeded_rng(passphrase + str(disk.writes).encode()), INSECURE_TEST_COSTS)


def contents(disk: Disk, passphrase: bytes = b"") -> dict[str, bytes | None]:
    opened = vault(disk, passphrase)
    return {name: opened.read(name) for name in disk.names()}


def test_files_are_the_same_before_and_after_and_sealed_between() -> None:
    disk = Disk()
    assert contents(disk) == CONTENT
    assert vault(disk).set_passphrase(FIRST) == len(CONTENT)
    assert all(is_locked(data) for name, data in disk.files.items() if name != RING)
    assert not any(plain in data for data in disk.files.values() for plain in CONTENT.values())
    assert contents(disk, FIRST) == CONTENT
    with refused(Code.PASSPHRASE_WRONG):
        contents(disk, SECOND)
    with refused(Code.PASSPHRASE_NEEDED):
        contents(disk)
    assert vault(disk, FIRST).remove_passphrase() == len(CONTENT)
    assert disk.files == CONTENT


def test_another_passphrase_exchanges_the_file_keys_too() -> None:
    disk = Disk()
    vault(disk).set_passphrase(FIRST)
    before = dict(disk.files)
    vault(disk, FIRST).set_passphrase(SECOND)
    assert contents(disk, SECOND) == CONTENT
    with refused(Code.PASSPHRASE_WRONG):
        contents(disk, FIRST)
    disk.files[RING] = before[RING]  # whoever kept the old key ring and knows the old passphrase
    with refused(Code.KEY_FILE_DAMAGED):
        contents(disk, FIRST)
    with refused(Code.PASSPHRASE_WRONG):
        vault(disk, SECOND).set_passphrase(b"a third phrase of words")


def test_what_is_written_under_a_passphrase_is_sealed_and_a_key_is_never_overwritten() -> None:
    disk = Disk()
    vault(disk).write("plain.key", b"open")
    assert disk.files["plain.key"] == b"open"
    vault(disk).set_passphrase(FIRST)
    under = vault(disk, FIRST)
    under.write("next.key", b"fresh")
    assert is_locked(disk.files["next.key"])
    assert under.read("next.key") == b"fresh"
    assert not under.create("next.key", b"other")
    assert under.create("new.key", b"new")
    assert (under.read("next.key"), under.read("new.key")) == (b"fresh", b"new")
    assert set(under.states().values()) == {True}
    with refused(Code.PASSPHRASE_NEEDED):
        vault(disk).write("next.key", b"by somebody who cannot seal it")
    assert under.read("next.key") == b"fresh"


def test_a_process_that_runs_takes_up_a_changed_passphrase() -> None:
    disk, said = Disk(), [FIRST]
    vault(disk).set_passphrase(FIRST)
    running = Vault(disk, lambda: said[0], seeded_rng(b"running"), INSECURE_TEST_COSTS)
    assert running.read("identity.key") == CONTENT["identity.key"]
    vault(disk, FIRST).set_passphrase(SECOND)
    with refused(Code.PASSPHRASE_WRONG):
        running.read("identity.key")
    said[0] = SECOND  # the file that it is told by has the new one
    assert running.read("identity.key") == CONTENT["identity.key"]


@pytest.mark.parametrize("start", ["open", "sealed"])
def test_a_crash_before_any_write_of_a_new_passphrase(start: str) -> None:
    for cut in range(100):
        disk = Disk()
        old = b""
        if start == "sealed":
            vault(disk).set_passphrase(FIRST)
            old = FIRST
        disk.cut_at = disk.writes + cut
        try:
            vault(disk, old).set_passphrase(SECOND)
        except PowerCutError:
            now = SECOND if cut else old
            assert contents(disk, now) == CONTENT, f"cut before write {cut}"
            disk.cut_at = -1
            vault(disk, old).set_passphrase(SECOND)  # the same command again, with the same words
            assert contents(disk, SECOND) == CONTENT
        else:
            assert cut == len(CONTENT) + 2, "the ring, every file, the ring"
            return
    raise AssertionError("it never came to its end")


def test_a_crash_before_any_write_of_a_removal() -> None:
    for cut in range(100):
        disk = Disk()
        vault(disk).set_passphrase(FIRST)
        disk.cut_at = disk.writes + cut
        try:
            vault(disk, FIRST).remove_passphrase()
        except PowerCutError:
            assert contents(disk, FIRST) == CONTENT
            disk.cut_at = -1
            vault(disk, FIRST).remove_passphrase()
            assert disk.files == CONTENT
        else:
            assert cut == len(CONTENT) + 1
            return
    raise AssertionError("it never came to its end")


def test_every_changed_byte_is_found() -> None:
    disk = Disk({"identity.key": b"11" * 32})
    vault(disk).set_passphrase(FIRST)
    for name in (RING, "identity.key"):
        good = disk.files[name]
        for place in range(len(good)):
            disk.files[name] = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
            if is_locked(disk.files["identity.key"]):
                with refused(Code.KEY_FILE_DAMAGED, Code.PASSPHRASE_WRONG):
                    contents(disk, FIRST)
            else:  # without the mark of a locked file it is taken as it is, and is no key
                assert contents(disk, FIRST) == {"identity.key": disk.files["identity.key"]}
        disk.files[name] = good
    assert contents(disk, FIRST) == {"identity.key": b"11" * 32}


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"credit-locked-file/1 ", b"\x00" * 100, b'{"form":"credit-key-ring/1"}'],
    ids=["nothing", "an object", "a mark", "zeros", "half of one"],
)
def test_something_else_in_place_of_a_key_ring(data: bytes) -> None:
    with refused(Code.KEY_FILE_DAMAGED):
        KeyRing.open(data, FIRST)


def test_a_key_ring_that_would_take_all_memory_is_refused() -> None:
    ring = KeyRing(()).with_new(seeded_rng(b"ring")).seal(FIRST, seeded_rng(b"seal"), INSECURE_TEST_COSTS)
    for greedy in (b'"memory_kib":99999999', b'"memory_kib":1'):
        with refused(Code.KEY_FILE_DAMAGED):
            KeyRing.open(ring.replace(b'"memory_kib":64', greedy), FIRST)


@pytest.mark.parametrize("phrase", [b"", b"short", b"x" * 2000])
def test_a_passphrase_too_short_or_too_long_changes_nothing(phrase: bytes) -> None:
    disk = Disk()
    with refused(Code.PASSPHRASE_WEAK):
        vault(disk).set_passphrase(phrase)
    assert disk.files == CONTENT


def test_the_costs_are_those_of_rfc_9106() -> None:
    assert (COSTS.memory_kib, COSTS.iterations, COSTS.lanes) == (65_536, 3, 4)
    ring = KeyRing(()).with_new(seeded_rng(b"ring"))
    sealed = ring.seal(FIRST, seeded_rng(b"seal"))
    assert b'"memory_kib":65536' in sealed
    assert KeyRing.open(sealed, FIRST).keys == ring.keys
    with refused(Code.PASSPHRASE_WRONG):
        KeyRing.open(sealed, SECOND)


def test_nothing_of_it_prints() -> None:
    ring = KeyRing(()).with_new(seeded_rng(b"ring"))
    assert repr(ring) == f"{ring}" == "<KeyRing>"
    disk = Disk()
    vault(disk).set_passphrase(FIRST)
    assert locked_by(disk.files["identity.key"]) in {
        identity for identity, _ in KeyRing.open(disk.files[RING], FIRST).keys
    }
    with pytest.raises(CreditError) as caught:
        contents(disk, SECOND)
    assert SECOND.decode() not in str(caught.value)
