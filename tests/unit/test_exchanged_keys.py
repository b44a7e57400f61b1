"""Keys whose successors the rulebook pins by now: exchanged by renames, and a crash may come between any two."""

from pathlib import Path

import pytest

from consortium.model.rulebook import Member, Role
from consortium.model.signing import Ed25519Signer
from participants.membership import folder as folders
from participants.membership.folder import BEFORE, HPKE, IDENTITY, NEXT, Invitation, MemberFolder, make_folder
from participants.private_files import create_private
from tests.support.membership import registry

INVITATION = Invitation(consortium="demo-consortium", join="127.0.0.1:1", gateways=("127.0.0.1:2",), ca="CA")
OLD, NEW = b"\x01" * 32, b"\x02" * 32


class PowerCutError(Exception):
    """The machine stops here."""


def folder_with_next(path: Path, role: Role = Role.LENDER) -> MemberFolder:
    path.mkdir(exist_ok=True)
    for name, seed in ((f"{IDENTITY}", OLD), (f"{IDENTITY}{NEXT}", NEW), (f"{HPKE}", OLD), (f"{HPKE}{NEXT}", NEW)):
        create_private(path / name, seed.hex().encode())
    return make_folder(path, "lender-a", role, INVITATION)


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
