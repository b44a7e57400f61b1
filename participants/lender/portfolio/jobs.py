"""A job at a contributor: its list as it comes in block by block, and what of it is checked once for all blocks."""

import hmac
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from consortium.bitmaps import bitmap
from consortium.errors import Code, CreditError
from consortium.membership.changeover import generation_before
from consortium.model.blocks import JobBegin, ListState, SealedRows, sealed_digest
from consortium.model.lists import RowList
from consortium.model.members import MemberId
from consortium.model.query import SignedQuery
from consortium.model.rounds import RosterEntry, members_with_keys
from consortium.model.rulebook import Rulebook
from consortium.rules.lists import rows_per_day
from consortium.rules.queries import check_query
from consortium.sealing.rows import (
    PROOF_BYTES,
    ListPayload,
    check_list_digests,
    check_list_envelope,
    list_consent,
    open_rows,
    tags_digest,
)
from consortium.silent import Silent
from consortium.wire.portfolio import job_begin_from_bytes, job_begin_to_bytes
from participants.lender.admit import day_keys
from participants.lender.bulk.ports import TaggedRows
from participants.lender.identity import PairKeys
from participants.lender.ledger import ChangedOver
from participants.lender.portfolio.ledger import ListRows
from participants.lender.portfolio.ports import KnownList, ListAnswerStore, ListAnswerTransaction
from participants.lender.portfolio.rows import ListTags, Octets, tags_from_bytes
from participants.lender.protect import LendersSecrets

SECONDS_PER_DAY = 86_400
MAXIMUM_OPEN = 4


@dataclass(repr=False)
class OpenJob(Silent):
    """
    A job whose header was checked, with the rows that have come; `number` is that of its list once it is accepted.

    `tags` and `proofs` have room for all rows, `sealed` the digest of each block that has come.
    """

    query: SignedQuery
    roster: tuple[RosterEntry, ...]
    payload: ListPayload
    pair_keys: dict[MemberId, bytes]
    tags: Octets
    proofs: Octets
    sealed: list[bytes]
    number: int = 0

    @property
    def rows(self) -> RowList:
        """What the header says of the list."""
        found = self.query.header.rows
        if found is None:
            raise CreditError(Code.MALFORMED, "rows")
        return found

    @property
    def state(self) -> ListState:
        """What has come."""
        return ListState(bitmap(np.array([not one for one in self.sealed], dtype=bool)), self.number > 0)

    def take(self, block: int, sealed: bytes, sealing_key: bytes) -> None:
        """Open a block; raises CreditError(PAYLOAD_INVALID) or (LIST_INVALID)."""
        rows = self.rows.rows_of(block)
        if not rows:
            raise CreditError(Code.LIST_INVALID, "a block that the list has not")
        tags, proofs = open_rows(sealed, len(rows), sealing_key, self.query.header_digest, block)
        self.tags[rows.start : rows.stop] = tags_from_bytes(tags)
        self.proofs[rows.start : rows.stop] = np.frombuffer(proofs, dtype=np.uint8).reshape(-1, PROOF_BYTES)
        self.sealed[block] = sealed_digest(sealed)

    def block(self, block: int) -> tuple[ListRows, TaggedRows]:
        """Give a block's rows for the ledger and for the book; raises CreditError(LIST_INVALID)."""
        rows = self.rows.rows_of(block)
        if not rows:
            raise CreditError(Code.LIST_INVALID, "a block that the list has not")
        span = slice(rows.start, rows.stop)
        tags = self.tags[span]
        return ListRows(self.number, rows, tags), TaggedRows(tags, self.proofs[span], self.query.header_digest)


