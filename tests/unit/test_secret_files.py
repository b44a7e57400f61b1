"""The lenders' secrets in a folder: what a delivery held is kept, and the one that the rulebook pins is used."""

from pathlib import Path

import pytest

from consortium.errors import Code
from consortium.membership.proposals import NewEpoch
from consortium.membership.secrets import (
    EpochSecret,
    GenerationSecrets,
    Opened,
    new_epoch_secret,
    new_generation_secrets,
    offer_epoch,
)
from participants.secret_files import find_epoch, find_generation, find_secrets, keep_opened
from participants.settings import Folder
from tests.support.codes import refused
from tests.support.membership import Registry, registry


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture(scope="module")
def known() -> Registry:
    return registry()


def right(known: Registry) -> Opened:
    shared = known.foundation.secrets
    generation = GenerationSecrets(shared.generation, shared.pre_hash_secret, shared.tag_key)
    return Opened(generation, EpochSecret(shared.epoch, shared.sealing_key))


def test_what_was_kept_is_found_and_kept_once(folder: Folder, known: Registry) -> None:
    for _ in range(2):
        keep_opened(folder, right(known))
    assert find_secrets(folder, known.rulebook) == known.foundation.secrets
    files = sorted(folder.path(Path("secrets")).iterdir())
    assert [path.name for path in files] == ["epoch-000001.json", "generation-0001.json"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_the_secrets_of_a_proposal_that_came_to_nothing_are_in_nobodys_way(folder: Folder) -> None:
    """Two keys were sealed for one epoch, and the second proposal is the one that was approved."""
    known = registry(b"two offers")
    keep_opened(folder, Opened(new_generation_secrets(1, known.rng), new_epoch_secret(2, known.rng)))
    keep_opened(folder, right(known))
    assert find_generation(folder, known.rulebook, known.document.oprf) == right(known).generation
    secret = new_epoch_secret(2, known.rng)
    signer = known.keys("lender-a").signer
    known.change(
        NewEpoch(offer=offer_epoch(known.rulebook, "lender-a", frozenset(), secret, signer, known.rng)),
    )
    with refused(Code.SECRETS_MISMATCH):
        find_epoch(folder, known.rulebook)
    keep_opened(folder, Opened(None, secret))
    assert find_epoch(folder, known.rulebook) == secret


def test_what_is_missing_or_another(folder: Folder, known: Registry) -> None:
    with refused(Code.RULEBOOK_MISMATCH):
        find_secrets(folder, known.rulebook)
    keep_opened(folder, Opened(new_generation_secrets(1, known.rng), None))
    with refused(Code.SECRETS_MISMATCH):
        find_secrets(folder, known.rulebook)
