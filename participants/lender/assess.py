"""
Assess: from an application for credit to a hint with reasons.

In this order: the application is noted; unless in shadow, the own inquiry and the promised amount are durable in the
own book before the query goes out, so that of two simultaneous applications at least one sees the other; the query;
the rules; the record of the decision. A repeat gives the same record, or asks again where there was no answer.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypedDict, TypeVar
from weakref import WeakValueDictionary

from consortium.errors import Code, CreditError
from consortium.hashing import keyed_hash, transcript_hash, uint
from consortium.labels import Label
from consortium.model.catalogue import MONTHS_ON_FILE_BUCKETS, Attribute, Family, Purpose
from consortium.model.identifiers import IdentifierKind, RawIdentifier
from consortium.model.query import Suite
from consortium.model.rulebook import Rulebook
from consortium.model.scorecard import CardRole
from consortium.model.signal_policy import SCORE, Hint, Reason, SignalPolicy, Situation
from consortium.rules.contributions import do_fit
from consortium.rules.queries import check_attribute
from consortium.scoring.score import Score, ScoreStatus
from consortium.signals.evaluate import Findings, View, apply_rules, worst
from consortium.silent import Silent
from participants.failpoints import failpoint
from participants.lender.ask import AttributeResult, ConsentTerms, QueryResult, Question, ValueStatus
from participants.lender.assessment import (
    Alone,
    Assessment,
    EntryReceipt,
    Given,
    HintWord,
    Match,
    MatchLevel,
    Scored,
    Told,
    Travelled,
    Value,
    Versions,
    hint_name,
)
from participants.lender.questions import Asker, LocalAnswer, LocalQuery
from participants.lender.scoring import card_attributes, own_score, score_all
from participants.lender.travel import TravelQuestion, TravelVerdict, check_question

DEFAULT_HOLD_SECONDS = 86_400
TOO_FEW = frozenset({Code.TOO_FEW_CONTRIBUTORS, Code.DIFFERENCING})
UNAVAILABLE = frozenset(
    {Code.UNREACHABLE, Code.NOT_ATTACHED, Code.DEADLINE, Code.OVERLOADED, Code.DRAINING, Code.QUERY_EXPIRED}
    | {Code.TOO_FEW_HOLDERS, Code.RULEBOOK_MISMATCH, Code.INTERNAL, Code.QUERY_NOT_YET_VALID}
    | {Code.STORAGE_FULL, Code.STORAGE_BUSY, Code.RESTORED_FROM_BACKUP, Code.BOOK_BEHIND, Code.EARLIER_TAGS_MISSING}
)
"""What operators mend, here or elsewhere: whoever asks about somebody can only ask again."""
UNREADABLE = frozenset(
    {Code.SUM_INVALID, Code.CIPHERTEXT_INVALID, Code.TRANSCRIPT_INVALID, Code.SIGNATURE_INVALID}
    | {Code.PAIR_MISMATCH, Code.ROSTER_MISMATCH}
)
SCORE_REASONS = 4
TRAVEL_REASON = Reason(
    code="IMPOSSIBLE_TRAVEL",
    family=Family.LOCATION,
    officer="the person was seen elsewhere too shortly before to be here",
    applicant="The place of this application does not fit to where your accounts were used shortly before.",
)
NO_MATCH = Match(level="NONE")
_LEVELS: tuple[tuple[IdentifierKind, MatchLevel], ...] = (
    (IdentifierKind.NATIONAL_ID, "NATIONAL_ID"),
    (IdentifierKind.PHONE, "PHONE"),
    (IdentifierKind.EMAIL, "EMAIL"),
)
_KNOWN: dict[Situation | None, ValueStatus] = {
    Situation.NO_HIT: ValueStatus.NO_HIT,
    Situation.THIN_FILE: ValueStatus.THIN,
}
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True, repr=False)
class Application(Silent):
    """
    What is asked of `Assess`.

    `amount` (minor units) is what was applied for, `hold_seconds` how long it counts as promised. Fewer than
    `min_answered` answers are too few; `deadline` are the seconds the query may live. `content` is the request's own
    bytes, by which a repeat is known. It is asked in `suite`, or in the rulebook's first.
    """

    request_id: bytes
    identifiers: tuple[RawIdentifier, ...]
    purpose: Purpose
    consent: ConsentTerms | None
    staff_id: str
    content: bytes
    amount: int | None = None
    min_answered: int = 0
    deadline: int = 60
    hold_seconds: int = DEFAULT_HOLD_SECONDS
    shadow: bool = False
    incumbent: HintWord | None = None
    travel: TravelQuestion | None = None
    suite: Suite | None = None

    def suite_in(self, rulebook: Rulebook) -> Suite:
        """Give the suite that it is asked in."""
        return self.suite or rulebook.policy.suites[0]


@dataclass(frozen=True, slots=True, repr=False)
class Noted(Silent):
    """An application that was noted: since when, how often it was tried, and the assessment if one is final."""

    begun: int
    attempts: int
    final: Assessment | None


class Assessments(Protocol):
    """The lender's durable memory of its assessments."""

    def begin(self, request_id: bytes, digest: bytes, now: int) -> Noted:
        """Note an application durably; raises CreditError(REQUEST_ID_REUSED) where the id is another's."""
        ...

    def keep(self, assessment: Assessment) -> None:
        """Keep an assessment durably."""
        ...


