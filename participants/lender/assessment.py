"""
An assessment as it is kept, printed and sent: what an underwriting flow or a loan officer acts upon.

Amounts are minor units, times Unix seconds, digests and ids hex. `decision` is a hint, never an act of this system.
"""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from consortium.model.signal_policy import Hint, Notice, Reason
from consortium.scoring.score import DimensionScore, Score


class HintWord(StrEnum):
    """The hints by name."""

    APPROVE = "APPROVE"
    REFER = "REFER"
    DECLINE = "DECLINE"


Source = Literal["rule", "score", "travel", "fallback"]
MatchLevel = Literal["NATIONAL_ID", "PHONE", "EMAIL", "NONE"]


class Part(BaseModel):
    """A part of an assessment: frozen, of known fields only, silent."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__


class Given(Part):
    """A reason: where it comes from, the hint it stands for, its code, and its texts for officer and applicant."""

    source: Source
    id: str
    hint: HintWord
    code: str
    family: str = ""
    officer: str
    applicant: str

    @classmethod
    def of(cls, source: Source, name: str, hint: Hint, reason: Reason) -> "Given":
        """Give a reason of the rulebook."""
        return cls(
            source=source,
            id=name,
            hint=hint_name(hint),
            code=reason.code,
            family=reason.family or "",
            officer=reason.officer,
            applicant=reason.applicant,
        )


class Match(Part):
    """The strongest identifier that a lender matched by, and how many lenders matched by each."""

    level: MatchLevel
    national_id: int = 0
    phone: int = 0
    email: int = 0


class Value(Part):
    """
    An attribute: everybody's sum, the asking lender's own part and what the others add, with its status.

    Without numbers where the status is NOT_PERMITTED.
    """

    id: str
    title: str
    unit: str
    status: str
    total: int | None = None
    own: int | None = None
    others: int | None = None


class Lost(Part):
    """Points that a card took for a reason, below the most that its characteristics can give."""

    dimension: str
    code: str
    points: int
    officer: str
    applicant: str


class ScoredDimension(Part):
    """One dimension of a score: no points unless its status is OK; `held` of its `of` characteristics had a value."""

    id: str
    status: str
    points: int | None = None
    least: int
    most: int
    held: int
    minimum: int
    of: int
    problem: str = ""


class Scored(Part):
    """What one card (id/version) says; no total unless every dimension is OK. `lost`: the most points first."""

    card: str
    role: str
    status: str
    total: int | None = None
    odds: float | None = None
    probability: float | None = None
    dimensions: tuple[ScoredDimension, ...] = ()
    lost: tuple[Lost, ...] = ()

    @classmethod
    def of(cls, score: Score) -> "Scored":
        """Give a score in this form."""
        lost = (
            Lost(
                dimension=one.dimension.value,
                code=one.reason.code,
                points=one.points,
                officer=one.reason.officer,
                applicant=one.reason.applicant,
            )
            for one in score.lost
        )
        return cls(
            card=f"{score.card}/{score.version}",
            role=score.role.value,
            status=score.status.value,
            total=score.total,
            odds=score.odds,
            probability=score.probability,
            dimensions=tuple(_dimension(one) for one in score.dimensions),
            lost=tuple(lost),
        )


class Travelled(Part):
    """A travel check: lenders that contradict, the asking one's own part of them, tables counted, the verdict."""

    verdict: str
    contradictions: int
    own: int
    answered: int


class Alone(Part):
    """What the lender would have known and been advised by its own book alone, its own score (champion) included."""

    decision: HintWord
    score: int | None = None
    reasons: tuple[Given, ...] = ()


class Versions(Part):
    """What it was made by: rulebook (version, digest), signal policy, and the cards in effect (id/version)."""

    rulebook: int
    rulebook_digest: str
    signals: int
    scorecards: tuple[str, ...] = ()


class EntryReceipt(Part):
    """Where the gateway's entry of the query lies in the log; time in Unix milliseconds."""

    index: int
    leaf_hash: str
    time: int


class Told(Part):
    """What the applicant is told beside the reasons: where the information is from, whom to write to."""

    source: str
    dispute_contact: str

    @classmethod
    def of(cls, notice: Notice) -> "Told":
        """Give the notice of the rulebook."""
        return cls(source=notice.source, dispute_contact=notice.dispute_contact)


class Assessment(Part):
    """
    A whole assessment.

    `situation` says what kept the rules from a whole picture (empty: nothing did); `failure` the code that ended the
    query, if one did. `undecided` are rules that lacked a value. In `shadow` nothing was recorded, and `incumbent` is
    what the lender decided without. The first of `scores` is the champion's, which rules may read.
    """

    request_id: str
    attempt: int
    assessed_at: int
    purpose: str
    amount: int | None = None
    shadow: bool = False
    incumbent: HintWord | None = None
    decision: HintWord
    situation: str = ""
    failure: str = ""
    match: Match
    asked: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    as_of: int | None = None
    frozen: int = 0
    capped: int = 0
    attributes: tuple[Value, ...] = ()
    alone: Alone | None = None
    reasons: tuple[Given, ...] = ()
    undecided: tuple[str, ...] = ()
    scores: tuple[Scored, ...] = ()
    travel: Travelled | None = None
    versions: Versions
    receipt: EntryReceipt | None = None
    notice: Told
    pending_id: str = ""

    @property
    def final(self) -> bool:
        """Whether a repeat gives this one: there was an answer. Without one, a repeat asks again."""
        return not self.failure


def hint_name(hint: Hint) -> HintWord:
    """Give a hint's name."""
    return HintWord[hint.name]


def _dimension(one: DimensionScore) -> ScoredDimension:
    return ScoredDimension(
        id=one.dimension.value,
        status=one.status.value,
        points=one.points,
        least=one.least,
        most=one.most,
        held=one.held,
        minimum=one.minimum,
        of=one.of,
        problem=one.problem,
    )
