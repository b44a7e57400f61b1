"""Keys whose successors the rulebook pins by now: exchanged by renames, and a crash may come between any two."""

import datetime as dt
from pathlib import Path

import pytest

from consortium.errors import Code, CreditError
from consortium.model.rulebook import Member, Role
from consortium.model.signing import Ed25519Signer
from demo.certificates import Authority
from participants.membership import folder as folders
from participants.membership.folder import BEFORE, HPKE, IDENTITY, NEXT, Invitation, MemberFolder, make_folder
from participants.private_files import create_private
from participants.settings import Folder, Table
from tests.support.codes import refused
from tests.support.membership import registry

CA_PEM = Authority("demo-consortium", dt.datetime.now(dt.UTC)).certificate.decode()
INVITATION = Invitation(consortium="demo-consortium", join="127.0.0.1:1", gateways=("127.0.0.1:2",), ca=CA_PEM)
OLD, NEW = b"\x01" * 32, b"\x02" * 32


class PowerCutError(Exception):
    """The machine stops here."""


def folder_with_next(path: Path, role: Role = Role.LENDER) -> MemberFolder:
    path.mkdir(exist_ok=True)
    for name, seed in ((f"{IDENTITY}", OLD), (f"{IDENTITY}{NEXT}", NEW), (f"{HPKE}", OLD), (f"{HPKE}{NEXT}", NEW)):
        create_private(path / name, seed.hex().encode())
    return make_folder(path, "lender-a", role, INVITATION)


@pytest.mark.parametrize(("member", "ca"), [("Lender A", CA_PEM), ("x", CA_PEM), ("lender-a", "CA"), ("lender-a", "")])
def test_what_cannot_serve_leaves_no_folder(tmp_path: Path, member: str, ca: str) -> None:
    with refused(Code.SETTINGS_INVALID):
        make_folder(tmp_path / "own", member, Role.LENDER, INVITATION.model_copy(update={"ca": ca}))
    assert not (tmp_path / "own").exists()
    make_folder(tmp_path / "own", "lender-a", Role.LENDER, INVITATION)


@pytest.mark.parametrize("name", ["node.toml", "custodian.toml", "regulator.toml", "member.toml"])
def test_a_folder_that_is_not_ready_says_what_comes_first(tmp_path: Path, name: str) -> None:
    with pytest.raises(CreditError, match="`init` makes"):
        Folder(tmp_path).table(name, Table)
    make_folder(tmp_path / "own", "lender-a", Role.LENDER, INVITATION)
    if name != "member.toml":
        with pytest.raises(CreditError, match="`status` says what comes first"):
            Folder(tmp_path / "own").table(name, Table)


def pinned(made: MemberFolder) -> Member:
    changes = {"identity_key": Ed25519Signer(NEW).public, "hpke_key": made.hpke_public(Path(f"{HPKE}{NEXT}"))}
    return registry().document.members[0].model_copy(update=changes)


@pytest.mark.parametrize("point", ["folder.key-spared", "folder.key-kept"])
@pytest.mark.parametrize("which", [1, 2], ids=["at the first key", "at the second key"])
def test_a_crash_while_keys_are_exchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, which: int
) -> None:
    made = folder_with_next(tmp_path)
    wanted, passed = pinned(made), [0]

    def cut(name: str) -> None:
        assert made.path(IDENTITY).exists(), "at no moment is there no key"
        assert made.path(HPKE).exists()
        passed[0] += name == point
        if passed[0] == which:
            raise PowerCutError

    with monkeypatch.context() as patched:
        patched.setattr(folders, "failpoint", cut)
        with pytest.raises(PowerCutError):
            made.put_in_force(wanted)
    again = MemberFolder(tmp_path)
    assert again.signer().public in {Ed25519Signer(OLD).public, Ed25519Signer(NEW).public}
    again.put_in_force(wanted)
    assert (again.seed(IDENTITY), again.seed(HPKE)) == (NEW, NEW)
    assert again.seed(Path(f"{IDENTITY}{BEFORE}")) == OLD
    assert again.put_in_force(wanted) == frozenset()
    assert not list(tmp_path.glob("*.next"))


def test_a_regulators_earlier_audit_keys_stay(tmp_path: Path) -> None:
    made = folder_with_next(tmp_path, Role.REGULATOR)
    made.put_in_force(pinned(made))
    create_private(tmp_path / f"{HPKE}{NEXT}", (b"\x03" * 32).hex().encode())
    made.put_in_force(pinned(made).model_copy(update={"hpke_key": made.hpke_public(Path(f"{HPKE}{NEXT}"))}))
    assert made.seed(HPKE) == b"\x03" * 32
    assert made.seed(Path(f"{HPKE}{BEFORE}")) == NEW
    assert [path.read_bytes() for path in (tmp_path / "audit-keys").iterdir()] == [OLD.hex().encode()]
