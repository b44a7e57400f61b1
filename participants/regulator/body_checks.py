"""
What lies beside the entries, held to them: digests, signatures and products; and what is missing, lawfully or not.

Bodies come in the order of their entries. Memory holds open queries, and the indices of bodies whose erasure is still
to be explained by an entry.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.model.bodies import BodyAction, BodyOrder, EntryBody, check_order
from consortium.model.query import NO_CONSENT, SignedQuery
from consortium.model.receipts import Receipt, Subject, check_receipt
from consortium.model.rounds import Round1Body, Round2Body, Signed, Transcript, exchange_ctx
from consortium.model.rulebook import Member, Role, Rulebook
from consortium.model.signing import verify_signature
from consortium.rules.queries import check_permitted, check_query_key
from consortium.rules.tallies import check_total, sums_of
from consortium.rules.travel import check_travel
from consortium.sums.paillier import PublicKey, public_key_from_bytes
from consortium.sums.profiles import Profile
from consortium.transparency.outcomes import OpenAdmissions, is_unused
from consortium.transparency.portfolio_kinds import ADMITTED, BLOCK, ENDED
from consortium.wire.bodies import StoredBody, entry_body_from_bytes
from consortium.wire.rounds import transcript_to_bytes
from participants.regulator.counters import ConsentUses
from participants.regulator.verdict import Verdict

Entry = Mapping[str, Any]

BODIES = "bodies"
EXCHANGES = "exchanges"
"""What bodies say that digests in the lines bind, byte for byte: nobody but the gateway can have changed it."""
ERASURES = "erasures"
CONSENTS = "consent records"
QUERY_KINDS = frozenset({"query-admitted", "query-answered", "query-refused", ADMITTED, BLOCK})
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class _Open:
    """An admitted query whose body was verified."""

    query: SignedQuery
    rulebook: Rulebook
    roster: tuple[str, ...]
    index: int


@dataclass
class BodyChecks:
    """Checks bodies beside entries that begin at `first`; `rulebooks` are trusted, by their digests in hexadecimal."""

    verdict: Verdict
    rulebooks: Mapping[str, Rulebook]
    bodies: Iterator[StoredBody]
    first: int
    verified: int = 0
    erased: int = 0
    unpaired: int = 0
    _next: StoredBody | None = None
    _last: int = -1
    _open: OpenAdmissions[_Open] = field(default_factory=OpenAdmissions)
    _jobs: dict[int, _Open] = field(default_factory=dict)
    """Admitted jobs over lists, by their admissions."""
    _uses: ConsentUses = field(default_factory=ConsentUses)
    _times: dict[int, int] = field(default_factory=dict)
    _unexplained: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._advance()

    def take(self, entry: Entry, leaf: bytes) -> None:
        """Check the next entry against its body, whose place is here or nowhere."""
        index: int = entry["index"]
        if self._next is not None and self._next.index < index:
            self.verdict.fail(BODIES, f"a body of {self._next.index}, which is no entry here, or out of order")
            self._skip_to(index)
        body = self._next if self._next is not None and self._next.index == index else None
        if body is not None:
            self._advance()
        if entry["kind"] in QUERY_KINDS:
            self._take_query(entry, leaf, body)
        elif entry["kind"] == ENDED:
            self._jobs.pop(entry["admission"], None)
        elif body is not None:
            self.verdict.fail(BODIES, f"entry {index}: a body beside an entry that has none")
        elif entry["kind"] == "query-abandoned":
            self._open.end(entry)
        else:
            self._take_erasure(entry)

    def finish(self, end: int) -> None:
        """Give the three counts, and what no entry explains; `end` is the export's."""
        if self._next is not None:
            self.verdict.fail(BODIES, f"a body of {self._next.index}, which is no entry here")
        later = sum(by >= end for by in self._unexplained.values())
        for index, by in self._unexplained.items():
            if by < end:
                self.verdict.fail(ERASURES, f"entry {index}: erased, and entry {by} does not say so")
        if later:
            self.verdict.undecided(ERASURES, f"{later} bodies were erased by entries after this export")
        if not self.verdict.failed(CONSENTS):
            self.verdict.complete(CONSENTS, "none was used more often than it says, as far as this range shows")
        if not any(self.verdict.failed(part) for part in (BODIES, EXCHANGES, ERASURES)):
            text = f"{self.verified:,} verified by digest, signatures and product; {self.erased:,} lawfully erased"
            before = f"; {self.unpaired:,} answers to queries from before the range or erased: without product"
            self.verdict.complete(BODIES, f"{text}; none missing{before if self.unpaired else ''}")

    def _advance(self) -> None:
        self._next = next(self.bodies, None)
        if self._next is not None and self._next.index <= self._last:
            raise CreditError(Code.EXPORT_INVALID, "bodies out of order")
        self._last = self._next.index if self._next else self._last

    def _skip_to(self, index: int) -> None:
        while self._next is not None and self._next.index < index:
            self._advance()

    def _take_query(self, entry: Entry, leaf: bytes, body: StoredBody | None) -> None:
        index: int = entry["index"]
        ended = self._open.end(entry) if entry["kind"] in ("query-answered", "query-refused") else None
        ended = self._jobs.get(entry["admission"]) if entry["kind"] == BLOCK else ended
        if body is None:
            self.verdict.fail(BODIES, f"entry {index}: its body is missing", index)
        elif body.erased_by is not None:
            self._unexplained[index], self._times[index] = body.erased_by, entry["time_ms"]
        else:
            self._check(entry, leaf, body.content, ended)

    def _check(self, entry: Entry, leaf: bytes, content: bytes, ended: _Open | None) -> None:
        index, admitted = entry["index"], (ended.index,) if ended else ()
        try:
            body = entry_body_from_bytes(content)
            match entry["kind"]:
                case "query-admitted":
                    self._admitted(entry, body)
                case "query-answered":
                    self._answered(entry, body, leaf, ended)
                case kind if kind == ADMITTED:
                    self._admitted(entry, body)
                case kind if kind == BLOCK:
                    self._answered(entry, body, leaf, ended)
                case _:
                    self._refused(entry, body, content, ended)
        except BoundError as error:
            self.verdict.fail(EXCHANGES, f"entry {index}: {error.code}: {error.cause}", *admitted, index)
        except CreditError as error:
            self.verdict.fail(BODIES, f"entry {index}: {error.code}: {error.cause}", *admitted, index)
        else:
            self.verified += 1

    def _admitted(self, entry: Entry, body: EntryBody) -> None:
        rulebook, query = self._named(entry), body.query
        if query is None or query.digest.hex() != entry["query"]:
            raise _wrong("another query, or none")
        with bound():
            check_named(entry, query)
            check_requester(query, rulebook)
        check_attached(query, rulebook)
        check_travel(query, rulebook.active_member(query.header.requester), rulebook)
        with bound():
            check_permitted(query, rulebook)
        if query.consent and self._uses.take(query.consent.digest, query.digest) > query.consent.record.maximum_uses:
            self.verdict.fail(CONSENTS, f"entry {entry['index']}: more queries than its consent record allows")
        admitted = _Open(query, rulebook, tuple(entry["roster"]), entry["index"])
        if entry["kind"] == ADMITTED:
            check_list_named(entry, query)
            self._jobs[entry["index"]] = admitted
        else:
            self._open.admit(entry, admitted)

    def _refused(self, entry: Entry, body: EntryBody, content: bytes, admitted: _Open | None) -> None:
        if entry.get("body") not in (None, _body(content)):
            raise _wrong("another body than was kept with the refusal")
        if body.query is not None and body.query.digest.hex() != entry["query"]:
            raise _wrong("another query")
        if admitted is not None and admitted.query.consent is not None and _is_unused(entry):
            self._uses.give_back(admitted.query.consent.digest, admitted.query.digest)
        self._by_one_rulebook(admitted, lambda rulebook: _check_messages(entry, body, rulebook, None))

    def _answered(self, entry: Entry, body: EntryBody, leaf: bytes, admitted: _Open | None) -> None:
        if _body(body.product) != entry["product"]:
            raise _wrong("another product")
        transcript = _transcript(entry, body)
        raw = transcript_to_bytes(transcript)
        if _body(raw) != entry["transcript"]:
            raise _wrong("another transcript")
        receipt = Receipt(entry["index"], leaf, entry["time_ms"], body.receipt)
        subject = Subject(bytes.fromhex(entry["query"]), raw)

        def check(rulebook: Rulebook) -> None:
            _check_messages(entry, body, rulebook, bytes.fromhex(entry["ctx"]))

        self._by_one_rulebook(admitted, check)
        if admitted is None:
            self.unpaired += 1
        else:
            with bound():
                _check_exchange(entry, body, admitted)
                if entry["kind"] == BLOCK:
                    check_block(entry, transcript)  # its vectors are nobody's but the requester's
                else:
                    check_product(transcript, admitted.query, admitted.rulebook)
        self._by_one_rulebook(
            admitted, lambda rulebook: check_receipt(receipt, _gateway(rulebook).identity_key, subject)
        )

    def _by_one_rulebook(self, admitted: _Open | None, check: Callable[[Rulebook], None]) -> None:
        """Check by the admission's rulebook; where the admission is not here, by any of the chain, the newest first."""
        if admitted:
            return check(admitted.rulebook)
        failed = _wrong("no rulebook is trusted here")
        for rulebook in [*self.rulebooks.values()][::-1]:
            try:
                return check(rulebook)
            except CreditError as error:
                failed = CreditError(error.code, error.cause)  # whose keys hold here, the line alone does not say
        raise failed

    def _take_erasure(self, entry: Entry) -> None:
        """Let an entry explain what was erased before it; raises nothing: what it does not explain stays."""
        if entry["kind"] not in ("bodies-ordered", "bodies-expired"):
            return
        try:
            self._check_erasure(entry)
        except CreditError as error:
            self.verdict.fail(ERASURES, f"entry {entry['index']}: {error.code}: {error.cause}")
            return
        if entry["kind"] == "bodies-ordered" and entry["action"] != BodyAction.ERASE:
            return
        for index in entry["entries"]:
            if self._unexplained.get(index) == entry["index"]:
                del self._unexplained[index], self._times[index]
                self.erased += 1

    def _check_erasure(self, entry: Entry) -> None:
        if entry["kind"] == "bodies-ordered":
            rulebook = self._named(entry)
            action, entries = BodyAction(entry["action"]), tuple(entry["entries"])
            order = BodyOrder(rulebook.document.consortium, action, entries, entry["reason"], entry["issued_at"])
            given = {one["member"]: bytes.fromhex(one["signature"]) for one in entry["signatures"]}
            check_order(order, given, rulebook)
            return
        if self._named(entry).policy.retention_days != entry["retention_days"]:
            raise _wrong("another retention period than the rulebook's")
        before = entry["time_ms"] - entry["retention_days"] * DAY_MS
        if any(self._times.get(index, 0) > before for index in entry["entries"]):
            raise _wrong("erased before the retention period was over")

    def _named(self, entry: Entry) -> Rulebook:
        rulebook = self.rulebooks.get(entry["rulebook"])
        if rulebook is None:
            raise _wrong("under a rulebook that is not in the chain")
        return rulebook


