"""What a busy consortium's export might come to after two months, made up: something in every part of the report."""

import random

from consortium.supervision.documents import (
    Case,
    CaseCause,
    CaseClosed,
    CaseKind,
    CaseOutcome,
    Finding,
    InspectionOrder,
    InspectionVerdict,
)
from consortium.supervision.statements import StatementChain
from participants.regulator.archive import Proof, Selection
from participants.regulator.entry_checks import EntryChecks
from participants.regulator.supervision_checks import SupervisionChecks
from participants.regulator.verify import Audit

MEMBERS = ("lender-one", "lender-two", "lender-three", "lender-four", "a-bank-with-a-name-of-some-length")
CONSORTIUM = "demo-consortium"
DAY_MS = 86_400_000
FIRST_DAY, DAYS = 20_500, 60


def busy_audit() -> Audit:
    audit = Audit()
    audit.proof = Proof(
        consortium=CONSORTIUM,
        selection=Selection(),
        first=0,
        end=48_211,
        size=48_211,
        left=(),
        right=(),
        files={},
    )
    _findings(audit)
    _statistics(audit, random.Random(1))
    _supervision(audit, random.Random(2))
    return audit


def _findings(audit: Audit) -> None:
    verdict = audit.verdict
    verdict.complete("file", "14 files as they were written")
    verdict.complete("checkpoint", "48,211 entries, signed by the log, witnessed by regulator, lender-one")
    verdict.complete("lines", "48,211 lines are entries 0 to 48,210, unchanged, and all of them")
    verdict.undecided("receipts", "2 are for entries outside this export, 1 beyond its checkpoint")
    verdict.fail("exchanges", "entry 812: EXPORT_INVALID: the product is not that of the contributions", 811, 812)


def _statistics(audit: Audit, rng: random.Random) -> None:
    found = audit.statistics
    for place, member in enumerate(MEMBERS):
        found.queries_by_member[member] = 9_000 // (place + 1)
        found.quota[member] = rng.randrange(100, 900), 1000
        found.answers_by_member[member] = rng.randrange(15_000, 20_000)
    found.queries_by_purpose.update(origination=14_000, account_review=5_200, fraud_prevention=900, collections=120)
    for day in range(DAYS):
        found.queries_by_day[FIRST_DAY + day] = rng.randrange(100, 700)
    found.outcomes.update(answered=18_000, incomplete=800, refused=420, abandoned=3)
    found.refusals["CONSENT_MISSING", "account_review"] = 120
    found.refusals["QUOTA_EXCEEDED", "600 queries a minute"] = 90
    found.refusals["TOO_FEW_CONTRIBUTORS", "no correction from lender-four"] = 170
    found.refusals_by_member.update(dict.fromkeys(MEMBERS[:3], 30))
    found.consent_refusals["lender-two", "CONSENT_MISSING"] = 100
    found.without_consent["fraud_prevention"] = 900
    for place, count in enumerate((0, 40, 16_000, 2_000, 500, 90, 20)):
        found.latencies[place] = count
    found.absences["lender-four", "TOO_FEW_CONTRIBUTORS"] = 313
    found.entries.update({"query-admitted": 20_000, "query-answered": 18_800})


def _supervision(audit: Audit, rng: random.Random) -> None:
    audit.checks = EntryChecks(audit.verdict, 0, {})
    found = audit.supervision = SupervisionChecks(audit.verdict, {}, 0)
    found.first_ms, found.last_ms = FIRST_DAY * DAY_MS, (FIRST_DAY + DAYS) * DAY_MS
    for member in MEMBERS:
        chain = found.chains[member] = StatementChain()
        chain.through, chain.messages = FIRST_DAY + DAYS - 2, 60 * DAYS
        found.statements[member] = DAYS + 1
        found.days[member] = {FIRST_DAY + day: (1 + 60 * day, 60 * (day + 1)) for day in range(DAYS - 1)}
        numbers = (number for number in range(1, 60 * (DAYS - 1)) if rng.random() > 0.002)
        for number in numbers:
            audit.checks.counters[member].numbers.add(number)
    found.orders[9_000], found.orders[9_100] = _order("lender-two", 812), _order("lender-four", 912)
    found.answered.add(9_000)
    found.verdicts[9_000] = InspectionVerdict(
        consortium=CONSORTIUM,
        regulator="regulator",
        order=9_000,
        member="lender-two",
        finding=Finding.REFUTED,
        cause="REVEAL_INVALID: the number is not the one that book and journal give",
        issued_at=FIRST_DAY * 86_400,
    )
    found.cases[7_000] = _case(CaseKind.DISPUTE, CaseCause.SUM_UNREADABLE), (FIRST_DAY + 10) * DAY_MS
    found.cases[7_100] = _case(CaseKind.COMPLAINT, CaseCause.CONSENT), (FIRST_DAY + 40) * DAY_MS
    found.closed[7_100] = CaseClosed(
        consortium=CONSORTIUM,
        member="regulator",
        case=7_100,
        outcome=CaseOutcome.SETTLED,
        text="both agree",
        closed_at=FIRST_DAY * 86_400,
    )
    found.key_uses.update({"inspection": 3, "access-report": 12})


def _order(member: str, entry: int) -> InspectionOrder:
    begin = FIRST_DAY * 86_400
    return InspectionOrder(
        consortium=CONSORTIUM,
        regulator="regulator",
        member=member,
        entry=entry,
        ctx=bytes(32),
        reason="yearly audit",
        issued_at=begin,
        due_at=begin + 14 * 86_400,
    )


def _case(kind: CaseKind, cause: CaseCause) -> Case:
    return Case(
        consortium=CONSORTIUM,
        member="lender-one" if kind is CaseKind.DISPUTE else "regulator",
        kind=kind,
        cause=cause,
        entry=812,
        text="the sum breaks its guard bits, and nobody knows why",
        opened_at=FIRST_DAY * 86_400,
    )
