"""The lender's half of the OPRF: batches of identifiers in, subject keys and tags out, any t of n holders asked."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Protocol

from consortium.custody import EvaluationAnswer, EvaluationRequest, Position, resigned
from consortium.errors import Code, CreditError
from consortium.hashing import Randomness
from consortium.model.identifiers import NormalisedIdentifier, SubjectKey, SubjectTag
from consortium.model.members import MemberId
from consortium.model.signing import Signer
from consortium.oprf.blinding import BlindedBatch, VerifiedAnswer, blind, finalize_shared, verify_answer
from consortium.oprf.elements import BlindedElement, Evaluation
from consortium.oprf.sharing import ThresholdKey
from consortium.oprf.suite import MAX_BATCH, check_batch
from consortium.silent import Silent
from participants.lender.protect import LendersSecrets, pre_hash, subject_tag

DEFAULT_BATCH = 1024

Alarm = Callable[[int, CreditError], None]
"""Told of every failure of a holder, by index; PROOF_INVALID among them is a matter for the operator."""


def unalarmed(_holder: int, _error: CreditError) -> None:
    """Say nothing of a key holder that fails: enough others answer, or whoever asks gets the error."""


class HolderChannel(Protocol):
    """The way to one key holder."""

    def evaluate(self, request: bytes) -> bytes:
        """Send a signed request and wait for the answer; raises CreditError for whatever goes wrong."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class SentRequest(Silent):
    """The last request to a holder: its counter, its bytes, and whether it was answered."""

    counter: int
    request: bytes
    answered: bool


class RequestJournal(Protocol):
    """The lender's durable memory of its requests, by holder and generation."""

    def last(self, holder: int, generation: int) -> SentRequest | None:
        """Give the last recorded request."""
        ...

    def record(self, holder: int, generation: int, sent: SentRequest) -> None:
        """Record durably; a request is recorded before it is sent."""
        ...


class HolderSession(Silent):
    """
    The gapless requests of one lender to one holder under one generation; one user at a time.

    An unanswered request may have been counted or not. It is sent again until it is answered: the holder either
    repeats its stored answer or counts it now, and both agree on the next counter.
    """

    __slots__ = ("_generation", "_holder", "_journal", "_member", "_signer")

    def __init__(self, member: MemberId, signer: Signer, journal: RequestJournal, holder: int, generation: int) -> None:
        self._member = member
        self._signer = signer
        self._journal = journal
        self._holder = holder
        self._generation = generation

    def unanswered(self) -> bytes | None:
        """Give the request that must be sent again before any other, signed by the identity key of now."""
        sent = self._journal.last(self._holder, self._generation)
        return resigned(sent.request, self._signer) if sent and not sent.answered else None

    def request(self, elements: tuple[BlindedElement, ...]) -> bytes:
        """Sign and record the next request; CreditError(COUNTER_GAP) while an earlier one is unanswered."""
        if self.unanswered():
            raise CreditError(Code.COUNTER_GAP, "an earlier request is unanswered")
        sent = self._journal.last(self._holder, self._generation)
        position = Position(self._holder, self._generation, sent.counter + 1 if sent else 1)
        signed = EvaluationRequest(self._member, position, elements).sign(self._signer)
        self._journal.record(self._holder, self._generation, SentRequest(position.counter, signed, answered=False))
        return signed

    def accept(self, answer: bytes) -> Evaluation:
        """
        Take the answer to the unanswered request; its proof is still to be verified.

        Raises CreditError(MALFORMED) for anything else, and then the request stays unanswered.
        """
        parsed = EvaluationAnswer.decode(answer)
        sent = self._journal.last(self._holder, self._generation)
        if sent is None or parsed.position != Position(self._holder, self._generation, sent.counter):
            raise CreditError(Code.MALFORMED, "an answer to another request")
        self._journal.record(self._holder, self._generation, replace(sent, answered=True))
        return parsed.evaluation


