"""The rulebook in force at a participant that hears of new versions from several replicas."""

from pathlib import Path

from consortium.errors import Code
from consortium.labels import Label
from consortium.wire.gateway import SignedRulebook
from participants.rulebooks import TrustedRulebooks
from tests.support.codes import refused
from tests.support.world import World


def successor(world: World, previous: bytes, version: int, **changes: object) -> SignedRulebook:
    values = {"version": version, "previous": previous, **changes}
    raw = world.rulebook.document.model_copy(update=values).to_bytes()
    approvers = world.rulebook.document.approvers.members
    keys = world.foundation.keys
    return SignedRulebook(raw, {name: keys[name].signer.sign(Label.RULEBOOK, raw) for name in approvers})


def test_versions_from_two_replicas_in_any_order(world: World, tmp_path: Path) -> None:
    trusted = TrustedRulebooks(world.rulebook, tmp_path)
    second = successor(world, world.rulebook.digest, 2)
    assert trusted.take(second)
    third = successor(world, trusted.current().digest, 3)
    assert trusted.take(third)
    assert not trusted.take(second), "a slower replica still gives the version before"
    assert not trusted.take(third)
    other = successor(world, trusted.current().digest, 3, lifted=(b"x" * 32,))
    with refused(Code.RULEBOOK_FORK):
        trusted.take(other)
    assert (trusted.version, trusted.current().raw) == (3, third.document)
    assert TrustedRulebooks(world.rulebook, tmp_path).current().raw == third.document, "a restart needs nobody"
