"""A whole consortium at once: keys, a signed rulebook, key holders and lenders."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from consortium.ceremony.participant import SEED_BYTES, Participant
from consortium.ceremony.plan import Kind, Party, Plan, Seat
from consortium.custody import KeyHolder
from consortium.hashing import Randomness
from consortium.labels import Label
from consortium.membership.genesis import DEFAULT_FAMILIES, default_policy, first_document
from consortium.membership.secrets import EpochSecret, GenerationSecrets, epoch_fingerprint, generation_fingerprint
from consortium.membership.words import words_text
from consortium.model.catalogue import DEFAULT_CATALOGUE, Attribute, Family, Tier
from consortium.model.identifiers import Secret
from consortium.model.keys import SECONDS_PER_DAY, utc_day
from consortium.model.members import MemberId
from consortium.model.query import Suite
from consortium.model.rulebook import (
    Member,
    MemberStatus,
    Oprf,
    Policy,
    Role,
    Rulebook,
    rulebook_digest,
    threshold_key,
    verify_rulebook,
)
from consortium.model.scorecard import Scorecard
from consortium.model.signal_policy import SignalPolicy
from consortium.model.signing import Ed25519Signer
from consortium.model.statistic_policy import StatisticsPolicy
from consortium.oprf.sharing import KeyShare, ThresholdKey
from consortium.signals.defaults import DEFAULT_SIGNALS
from consortium.silent import Silent
from consortium.sums.secret import SecretKey
from consortium.travel.policy import TravelPolicy
from demo.holders import FixedMembers, LocalChannel, MemoryJournal, MemoryLedger
from participants.lender.answer import Contributor
from participants.lender.answer_ports import BookReader
from participants.lender.ask import QueryKey, Requester, new_query_key
from participants.lender.encryptor import PooledEncryptor
from participants.lender.identity import LenderIdentity, MaskKey, PairKeys, new_mask_key
from participants.lender.node import LenderNode
from participants.lender.protect import LendersSecrets
from participants.lender.tokenise import HolderLink, HolderSession, Tokeniser, unalarmed
from participants.sandbox.founding import CUSTODIANS, GATEWAY, REGULATOR, charter_of
from participants.sandbox.ports import Ports
from participants.storage.answers import SqliteAnswers

CONSORTIUM = "demo-consortium"
LENDERS = ("lender-one", "lender-two", "lender-three", "lender-four", "lender-five")
HOLDERS = (GATEWAY, *CUSTODIANS)
THRESHOLD = 2
QUOTA = 10_000_000


@dataclass(frozen=True, slots=True, repr=False)
class Keys(Silent):
    """The private keys of one party."""

    signer: Ed25519Signer
    hpke: X25519PrivateKey
    identity: bytes

    @classmethod
    def create(cls, rng: Randomness) -> "Keys":
        """Draw both keys."""
        identity = rng(32)
        return cls(Ed25519Signer(identity), X25519PrivateKey.from_private_bytes(rng(32)), identity)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a demonstration may vary: suite, policy, catalogue, scorecards, controlling groups, gateway's database."""

    suite: Suite = Suite.PAILLIER_3072_MASKED
    more_suites: tuple[Suite, ...] = ()
    attributes: tuple[Attribute, ...] = DEFAULT_CATALOGUE
    scorecards: tuple[Scorecard, ...] = ()
    families: tuple[Family, ...] = DEFAULT_FAMILIES
    tiers: tuple[Tier, ...] = (Tier.DEFAULTS_ONLY, Tier.FULL)
    colluders: int = 1
    minimum_groups: int = 3
    ledger_window: int = 7 * SECONDS_PER_DAY
    rows_per_day: int | None = None
    groups: Mapping[MemberId, str] = field(default_factory=dict)
    storage: str = "sqlite:///gateway.db"
    travel: TravelPolicy | None = None
    signals: SignalPolicy | None = DEFAULT_SIGNALS
    statistics: StatisticsPolicy | None = None
    observers: tuple[MemberId, ...] = ()

    @property
    def sections(self) -> dict[str, object]:
        """Give the sections of the rulebook that a consortium may do without."""
        return {
            "travel": self.travel,
            "scorecards": self.scorecards,
            "signals": self.signals,
            "statistics": self.statistics,
        }

    @property
    def policy(self) -> Policy:
        """Give the limits."""
        changes = {"colluders": self.colluders, "minimum_groups": self.minimum_groups, "families": self.families}
        return default_policy(self.suite, *self.more_suites).model_copy(
            update=changes | {"ledger_window": self.ledger_window, "rows_per_day": self.rows_per_day}
        )


