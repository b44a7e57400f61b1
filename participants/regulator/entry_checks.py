"""
What the entries must say of each other: every query has one end, every set is lawful, no number jumps.

Entries come in order, one after another; memory holds open queries and a window of counters, never the log.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from consortium.errors import CreditError
from consortium.model.members import MemberId, check_answering_set
from consortium.model.rulebook import MemberStatus, Rulebook
from consortium.transparency.outcomes import OpenAdmissions
from participants.regulator.counters import MessageCounters, QuotaChain
from participants.regulator.verdict import Verdict

Entry = Mapping[str, Any]

OUTCOMES = "outcomes"
SETS = "rosters and answering sets"
RULES = "rules"
QUOTAS = "quotas"
VERSIONS = "versions of entries"
COUNTERS = "message counters"
NO_CONSENT = "0" * 64
DAY_MS = 86_400_000
MIDNIGHT_MS = 600_000
GRACE_MS = 300_000
"""An admission that is open so long after its expiry will get no end any more."""


@dataclass(frozen=True, slots=True)
class Admission:
    """An admitted query that is open."""

    index: int
    requester: MemberId
    time_ms: int
    expires_at: int
    rulebook: str
    roster: tuple[str, ...]


@dataclass
class EntryChecks:
    """
    Checks entries of a range that begins at `first`; `rulebooks` are trusted, by their digests in hexadecimal.

    `all_purposes` says that no member's admissions were left out, so that its quota can be followed.
    """

    verdict: Verdict
    first: int
    rulebooks: Mapping[str, Rulebook]
    all_purposes: bool = True
    counters: dict[MemberId, MessageCounters] = field(default_factory=lambda: defaultdict(MessageCounters))
    quotas: dict[MemberId, QuotaChain] = field(default_factory=lambda: defaultdict(QuotaChain))
    still_open: OpenAdmissions[Admission] = field(default_factory=OpenAdmissions)
    by_day: dict[MemberId, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    """The highest message number of each member in entries well within a UTC day, to be held to its statement."""
    time_ms: int = 0

    def take(self, entry: Entry) -> Admission | None:
        """Check the next entry, whose schema was checked; an outcome gives the admission that it ends."""
        self.time_ms = entry["time_ms"]
        match entry["kind"]:
            case "query-admitted":
                self._admitted(entry)
            case "query-answered":
                return self._answered(entry)
            case "query-refused":
                return self._refused(entry)
            case "query-abandoned":
                return self._abandoned(entry)
            case "statistic-answered" | "statistic-refused":
                self.check_contributions(entry)
        return None

    def finish(self) -> None:
        """Look at what is left open, and say what holds."""
        for admission in self.still_open.unended():
            if admission.expires_at * 1000 + GRACE_MS < self.time_ms:
                self.fail(OUTCOMES, admission.index, "admitted, and neither answered nor refused")
        for part, text in (
            (OUTCOMES, "every admitted query has one outcome, or was still open at the end"),
            (SETS, "every roster is its rulebook's, every answering set lawful"),
            (RULES, "requesters, purposes, attributes, consent and limits follow the rulebook"),
            (VERSIONS, "every query is under a rulebook of the chain"),
            (QUOTAS, "every member's daily count goes on without a jump"),
            (COUNTERS, "no message number stands for two messages"),
        ):
            if self.verdict.failed(part):
                continue
            if part in (SETS, RULES, VERSIONS) and not self.rulebooks:
                self.verdict.undecided(part, "no rulebook is trusted here")
            else:
                self.verdict.complete(part, text)

    def _admitted(self, entry: Entry) -> None:
        index, rulebook = entry["index"], self.rulebooks.get(entry["rulebook"])
        self.still_open.admit(entry, self.admission_of(entry))
        quota = entry["quota"]
        chain = self.quotas[entry["requester"]]
        if not chain.take(quota["before"], quota["after"], entry["time_ms"]) and self.all_purposes:
            self.fail(QUOTAS, index, "the member's count of the day does not follow")
        if quota["after"] > quota["limit"]:
            self.fail(RULES, index, "beyond the limit of its day")
        if rulebook is not None:
            if quota["limit"] > (rulebook.policy.queries_per_day or quota["limit"]):
                self.fail(RULES, index, "by a limit of the day that is beyond the rulebook's")
            self.check_rules(entry, rulebook)
        elif self.rulebooks:
            self.fail(VERSIONS, index, "under a rulebook that is not in the chain")

    @staticmethod
    def admission_of(entry: Entry) -> Admission:
        """Read what outcomes need of an admission's entry."""
        return Admission(
            entry["index"],
            entry["requester"],
            entry["time_ms"],
            entry["expires_at"],
            entry["rulebook"],
            tuple(entry["roster"]),
        )

    def check_rules(self, entry: Entry, rulebook: Rulebook) -> None:
        """Hold an admission to the rulebook that it names."""
        index, member = entry["index"], rulebook.members.get(entry["requester"])
        if tuple(entry["roster"]) != rulebook.roster:
            self.fail(SETS, index, "the roster is not the rulebook's")
        rule = next((rule for purpose, rule in rulebook.purposes.items() if purpose.value == entry["purpose"]), None)
        if member is None or member.status is not MemberStatus.ACTIVE or rule is None or member.role not in rule.roles:
            self.fail(RULES, index, "the requester may not ask for this purpose")
        elif rule.consent_required and entry["consent"] == NO_CONSENT:
            self.fail(RULES, index, "no consent where the purpose needs one")
        if not rulebook.attributes.keys() >= set(entry["attributes"]):
            self.fail(RULES, index, "an attribute that the catalogue has not")
        if entry["issued_at"] < rulebook.document.issued_at - rulebook.policy.clock_skew:
            self.fail(RULES, index, "issued before its rulebook")
        skew = 1000 * (rulebook.policy.clock_skew + 1)
        if not 1000 * entry["issued_at"] - skew <= entry["time_ms"] <= 1000 * entry["expires_at"] + skew:
            self.fail(RULES, index, "dated outside of the query's own life")

    def _answered(self, entry: Entry) -> Admission | None:
        admission = self._end(entry)
        self.check_contributions(entry)
        if admission is not None:
            self.check_sets(entry, admission)
        return admission

    def _refused(self, entry: Entry) -> Admission | None:
        self.check_contributions(entry)
        return self._end(entry) if "admission" in entry else None

    def _end(self, entry: Entry) -> Admission | None:
        """Give the admission that an outcome names, which must be open."""
        admission = self.still_open.end(entry)
        if admission is None and entry["admission"] >= self.first:
            self.fail(OUTCOMES, entry["index"], "a second outcome, or one without admission")
        return admission

    def check_sets(self, entry: Entry, admission: Admission, *, whole: bool = True) -> None:
        """Hold an answer's sets to each other and to the roster; `whole` says that no row of a block is left out."""
        index, roster, before = entry["index"], frozenset(admission.roster), admission.index
        answering, intended = frozenset(entry["answering"]), frozenset(entry["intended"])
        if not answering <= intended <= roster:
            self.fail(SETS, index, "a set leaves the one that it is of", before)
        if (entry["decision"] == "ANSWERED") != (answering == roster and whole):
            self.fail(SETS, index, "the decision does not fit the answering set", before)
        given = {one["member"] for one in entry["contributions"] if one["round1"] and one["round2"]}
        if not answering <= given:
            self.fail(SETS, index, "a member of the answering set without both messages", before)
        rulebook = self.rulebooks.get(admission.rulebook)
        if rulebook is not None and roster == rulebook.roster_set:
            try:
                check_answering_set(answering, roster, admission.requester, rulebook.groups, rulebook.limits)
            except CreditError as error:
                self.fail(SETS, index, error.cause, before)

    def check_contributions(self, entry: Entry) -> None:
        """Follow the numbers of members' messages."""
        for one in entry["contributions"]:
            for message in filter(None, (one["round1"], one["round2"])):
                counters = self.counters[one["member"]]
                other = counters.take(message["counter"], message["digest"], entry["index"])
                if other is not None:
                    self.fail(COUNTERS, entry["index"], "a message number that stood for another message", other)
                self._note_day(one["member"], message["counter"], entry["time_ms"])

    def _note_day(self, member: MemberId, counter: int, time_ms: int) -> None:
        day = (time_ms + MIDNIGHT_MS) // DAY_MS
        if day == time_ms // DAY_MS:  # near midnight two clocks may name two days
            self.by_day[member][day] = max(self.by_day[member][day], counter)

    def _abandoned(self, entry: Entry) -> Admission | None:
        admission = self._end(entry)
        if entry["expired_at"] * 1000 > entry["time_ms"]:
            self.fail(OUTCOMES, entry["index"], "abandoned before it expired")
        if admission is not None and admission.expires_at != entry["expired_at"]:
            self.fail(OUTCOMES, entry["index"], "abandoned with another expiry")
        return admission

    def fail(self, part: str, index: int, text: str, *others: int) -> None:
        """Note that an entry does not hold, by a part of the checks; `others` are entries that it contradicts."""
        self.verdict.fail(part, f"entry {index}: {text}", *others, index)
