"""Later versions of a test world's rulebook, signed by its approvers."""

from dataclasses import replace

from consortium.labels import Label
from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus, Rulebook, verify_rulebook
from consortium.wire.gateway import SignedRulebook
from gateway.rulebooks import write_version
from tests.support.grpc_world import GrpcWorld
from tests.support.world import World


def next_version(world: World, *, suspended: MemberId = "", **changes: object) -> SignedRulebook:
    """Sign the version after the world's, with a member suspended or other changes."""
    document = world.rulebook.document
    members = tuple(
        one.model_copy(update={"status": MemberStatus.SUSPENDED}) if one.id == suspended else one
        for one in document.members
    )
    following = {"version": document.version + 1, "previous": world.rulebook.digest, "members": members}
    if suspended:  # who is cut off takes no sealing key with it
        following |= {"epoch": document.epoch + 1, "epoch_secret": b"e" * 32}
    raw = document.model_copy(update=following | changes).to_bytes()
    approvers, keys = document.approvers.members, world.foundation.keys
    return SignedRulebook(raw, {name: keys[name].signer.sign(Label.RULEBOOK, raw) for name in approvers})


def put_into_force(running: GrpcWorld, signed: SignedRulebook) -> Rulebook:
    """Let the gateway take the next version at once."""
    rulebook = verify_rulebook(signed.document, signed.signatures, trusted=running.world.rulebook)
    write_version(running.settings.rulebooks, signed, rulebook.document.version)
    running.parts.rulebooks.load_new()
    return rulebook


def follow(world: World, rulebook: Rulebook, *members: MemberId) -> None:
    """Let nodes take the rulebook."""
    for member in members:
        node = world.nodes[member]
        contributor = replace(node.contributor, rulebook=lambda: rulebook)
        world.nodes[member] = replace(node, contributor=contributor)