class OwnBook(Protocol):
    """What an application leaves in the lender's own book; both methods are safe to repeat."""

    def register(self, application: Application, begun: int) -> str:
        """
        Put in the inquiry made at `begun` and the promised amount, durably; gives the grant's id, "" without one.

        The amount counts from now on for `hold_seconds`, unless it counts already.
        """
        ...

    def withdraw(self, application: Application, pending_id: str) -> None:
        """Release a promised amount that no query went out for."""
        ...


@dataclass
class Assessor:
    """The use-case with its ports."""

    asker: Asker
    records: Assessments
    book: OwnBook
    _locks: WeakValueDictionary[bytes, asyncio.Lock] = field(default_factory=WeakValueDictionary, init=False)

    async def assess(self, application: Application) -> Assessment:
        """
        Assess an application; of two calls with one request id the second waits for the first.

        Raises CreditError for what the caller has to mend (identifiers, consent, permission, quota), and
        (RULEBOOK_MISMATCH) where the rulebook has no signal policy. Whatever else keeps an answer away becomes the
        fallback table's line.
        """
        async with self._locks.setdefault(application.request_id, asyncio.Lock()):
            while True:
                rulebook = self.asker.node.contributor.rulebook()
                try:
                    return await self._assess(application, rulebook)
                except CreditError:
                    if rulebook.digest == self.asker.node.contributor.rulebook().digest:
                        raise  # otherwise it may have been made for a version that is not in force any more

    async def _assess(self, application: Application, rulebook: Rulebook) -> Assessment:
        asker = self.asker
        policy = policy_of(rulebook)
        secret = asker.node.requester.identity.audit_secret.value
        digest = keyed_hash(secret, Label.ASSESSMENT, application.content)
        noted = await self._off_loop(partial(self.records.begin, application.request_id, digest, asker.clock()))
        if noted.final is not None:
            return noted.final
        failpoint("assessor.noted")
        now = asker.clock()
        wanted = policy.attributes(application.purpose, noted.begun)
        allowed, denied = sorted_out(rulebook, asker.node.requester.identity.member, application, wanted)
        check_beforehand(application, rulebook, now)
        allowed = self._with_cards(rulebook, application, allowed, now)
        pending = await self._registered(application, noted)
        failpoint("assessor.registered")
        made = _Making(application, rulebook, policy, denied, noted, pending, now)
        answer: LocalAnswer | None = None
        try:
            answer = await self._answer(application, allowed, noted.attempts)
            assessment = made.from_answer(answer)
        except CreditError as error:
            if answer is not None:  # its points contradict each other, and whoever decrypted it could not tell
                await self._off_loop(partial(asker.note_unusable, answer.query, error))
            if situation_of(error.code) is None and pending:
                await self._off_loop(partial(self.book.withdraw, application, pending))
            assessment = made.without_answer(error)
        failpoint("assessor.before-keep")
        await self._off_loop(partial(self.records.keep, assessment))
        return assessment

    def _with_cards(
        self, rulebook: Rulebook, application: Application, names: tuple[str, ...], at: int
    ) -> tuple[str, ...]:
        """Add what the cards in effect need, the champion first, as far as it is allowed and fits one query."""
        member, suite = self.asker.node.requester.identity.member, application.suite_in(rulebook)
        for card in rulebook.scorecards_at(at):
            more, denied = permitted(rulebook, member, application, card_attributes(card))
            both = tuple(dict.fromkeys((*names, *more)))
            if not denied and do_fit(both, suite, rulebook):
                names = both
        return names

    async def _answer(self, application: Application, attributes: tuple[str, ...], attempts: int) -> LocalAnswer:
        """Ask; where the query of an earlier attempt has expired without an answer, by a new one."""
        suite = application.suite_in(self.asker.node.contributor.rulebook())
        travel = application.travel
        question = Question(application.purpose, attributes, suite, application.deadline, travel=travel)
        for number in range(attempts):
            try:
                return await self.asker.ask(_query(application, question, number))
            except CreditError as error:
                if error.code is not Code.QUERY_EXPIRED:
                    raise
        return await self.asker.ask(_query(application, question, attempts))

    async def _registered(self, application: Application, noted: Noted) -> str:
        """Put inquiry and promised amount into the own book, for new credit only."""
        if application.shadow or application.purpose is not Purpose.ORIGINATION:
            return ""
        return await self._off_loop(partial(self.book.register, application, noted.begun))

    async def _off_loop(self, work: Callable[[], ResultT]) -> ResultT:
        return await asyncio.get_running_loop().run_in_executor(self.asker.workers, work)


