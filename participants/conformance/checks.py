"""
The checks of a conformance run, each against a known answer; a check that fails raises `Failed` with its reason.

They use the node's own code as it is installed here. What they cannot see is another program that answers in its
place: a newcomer that serves without having passed is not on the roster, and nobody asks it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness, transcript_hash
from consortium.labels import Label
from consortium.model.catalogue import Family, Purpose
from consortium.model.identifiers import IdentifierKind, RawIdentifier
from consortium.model.query import SignedQuery, Suite
from consortium.model.rounds import Transcript, digests_by_peer
from consortium.sealing.payload import SubjectTags
from consortium.sums.packing import Layout, Slot
from consortium.sums.reveals import Stated, check_reveal
from consortium.wire.rounds import round1_request_to_bytes
from participants.conformance.circle import Circle
from participants.gateway_client.attach import GRID_SECONDS, on_grid
from participants.lender.ask import ConsentTerms, Question
from participants.lender.normalise import normalise
from participants.lender.reveal import make_reveal, open_record

BALANCE = 123_456
ATTRIBUTES = ("balance", "open_tradelines")
KNOWN = RawIdentifier(IdentifierKind.PHONE, "13912345678", "CN")
UNRELEASED = RawIdentifier(IdentifierKind.PHONE, "13811112222", "CN")
"""Known too, but nothing is ever released about this person, as about the unknown one: ledgers say the same of both."""
UNKNOWN = RawIdentifier(IdentifierKind.PHONE, "13987654321", "CN")
KNOWN_TOKEN = bytes.fromhex("2869c005b6fef18bba1c835aecc33d69e15fb31bb9fde9d73fb7bfa954bbae7a")
TIMED, TIMED_ROUNDS = 12, 4
SLOWEST_SECONDS = 0.5
"""What a call may take at most, on whatever machine a lender brings: a quarter of a gateway's time-out for a round."""

Corpus = tuple[tuple[IdentifierKind, str, str, str | Code], ...]
CORPUS: Corpus = (
    (IdentifierKind.NATIONAL_ID, "CN", " 11010519491231002x ", "11010519491231002X"),
    (IdentifierKind.NATIONAL_ID, "CN", "110105194912310021", Code.IDENTIFIER_CHECKSUM),
    (IdentifierKind.NATIONAL_ID, "BR", "390.533.447-05", "39053344705"),
    (IdentifierKind.NATIONAL_ID, "FR", "2 95 10 99 126 111 93", "295109912611193"),
    (IdentifierKind.NATIONAL_ID, "IN", "2341 2341 2346", "234123412346"),
    (IdentifierKind.NATIONAL_ID, "XX", "1", Code.IDENTIFIER_UNSUPPORTED),
    (IdentifierKind.PHONE, "CN", "138 0013 8000", "+8613800138000"),
    (
        IdentifierKind.PHONE,
        "CN",
        "\uff11\uff13\uff18\uff10\uff10\uff11\uff13\uff18\uff10\uff10\uff10",
        "+8613800138000",
    ),
    (IdentifierKind.PHONE, "GB", "07400 123456", "+447400123456"),
    (IdentifierKind.PHONE, "CN", "12345", Code.IDENTIFIER_MALFORMED),
    (IdentifierKind.EMAIL, "CN", "Jane.Doe@Example.COM", "jane.doe@example.com"),
    (IdentifierKind.EMAIL, "CN", "a@b\u00fccher.de", "a@xn--bcher-kva.de"),
    (IdentifierKind.EMAIL, "CN", "no address", Code.IDENTIFIER_MALFORMED),
)


class Failed(Exception):  # noqa: N818  a finding, not a defect of this program
    """A check that did not give its known answer; the reason holds nothing secret."""