@dataclass(repr=False)
class Foundation(Silent):
    """Everything that exists before any book is loaded: parties, their keys, shares, secrets and the rulebook."""

    lenders: tuple[MemberId, ...]
    keys: dict[MemberId, Keys]
    shares: tuple[KeyShare, ...]
    holders: dict[int, KeyHolder]
    key: ThresholdKey
    secrets: LendersSecrets
    rulebook: Rulebook
    suite: Suite
    rng: Randomness

    def tokeniser(self, lender: MemberId) -> Tokeniser:
        """Give a lender its way to the key holders."""
        signer = self.keys[lender].signer
        journal = MemoryJournal()
        links = {
            index: HolderLink(
                HolderSession(lender, signer, journal, index, self.secrets.generation),
                LocalChannel(holder, self.rng),
            )
            for index, holder in self.holders.items()
        }
        return Tokeniser(self.secrets, self.key, links, self.rng, alarm=unalarmed)


def found(lenders: Sequence[MemberId], now: int, rng: Randomness, terms: Terms) -> Foundation:
    """Found in memory, for tests: draw all keys, hold the first ceremony, and have two lenders sign version 1."""
    roles = roles_of(lenders) | dict.fromkeys(terms.observers, Role.OBSERVER)
    parties = (*lenders, *HOLDERS, REGULATOR, *terms.observers)
    keys = {party: Keys.create(rng) for party in parties}
    shared = LendersSecrets(1, rng(32), rng(32), 1, rng(32))
    fingerprints = fingerprints_of(shared)
    shares, oprf = first_ceremony({holder: keys[holder].signer for holder in HOLDERS}, fingerprints[0], rng)
    members = [_member(party, role, keys[party], terms) for party, role in roles.items()]
    charter = charter_of(lenders, attributes=terms.attributes, policy=terms.policy, **terms.sections)
    document = first_document(CONSORTIUM, members, oprf, fingerprints[1], charter, now)
    raw = document.to_bytes()
    signatures = {member: keys[member].signer.sign(Label.RULEBOOK, raw) for member in document.approvers.members}
    rulebook = verify_rulebook(raw, signatures, fingerprint=rulebook_digest(raw))
    known = FixedMembers({lender: keys[lender].signer.public for lender in lenders}, QUOTA)
    holders = {share.holder: KeyHolder(share, shared.generation, known, MemoryLedger()) for share in shares}
    key = threshold_key(oprf)
    return Foundation(tuple(lenders), keys, tuple(shares), holders, key, shared, rulebook, terms.suite, rng)


def first_plan(signers: Mapping[MemberId, bytes]) -> Plan:
    """Plan the first ceremony: everybody deals and receives, in the order given; `signers` are identity keys."""
    names = tuple(signers)
    return Plan(
        consortium=CONSORTIUM,
        kind=Kind.NEW,
        generation=1,
        revision=1,
        threshold=THRESHOLD,
        parties=tuple(Party(member=name, identity_key=signers[name]) for name in sorted(names)),
        dealers=names,
        receivers=tuple(Seat(member=name, index=index) for index, name in enumerate(names, start=1)),
    )


def first_ceremony(
    signers: Mapping[MemberId, Ed25519Signer], secrets_fingerprint: bytes, rng: Randomness
) -> tuple[list[KeyShare], Oprf]:
    """Hold the first ceremony in memory: gives each holder's share, in their order, and what the rulebook says."""
    plan = first_plan({name: signer.public for name, signer in signers.items()})
    parties = {name: Participant(plan, name, signer, rng(SEED_BYTES)) for name, signer in signers.items()}
    while due := [(name, message) for name, one in parties.items() if (message := one.due()) is not None]:
        for sender, message in due:
            for name, party in parties.items():
                if name != sender:
                    party.take(message)
    oprf = next(iter(parties.values())).transcript.oprf(secrets_fingerprint)
    return [parties[name].finish() for name in signers], oprf


def roles_of(lenders: Sequence[MemberId]) -> dict[MemberId, Role]:
    """Give everybody's role, in the rulebook's order."""
    roles = {**dict.fromkeys(lenders, Role.LENDER), **dict.fromkeys(HOLDERS, Role.CUSTODIAN)}
    return roles | {HOLDERS[0]: Role.GATEWAY, REGULATOR: Role.REGULATOR}