def policy_of(rulebook: Rulebook) -> SignalPolicy:
    """Give the signal policy in force; raises CreditError(RULEBOOK_MISMATCH) where there is none."""
    if rulebook.document.signals is None:
        raise CreditError(Code.RULEBOOK_MISMATCH, "it has no section `signals`: an approver proposes one")
    return rulebook.document.signals


def sorted_out(
    rulebook: Rulebook, member: str, application: Application, wanted: Iterable[str]
) -> tuple[tuple[str, ...], tuple[Attribute, ...]]:
    """Divide attributes as `permitted`; raises CreditError(FAMILY_NOT_ALLOWED) where none may be asked for."""
    allowed, denied = permitted(rulebook, member, application, wanted)
    if not allowed:
        raise CreditError(Code.FAMILY_NOT_ALLOWED, "purpose, consent and profile leave nothing to ask for")
    return allowed, denied


def check_beforehand(application: Application, rulebook: Rulebook, now: int) -> None:
    """
    Raise what everybody would refuse the query for, before an inquiry that cannot be taken back is in the own book.

    CONSENT_MISSING, CONSENT_EXPIRED, CONSENT_MISMATCH, or what `check_question` raises for a travel check.
    """
    consent, rule = application.consent, rulebook.purposes.get(application.purpose)
    if consent is None and rule is not None and rule.consent_required:
        raise CreditError(Code.CONSENT_MISSING, f"{application.purpose}")
    if consent is not None and not consent.issued_at <= now < consent.expires_at:
        raise CreditError(Code.CONSENT_EXPIRED)
    if application.travel is None:
        return
    check_question(application.travel, rulebook, now)
    if consent is not None and Family.LOCATION not in consent.families:
        raise CreditError(Code.CONSENT_MISMATCH, f"does not cover {Family.LOCATION}")


def permitted(
    rulebook: Rulebook, member: str, application: Application, wanted: Iterable[str]
) -> tuple[tuple[str, ...], tuple[Attribute, ...]]:
    """Give the attributes that may be asked for, and those that purpose, profile, consent or tier do not allow."""
    requester, families = rulebook.active_member(member), set(rulebook.policy.families)
    if application.consent is not None:
        families &= application.consent.families
    allowed, denied = list[str](), list[Attribute]()
    for attribute in (rulebook.attributes[name] for name in wanted):
        try:
            check_attribute(attribute, application.purpose, requester, families)
            allowed.append(attribute.id)
        except CreditError:
            denied.append(attribute)
    return tuple(allowed), tuple(denied)


def _query(application: Application, question: Question, number: int) -> LocalQuery:
    request_id = application.request_id
    if number:
        request_id = transcript_hash(Label.ASSESSMENT, request_id, uint(number))[: len(request_id)]
    return LocalQuery(
        request_id=request_id,
        identifiers=application.identifiers,
        question=question,
        consent=application.consent,
        staff_id=application.staff_id,
        content=application.content,
    )


class _Fallen(TypedDict):
    """What a line of the fallback table sets."""

    decision: HintWord
    situation: str
    reasons: tuple[Given, ...]


NOTHING_FELL: _Fallen = {"decision": HintWord.APPROVE, "situation": "", "reasons": ()}