def _is_unused(entry: Entry) -> bool:
    """Say whether a refused query was no use of its consent record."""
    return is_unused(entry["decision"], released=any(one["round2"] for one in entry["contributions"]))


def check_named(entry: Entry, query: SignedQuery) -> None:
    """Raise CreditError(EXPORT_INVALID) unless an admission's entry says what the query says."""
    header = query.header
    said = {
        "query": query.digest.hex(),
        "requester": header.requester,
        "purpose": header.purpose.value,
        "attributes": [*header.attributes],
        "suite": header.suite.name,
        "consent": header.consent_digest.hex(),
        "staff": header.staff_commitment.hex(),
        "issued_at": header.issued_at,
        "expires_at": header.expires_at,
        "rulebook": header.rulebook_digest.hex(),
        "tags": query.tags_commitment.hex(),
        "payload": _body(query.payload),
        "envelope": _body(query.envelope),
    }
    for name, value in said.items():
        if entry[name] != value:
            raise _wrong(f"{name} is not the query's")


def check_list_named(entry: Entry, query: SignedQuery) -> None:
    """Raise CreditError(EXPORT_INVALID) unless a job's admission says of the list what the query says."""
    rows = query.header.rows
    if rows is None or (rows.digest.hex(), rows.rows, rows.rows_per_block) != (
        entry["list"],
        entry["rows"],
        entry["rows_per_block"],
    ):
        raise _wrong("another list than the query's")


