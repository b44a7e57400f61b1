"""A member is suspended, and a rulebook expires, while the processes run: everybody follows by themselves."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from consortium.labels import Label
from consortium.membership.files import document_name
from consortium.model.rulebook import parse_rulebook, rulebook_digest
from consortium.model.signing import Ed25519Signer
from consortium.wire.gateway import SignedRulebook
from gateway.rulebooks import write_version
from tests.support.processes import LENDERS, Processes, consortium

SUSPENDED = "lender-five"
LIFE = 12
"""Seconds until the third version expires."""


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """All eight processes."""
    with consortium(tmp_path_factory.mktemp("consortium") / "out") as processes:
        know_a_dead_replica(processes, "lender-two", "node.toml")
        know_a_dead_replica(processes, "custodian-one", "custodian.toml")
        processes.start("gateway", "custodian-one", "custodian-two")
        processes.start(*LENDERS)
        processes.wait_attached(*LENDERS)
        yield processes


def know_a_dead_replica(parties: Processes, party: str, settings: str) -> None:
    """Put an address where nobody listens before the gateway's: everybody follows the rulebook of every replica."""
    path, alive = parties.out / party / settings, f"127.0.0.1:{parties.port}"
    known = {"[gateway]", f'addresses = ["{alive}"]'}
    others = [line for line in path.read_text().splitlines() if line not in known]
    path.write_text("\n".join([*others, "[gateway]", f'addresses = ["127.0.0.1:1", "{alive}"]', ""]))


def publish(parties: Processes, version: int, *, expires_at: int = 0) -> None:
    """Sign the next version by the approvers' keys and put it into the gateway's folder, past the board."""
    folder = parties.out / "gateway" / "rulebooks"
    before = (folder / document_name(version - 1)).read_bytes()
    document = parse_rulebook(before)
    changes = {"version": version, "previous": rulebook_digest(before)}
    changes |= {"expires_at": expires_at or int(time.time()) + 86_400}
    raw = document.model_copy(update=changes).to_bytes()
    signatures = {name: signer(parties.out / name).sign(Label.RULEBOOK, raw) for name in document.approvers.members}
    write_version(folder, SignedRulebook(raw, signatures), version)


def signer(folder: Path) -> Ed25519Signer:
    return Ed25519Signer(bytes.fromhex((folder / "identity.key").read_text()))


def wait_for_version(parties: Processes, version: int) -> float:
    """Wait until every lender and custodian uses a version; gives how long it took."""
    start = time.monotonic()
    names = (*LENDERS[:4], "custodian-one", "custodian-two")
    parties.wait_for(lambda: all(parties.events(name).count("rulebook") >= version - 1 for name in names), "all", 10)
    return time.monotonic() - start


@pytest.mark.slow
def test_expiry_and_suspension_while_running(parties: Processes) -> None:
    assert parties.query(SUSPENDED, {"phone": "13912340001"})["missing"] == []

    publish(parties, 2, expires_at=int(time.time()) + LIFE)
    assert wait_for_version(parties, 2) < LIFE
    expired = time.monotonic() + LIFE
    assert parties.query("lender-one", {"phone": "13912340004"})["missing"] == []
    time.sleep(max(0.0, expired - time.monotonic()))
    refused = parties.query("lender-one", {"phone": "13912340005"}, fails=True)
    assert (refused["error"]["code"], refused["error"]["cause"]) == ("RULEBOOK_INVALID", "expired")

    publish(parties, 3)
    wait_for_version(parties, 3)
    answer = parties.query("lender-one", {"phone": "13912340006"})
    assert (answer["asked"], answer["missing"]) == (sorted(LENDERS), [])

    parties.command("lender-one", "suspend", SUSPENDED, "--reason", "it stopped answering")
    parties.command("lender-two", "approve", SUSPENDED)
    assert wait_for_version(parties, 4) < 5
    for person in ("13912340001", "13912340002"):
        refused = parties.query(SUSPENDED, {"phone": person}, fails=True)
        assert refused["error"]["code"] in {"MEMBER_NOT_ACTIVE", "RULEBOOK_MISMATCH", "TOO_FEW_HOLDERS", "NOT_ATTACHED"}

    remaining = sorted(LENDERS[:4])
    parties.wait_for(lambda: all("renewed" in parties.events(name) for name in remaining), "the new epoch", 10)
    answer = parties.query("lender-one", {"phone": "13912340003"})
    assert (answer["asked"], answer["missing"]) == (remaining, []), "the other four go on with the new epoch's key"
