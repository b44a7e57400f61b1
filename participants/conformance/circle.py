"""The made-up consortium of a conformance run: the node under test, four made-up peers, and a gateway of few lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from consortium.hashing import Randomness
from consortium.model.catalogue import DEFAULT_CATALOGUE, Family, Purpose, Tier
from consortium.model.identifiers import Secret, SubjectTag
from consortium.model.keys import SECONDS_PER_DAY, utc_day
from consortium.model.members import MemberId
from consortium.model.query import SignedQuery, Suite
from consortium.model.rounds import RosterEntry, Round1Request, Round2Request, Transcript
from consortium.model.rulebook import (
    Approvers,
    HolderKey,
    Member,
    MemberStatus,
    Oprf,
    Policy,
    PurposeRule,
    Role,
    Rulebook,
    RulebookDocument,
)
from consortium.model.signing import Ed25519Signer, Signer
from consortium.rules.profiles import PROFILES
from consortium.rules.tallies import Sums, sums_of, tally_in
from consortium.sums.paillier import public_key_from_bytes
from consortium.sums.profiles import INSECURE_TEST_1024
from consortium.wire.rounds import (
    round1_request_to_bytes,
    round2_request_to_bytes,
    signed_round1_from_bytes,
    signed_round2_from_bytes,
)
from participants.conformance.holders import SECRETS, published_tokeniser, shares
from participants.conformance.published_key import circle_key
from participants.keys.obfuscators import ObfuscatorPool
from participants.lender.answer import Contributor
from participants.lender.answer_ports import BookReader
from participants.lender.ask import Requester, new_query_key
from participants.lender.encryptor import PooledEncryptor
from participants.lender.identity import DerivedMaskKeys, LenderIdentity, PairKeys
from participants.lender.node import LenderNode
from participants.lender.ports import BookView
from participants.storage.answers import SqliteAnswers

PEERS = ("conformance-one", "conformance-two", "conformance-three", "conformance-four")
HOLDERS = ("conformance-gateway", "conformance-custodian-a", "conformance-custodian-b")
REGULATOR = "conformance-regulator"
FINGERPRINT = bytes(32)


class EmptyBook:
    """The book of a made-up peer: it knows nobody."""

    def read(self, tags: Sequence[SubjectTag], *, live: bool) -> BookView:  # noqa: ARG002  nobody either way
        """Give no file for any tag."""
        return BookView(tuple(None for _ in tags), b"r" * 32, 0, b"h" * 32)


class _NoAlarms:
    def unproven(self, requester: MemberId) -> None:
        """Do nothing: the run looks at the answer."""

    def untrue_travel(self, requester: MemberId) -> None:
        """Do nothing: the run looks at the answer."""


@dataclass(frozen=True)
class Circle:
    """The nodes by member; the first peer asks, `own` is under test."""

    own: MemberId
    rulebook: Rulebook
    nodes: Mapping[MemberId, LenderNode]
    answers: Mapping[MemberId, SqliteAnswers]

    @property
    def asker(self) -> LenderNode:
        """The peer that asks."""
        return self.nodes[PEERS[0]]

    def roster(self, now: int) -> tuple[RosterEntry, ...]:
        """Give everybody with the mask key of the day."""
        return tuple(
            RosterEntry(member, self.nodes[member].contributor.pairs.own(now).certified)
            for member in self.rulebook.roster
        )

    def call(self, query: SignedQuery) -> Round1Request:
        """Give the call for contributions of a query, everybody intended."""
        return Round1Request(query, self.roster(query.header.issued_at), 1, self.rulebook.roster_set)

    def ask(self, query: SignedQuery, now: int) -> Transcript:
        """Carry a query through both rounds; raises what a node refuses with."""
        request, order = self.call(query), self.rulebook.roster
        first = [signed_round1_from_bytes(self._node(m).round1(round1_request_to_bytes(request), now)) for m in order]
        call = round2_request_to_bytes(Round2Request(request.ctx, self.rulebook.roster_set))
        second = [signed_round2_from_bytes(self._node(m).round2(call, now)) for m in order]
        tally = tally_in(self.sums(query))
        for part in first:
            tally.take(part.body.contributor, part.body.ciphertext)
        everybody = self.rulebook.roster_set
        return Transcript(
            request.roster,
            1,
            everybody,
            everybody,
            0,
            tuple(first),
            tuple(second),
            tally.total({part.body.contributor: part.body.correction for part in second}),
        )

    def sums(self, query: SignedQuery) -> Sums:
        """Give what a query's sums are made in."""
        return sums_of(query, self.rulebook, public_key_from_bytes)

    def _node(self, member: MemberId) -> Contributor:
        return self.nodes[member].contributor


