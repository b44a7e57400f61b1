"""The rules and tables that a consortium starts with; its approvers change them by a new version of the rulebook."""

from consortium.model.catalogue import MONTHS_ON_FILE_BUCKETS, Family, Purpose
from consortium.model.signal_policy import (
    AMOUNT,
    Condition,
    Fallback,
    Hint,
    Notice,
    Reason,
    Rule,
    Side,
    SignalPolicy,
    Situation,
    Term,
)

_LENDING = (Purpose.ORIGINATION, Purpose.ACCOUNT_REVIEW, Purpose.PORTFOLIO)
_REVIEWS = (*_LENDING, Purpose.COLLECTIONS)
_NEW_CREDIT = (Purpose.ORIGINATION, Purpose.FRAUD_PREVENTION)
_ORIGINATION = (Purpose.ORIGINATION,)


def _at_least(bound: int, *names: str, side: Side = Side.TOTAL) -> Condition:
    return Condition(terms=tuple(Term(value=name, side=side) for name in names), at_least=bound)


def _percent(bound: int, *terms: Term, of: str) -> Condition:
    return Condition(terms=terms, per=(Term(value=of),), at_least=bound)


def _rule(
    name: str, purposes: tuple[Purpose, ...], hint: Hint, condition: Condition, reason: tuple[Family, str, str]
) -> Rule:
    family, officer, applicant = reason
    code = name.upper()
    said = Reason(code=code, family=family, officer=officer, applicant=applicant)
    return Rule(id=name, title=officer, purposes=purposes, when=(condition,), hint=hint, reason=said)


_TOO_MANY_APPLICATIONS = "You applied for credit at several lenders within a short time."
_RECENT = ("hard_inquiries_0_1h", "hard_inquiries_1_24h")

_RULES = (
    _rule(
        "pending_elsewhere",
        _NEW_CREDIT,
        Hint.REFER,
        _at_least(1, "pending_grants", side=Side.OTHERS),
        (Family.EXPOSURE, "another lender promised credit that is not paid out yet", _TOO_MANY_APPLICATIONS),
    ),
    _rule(
        "applications_in_a_day",
        _NEW_CREDIT,
        Hint.REFER,
        _at_least(3, *_RECENT, side=Side.OTHERS),
        (Family.INQUIRIES, "three or more inquiries by other lenders within 24 hours", _TOO_MANY_APPLICATIONS),
    ),
    _rule(
        "applications_in_a_day_many",
        _NEW_CREDIT,
        Hint.DECLINE,
        _at_least(6, *_RECENT, side=Side.OTHERS),
        (Family.INQUIRIES, "six or more inquiries by other lenders within 24 hours", _TOO_MANY_APPLICATIONS),
    ),
    _rule(
        "accounts_opened_lately",
        _LENDING,
        Hint.REFER,
        _at_least(3, "tradelines_opened_30d"),
        (Family.EXPOSURE, "three or more accounts opened within 30 days", "You opened several accounts lately."),
    ),
    _rule(
        "lenders_many",
        _LENDING,
        Hint.REFER,
        _at_least(5, "lenders_with_open_tradeline"),
        (Family.EXPOSURE, "open accounts at five or more lenders", "You have accounts at many lenders."),
    ),
    _rule(
        "limits_used_up",
        _LENDING,
        Hint.REFER,
        _percent(90, Term(value="balance"), of="credit_limit"),
        (Family.EXPOSURE, "balances use 90 % or more of all limits", "Your credit limits are nearly used up."),
    ),
    _rule(
        "limits_used_up_with_this",
        _ORIGINATION,
        Hint.REFER,
        _percent(
            120,
            Term(value="balance"),
            Term(value="pending_grant_amount", side=Side.OTHERS),
            Term(value=AMOUNT),
            of="credit_limit",
        ),
        (
            Family.EXPOSURE,
            "balances, amounts promised elsewhere and this one are 120 % or more of all limits",
            "With the amount applied for, your debts would be high against your limits.",
        ),
    ),
    _rule(
        "late_30",
        _REVIEWS,
        Hint.REFER,
        _at_least(1, "worst_dpd_now_30_59"),
        (Family.REPAYMENT, "a payment is 30 to 59 days late", "A payment of yours is late."),
    ),
    _rule(
        "late_60",
        _REVIEWS,
        Hint.DECLINE,
        _at_least(1, "worst_dpd_now_60_89", "worst_dpd_now_90_119", "worst_dpd_now_120_plus"),
        (Family.REPAYMENT, "a payment is 60 or more days late", "A payment of yours is long overdue."),
    ),
    _rule(
        "charged_off",
        _REVIEWS,
        Hint.DECLINE,
        _at_least(1, "charged_off_amount", "worst_dpd_12m_charge_off"),
        (Family.REPAYMENT, "an account was charged off", "A lender had to write off an account of yours."),
    ),
    _rule(
        "in_collection",
        _REVIEWS,
        Hint.DECLINE,
        _at_least(1, "in_collection_amount"),
        (Family.REPAYMENT, "an account is in collection", "An account of yours is in collection."),
    ),
    _rule(
        "past_due",
        _REVIEWS,
        Hint.REFER,
        _at_least(1, "amount_past_due"),
        (Family.REPAYMENT, "an amount is past due", "A payment of yours is late."),
    ),
    _rule(
        "disputed",
        _REVIEWS,
        Hint.REFER,
        _at_least(1, "disputed_tradelines"),
        (Family.REPAYMENT, "the person disputes an account", "You dispute an account; its lender has to look into it."),
    ),
)