@dataclass(frozen=True, repr=False)
class _Making(Silent):
    """Puts an assessment together."""

    application: Application
    rulebook: Rulebook
    policy: SignalPolicy
    denied: tuple[Attribute, ...]
    noted: Noted
    pending: str
    now: int

    def without_answer(self, error: CreditError) -> Assessment:
        """Apply the fallback table to a failed query; raises what the caller has to mend."""
        situation = situation_of(error.code)
        if situation is None:
            raise error
        return self._base().model_copy(update={**self._fallback(situation), "failure": error.code.value})

    def from_answer(self, answer: LocalAnswer) -> Assessment:
        """Apply cards, rules and table to an answer."""
        result, application, at = answer.result, self.application, self.noted.begun
        situation = _situation(result, application.min_answered)
        fallback = self._fallback(situation) if situation else NOTHING_FELL
        scores, own = _scored(self.rulebook, result)
        view = _view(result, application.amount, _usable(scores[0]) if scores else None)
        found = apply_rules(self.policy, view, application.purpose, at)
        alone = apply_rules(self.policy, view.alone(own), application.purpose, at)
        travel = _travelled(result)
        reasons = (*_fired(found), *_lost(found, scores), *_travel_reasons(travel), *fallback["reasons"])
        decision = worst(Hint[one.hint] for one in reasons)
        update: dict[str, object] = {
            **fallback,
            "decision": hint_name(decision),
            "reasons": tuple(sorted(reasons, key=lambda one: -Hint[one.hint])),
            "undecided": tuple(rule.id for rule in found.undecided),
            "alone": Alone(decision=hint_name(alone.hint), reasons=_fired(alone), score=own),
            "scores": tuple(map(Scored.of, scores)),
            "travel": travel,
            **_coverage(answer),
            "attributes": (*(_value(one, situation) for one in self._shown(result)), *map(_denied, self.denied)),
        }
        return self._base().model_copy(update=update)

    def _shown(self, result: QueryResult) -> Iterator[AttributeResult]:
        """Give the attributes of the signal policy; slots of cards are shown as scores."""
        catalogue = {attribute.id for attribute in self.rulebook.document.attributes}
        return (one for one in result.attributes if one.attribute.id in catalogue)

    def _fallback(self, situation: Situation) -> _Fallen:
        line = self.policy.fallback_for(situation)
        given = Given.of("fallback", situation.value, line.hint, line.reason)
        return {"decision": hint_name(line.hint), "situation": situation.value, "reasons": (given,)}

    def _base(self) -> Assessment:
        application = self.application
        return Assessment(
            request_id=application.request_id.hex(),
            attempt=self.noted.attempts + 1,
            assessed_at=self.now,
            purpose=application.purpose.value,
            amount=application.amount,
            shadow=application.shadow,
            incumbent=application.incumbent,
            decision=HintWord.REFER,
            match=NO_MATCH,
            asked=self.rulebook.roster,
            missing=self.rulebook.roster,
            versions=self._versions(),
            notice=Told.of(self.policy.notice),
            pending_id=self.pending,
        )

    def _versions(self) -> Versions:
        return Versions(
            rulebook=self.rulebook.document.version,
            rulebook_digest=self.rulebook.digest.hex(),
            signals=self.policy.version,
            scorecards=tuple(card.name for card in self.rulebook.scorecards_at(self.now)),
        )


def situation_of(code: Code) -> Situation | None:
    """Give the situation that a failed query leaves, None where the caller has to mend something."""
    if code is Code.CONFLICT:
        return Situation.CONFLICT
    if code in TOO_FEW:
        return Situation.TOO_FEW_ANSWERED
    if code in UNREADABLE:
        return Situation.UNREADABLE
    return Situation.UNAVAILABLE if code in UNAVAILABLE else None


def _situation(result: QueryResult, min_answered: int) -> Situation | None:
    known = _known_at(result)
    found = (
        (bool(result.frozen), Situation.FROZEN),
        (len(result.answered) < min_answered, Situation.TOO_FEW_ANSWERED),
        (bool(result.missing), Situation.INCOMPLETE),
        (known == 0, Situation.NO_HIT),
        (known == 1, Situation.THIN_FILE),
    )
    return next((situation for holds, situation in found if holds), None)


