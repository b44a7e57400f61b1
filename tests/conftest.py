"""Fixtures that every layer of the suite may use."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("CREDIT_SHARED", "../shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data and test vectors; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no shared data: set CREDIT_SHARED (looked in {SHARED})")
    return SHARED