@dataclass(frozen=True)
class Run:
    """What the checks work on; `now` is Unix seconds."""

    circle: Circle
    suite: Suite
    rng: Randomness
    now: int

    def query(self, identifier: RawIdentifier) -> SignedQuery:
        """Build a good query of the first peer."""
        return self._ask(self.circle.asker.subject([identifier]))

    def _ask(self, subject: SubjectTags, attributes: Sequence[str] = ATTRIBUTES, lifetime: int = 60) -> SignedQuery:
        consent = self.circle.asker.consent(subject, _terms(self.now))
        question = Question(Purpose.ORIGINATION, tuple(attributes), self.suite, lifetime)
        return self.circle.asker.ask(subject, question, consent, self.now)

    def round1(self, query: SignedQuery, now: int | None = None) -> bytes:
        """Have the node under test answer a call."""
        node = self.circle.nodes[self.circle.own].contributor
        return node.round1(round1_request_to_bytes(self.circle.call(query)), now or self.now)


def normalisation(_: Run) -> None:
    """Normalise: known identifiers in their canonical form, and known bad ones refused."""
    for number, (kind, country, text, expected) in enumerate(CORPUS, 1):
        try:
            found: str | Code = normalise(RawIdentifier(kind, text, country)).value
        except CreditError as error:
            found = error.code
        if found != expected:
            raise Failed(f"row {number} of the corpus is normalised otherwise")


def subject_keys_and_tags(run: Run) -> None:
    """Tokenise a known identifier under the published key, through two of three holders."""
    subject = run.circle.nodes[run.circle.own].subject([KNOWN])
    key = subject.keys[IdentifierKind.PHONE]
    if (
        key is None
        or transcript_hash(Label.SIGNED_DOCUMENT, key.value, subject.tags[IdentifierKind.PHONE].value) != KNOWN_TOKEN
    ):
        raise Failed("another subject key or tag")


def packing(_: Run) -> None:
    """Pack known values and unpack them again."""
    layout = Layout.build([Slot("a", 1000), Slot("b", 1), Slot("c", 2**40)], 32, 1024)
    values = {"a": 999, "b": 1, "c": 2**40}
    packed = layout.pack(values)
    if packed != 999 | 1 << 16 | 2**40 << 23 or layout.unpack(packed) != values:
        raise Failed("another packed number")
    words = Layout.build([Slot("a", 1000), Slot("b", 1), Slot("c", 2**50)], 32, 128, 64)
    values = {"a": 999, "b": 1, "c": 2**50}
    packed = words.pack(values)
    if packed != 999 | 1 << 16 | 2**50 << 64 or words.unpack(packed) != values:
        raise Failed("another vector of words")


def masked_sum(run: Run) -> None:
    """Carry a whole query: the peers know nobody, so that the total is what the node's book holds."""
    query = run.query(KNOWN)
    result = run.circle.asker.conclude(query, run.circle.ask(query, run.now))
    totals = [attribute.total for attribute in result.attributes]
    if totals != [BALANCE, 1] or result.matched[IdentifierKind.PHONE] != 1:
        raise Failed("the sum is not what the book holds")


def reveal(run: Run) -> None:
    """Open the node's part, which must reproduce its signed messages byte for byte."""
    query = run.query(KNOWN)
    transcript = run.circle.ask(query, run.now)
    ctx, contributor = run.circle.call(query).ctx, run.circle.nodes[run.circle.own].contributor
    exchange = run.circle.answers[run.circle.own].find(ctx)
    if exchange is None:
        raise Failed("the node has no record of its answer")
    secret = contributor.identity.audit_secret
    record = open_record(exchange.reveal, secret, ctx)
    shown = make_reveal(record, secret, ctx, transcript.members, run.circle.own)
    check_reveal(shown, _stated(run, transcript, ctx), run.circle.sums(query))


def answer_times(run: Run) -> None:
    """Time calls."""
    slowest = max(_timed(run, run.query(KNOWN)) for _ in range(TIMED))
    if slowest > SLOWEST_SECONDS:
        raise Failed(f"a call took {slowest * 1000:.0f} ms, at most {SLOWEST_SECONDS * 1000:.0f} are allowed")


