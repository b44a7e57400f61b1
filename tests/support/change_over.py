"""A world whose key changed its generation: the same lenders, ledgers and people under other tags."""

from collections.abc import Iterable
from dataclasses import replace

from consortium.custody import KeyHolder
from consortium.membership.proposals import Switch
from consortium.membership.trusted import TrustedSet
from consortium.model.members import MemberId
from consortium.model.rulebook import threshold_key
from consortium.sealing.payload import SubjectTags
from demo.consortium import QUOTA
from demo.holders import FixedMembers, MemoryLedger
from participants.lender.ledger import ChangedOver
from participants.lender.ports import HeldFile
from participants.lender.protect import LendersSecrets
from participants.lender.tokens import GenerationsTokeniser
from tests.support.hub import Hub
from tests.support.membership import Registry
from tests.support.world import FixedBook, World


def changed_over(world: World, newcomers: Iterable[MemberId] = ()) -> World:
    """Announce another key and put it into force; `newcomers` have no ledger of the time before. Books are empty."""
    before = world.foundation
    known = Registry(before, TrustedSet(before.rulebook), before.rng, world.now)
    known.change(known.announcement())
    rulebook = known.change(Switch())
    pair = known.generation_secrets
    assert pair is not None
    secrets = LendersSecrets(2, pair.pre_hash_secret, pair.tag_key, before.secrets.epoch, before.secrets.sealing_key)
    members = FixedMembers({lender: before.keys[lender].signer.public for lender in before.lenders}, QUOTA)
    foundation = replace(
        before,
        shares=tuple(known.dealt),
        holders={share.holder: KeyHolder(share, 2, members, MemoryLedger()) for share in known.dealt},
        key=threshold_key(rulebook.document.oprf),
        secrets=secrets,
        rulebook=rulebook,
    )
    books, nodes = {member: FixedBook() for member in world.nodes}, {}
    for member, node in world.nodes.items():
        contributor = replace(
            node.contributor,
            secrets=secrets,
            rulebook=lambda: rulebook,
            book=books[member],
            changed=None if member in newcomers else ChangedOver(1, world.now),
        )
        nodes[member] = replace(
            node,
            contributor=contributor,
            requester=replace(node.requester, secrets=secrets),
            tokeniser=GenerationsTokeniser(foundation.tokeniser(member), [node.tokeniser]),
        )
    return World(foundation, nodes, books, Hub(rulebook, nodes), world.now)


def carried(world: World, after: World, before: SubjectTags, subject: SubjectTags) -> None:
    """Put every file that lenders held about a subject into their books under its new tags."""
    for member, book in world.books.items():
        for place, key in enumerate(subject.keys):
            held = book.files.get(before.tags[place].value)
            if key is not None and held is not None:
                linked = HeldFile(held.kind, key, held.file, before.tags[place])
                after.books[member].files[subject.tags[place].value] = linked
