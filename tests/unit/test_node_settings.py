"""A node's folder: what is refused, what must be private, and what it takes to reach the key holders."""

import json
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consortium.errors import Code, CreditError
from consortium.model.identifiers import IdentifierKind, NormalisedIdentifier
from participants.bootstrap import open_book, open_rulebook, open_tokeniser
from participants.settings import MAX_FILE_BYTES, NodeSettings
from participants.storage.locks import exclusive
from tests.support.codes import refused
from tests.support.nodes import LENDER, foundation, node_folder

ALICE = NormalisedIdentifier(IdentifierKind.PHONE, "", "+8613912345678")
BOB = NormalisedIdentifier(IdentifierKind.PHONE, "", "+8613912345679")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return node_folder(tmp_path)


def no_alarm(holder: int, error: CreditError) -> None:
    raise AssertionError(f"holder {holder}: {error.code}")


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def refusal(call: Callable[[], object]) -> tuple[Code, str]:
    with pytest.raises(CreditError) as caught:
        call()
    return caught.value.code, caught.value.cause


def tokenise(folder: Path, *people: NormalisedIdentifier) -> list[bytes]:
    with open_tokeniser(NodeSettings(folder), no_alarm) as tokens:
        return [token.tag.value for token in tokens.tokenise(people)]


def test_a_folder_is_for_the_owner_only(folder: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}, modes
    assert "INSECURE" in (folder / "README.txt").read_text()
    tokenise(folder, ALICE)
    with open_book(NodeSettings(folder)):
        made = {path.name for path in folder.iterdir()} - modes.keys()
    assert {"book.db", "requests.db", "requests.lock", "INSECURE-share-1.db"} <= made
    for path in folder.iterdir():
        assert not path.stat().st_mode & 0o077, path.name


def test_a_folder_gives_the_same_tokens_as_the_foundation(folder: Path) -> None:
    theirs = foundation().tokeniser(LENDER).tokenise([ALICE, BOB])
    assert tokenise(folder, ALICE, BOB) == [token.tag.value for token in theirs]