def _fallback(situation: Situation, hint: Hint, officer: str, applicant: str) -> Fallback:
    said = Reason(code=situation.value, officer=officer, applicant=applicant)
    return Fallback(situation=situation, hint=hint, reason=said)


_NO_ANSWER = "Your application could not be checked automatically; a person will look at it."

_FALLBACK = (
    _fallback(
        Situation.NO_HIT,
        Hint.REFER,
        "no lender knows the person: decide by own means, and check the identifiers",
        "No participating lender has information about you.",
    ),
    _fallback(
        Situation.THIN_FILE,
        Hint.REFER,
        "one lender alone knows the person: little to go by",
        "Little credit history about you is available.",
    ),
    _fallback(
        Situation.FROZEN,
        Hint.REFER,
        "the person has frozen a file: have the freeze lifted before deciding",
        "You have frozen your credit file. Lift the freeze if you want it to be used.",
    ),
    _fallback(
        Situation.INCOMPLETE,
        Hint.REFER,
        "not every lender answered: sums are lower bounds",
        "Part of your credit information could not be had at this time.",
    ),
    _fallback(
        Situation.TOO_FEW_ANSWERED,
        Hint.REFER,
        "fewer lenders answered than this application needs: ask again later",
        _NO_ANSWER,
    ),
    _fallback(
        Situation.CONFLICT,
        Hint.REFER,
        "the identifiers were asked about separately before: ask by the strongest one alone",
        _NO_ANSWER,
    ),
    _fallback(Situation.UNAVAILABLE, Hint.REFER, "the consortium did not answer: repeat, or decide alone", _NO_ANSWER),
    _fallback(
        Situation.UNREADABLE,
        Hint.REFER,
        "the answer failed its checks and was not used: keep it, open a dispute",
        _NO_ANSWER,
    ),
)

DEFAULT_SIGNALS = SignalPolicy(
    version=1,
    ask=(
        "lenders_with_open_tradeline",
        "open_tradelines",
        "credit_limit",
        "balance",
        "scheduled_payments_30d",
        "amount_past_due",
        "pending_grant_amount",
        "tradelines_opened_90d",
        *(f"months_on_file_{bucket}" for bucket in MONTHS_ON_FILE_BUCKETS),
    ),
    rules=_RULES,
    fallback=_FALLBACK,
    notice=Notice(
        source="credit information that participating lenders gave through the credit gateway, as sums only",
        dispute_contact="the lender you applied to, which passes a dispute on to all participating lenders",
    ),
)
"""What `credit-gateway init` and the first charter of a consortium start with."""