def _known_at(result: QueryResult) -> int:
    """
    Give how many lenders have an account of the person on file; without leave to ask, how many know the person at all.

    The asking lender's own note of the application makes it know everybody that it asks about.
    """
    totals = {one.attribute.id: one.total for one in result.attributes}
    on_file = [totals.get(f"months_on_file_{bucket}") for bucket in MONTHS_ON_FILE_BUCKETS]
    counts = [count for count in on_file if count is not None]
    return sum(counts) if len(counts) == len(on_file) else sum(result.matched.values())


def _scored(rulebook: Rulebook, result: QueryResult) -> tuple[tuple[Score, ...], int | None]:
    """Give the scores of every card in effect, the champion's first, and the champion's of the own part alone."""
    scores = score_all(rulebook, result)
    champion = next((card for card in rulebook.scorecards_at(result.as_of) if card.role is CardRole.CHAMPION), None)
    if scores.champion is None or champion is None:
        return scores.challengers, None
    return (scores.champion, *scores.challengers), _usable(own_score(champion, result))


def _usable(score: Score) -> int | None:
    """Give a total that rules may read: of a champion, of everybody's answer, of somebody who is known."""
    if score.role is not CardRole.CHAMPION or score.status not in (ScoreStatus.OK, ScoreStatus.THIN):
        return None
    return score.total


def _fired(found: Findings) -> tuple[Given, ...]:
    return tuple(Given.of("rule", rule.id, rule.hint, rule.reason) for rule in found.fired)


def _lost(found: Findings, scores: Sequence[Score]) -> tuple[Given, ...]:
    """Where a rule read the score, say what took the most points."""
    reading = [rule.hint for rule in found.fired if any(SCORE in one.values for one in rule.when)]
    if not reading or not scores:
        return ()
    hint, card = hint_name(max(reading)), f"{scores[0].card}/{scores[0].version}"
    return tuple(
        Given(
            source="score",
            id=card,
            hint=hint,
            code=one.reason.code,
            family=one.reason.family,
            officer=one.reason.officer,
            applicant=one.reason.applicant,
        )
        for one in scores[0].lost[:SCORE_REASONS]
    )


def _travelled(result: QueryResult) -> Travelled | None:
    found = result.travel
    if found is None:
        return None
    return Travelled(
        verdict=found.verdict.value, contradictions=found.contradictions, own=found.own, answered=found.answered
    )


def _travel_reasons(travel: Travelled | None) -> tuple[Given, ...]:
    if travel is None or travel.verdict == TravelVerdict.ALLOW:
        return ()
    hint = Hint.DECLINE if travel.verdict == TravelVerdict.BLOCK else Hint.REFER
    return (Given.of("travel", travel.verdict, hint, TRAVEL_REASON),)


def _view(result: QueryResult, amount: int | None, score: int | None) -> View:
    totals = {one.attribute.id: one.total for one in result.attributes}
    own = {one.attribute.id: one.own for one in result.attributes}
    return View(totals, own, amount, score, complete=not result.missing and not result.frozen)


def _coverage(answer: LocalAnswer) -> dict[str, object]:
    result, receipt = answer.result, answer.receipt
    counts = {name.lower(): result.matched[kind] for kind, name in _LEVELS}
    level = next((name for kind, name in _LEVELS if result.matched[kind]), NO_MATCH.level)
    return {
        "match": Match(level=level, **counts),
        "asked": result.asked,
        "answered": result.answered,
        "missing": result.missing,
        "as_of": result.as_of,
        "frozen": result.frozen,
        "capped": result.capped,
        "receipt": EntryReceipt(index=receipt.index, leaf_hash=receipt.leaf_hash.hex(), time=receipt.time_ms),
    }


def _value(one: AttributeResult, situation: Situation | None) -> Value:
    """Give a value; what the own note of the application alone makes known is not known, and no second lender."""
    if one.status is ValueStatus.NOT_PERMITTED:
        return _denied(one.attribute)
    return Value(
        id=one.attribute.id,
        title=one.attribute.title,
        unit=_unit(one.attribute),
        status=_KNOWN.get(situation, one.status).value,
        total=one.total,
        own=one.own,
        others=one.total - one.own,
    )


def _denied(attribute: Attribute) -> Value:
    status = ValueStatus.NOT_PERMITTED.value
    return Value(id=attribute.id, title=attribute.title, unit=_unit(attribute), status=status)


def _unit(attribute: Attribute) -> str:
    return f"{attribute.unit.value} {attribute.currency or ''}".strip()