@dataclass(repr=False)
class Jobs(Silent):
    """The jobs that a contributor takes part in; what it needs to take them up again is in its files."""

    member: MemberId
    secrets: LendersSecrets
    store: ListAnswerStore
    pairs: PairKeys
    changed: ChangedOver | None = None
    _open: OrderedDict[bytes, OpenJob] = field(default_factory=OrderedDict)
    """The few that were used last; each has 64 bytes a row."""

    def begin(self, begin: JobBegin, rulebook: Rulebook, now: int) -> ListState:
        """
        Begin a job or go on with it; once no block is missing the list is checked as a whole and accepted.

        Raises what `check_query` raises; ROSTER_MISMATCH, RULEBOOK_MISMATCH, EARLIER_TAGS_MISSING, PAYLOAD_INVALID;
        and for the whole list LIST_INVALID, ENVELOPE_MISMATCH, CONSENT_FOREIGN, LIST_OVERLAPS, QUOTA_EXCEEDED.
        """
        known = self._open.get(begin.query.digest)
        job = known or self._opened(begin, rulebook, now)
        if known is None:
            self.store.lists.keep_begin(begin.query.digest, job_begin_to_bytes(JobBegin(begin.query, begin.roster)))
            self._open[begin.query.digest] = job
            while len(self._open) > MAXIMUM_OPEN:
                self._open.popitem(last=False)
        elif known.roster != begin.roster:
            raise CreditError(Code.ROSTER_MISMATCH, "the job began with another roster")
        if not job.number and all(job.sealed):
            job.number = self._accept(job, rulebook, now)
        return job.state

    def take(self, rows: SealedRows, rulebook: Rulebook, now: int) -> ListState:
        """Take a block of a job that has begun; raises JOB_UNKNOWN, PAYLOAD_INVALID or LIST_INVALID."""
        job = self._known(rows.job, rulebook, now)
        if not job.number:
            job.take(rows.block, rows.sealed, self.secrets.sealing_key)
            self.store.lists.keep_sealed(rows.job, rows.block, rows.sealed)
        return job.state

    def find(self, digest: bytes, rulebook: Rulebook, now: int) -> OpenJob:
        """Give an accepted job; raises JOB_UNKNOWN."""
        job = self._known(digest, rulebook, now)
        if not job.number:
            raise CreditError(Code.JOB_UNKNOWN, "its list has not come whole")
        return job

    def _known(self, digest: bytes, rulebook: Rulebook, now: int) -> OpenJob:
        """Give a job that has begun, from its files where this node was restarted or has let go of it."""
        if digest not in self._open:
            raw = self.store.lists.begin(digest)
            if raw is None:
                raise CreditError(Code.JOB_UNKNOWN)
            self.begin(job_begin_from_bytes(raw), rulebook, now)
        self._open.move_to_end(digest)
        return self._open[digest]

    def _opened(self, begin: JobBegin, rulebook: Rulebook, now: int) -> OpenJob:
        query = begin.query
        check_query(query, rulebook, now)
        _check_roster(begin, rulebook)
        if (self.secrets.generation, self.secrets.epoch) != (rulebook.document.oprf.generation, query.header.epoch):
            raise CreditError(Code.RULEBOOK_MISMATCH, "this lender has the secrets of another generation or epoch")
        late = self.changed is not None and self.changed.holds(rulebook, now)
        if late or generation_before(rulebook.document, query.header.issued_at) is not None:
            raise CreditError(Code.EARLIER_TAGS_MISSING, "lists wait until the ledger has no tags of the one before")
        payload = ListPayload.unseal(query.payload, self.secrets.sealing_key, query.header_digest)
        keys = day_keys(begin.roster, self.member, rulebook, self.pairs, query.header.issued_at)
        rows = query.header.rows
        count, blocks = (rows.rows, rows.blocks) if rows else (0, 0)
        octets = np.zeros((2, count, 32), dtype=np.uint8)
        job = OpenJob(query, begin.roster, payload, keys, octets[0], octets[1], [b""] * blocks)
        self._read_kept(job)
        return job

    def _read_kept(self, job: OpenJob) -> None:
        """Take up the blocks that came before a restart; a torn one is asked for again."""
        for block in self.store.lists.blocks(job.query.digest):
            try:
                job.take(block, self.store.lists.sealed(job.query.digest, block), self.secrets.sealing_key)
            except CreditError:
                continue

    def _accept(self, job: OpenJob, rulebook: Rulebook, now: int) -> int:
        query, header = job.query, job.query.header
        digest = tags_digest(job.tags.tobytes())
        check_list_digests(job.payload, job.rows, header.nonce, digest, job.sealed)
        digests, claimed = (digest, header.consent_digest), (query.envelope, query.tags_commitment)
        check_list_envelope(job.payload, rulebook.regulator.hpke_key, query.header_digest, digests, claimed)
        _check_subjects(job, digest)
        return self._register(job, digest, ListTags.of(job.tags), rulebook, now)

    def _register(self, job: OpenJob, digest: bytes, tags: ListTags, rulebook: Rulebook, now: int) -> int:
        """
        Note the list unless it overlaps an earlier one of its requester; what is known is looked at twice.

        Its tags are there when it is: whatever a node forgets meanwhile, a list without tags would stop every query.
        """
        requester, since = job.query.header.requester, now - rulebook.policy.ledger_window + 1
        checked: set[bytes] = {digest}

        def others(store: ListAnswerTransaction) -> list[KnownList]:
            return [one for one in store.lists.known(since) if one.requester == requester and one.digest not in checked]

        with self.store.transaction() as store:
            open_ones = others(store)
        while True:
            self._check_disjoint(tags, open_ones)
            checked |= {one.digest for one in open_ones}
            self.store.lists.keep_tags(digest, tags)
            with self.store.transaction() as store:
                open_ones = others(store)
                if not open_ones and self.store.lists.has_tags(digest):
                    _check_rows(store, job, rulebook, now)
                    return store.lists.accept(job.query.digest, digest, requester, len(tags), now)

    def _check_disjoint(self, tags: ListTags, others: list[KnownList]) -> None:
        for one in others:
            if self.store.lists.tags(one.digest).shares(tags):
                raise CreditError(Code.LIST_OVERLAPS, f"{one.rows} rows in the other list, {len(tags)} in this one")


def _check_roster(begin: JobBegin, rulebook: Rulebook) -> None:
    if tuple(entry.member for entry in begin.roster) != rulebook.roster:
        raise CreditError(Code.ROSTER_MISMATCH, "the roster is not the rulebook's")
    shown = [entry.mask_key.key for entry in begin.roster if entry.mask_key]
    if len(set(shown)) != len(members_with_keys(begin.roster)):
        raise CreditError(Code.ROSTER_MISMATCH, "two members show one mask key")


def _check_subjects(job: OpenJob, digest: bytes) -> None:
    consent = job.query.consent
    if consent is None:
        return
    if not hmac.compare_digest(list_consent(job.payload.opening, digest), consent.record.subject_commitment):
        raise CreditError(Code.CONSENT_FOREIGN)


def _check_rows(store: ListAnswerTransaction, job: OpenJob, rulebook: Rulebook, now: int) -> None:
    limit, day = rows_per_day(rulebook.policy), now - now % SECONDS_PER_DAY
    used = store.lists.rows_since(job.query.header.requester, day, job.query.digest)
    if used + job.rows.rows > limit:
        raise CreditError(Code.QUOTA_EXCEEDED, f"{limit} rows a day")
