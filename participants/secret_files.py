"""
The lenders' secrets in a node's folder: one owner-only file a generation and one an epoch, below `secrets/`.

`lenders-secrets.json` with both in one is read as well. What is used is held to the fingerprints that the rulebook
pins, at every start and every change: a secret of another consortium, or one that was swapped, never gets to work.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from consortium.errors import Code, CreditError
from consortium.membership.genesis import FIRST_EPOCH, FIRST_GENERATION
from consortium.membership.secrets import (
    EpochSecret,
    GenerationSecrets,
    Opened,
    epoch_fingerprint,
    generation_fingerprint,
)
from consortium.model.rulebook import Oprf, Rulebook
from participants.lender.protect import LendersSecrets
from participants.private_files import write_private
from participants.settings import Folder, Key32, LendersSecretsFile, Table

FOLDER = "secrets"
TOGETHER = Path("lenders-secrets.json")
PartT = TypeVar("PartT", GenerationSecrets, EpochSecret)


class _GenerationFile(Table):
    generation: int
    pre_hash_secret: Key32
    tag_key: Key32

    def __repr__(self) -> str:
        return "<GenerationFile>"

    __str__ = __repr__


class _EpochFile(Table):
    epoch: int
    sealing_key: Key32

    def __repr__(self) -> str:
        return "<EpochFile>"

    __str__ = __repr__


def keep_opened(folder: Folder, opened: Opened) -> None:
    """
    Keep what a delivery held, durably; what is there stays.

    Secrets are sealed before the version that pins them is decided, and of several for one number any may be the one:
    each is kept.
    """
    place = folder.path(Path(FOLDER))
    place.mkdir(mode=0o700, exist_ok=True)
    if (pair := opened.generation) is not None and pair not in _pairs(folder, pair.generation):
        value: dict[str, object] = {"generation": pair.generation, "pre_hash_secret": pair.pre_hash_secret.hex()}
        _write(place, _generation_name(pair.generation), value | {"tag_key": pair.tag_key.hex()})
    if (epoch := opened.epoch) is not None and epoch not in _epochs(folder, epoch.epoch):
        _write(place, _epoch_name(epoch.epoch), {"epoch": epoch.epoch, "sealing_key": epoch.sealing_key.hex()})


def first_secrets(folder: Folder) -> Opened | None:
    """Give the secrets of the first generation and epoch, before there is a rulebook that pins them."""
    pair, epoch = next(_pairs(folder, FIRST_GENERATION), None), next(_epochs(folder, FIRST_EPOCH), None)
    return Opened(pair, epoch) if pair is not None and epoch is not None else None


def find_secrets(folder: Folder, rulebook: Rulebook, oprf: Oprf | None = None) -> LendersSecrets:
    """
    Give the secrets of the rulebook's generation (or of `oprf`, the upcoming one) and epoch.

    Raises CreditError(RULEBOOK_MISMATCH) where one is missing, (SECRETS_MISMATCH) where none has the pinned
    fingerprint, (SETTINGS_INVALID).
    """
    pair, epoch = find_generation(folder, rulebook, oprf or rulebook.document.oprf), find_epoch(folder, rulebook)
    return LendersSecrets(pair.generation, pair.pre_hash_secret, pair.tag_key, epoch.epoch, epoch.sealing_key)


def find_generation(folder: Folder, rulebook: Rulebook, oprf: Oprf) -> GenerationSecrets:
    """Give a generation's pair; raises as `find_secrets`."""
    consortium, found = rulebook.document.consortium, [*_pairs(folder, oprf.generation)]
    fitting = [one for one in found if generation_fingerprint(consortium, one) == oprf.secrets]
    return _only(fitting, found, "generation")


def has_generation(folder: Folder, consortium: str, oprf: Oprf) -> bool:
    """Say whether a generation's pair is here."""
    return any(generation_fingerprint(consortium, one) == oprf.secrets for one in _pairs(folder, oprf.generation))


def find_epoch(folder: Folder, rulebook: Rulebook) -> EpochSecret:
    """Give the epoch's sealing key; raises as `find_secrets`."""
    document = rulebook.document
    found = [*_epochs(folder, document.epoch)]
    fitting = [one for one in found if epoch_fingerprint(document.consortium, one) == document.epoch_secret]
    return _only(fitting, found, "epoch")


def _only(fitting: list[PartT], found: list[PartT], what: str) -> PartT:
    if fitting:
        return fitting[0]
    if found:
        raise CreditError(Code.SECRETS_MISMATCH, f"of the {what} in force")
    raise CreditError(Code.RULEBOOK_MISMATCH, f"this node does not have the lenders' secrets of the {what} in force")


def _pairs(folder: Folder, generation: int) -> Iterator[GenerationSecrets]:
    for name in _kept(folder, _generation_name(generation)):
        kept = folder.read_secret(name, _GenerationFile)
        yield GenerationSecrets(kept.generation, kept.pre_hash_secret, kept.tag_key)
    for both in _together(folder):
        if both.generation == generation:
            yield GenerationSecrets(both.generation, both.pre_hash_secret, both.tag_key)


def _epochs(folder: Folder, epoch: int) -> Iterator[EpochSecret]:
    for name in _kept(folder, _epoch_name(epoch)):
        kept = folder.read_secret(name, _EpochFile)
        yield EpochSecret(kept.epoch, kept.sealing_key)
    for both in _together(folder):
        if both.epoch == epoch:
            yield EpochSecret(both.epoch, both.sealing_key)


def _together(folder: Folder) -> Iterator[LendersSecretsFile]:
    name = getattr(getattr(folder, "file", None), "lenders_secrets", TOGETHER)
    if folder.path(name).exists():
        yield folder.read_secret(name, LendersSecretsFile)


def _generation_name(generation: int) -> str:
    return f"generation-{generation:04d}"


def _epoch_name(epoch: int) -> str:
    return f"epoch-{epoch:06d}"


def _kept(folder: Folder, name: str) -> list[Path]:
    """Give the files of one number."""
    return [Path(FOLDER) / path.name for path in sorted(folder.path(Path(FOLDER)).glob(f"{name}*.json"))]


def _write(place: Path, name: str, value: dict[str, object]) -> None:
    """Write a file of secrets; a further one of the same number gets a name of its own, the same in every process."""
    data = json.dumps(value, indent=2).encode() + b"\n"
    path = place / f"{name}.json"
    write_private(path if not path.exists() else place / f"{name}-{sha256(data).hexdigest()[:8]}.json", data)