def fingerprints_of(shared: LendersSecrets) -> tuple[bytes, bytes]:
    """Give what the rulebook pins of the lenders' secrets: of the generation and of the epoch."""
    generation = GenerationSecrets(shared.generation, shared.pre_hash_secret, shared.tag_key)
    epoch = EpochSecret(shared.epoch, shared.sealing_key)
    return generation_fingerprint(CONSORTIUM, generation), epoch_fingerprint(CONSORTIUM, epoch)


def _member(party: MemberId, role: Role, keys: Keys, terms: Terms) -> Member:
    return Member(
        id=party,
        legal_name=party.replace("-", " ").title(),
        group=group_of(party, terms),
        role=role,
        status=MemberStatus.ACTIVE,
        identity_key=keys.signer.public,
        hpke_key=keys.hpke.public_key().public_bytes_raw(),
        tiers=terms.tiers if role is Role.LENDER else (),
    )


def group_of(party: MemberId, terms: Terms) -> str:
    """Give a party's controlling group: its own, unless the terms say otherwise."""
    return terms.groups.get(party, f"{party}-group"[:32])


@dataclass
class SilentAlarms:
    """A lender's alarms: how often a query named a tag of its book without proof."""

    unproven_queries: int = 0
    untrue_checks: int = 0

    def unproven(self, requester: MemberId) -> None:  # noqa: ARG002  a real lender notes who it was
        """Count one."""
        self.unproven_queries += 1

    def untrue_travel(self, requester: MemberId) -> None:  # noqa: ARG002  as above
        """Count a travel check that does not hold."""
        self.untrue_checks += 1


def lender_node(
    foundation: Foundation,
    lender: MemberId,
    book: BookReader,
    answers: Path,
    encryptor: PooledEncryptor,
    query_key: SecretKey,
    now: int,
) -> LenderNode:
    """Compose a lender's node with keys for the UTC day of `now`."""
    identity = LenderIdentity(lender, foundation.keys[lender].signer, Secret(foundation.rng(32)))
    day = utc_day(now)
    mask_keys: dict[int, MaskKey] = {day: new_mask_key(identity, foundation.rng(32), day)}
    contributor = Contributor(
        identity=identity,
        secrets=foundation.secrets,
        rulebook=_always(foundation.rulebook),
        book=book,
        store=SqliteAnswers(answers),
        pairs=PairKeys(mask_keys),
        encryptor=encryptor,
        alarms=SilentAlarms(),
        rng=foundation.rng,
    )
    validity = (day * SECONDS_PER_DAY, (day + 1) * SECONDS_PER_DAY)
    certified: QueryKey = new_query_key(identity, query_key, validity)
    requester = Requester(identity, foundation.secrets, certified, foundation.rng)
    return LenderNode(contributor, requester, foundation.tokeniser(lender))


def _always(rulebook: Rulebook) -> Callable[[], Rulebook]:
    return lambda: rulebook


def main() -> None:
    """Found a consortium of five lenders by the journey of its members, and leave one folder a party."""
    from demo.founding import found_folders  # noqa: PLC0415  it imports this module

    parser = argparse.ArgumentParser(prog="python -m demo.consortium", description=main.__doc__)
    parser.add_argument("out", type=Path, help="where to make the folders")
    parser.add_argument("--port", type=int, default=7400, help="the gateway's port; the others follow it")
    parser.add_argument("--suite", choices=[suite.name for suite in Suite], default=Suite.PAILLIER_3072_MASKED.name)
    parser.add_argument(
        "--more-suites", nargs="*", choices=[suite.name for suite in Suite], default=[Suite.MASKED_SUM.name]
    )
    parser.add_argument("--storage", default="sqlite:///gateway.db", help="the gateway's database, an SQLAlchemy URL")
    given = parser.parse_args()
    if given.out.exists():
        parser.error(f"{given.out} exists: name a new folder, or remove it")
    if not 1024 <= given.port <= 65_000:
        parser.error("--port must be 1024 to 65000")
    more = tuple(Suite[name] for name in given.more_suites)
    terms = Terms(suite=Suite[given.suite], more_suites=more, storage=given.storage)
    rulebook = found_folders(given.out, Ports(given.port), LENDERS, terms, print)
    print(f"wrote {given.out}: the rulebook's fingerprint is {rulebook.digest.hex()}")
    print(f"in words:\n{words_text(rulebook.digest)}")


if __name__ == "__main__":
    main()