class BatchRun(Silent):
    """
    One blinded batch on its way to t verified answers; it sends nothing itself.

    Send every request of `outgoing`, at once if you like, hand each reply to `receive` or `fail`, and go on until
    `outgoing` is empty; then `outputs` has the OPRF outputs.
    """

    __slots__ = ("_alarm", "_answers", "_asked", "_batch", "_failures", "_key", "_sessions", "_waiting")

    def __init__(
        self,
        batch: BlindedBatch,
        key: ThresholdKey,
        sessions: Mapping[int, HolderSession],
        order: Sequence[int],
        alarm: Alarm,
    ) -> None:
        self._batch = batch
        self._key = key
        self._sessions = sessions
        self._waiting = list(order)
        self._alarm = alarm
        self._asked: dict[int, bool] = {}  # by holder: is what we sent this batch, or an older unanswered request
        self._answers: list[VerifiedAnswer] = []
        self._failures: dict[int, CreditError] = {}

    @property
    def failed(self) -> tuple[int, ...]:
        """The holders that failed so far."""
        return tuple(self._failures)

    @property
    def missing(self) -> int:
        """How many verified answers are missing to the threshold."""
        return self._key.threshold - len(self._answers)

    def outgoing(self) -> dict[int, bytes]:
        """
        Give the requests to send now, by holder: as many as are missing to the threshold; none when it is reached.

        Raises CreditError(TOO_FEW_HOLDERS) when no more holders are left to ask.
        """
        missing = self.missing
        if missing > len(self._waiting):
            causes = ", ".join(f"holder {holder}: {error.code}" for holder, error in self._failures.items())
            raise CreditError(Code.TOO_FEW_HOLDERS, causes or "fewer holders are known than the threshold")
        return {holder: self._message(holder) for holder in self._waiting[:missing]}

    def receive(self, holder: int, answer: bytes) -> None:
        """Take a holder's answer and verify its proof; whatever is wrong with it counts as that holder's failure."""
        try:
            evaluation = self._sessions[holder].accept(answer)
            if self._asked.pop(holder):
                self._take(holder, evaluation)
                self._waiting.remove(holder)
        except CreditError as error:
            self.fail(holder, error)

    def fail(self, holder: int, error: CreditError) -> None:
        """Give a holder up for this batch; another one is asked."""
        self._waiting.remove(holder)
        self._failures[holder] = error
        self._alarm(holder, error)

    def outputs(self) -> list[bytes]:
        """Combine and finalize: a 64-byte output for each input; CreditError(TOO_FEW_HOLDERS) before that is due."""
        return finalize_shared(self._batch, self._answers, self._key)

    def _take(self, holder: int, evaluation: Evaluation) -> None:
        share_key = self._key.share_key(holder)
        self._answers.append(verify_answer(self._batch.elements, evaluation, share_key))

    def _message(self, holder: int) -> bytes:
        session = self._sessions[holder]
        older = session.unanswered()
        self._asked[holder] = older is None
        return session.request(self._batch.elements) if older is None else older


class CollectingRun(BatchRun):
    """
    A batch whose answers are verified by whoever finishes it: `evaluations` has them, as they came, by holder.

    It has no outputs: those are made of verified answers only (`finalize_shared`).
    """

    __slots__ = ("evaluations",)

    def __init__(
        self,
        elements: tuple[BlindedElement, ...],
        key: ThresholdKey,
        sessions: Mapping[int, HolderSession],
        order: Sequence[int],
        alarm: Alarm,
    ) -> None:
        super().__init__(BlindedBatch((), (), elements), key, sessions, order, alarm)
        self.evaluations: dict[int, Evaluation] = {}

    @property
    def missing(self) -> int:
        """How many answers are missing to the threshold."""
        return self._key.threshold - len(self.evaluations)

    def _take(self, holder: int, evaluation: Evaluation) -> None:
        check_batch(self._batch.elements, evaluation.elements)
        self.evaluations[holder] = evaluation


@dataclass(frozen=True, slots=True)
class HolderLink:
    """A holder as the lender sees it: the session with its counter, and the way there."""

    session: HolderSession
    channel: HolderChannel


