"""A lender and n key holders in one process, with every joint open to interference."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from consortium.custody import KeyHolder
from consortium.errors import Code, CreditError
from consortium.model.signing import Ed25519Signer
from consortium.oprf.sharing import KeyShare, ThresholdKey
from demo.holders import FixedMembers, LocalChannel, MemoryJournal, MemoryLedger
from participants.lender.protect import LendersSecrets
from participants.lender.tokenise import HolderLink, HolderSession, Tokeniser
from tests.support.dealer import deal_new
from tests.support.randomness import seeded

LENDER = "lender-a"
GENERATION = 3


def lenders_secrets(generation: int = GENERATION) -> LendersSecrets:
    return LendersSecrets(generation, b"p" * 32, b"t" * 32, epoch=1, sealing_key=b"s" * 32)


@dataclass
class Tap:
    """A channel that counts, can be cut, and lets a test rewrite what passes."""

    inner: LocalChannel
    requests: list[bytes] = field(default_factory=list)
    cut: bool = False
    lose_answers: bool = False
    answers: list[bytes] = field(default_factory=list)
    replace_with: bytes | None = None

    def evaluate(self, request: bytes) -> bytes:
        self.requests.append(request)
        if self.cut:
            raise CreditError(Code.INTERNAL, "no connection")
        self.answers.append(self.inner.evaluate(request))
        if self.lose_answers:
            raise CreditError(Code.INTERNAL, "connection lost")
        return self.replace_with or self.answers[-1]


@dataclass
class World:
    """Everything that a test may look at or break."""

    key: ThresholdKey
    shares: list[KeyShare]
    holders: list[KeyHolder]
    ledgers: list[MemoryLedger]
    signer: Ed25519Signer
    journal: MemoryJournal
    taps: dict[int, Tap]
    links: dict[int, HolderLink]
    alarms: list[tuple[int, Code]]
    runs: Iterator[int] = field(default_factory=count)

    def tokeniser(self, batch_size: int = 4) -> Tokeniser:
        return Tokeniser(
            lenders_secrets(),
            self.key,
            self.links,
            seeded(f"blinds of run {next(self.runs)}"),
            alarm=lambda holder, error: self.alarms.append((holder, error.code)),
            batch_size=batch_size,
        )


def build_world(threshold: int = 2, holders: int = 3, quota: int = 1000) -> World:
    shares, key = deal_new(threshold, holders, seeded("dealer"))
    signer = Ed25519Signer(b"i" * 32)
    members = FixedMembers({LENDER: signer.public}, quota)
    ledgers = [MemoryLedger() for _ in shares]
    keepers = [KeyHolder(share, GENERATION, members, ledger) for share, ledger in zip(shares, ledgers, strict=True)]
    journal = MemoryJournal()
    taps = {
        share.holder: Tap(LocalChannel(holder, seeded(f"nonces {share.holder}")))
        for share, holder in zip(shares, keepers, strict=True)
    }
    links = {
        index: HolderLink(HolderSession(LENDER, signer, journal, index, GENERATION), tap) for index, tap in taps.items()
    }
    return World(key, shares, keepers, ledgers, signer, journal, taps, links, [])
