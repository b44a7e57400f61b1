"""One contract for every place where an identity key may live; a token without its key in this process passes, too."""

import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

import gateway.keys
import gateway.private_files
import participants.private_files
from consortium.errors import Code
from consortium.labels import Label
from consortium.membership.trusted import TrustedSet
from consortium.model.signing import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, Ed25519Signer, Signer, verify_signature
from consortium.vault.locked import INSECURE_TEST_COSTS
from participants.signers import signer_in
from participants.whole_files import write_new
from tests.support.codes import refused
from tests.support.membership import registry
from tests.support.world import NOW

SEED = b"\x07" * 32
PHRASE = b"correct horse battery"


class Token:
    """A signer whose key is in another process, as an HSM's is: this one has a pipe to it and the public key."""

    def __init__(self, line: Connection) -> None:
        self._line = line
        self.public = line.recv_bytes()

    def sign(self, label: Label, *fields: bytes) -> bytes:
        self._line.send((label, fields))
        return self._line.recv_bytes()


def hold_key(line: Connection) -> None:
    """What runs in the token."""
    signer = Ed25519Signer(SEED)
    line.send_bytes(signer.public)
    while True:
        try:
            label, fields = line.recv()
        except EOFError:
            return
        line.send_bytes(signer.sign(label, *fields))


@pytest.fixture(scope="module")
def token() -> Iterator[Signer]:
    """A token that is plugged in."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=hold_key, args=(theirs,))
    process.start()
    theirs.close()
    yield Token(ours)
    ours.close()
    process.join()
    process.close()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "identity.key"
    participants.private_files.write_private(path, SEED.hex().encode())
    return path


@pytest.fixture
def sealed_file(key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same under a passphrase, which the environment tells."""
    for module in (participants.private_files, gateway.private_files):
        monkeypatch.setattr(module, "COSTS", INSECURE_TEST_COSTS)
        module.vault_of.cache_clear()
    participants.private_files.vault_of(tmp_path).set_passphrase(PHRASE)
    write_new(tmp_path / "phrase", PHRASE)
    monkeypatch.setenv(participants.private_files.VARIABLE, str(tmp_path / "phrase"))
    return key_file


MAKERS: dict[str, Callable[[pytest.FixtureRequest], Signer]] = {
    "in memory": lambda _: Ed25519Signer(SEED),
    "a participant's file": lambda request: signer_in(request.getfixturevalue("key_file")),
    "a participant's file under a passphrase": lambda request: signer_in(request.getfixturevalue("sealed_file")),
    "the gateway's file": lambda request: gateway.keys.read_signer(request.getfixturevalue("key_file")),
    "the gateway's file under a passphrase": lambda request: gateway.keys.read_signer(
        request.getfixturevalue("sealed_file")
    ),
    "a token": lambda request: request.getfixturevalue("token"),
}


@pytest.fixture(params=sorted(MAKERS))
def signer(request: pytest.FixtureRequest) -> Signer:
    return MAKERS[request.param](request)


def test_it_signs_labelled_fields_under_its_public_key(signer: Signer) -> None:
    signature = signer.sign(Label.VOTE, b"one", b"two")
    assert (len(signer.public), len(signature)) == (PUBLIC_KEY_BYTES, SIGNATURE_BYTES)
    verify_signature(signer.public, signature, Label.VOTE, b"one", b"two")
    for label, fields in ((Label.PROPOSAL, (b"one", b"two")), (Label.VOTE, (b"onet", b"wo")), (Label.VOTE, (b"one",))):
        with refused(Code.SIGNATURE_INVALID):
            verify_signature(signer.public, signature, label, *fields)


def test_the_same_key_signs_alike_wherever_it_lives(signer: Signer) -> None:
    reference = Ed25519Signer(SEED)
    assert signer.public == reference.public
    assert signer.sign(Label.SIGHTING, b"x") == reference.sign(Label.SIGHTING, b"x"), "Ed25519 has no randomness"


def test_it_serves_where_a_member_signs(signer: Signer) -> None:
    known = registry()
    document = known.document
    members = tuple(
        one.model_copy(update={"identity_key": signer.public}) if one.id == "lender-d" else one
        for one in document.members
    )
    raw = document.model_copy(update={"members": members, "version": 2, "previous": known.rulebook.digest}).to_bytes()
    assert known.trusted.update(known.sign(raw, "lender-a", "lender-b"))
    reader = TrustedSet(known.rulebook)
    reader.watch_sightings("lender-c", NOW - 1)
    reader.take_sighting(known.trusted.own_sighting("lender-d", signer, NOW), NOW)
    assert reader.sightings
    assert reader.sightings.confirmed_at({2: known.rulebook}) == NOW


def test_it_shows_nothing_of_its_key(signer: Signer) -> None:
    assert SEED.hex() not in repr(signer)
    assert str(SEED) not in repr(vars(signer) if hasattr(signer, "__dict__") else signer)
