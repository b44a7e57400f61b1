"""Rules as data: what fires, what cannot be decided, what a policy must satisfy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consortium.errors import Code, CreditError
from consortium.model.catalogue import DEFAULT_CATALOGUE, Purpose
from consortium.model.signal_policy import (
    Condition,
    Hint,
    Rule,
    Side,
    SignalPolicy,
    Situation,
    Term,
    check_signals,
    signal_problems,
)
from consortium.signals.defaults import DEFAULT_SIGNALS
from consortium.signals.evaluate import View, apply_rules

NAMES = [attribute.id for attribute in DEFAULT_CATALOGUE]
ZEROS = dict.fromkeys(NAMES, 0)
NOW = 1_800_000_000


def policy(*conditions: Condition, **changes: object) -> SignalPolicy:
    rule = DEFAULT_SIGNALS.rules[0].model_copy(update={"when": conditions, **changes})
    return DEFAULT_SIGNALS.model_copy(update={"rules": (rule,)})


def verdict(found: SignalPolicy, view: View, at: int = NOW) -> bool | None:
    """True: it fired; None: undecided; False: neither."""
    findings = apply_rules(found, view, Purpose.ORIGINATION, at)
    return True if findings.fired else None if findings.undecided else False


def at_least(bound: int, *names: str, side: Side = Side.TOTAL) -> Condition:
    return Condition(terms=tuple(Term(value=name, side=side) for name in names), at_least=bound)


def test_the_default_policy_is_whole_and_survives_its_form() -> None:
    check_signals(DEFAULT_SIGNALS, NAMES)
    again = SignalPolicy.model_validate(DEFAULT_SIGNALS.model_dump(mode="json"))
    assert again == DEFAULT_SIGNALS
    assert apply_rules(DEFAULT_SIGNALS, View(ZEROS, ZEROS, 100), Purpose.ORIGINATION, NOW).hint is Hint.APPROVE


def test_the_side_of_a_term() -> None:
    view = View({**ZEROS, "pending_grants": 2}, {**ZEROS, "pending_grants": 2})
    assert verdict(policy(at_least(1, "pending_grants", side=Side.OTHERS)), view) is False
    assert verdict(policy(at_least(1, "pending_grants")), view) is True
    assert verdict(policy(at_least(3, "pending_grants")), view) is False


def test_a_ratio_over_nothing_is_undecided() -> None:
    ratio = Condition(terms=(Term(value="balance"),), per=(Term(value="credit_limit"),), at_least=90)
    assert verdict(policy(ratio), View(ZEROS, ZEROS)) is None
    for balance, fires in ((899, False), (900, True)):
        assert verdict(policy(ratio), View({**ZEROS, "balance": balance, "credit_limit": 1_000}, ZEROS)) is fires


def test_times_and_purposes_of_a_rule() -> None:
    found = policy(at_least(0, "balance"), effective_from=NOW, effective_until=NOW + 10)
    times = {NOW - 1: False, NOW: True, NOW + 9: True, NOW + 10: False}
    assert {at: verdict(found, View(ZEROS, ZEROS), at) for at in times} == times
    assert not apply_rules(found, View(ZEROS, ZEROS), Purpose.COLLECTIONS, NOW).fired


@given(known=st.integers(0, 20), added=st.integers(0, 20), low=st.integers(0, 20), width=st.integers(1, 20))
def test_a_lower_bound_never_decides_what_the_missing_could_change(
    known: int, added: int, low: int, width: int
) -> None:
    shapes = (
        Condition(terms=(Term(value="balance"),), at_least=low),
        Condition(terms=(Term(value="balance"),), below=low + width),
        Condition(terms=(Term(value="balance"),), at_least=low, below=low + width),
        Condition(terms=(Term(value="balance", factor=-1),), at_least=-low),
        Condition(terms=(Term(value="balance"),), per=(Term(value="credit_limit"),), at_least=low),
    )
    for shape in shapes:
        part = verdict(policy(shape), View({"balance": known, "credit_limit": 7}, {}, complete=False))
        whole = verdict(policy(shape), View({"balance": known + added, "credit_limit": 7}, {}))
        assert part is None or part is whole


def test_a_missing_value_leaves_a_rule_undecided_unless_the_rest_is_enough() -> None:
    both = at_least(2, "balance", "amount_past_due")
    assert verdict(policy(both), View({"balance": 1}, {})) is None
    assert verdict(policy(both), View({"balance": 2}, {})) is True
    score = Condition(terms=(Term(value="score"),), below=500)
    assert verdict(policy(score), View(ZEROS, ZEROS)) is None
    assert verdict(policy(score), View(ZEROS, ZEROS, score=499)) is True


def test_alone_knows_the_own_part_only() -> None:
    view = View({**ZEROS, "amount_past_due": 9}, ZEROS)
    assert apply_rules(DEFAULT_SIGNALS, view, Purpose.ORIGINATION, NOW).hint is Hint.REFER
    assert apply_rules(DEFAULT_SIGNALS, view.alone(), Purpose.ORIGINATION, NOW).hint is Hint.APPROVE


def test_problems_of_a_policy_are_named() -> None:
    twice = DEFAULT_SIGNALS.model_copy(update={"rules": (*DEFAULT_SIGNALS.rules, DEFAULT_SIGNALS.rules[0])})
    unknown = policy(at_least(1, "shoe_size"))
    asks = DEFAULT_SIGNALS.model_copy(update={"ask": ("shoe_size",)})
    gap = DEFAULT_SIGNALS.model_copy(update={"fallback": DEFAULT_SIGNALS.fallback[1:]})
    for found, word in ((twice, "pending_elsewhere"), (unknown, "shoe_size"), (asks, "shoe_size"), (gap, "NO_HIT")):
        assert any(word in problem for problem in signal_problems(found, NAMES))
        with pytest.raises(CreditError) as caught:
            check_signals(found, NAMES)
        assert caught.value.code is Code.RULEBOOK_INVALID
    assert {line.situation for line in DEFAULT_SIGNALS.fallback} == {*Situation}


@pytest.mark.parametrize(
    "changes",
    [
        {"when": []},
        {"effective_from": 10, "effective_until": 10},
        {"hint": "PERHAPS"},
        {"purposes": []},
        {"when": [{"terms": [{"value": "balance"}]}]},
        {"when": [{"terms": [{"value": "balance"}], "at_least": 2, "below": 2}]},
        {"when": [{"terms": [], "at_least": 2}]},
        {"reason": {"code": "x", "officer": "a", "applicant": "b"}},
    ],
)
def test_malformed_rules_are_refused(changes: dict[str, object]) -> None:
    good = DEFAULT_SIGNALS.rules[0].model_dump(mode="json")
    Rule.model_validate(good)
    with pytest.raises(ValueError):  # noqa: PT011  pydantic's own message
        Rule.model_validate(good | changes)