@dataclass(frozen=True, slots=True, repr=False)
class Token(Silent):
    """
    What an identifier becomes in a generation: the subject key, which never leaves the lender, and the tag.

    `others` are what it is in the generations beside, the one before or the one announced, where they were asked for.
    """

    key: SubjectKey
    tag: SubjectTag
    generation: int
    others: tuple["Token", ...] = ()

    @property
    def earlier(self) -> "Token | None":
        """The token of the generation before."""
        return next((one for one in self.others if one.generation < self.generation), None)

    @property
    def upcoming(self) -> "Token | None":
        """The token of the generation that is announced."""
        return next((one for one in self.others if one.generation > self.generation), None)


class Tokeniser(Silent):
    """
    Turns identifiers into tokens with the help of t of n key holders; one user at a time.

    With an executor the holders of a batch are asked at once, without one after another.
    """

    def __init__(
        self,
        secrets: LendersSecrets,
        key: ThresholdKey,
        links: Mapping[int, HolderLink],
        rng: Randomness,
        *,
        alarm: Alarm,
        batch_size: int = DEFAULT_BATCH,
        executor: Executor | None = None,
    ) -> None:
        if not 1 <= batch_size <= MAX_BATCH:
            raise CreditError(Code.SETTINGS_INVALID, f"the batch size must be 1 to {MAX_BATCH}")
        self._secrets = secrets
        self._key = key
        self._links = links
        self._rng = rng
        self._alarm = alarm
        self._batch_size = batch_size
        self._map: Callable[..., Iterable[bytes | CreditError]] = executor.map if executor else map
        self._order = [share_key.holder for share_key in key.share_keys if share_key.holder in links]

    def tokenise(self, identifiers: Sequence[NormalisedIdentifier]) -> list[Token]:
        """
        Give the token of each identifier, in order; any number of identifiers, sent in batches.

        A holder that fails is replaced by another and asked last from then on. Raises
        CreditError(TOO_FEW_HOLDERS) when fewer than the threshold give a proven answer.
        """
        inputs = [pre_hash(self._secrets, identifier) for identifier in identifiers]
        return [self._token(output) for output in self.evaluate(inputs)]

    @property
    def key(self) -> ThresholdKey:
        """The key whose holders are asked."""
        return self._key

    @property
    def secrets(self) -> LendersSecrets:
        """What identifiers and tags are hashed under."""
        return self._secrets

    def ask(self, elements: tuple[BlindedElement, ...]) -> dict[int, Evaluation]:
        """
        Have one blinded batch evaluated by as many holders as the threshold needs; nothing is verified yet.

        For whoever verifies and finalizes elsewhere. Raises as `tokenise`.
        """
        sessions = {holder: link.session for holder, link in self._links.items()}
        run = CollectingRun(elements, self._key, sessions, self._order, self._alarm)
        self._run(run)
        return run.evaluations

    def evaluate(self, inputs: Sequence[bytes]) -> list[bytes]:
        """Give the OPRF output of each pre-hashed identifier, in order; as `tokenise`, and raises as it does."""
        return [output for chunk in self._chunks(inputs) for output in self._evaluate(chunk)]

    def _chunks(self, inputs: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
        for start in range(0, len(inputs), self._batch_size):
            yield inputs[start : start + self._batch_size]

    def _evaluate(self, inputs: Sequence[bytes]) -> list[bytes]:
        sessions = {holder: link.session for holder, link in self._links.items()}
        run = BatchRun(blind(inputs, self._rng), self._key, sessions, self._order, self._alarm)
        self._run(run)
        return run.outputs()

    def _run(self, run: BatchRun) -> None:
        try:
            while outgoing := run.outgoing():
                for holder, answer in zip(outgoing, self._map(self._ask, outgoing.items()), strict=True):
                    _take(run, holder, answer)
        finally:
            self._order.sort(key=lambda holder: holder in run.failed)

    def _ask(self, outgoing: tuple[int, bytes]) -> bytes | CreditError:
        holder, request = outgoing
        try:
            return self._links[holder].channel.evaluate(request)
        except CreditError as error:
            return error

    def _token(self, output: bytes) -> Token:
        key = SubjectKey(output)
        return Token(key, subject_tag(self._secrets, key), self._secrets.generation)


def _take(run: BatchRun, holder: int, answer: bytes | CreditError) -> None:
    if isinstance(answer, CreditError):
        run.fail(holder, answer)
    else:
        run.receive(holder, answer)