def unknown_people(run: Run) -> None:
    """Compare answers about unknown and known people: one size, and one step of the grid on which they leave."""
    sizes = {len(run.round1(run.query(person))) for person in (UNRELEASED, UNKNOWN)}
    if len(sizes) != 1:
        raise Failed("the size of an answer shows whether the person is known")
    if not any(_same_step(run) for _ in range(TIMED_ROUNDS)):
        raise Failed("the time of an answer shows whether the person is known")


def _same_step(run: Run) -> bool:
    """
    Compare quick answers about both, asked in turn; the quickest quarter is what a busy machine spoils least.

    A difference that the program makes is there in every round; one that the machine makes is not.
    """
    pairs = [[_timed(run, run.query(person)) for person in (UNRELEASED, UNKNOWN)] for _ in range(TIMED)]
    known, unknown = (on_grid(sorted(times)[TIMED // 4]) for times in zip(*pairs, strict=True))
    return abs(known - unknown) <= GRID_SECONDS * 1.5


def bad_queries(run: Run) -> None:
    """Try five kinds of bad query: all are refused, each with its code."""
    good = run.query(KNOWN)
    foreign = run.query(UNKNOWN)
    bad = (
        ("a forged signature", replace(good, signature=bytes(64)), None, Code.SIGNATURE_INVALID),
        ("an expired query", good, run.now + 61, Code.QUERY_EXPIRED),
        ("a query from the future", good, run.now - 61, Code.QUERY_NOT_YET_VALID),
        ("an altered payload", _resigned(run, good, payload=foreign.payload), None, Code.PAYLOAD_INVALID),
        ("a wrong envelope", _resigned(run, good, envelope=foreign.envelope), None, Code.ENVELOPE_MISMATCH),
    )
    for name, query, now, code in bad:
        try:
            run.round1(query, now)
        except CreditError as error:
            if error.code is not code:
                raise Failed(f"{name} is refused with {error.code} instead of {code}") from None
        else:
            raise Failed(f"{name} is answered")


CHECKS: tuple[tuple[str, Callable[[Run], None]], ...] = (
    ("normalisation corpus", normalisation),
    ("subject keys and tags", subject_keys_and_tags),
    ("packing", packing),
    ("masked sum", masked_sum),
    ("reveal", reveal),
    ("answer times", answer_times),
    ("unknown people", unknown_people),
    ("bad queries", bad_queries),
)


def _terms(now: int) -> ConsentTerms:
    digest = bytes(32)
    return ConsentTerms(
        Purpose.ORIGINATION, frozenset({Family.EXPOSURE}), now - 60, now + 3600, 1, digest, "en", digest
    )


def _timed(run: Run, query: SignedQuery) -> float:
    start = time.perf_counter()
    run.round1(query)
    return time.perf_counter() - start


def _resigned(run: Run, query: SignedQuery, **changes: bytes) -> SignedQuery:
    """Change parts of a query and sign it again: what a requester that cheats would send."""
    changed = replace(query, **changes)  # type: ignore[arg-type]  # fields of bytes only
    signature = run.circle.asker.requester.identity.signer.sign(Label.SIGNED_QUERY, *changed.signed_fields)
    return replace(changed, signature=signature)


def _stated(run: Run, transcript: Transcript, ctx: bytes) -> Stated:
    roster, own = run.circle.rulebook.roster, run.circle.own
    place = roster.index(own)
    digests = {part.body.contributor: digests_by_peer(part.body, roster) for part in transcript.round1}
    return Stated(
        member=own,
        ctx=ctx,
        answering=transcript.members,
        everybody=True,
        ciphertext=transcript.round1[place].body.ciphertext,
        correction=int.from_bytes(transcript.round2[place].body.correction, "big"),
        commitment=transcript.round1[place].body.commitment,
        own_digests=digests[own],
        peers_digests={peer: digests[peer][own] for peer in roster if peer != own},
        requester_digest=transcript.round1[place].body.requester_digest,
    )
