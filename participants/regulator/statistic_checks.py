"""
Statistics of an export: every charge follows the one before and stays within the budget, every release its answer.

What was given back must not have been released to anybody; what is published must say what its numbers are worth.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from consortium.errors import CreditError
from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus, Rulebook
from consortium.model.statistic_policy import Template
from consortium.noise.accounting import epsilon_of
from consortium.rules.statistics import Statistic, budgets, canonical_template, check_contributors, statistic_of
from consortium.supervision.releases import StatisticRelease, square_root
from participants.regulator.verdict import Verdict

Entry = Mapping[str, Any]
STATISTICS = "statistics"


@dataclass(frozen=True, slots=True)
class AdmittedStatistic:
    """A charge that has no outcome yet."""

    index: int
    statistic: str
    requester: MemberId
    template: str
    period: int
    rulebook: str
    charged: tuple[int, int]


@dataclass(frozen=True, slots=True)
class AnsweredStatistic:
    """An answer that may be published."""

    admission: AdmittedStatistic
    contributors: tuple[MemberId, ...]
    transcript: str


@dataclass
class StatisticChecks:
    """
    Takes the entries of a range that begins at `first`; `rulebooks` are trusted, by their digests in hexadecimal.

    `whole` says that none was left out, so that the budgets can be followed.
    """

    verdict: Verdict
    rulebooks: Mapping[str, Rulebook]
    first: int
    whole: bool = True
    admitted: dict[int, AdmittedStatistic] = field(default_factory=dict)
    answers: dict[int, AnsweredStatistic] = field(default_factory=dict)
    used: dict[tuple[str, int], int] = field(default_factory=dict)
    charges: int = 0

    def take(self, entry: Entry) -> None:
        """Look at the next entry, whose schema was checked."""
        match entry["kind"]:
            case "statistic-admitted":
                self._admitted(entry)
            case "statistic-answered":
                self._answered(entry)
            case "statistic-refused":
                self._refused(entry)

    def finish(self, releases: Mapping[int, StatisticRelease]) -> None:
        """Hold what was published to its answers, and say what holds."""
        for index, release in releases.items():
            self._released(index, release)
        if not self.verdict.failed(STATISTICS):
            published = len(releases)
            text = f"{self.charges:,} charged within their budgets, {published:,} published as they were answered"
            self.verdict.complete(STATISTICS, text if self.charges else "none in this range")

    def _admitted(self, entry: Entry) -> None:
        index, rulebook = entry["index"], self.rulebooks.get(entry["rulebook"])
        own, whole = entry["budget"], entry["whole"]
        charged = own["after"] - own["before"], whole["after"] - whole["before"]
        named = entry["statistic"], entry["requester"], entry["template"], entry["period"], entry["rulebook"]
        self.admitted[index] = AdmittedStatistic(index, *named, charged)
        self.charges += 1
        for name, one in ((entry["template"], own), ("", whole)):
            self._follow(index, (name, entry["period"]), one["before"], one["after"])
            if one["after"] > one["limit"]:
                self._fail(index, "charged beyond its budget")
        if rulebook is not None:
            self._check_rules(entry, rulebook, charged)
        elif self.rulebooks:
            self._fail(index, "under a rulebook that is not in the chain")

    def _follow(self, index: int, budget: tuple[str, int], before: int, after: int) -> None:
        known = self.used.get(budget)
        self.used[budget] = after
        if not self.whole:
            return
        if known is not None and known != before:
            self._fail(index, "the count of a budget does not follow")
        if known is None and before and not self.first:
            self._fail(index, "a budget that did not begin with nothing spent")

    def _check_rules(self, entry: Entry, rulebook: Rulebook, charged: tuple[int, int]) -> None:
        index, found = entry["index"], self._statistic(entry["template"], rulebook)
        member = rulebook.members.get(entry["requester"])
        if found is None or member is None or member.status is not MemberStatus.ACTIVE:
            self._fail(index, "no such statistic, or nobody who may ask")
            return
        if member.role.value not in found.template.roles:
            self._fail(index, "the requester's role may not ask for it")
        if tuple(entry["roster"]) != rulebook.roster:
            self._fail(index, "the roster is not the rulebook's")
        if charged != (found.template.rho, found.template.rho) or not self._limits(entry, found.template, rulebook):
            self._fail(index, "charged another cost, or to another limit, than the rulebook's")

    def _limits(self, entry: Entry, template: Template, rulebook: Rulebook) -> bool:
        (_, own), (_, whole) = budgets(template, rulebook)
        return (entry["budget"]["limit"], entry["whole"]["limit"]) == (own, whole)

    def _statistic(self, template: str, rulebook: Rulebook) -> Statistic | None:
        try:
            return statistic_of(template, rulebook)
        except CreditError:
            return None

    def _answered(self, entry: Entry) -> None:
        admission = self._ended(entry)
        if admission is None:
            return
        index, answering = entry["index"], frozenset(entry["answering"])
        given = {one["member"] for one in entry["contributions"] if one["round1"] and one["round2"]}
        if not answering <= frozenset(entry["intended"]) & given:
            self._fail(index, "a member of the answering set was not intended, or without both messages")
        rulebook = self.rulebooks.get(admission.rulebook)
        found = self._statistic(admission.template, rulebook) if rulebook else None
        if rulebook is not None and found is not None:
            try:
                check_contributors(answering, found, admission.requester, rulebook)
            except CreditError as error:
                self._fail(index, error.cause)
        self.answers[index] = AnsweredStatistic(admission, tuple(entry["answering"]), entry["transcript"])

    def _refused(self, entry: Entry) -> None:
        admission = self._ended(entry) if "admission" in entry else None
        back = entry["back"]
        if not back:
            return
        if admission is None or back != admission.charged[0]:
            self._fail(entry["index"], "gives back what was not charged")
        elif any(one["round2"] for one in entry["contributions"]):
            self._fail(entry["index"], "gives back what was released")
        else:
            for name in (admission.template, ""):
                self.used[name, admission.period] -= back

    def _ended(self, entry: Entry) -> AdmittedStatistic | None:
        admission = self.admitted.pop(entry["admission"], None)
        if admission is None:
            if entry["admission"] >= self.first:
                self._fail(entry["index"], "an outcome without a charge, or a second one")
        elif admission.statistic != entry["statistic"]:
            self._fail(entry["index"], "the outcome of another statistic")
        return admission

    def _released(self, index: int, release: StatisticRelease) -> None:
        answer = self.answers.get(release.answer)
        if answer is None:
            if release.answer >= self.first:
                self._fail(index, "released, and never answered")
            return
        admission = answer.admission
        said = release.member, release.template, release.contributors, release.transcript.hex()
        if said != (admission.requester, admission.template, answer.contributors, answer.transcript):
            self._fail(index, "released as another answer")
        rulebook = self.rulebooks.get(admission.rulebook)
        found = self._statistic(admission.template, rulebook) if rulebook else None
        if rulebook is not None and found is not None and not _says_its_worth(release, found, rulebook):
            self._fail(index, "says another accuracy, or another template, than it was released with")

    def _fail(self, index: int, text: str) -> None:
        self.verdict.fail(STATISTICS, f"entry {index}: {text}", index)


def _says_its_worth(release: StatisticRelease, found: Statistic, rulebook: Rulebook) -> bool:
    template, exponent = found.template, int(release.delta.removeprefix("1e-"))
    stated = rulebook.document.statistics
    return (
        release.template_digest == canonical_template(template)
        and release.rulebook == rulebook.digest
        and release.rho == template.rho
        and release.count == found.count
        and (release.measure, release.unit, release.title) == (template.measure, template.unit, template.title)
        and stated is not None
        and exponent == stated.delta_exponent
        and release.sigma == square_root(found.noise.variance)
        and release.standard_error == square_root(found.noise.total_variance(len(release.contributors)))
        and abs(Fraction(release.epsilon) - Fraction(epsilon_of(found.rho, 10.0**-exponent))) < Fraction(1, 10_000)
    )