def test_counters_survive_restarts(folder: Path) -> None:
    assert tokenise(folder, ALICE) == tokenise(folder, ALICE)
    with (
        open_tokeniser(NodeSettings(folder), no_alarm) as first,
        open_tokeniser(NodeSettings(folder), no_alarm) as other,
    ):
        assert first.tokenise([ALICE]) == other.tokenise([ALICE]) == first.tokenise([ALICE])


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("member = ", "colour = 1\nmember = ", "colour"),
        ("member = ", "member = 5 #", "member"),
        (f'member = "{LENDER}"', 'member = "Lender One"', "member id"),
        ("[rulebook]", "[rulebook]\nurl = 'x'", "rulebook.url"),
        ("fingerprint = ", "fingerprint = 'zz' #", "rulebook.fingerprint"),
        ("insecure_local_share = ", "local_share = ", "holders.gateway"),
        ("insecure_local_share = ", "address = 'h:1'\ninsecure_local_share = ", "holders.gateway"),
        ("member = ", "member == ", "not TOML"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(folder: Path, old: str, new: str, named: str) -> None:
    replace(folder / "node.toml", old, new)
    code, cause = refusal(lambda: NodeSettings(folder))
    assert code is Code.SETTINGS_INVALID
    assert named in cause


def test_a_file_that_is_too_long_is_refused(folder: Path) -> None:
    with (folder / "rulebook.json").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    assert "too long" in refusal(lambda: tokenise(folder, ALICE))[1]


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    code, cause = refusal(lambda: NodeSettings(tmp_path))
    assert (code, cause.split(":")[0]) == (Code.SETTINGS_INVALID, "node.toml")


@pytest.mark.parametrize("name", ["own-keys.json", "lenders-secrets.json", "INSECURE-share-2.json"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_secret_that_others_may_read_is_refused(folder: Path, name: str, mode: int) -> None:
    (folder / name).chmod(mode)
    code, cause = refusal(lambda: tokenise(folder, ALICE))
    assert code is Code.SETTINGS_INVALID
    assert name in cause


@pytest.mark.parametrize("name", ["own-keys.json", "lenders-secrets.json", "INSECURE-share-2.json"])
def test_a_spoilt_secret_file_is_refused_without_its_content(folder: Path, name: str) -> None:
    path = folder / name
    key, secret = next((k, v) for k, v in json.loads(path.read_text()).items() if isinstance(v, str))
    for spoil in (
        lambda value: value.update({key: secret[:-2]}),
        lambda value: value.update({key: "zz" + secret}),
        lambda value: value.update({"extra": secret}),
        lambda value: value.pop(key),
    ):
        good = path.read_text()
        edit(path, spoil)
        code, cause = refusal(lambda: tokenise(folder, ALICE))
        assert code is Code.SETTINGS_INVALID
        assert name in cause
        assert secret[:16] not in cause
        path.write_text(good)
    path.write_text(secret)
    assert "not JSON" in refusal(lambda: tokenise(folder, ALICE))[1]


def test_secrets_do_not_print(folder: Path) -> None:
    settings = NodeSettings(folder)
    for secret in (settings.own_keys(), settings.lenders_secrets()):
        assert f"{secret}" == f"{secret!r}" == f"<{type(secret).__name__}>"


def test_the_rulebook_is_trusted_by_its_fingerprint_only(folder: Path) -> None:
    settings = NodeSettings(folder)
    now = int(time.time())
    assert open_rulebook(settings, now).raw == foundation().rulebook.raw
    assert refusal(lambda: open_rulebook(settings, 2**40)) == (Code.RULEBOOK_INVALID, "expired")
    edit(folder / "rulebook-signatures.json", lambda value: value["signatures"].update({LENDER: "00" * 64}))
    with refused(Code.SIGNATURE_INVALID):
        open_rulebook(settings, now)
    (folder / "rulebook.json").write_bytes(foundation().rulebook.raw.replace(b"demo-consortium", b"demo-consortiun"))
    with refused(Code.RULEBOOK_INVALID):
        open_rulebook(settings, now)


def test_keys_of_somebody_else_are_refused(folder: Path) -> None:
    edit(folder / "own-keys.json", lambda value: value.update(identity_key="11" * 32))
    assert refusal(lambda: tokenise(folder, ALICE))[0] is Code.SETTINGS_INVALID


@pytest.mark.parametrize("field", ["generation", "epoch"])
def test_secrets_of_another_generation_or_epoch_are_refused(folder: Path, field: str) -> None:
    edit(folder / "lenders-secrets.json", lambda value: value.update({field: 9}))
    with refused(Code.RULEBOOK_MISMATCH):
        tokenise(folder, ALICE)


def test_a_share_of_another_key_is_refused(folder: Path) -> None:
    edit(folder / "INSECURE-share-1.json", lambda value: value.update(secret="01" + "00" * 31))
    code, cause = refusal(lambda: tokenise(folder, ALICE))
    assert code is Code.SETTINGS_INVALID
    assert "holder 1" in cause


def test_an_address_needs_a_certificate_and_a_stranger_is_refused(folder: Path) -> None:
    replace(folder / "node.toml", 'insecure_local_share = "INSECURE-share-1.json"', 'address = "gateway:1"')
    code, cause = refusal(lambda: tokenise(folder, ALICE))
    assert code is Code.SETTINGS_INVALID
    assert cause.startswith("tls:")
    replace(folder / "node.toml", "[holders.gateway]", "[holders.stranger]")
    assert "holders.stranger" in refusal(lambda: tokenise(folder, ALICE))[1]


def test_fewer_holders_than_the_threshold_are_too_few(folder: Path) -> None:
    text = (folder / "node.toml").read_text()
    (folder / "node.toml").write_text(text[: text.index("[holders.custodian-one]")])
    with refused(Code.TOO_FEW_HOLDERS):
        tokenise(folder, ALICE)


def test_a_book_of_another_secret_is_refused(folder: Path) -> None:
    with open_book(NodeSettings(folder)):
        pass
    edit(folder / "own-keys.json", lambda value: value.update(book_secret="22" * 32))
    with refused(Code.SETTINGS_INVALID), open_book(NodeSettings(folder)):
        pass


def test_a_lock_is_held_by_one_and_freed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with exclusive(path), refused(Code.STORAGE_BUSY), exclusive(path, patience=0.05):
        pass
    with exclusive(path, patience=0.05):
        pass
