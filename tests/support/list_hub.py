"""Lists driven in one process: the gateway's state machine of a block and the lenders' answering sides, by messages."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from consortium.model.blocks import BlockRelease, JobBegin, SealedRows
from consortium.model.catalogue import Purpose
from consortium.model.credit_file import CreditFile
from consortium.model.identifiers import IdentifierKind, SubjectKey, SubjectTag
from consortium.model.members import MemberId, MemberSet
from consortium.model.rounds import Transcript
from consortium.rules.contributions import query_layout
from consortium.rules.queries import check_query
from consortium.wire.portfolio import (
    block_call_from_proto,
    block_call_to_proto,
    block_message_to_proto,
    block_release_from_proto,
    block_release_to_proto,
    block_round1_from_proto,
    block_round2_from_proto,
    job_begin_from_bytes,
    job_begin_to_bytes,
    sealed_rows_from_proto,
    sealed_rows_to_proto,
)
from consortium.wire.queries import signed_query_from_bytes, signed_query_to_bytes
from consortium.wire.rounds import transcript_from_bytes, transcript_to_bytes
from gateway.usecases.blocks import BlockRun, JobTerms
from participants.lender.answer import Contributor
from participants.lender.bulk.row_by_row import RowByRow
from participants.lender.portfolio.answer import ListContributor
from participants.lender.portfolio.ask import (
    BlockResult,
    BlockVectors,
    BuiltJob,
    ListPeople,
    ListQuestion,
    ListRequester,
)
from participants.lender.portfolio.jobs import Jobs
from participants.lender.ports import HeldFile
from participants.lender.protect import subject_tag
from participants.storage.answers import SqliteAnswers
from tests.support.world import LENDERS, World, seeded_rng, tradeline

ATTRIBUTES = ("balance", "open_tradelines", "amount_past_due")


@dataclass
class RowAlarmsSeen:
    """A lender's alarms about rows."""

    rows: int = 0

    def unproven_rows(self, requester: MemberId, rows: int) -> None:  # noqa: ARG002
        self.rows += rows


def list_contributor(contributor: Contributor, alarms: RowAlarmsSeen | None = None) -> ListContributor:
    """The list side of a lender of a world; a second call is the node after a restart."""
    store = contributor.store
    assert isinstance(store, SqliteAnswers)
    return ListContributor(
        identity=contributor.identity,
        rulebook=contributor.rulebook,
        book=lambda: RowByRow(contributor.book),
        store=store,
        pairs=contributor.pairs,
        jobs=Jobs(contributor.identity.member, contributor.secrets, store, contributor.pairs, contributor.changed),
        alarms=alarms or RowAlarmsSeen(),
        rng=contributor.rng,
    )