def check_block(entry: Entry, transcript: Transcript) -> None:
    """Raise CreditError(EXPORT_INVALID) unless a block's messages are of this block, and leave the same rows out."""
    if transcript.block != entry["block"]:
        raise _wrong("another block")
    left_out = {second.body.left_out for second in transcript.round2}
    if len(left_out) != 1 or (left_out == {b""}) != (entry["left_out"] == 0):
        raise _wrong("other rows left out")


class BoundError(CreditError):
    """A contradiction between a line and what its digests bind."""


@contextmanager
def bound() -> Iterator[None]:
    """Say of whatever does not hold in here that the line itself binds it."""
    try:
        yield
    except CreditError as error:
        raise BoundError(error.code, error.cause) from error


def check_requester(query: SignedQuery, rulebook: Rulebook) -> None:
    """Raise unless the requester signed the query."""
    requester = rulebook.active_member(query.header.requester)
    verify_signature(requester.identity_key, query.signature, Label.SIGNED_QUERY, *query.signed_fields)


def check_attached(query: SignedQuery, rulebook: Rulebook) -> None:
    """Raise unless query key's certificate and consent record are those of the header and carry their signatures."""
    header = query.header
    requester = rulebook.active_member(header.requester)
    if query.query_key.digest != header.query_key_digest:
        raise _wrong("another query key")
    check_query_key(query, requester)
    if query.consent is None:
        if header.consent_digest != NO_CONSENT:
            raise _wrong("no consent record")
        return
    if query.consent.digest != header.consent_digest:
        raise _wrong("another consent record")
    controller = rulebook.active_member(query.consent.record.controller)
    verify_signature(controller.identity_key, query.consent.signature, Label.CONSENT, query.consent.raw)


