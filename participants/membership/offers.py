"""First versions on the board, before one of them is in force: what founders have signed so far."""

from dataclasses import dataclass, replace

from consortium.errors import CreditError
from consortium.membership.signed import body_of
from consortium.membership.statements import Founding
from consortium.model.members import MemberId
from consortium.model.rulebook import RulebookDocument, parse_rulebook, rulebook_digest
from consortium.wire.membership import DocumentKind
from participants.storage.board import SqliteBoard


@dataclass(frozen=True, slots=True)
class Offer:
    """A first version on the board: its exact bytes, what they say, and who has signed them."""

    raw: bytes
    document: RulebookDocument
    signers: tuple[MemberId, ...]

    @property
    def fingerprint(self) -> bytes:
        """Its digest, as everybody compares it."""
        return rulebook_digest(self.raw)


def offers(board: SqliteBoard) -> list[Offer]:
    """Give every first version on the board, in the order in which they came; who signed is what the gateway says."""
    found: dict[bytes, Offer] = {}
    for one in board.documents():
        if one.kind is not DocumentKind.GENESIS:
            continue
        try:
            new = offer_of(one.signed)
        except CreditError:
            continue  # the gateway may show us what it likes
        before = found.get(new.raw, replace(new, signers=()))
        found[new.raw] = replace(new, signers=(*before.signers, *new.signers))
    return list(found.values())


def offer_of(signed: bytes) -> Offer:
    """Read a founder's signature with the version under it; raises CreditError(MALFORMED) or (RULEBOOK_INVALID)."""
    founding = Founding.from_bytes(body_of(signed))
    return Offer(founding.rulebook, parse_rulebook(founding.rulebook), (founding.member,))
