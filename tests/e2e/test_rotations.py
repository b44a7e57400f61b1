"""Keys exchanged while the processes run: the same member answers before and after, under new keys."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import LENDERS, Processes, consortium

pytestmark = pytest.mark.slow

ROTATING = "lender-two"


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """All eight processes."""
    with consortium(tmp_path_factory.mktemp("consortium") / "out") as processes:
        processes.start_all()
        yield processes


def keys(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("identity.key", "hpke.key", "tls.key", "tls.crt")]


def test_identity_hpke_and_tls_keys_of_a_serving_node(parties: Processes) -> None:
    before = keys(parties.out / ROTATING)
    attached = parties.events(ROTATING).count("attached")
    parties.command(ROTATING, "rotate", "identity", "hpke", "tls")
    parties.command("lender-one", "approve", ROTATING)
    parties.command(ROTATING, "approve", ROTATING)
    parties.wait_for(lambda: "certificate" in parties.events(ROTATING), "a certificate for the new key", 15)
    parties.wait_for(lambda: parties.events(ROTATING).count("attached") > attached, "a new introduction", 15)
    after = keys(parties.out / ROTATING)
    assert [old == new for old, new in zip(before, after, strict=True)] == [False] * 4
    for asking in ("lender-one", ROTATING):
        answer = parties.query(asking, {"phone": "13912340007"})
        assert (sorted(answer["answered"]), answer["missing"]) == (sorted(LENDERS), [])
    parties.signal(ROTATING, 15)
    parties.start_again(ROTATING)
    parties.wait_attached(ROTATING)
    assert parties.query(ROTATING, {"phone": "13912340008"})["missing"] == []