def check_product(transcript: Transcript, query: SignedQuery, rulebook: Rulebook) -> None:
    """
    Raise CreditError(EXPORT_INVALID) unless contributions and corrections add up to the product.

    Raises PUBLIC_KEY_WEAK for the requester's Paillier key, CIPHERTEXT_INVALID or MALFORMED for a contribution.
    """
    try:
        check_total(query, transcript, sums_of(query, rulebook, _public_key))
    except CreditError as error:
        if error.code is not Code.TRANSCRIPT_INVALID:
            raise
        raise _wrong(error.cause) from error


@lru_cache(maxsize=256)
def _public_key(modulus: bytes, profile: Profile) -> PublicKey:
    """Check a key once; it serves many queries."""
    return public_key_from_bytes(modulus, profile)


def _check_messages(entry: Entry, body: EntryBody, rulebook: Rulebook, ctx: bytes | None) -> None:
    """Hold every message to its digest, counter, author's signature and exchange; there are none but those named."""
    for name, label, messages in (("round1", Label.ROUND1, body.round1), ("round2", Label.ROUND2, body.round2)):
        named = {one["member"]: one[name] for one in entry["contributions"] if one[name]}
        if [signed.body.contributor for signed in messages] != sorted(named):
            raise _wrong(f"messages of {name} are missing, or there are others")
        for signed in messages:
            _check_message(signed, label, named[signed.body.contributor], rulebook)
            with bound():
                if ctx is not None and signed.body.ctx != ctx:
                    raise _wrong("a message of another exchange")


def _check_message(
    signed: Signed[Round1Body] | Signed[Round2Body], label: Label, named: Entry, rulebook: Rulebook
) -> None:
    member = rulebook.members.get(signed.body.contributor)
    if member is None:
        raise _wrong("a contributor that the rulebook has not")
    if transcript_hash(label, signed.raw, signed.signature).hex() != named["digest"]:
        raise _wrong("another message")
    opening = signed.opening
    if opening is None or opening.digest != signed.body.opening_digest:
        raise _wrong("another opening than the one that was signed")
    with bound():
        if opening.counter != named["counter"]:
            raise _wrong("another message number than the one that was signed")
        verify_signature(member.identity_key, signed.signature, label, signed.raw)


def _gateway(rulebook: Rulebook) -> Member:
    gateway = next((one for one in rulebook.members.values() if one.role is Role.GATEWAY), None)
    if gateway is None:
        raise _wrong("no gateway in the rulebook")
    return gateway


def _check_exchange(entry: Entry, body: EntryBody, admitted: _Open) -> None:
    if tuple(one.member for one in body.roster) != admitted.roster:
        raise _wrong("another roster than at the admission")
    intended = frozenset(entry["intended"])
    rows = bytes.fromhex(entry.get("rows", "")) if entry["kind"] == BLOCK else b""
    ctx = exchange_ctx(admitted.query, body.roster, entry["attempt"], intended, body.block, rows)
    if ctx.hex() != entry["ctx"]:
        raise _wrong("another exchange")


def _transcript(entry: Entry, body: EntryBody) -> Transcript:
    """Build what the requester was sent: the messages of U, without their openings."""
    answering = frozenset(entry["answering"])
    if any(signed.body.members != answering for signed in body.round2):
        raise _wrong("a correction for another answering set")
    return Transcript(
        roster=body.roster,
        attempt=entry["attempt"],
        intended=frozenset(entry["intended"]),
        members=answering,
        block=body.block,
        round1=tuple(signed for signed in body.round1 if signed.body.contributor in answering),
        round2=tuple(signed for signed in body.round2 if signed.body.contributor in answering),
        product=body.product,
    )


def _body(body: bytes) -> str:
    return transcript_hash(Label.BODY, body).hex()


def _wrong(cause: str) -> CreditError:
    return CreditError(Code.EXPORT_INVALID, cause)
