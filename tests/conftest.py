"""Fixtures that every layer of the suite may use."""

import os
from pathlib import Path

import pytest

from consortium.sums.profiles import PAILLIER_3072
from consortium.sums.secret import SecretKey
from tests.support import keys

SHARED = Path(os.environ.get("CREDIT_SHARED", "../shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data and test vectors; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no shared data: set CREDIT_SHARED (looked in {SHARED})")
    return SHARED


@pytest.fixture(scope="session")
def test_key() -> SecretKey:
    """A small Paillier key, made once for each worker."""
    return keys.secret_key()


@pytest.fixture(scope="session")
def key_3072() -> SecretKey:
    """A Paillier key of full size (about two seconds), made once for each worker that needs it."""
    return keys.secret_key(PAILLIER_3072)