def make_circle(
    own: tuple[MemberId, Signer],
    book: BookReader,
    folder: Path,
    pool: ObfuscatorPool,
    suite: Suite,
    rng: Randomness,
    now: int,
) -> Circle:
    """Put the consortium together; the node under test has its own id and key, every secret else is made up here."""
    signers = {member: Ed25519Signer(rng(32)) for member in (*PEERS, *HOLDERS, REGULATOR)} | {own[0]: own[1]}
    rulebook = _rulebook(own[0], signers, suite, rng, now)
    key = circle_key(PROFILES.get(suite, INSECURE_TEST_1024))  # where the suite has no Paillier, nobody uses it
    if suite in PROFILES:
        pool.prepare(key.public_key)
    nodes, stores = {}, {}
    for member in rulebook.roster:
        stores[member] = SqliteAnswers(folder / f"answers-{member}.db")
        identity = LenderIdentity(member, signers[member], Secret(rng(32)))
        contributor = Contributor(
            identity=identity,
            secrets=SECRETS,
            rulebook=lambda: rulebook,
            book=book if member == own[0] else EmptyBook(),
            store=stores[member],
            pairs=PairKeys(DerivedMaskKeys(identity)),
            encryptor=PooledEncryptor(pool),
            alarms=_NoAlarms(),
            rng=rng,
        )
        day = utc_day(now) * SECONDS_PER_DAY
        certified = new_query_key(identity, key, (day, day + 2 * SECONDS_PER_DAY))
        requester = Requester(identity, SECRETS, certified, rng)
        nodes[member] = LenderNode(contributor, requester, published_tokeniser(member, signers[member], rng))
    return Circle(own[0], rulebook, nodes, stores)


def _rulebook(own: MemberId, signers: Mapping[MemberId, Signer], suite: Suite, rng: Randomness, now: int) -> Rulebook:
    holders = [
        HolderKey(member=m, index=s.holder, share_key=s.key.public) for m, s in zip(HOLDERS, shares(), strict=True)
    ]
    document = RulebookDocument(
        consortium="conformance",
        version=1,
        issued_at=now - 60,
        expires_at=now + SECONDS_PER_DAY,
        epoch=1,
        epoch_secret=FINGERPRINT,
        members=tuple(_member(member, _role(member), signer, rng) for member, signer in signers.items()),
        oprf=Oprf(generation=1, secrets=FINGERPRINT, threshold=2, holders=tuple(holders)),
        approvers=Approvers(members=(PEERS[0], own), threshold=2),
        attributes=DEFAULT_CATALOGUE,
        purposes=(PurposeRule(id=Purpose.ORIGINATION, roles=(Role.LENDER,), consent_required=True, live=True),),
        policy=_policy(suite),
    )
    return Rulebook(document, document.to_bytes())


def _role(member: MemberId) -> Role:
    if member == HOLDERS[0]:
        return Role.GATEWAY
    if member in HOLDERS:
        return Role.CUSTODIAN
    return Role.REGULATOR if member == REGULATOR else Role.LENDER


def _member(member: MemberId, role: Role, signer: Signer, rng: Randomness) -> Member:
    return Member(
        id=member,
        legal_name=member,
        group=member,
        role=role,
        status=MemberStatus.ACTIVE,
        identity_key=signer.public,
        hpke_key=X25519PrivateKey.from_private_bytes(rng(32)).public_key().public_bytes_raw(),
        tiers=(Tier.DEFAULTS_ONLY, Tier.FULL) if role is Role.LENDER else (),
    )


def _policy(suite: Suite) -> Policy:
    return Policy(
        colluders=1,
        minimum_groups=3,
        roster_maximum=32,
        ledger_window=7 * SECONDS_PER_DAY,
        query_lifetime=600,
        clock_skew=60,
        retention_days=1,
        families=tuple(Family),
        suites=(suite,),
    )