@dataclass
class ListHub:
    """Everybody of a world, for lists."""

    world: World
    members: dict[MemberId, ListContributor] = field(default_factory=dict)
    offline: MemberSet = frozenset()

    def __post_init__(self) -> None:
        for member, node in self.world.nodes.items():
            self.members[member] = list_contributor(node.contributor)

    def requester(self, member: MemberId = "lender-a") -> ListRequester:
        node = self.world.nodes[member].requester
        return ListRequester(node.identity, node.secrets, node.rng)

    def people(self, keys: Sequence[bytes]) -> ListPeople:
        """People by their subject keys, in the order of their tags."""
        secrets = self.world.foundation.secrets
        pairs = sorted((subject_tag(secrets, SubjectKey(key)).value, key) for key in keys)
        tags = np.frombuffer(b"".join(tag for tag, _ in pairs), dtype=np.uint8).reshape(-1, 32)
        return ListPeople(tags, np.frombuffer(b"".join(key for _, key in pairs), dtype=np.uint8).reshape(-1, 64))

    def hold(self, member: MemberId, key: bytes, balance: int) -> None:
        tag = subject_tag(self.world.foundation.secrets, SubjectKey(key))
        kind = IdentifierKind.PHONE
        self.world.books[member].files[tag.value] = HeldFile(
            kind, SubjectKey(key), CreditFile(kind, (tradeline(balance),))
        )

    def build(
        self, people: ListPeople, by: MemberId = "lender-a", rows_per_block: int = 8192, **changes: object
    ) -> tuple[BuiltJob, dict[int, bytes]]:
        sealed: dict[int, bytes] = {}
        question = ListQuestion(ATTRIBUTES, rows_per_block=rows_per_block)
        terms = self.world.terms(purpose=Purpose.PORTFOLIO, **changes)
        now, rulebook = self.world.now, self.world.rulebook
        return self.requester(by).build(people, question, terms, rulebook, now, sealed.__setitem__), sealed

    def terms(self, job: BuiltJob) -> JobTerms:
        query = signed_query_from_bytes(signed_query_to_bytes(job.query))
        check_query(query, self.world.rulebook, self.world.now)
        words = query_layout(query.header, self.world.rulebook).words
        roster = self.world.hub.roster(query.header.issued_at)
        return JobTerms(query, self.world.rulebook, roster, job.sealed, words)

    def distribute(self, job: BuiltJob, sealed: dict[int, bytes], to: Sequence[MemberId] = ()) -> None:
        """Give the whole list to everybody who is there."""
        raw = job_begin_to_bytes(JobBegin(job.query, self.world.hub.roster(job.query.header.issued_at)))
        for member in to or sorted(self.members.keys() - self.offline):
            contributor = self.members[member]
            state = contributor.begin(job_begin_from_bytes(raw), self.world.now)
            if not state.accepted:
                for block, content in sealed.items():
                    message = sealed_rows_to_proto(SealedRows(job.query.digest, block, content))
                    contributor.take(sealed_rows_from_proto(message), self.world.now)
                assert contributor.begin(job_begin_from_bytes(raw), self.world.now).accepted

    def first_round(self, run: BlockRun) -> None:
        call = block_call_to_proto(run.call(frozenset(self.members) - self.offline))
        for member in sorted(run.asked):
            answer = self.members[member].round1(block_call_from_proto(call), self.world.now)
            run.receive_round1(member, block_round1_from_proto(block_message_to_proto(answer)))
        assert run.close_round1() is not None

    def release(self, run: BlockRun) -> BlockRelease:
        return block_release_from_proto(block_release_to_proto(run.release()))

    def second_round(self, run: BlockRun, members: Sequence[MemberId] = ()) -> None:
        for member in members or sorted(run.missing_round2):
            answer = self.members[member].round2(self.release(run), self.world.now)
            run.receive_round2(member, block_round2_from_proto(block_message_to_proto(answer)))

    def carry(self, terms: JobTerms, block: int) -> BlockRun:
        run = BlockRun(terms, block)
        self.first_round(run)
        self.second_round(run)
        return run

    def conclude(self, job: BuiltJob, run: BlockRun, by: MemberId = "lender-a") -> BlockResult:
        transcript: Transcript = transcript_from_bytes(transcript_to_bytes(run.transcript()))
        return self.requester(by).conclude(job, transcript, vectors(run), self.world.rulebook)

    def ask(self, job: BuiltJob, sealed: dict[int, bytes], by: MemberId = "lender-a") -> list[BlockResult]:
        """A whole job."""
        self.distribute(job, sealed)
        terms = self.terms(job)
        return [self.conclude(job, self.carry(terms, block), by) for block in range(len(job.sealed))]


def vectors(run: BlockRun) -> BlockVectors:
    return BlockVectors(
        {member: one.data for member, one in run.round1.items()},
        {member: one.data for member, one in run.round2.items()},
        run.fixed.left_out if run.fixed else b"",
    )


def keys(count: int, seed: bytes = b"people") -> list[bytes]:
    """Subject keys of made-up people."""
    rng = seeded_rng(seed)
    return [rng(64) for _ in range(count)]


def tag_of(world: World, key: bytes) -> SubjectTag:
    return subject_tag(world.foundation.secrets, SubjectKey(key))


def hold_digits(hub: ListHub, people: list[bytes]) -> dict[bytes, int]:
    """Lender number i holds every (i+1)th person with 100**i, so that sums show who is in them."""
    expected = dict.fromkeys(people, 0)
    for power, member in enumerate(LENDERS):
        for key in people[:: power + 1]:
            hub.hold(member, key, 100**power)
            expected[key] += 100**power
    return expected
