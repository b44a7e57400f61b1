"""The attribute catalogue: complete, disjoint, small enough for one ciphertext, and data."""

from dataclasses import replace

import pytest

from consortium.canonical import canonical_json, parse_canonical
from consortium.errors import Code
from consortium.model.attributes import DEFAULT_ATTRIBUTES, EVALUATORS
from consortium.model.catalogue import (
    DEFAULT_CATALOGUE,
    DPD_BUCKETS,
    INQUIRY_WINDOWS,
    META_SLOTS,
    Attribute,
    Family,
    Purpose,
    Tier,
    Unit,
    attribute_from_value,
    attribute_to_value,
    catalogue_from_value,
    catalogue_to_value,
)
from consortium.model.credit_file import Characteristics, check_characteristic_id
from tests.support.codes import refused

LISTED = {
    *("lenders_with_open_tradeline", "open_tradelines", "credit_limit", "balance", "amount_past_due"),
    *("scheduled_payments_30d", "charged_off_amount", "in_collection_amount", "disputed_tradelines"),
    *("tradelines_opened_30d", "tradelines_opened_90d", "pending_grants", "pending_grant_amount"),
    *(f"worst_dpd_{when}_{bucket}" for when in ("now", "12m") for bucket in DPD_BUCKETS),
    *(f"hard_inquiries_{window}" for window in INQUIRY_WINDOWS),
    *(f"months_on_file_{bucket}" for bucket in ("0_5", "6_11", "12_23", "24_59", "60_plus")),
}


def test_every_number_that_the_design_lists_is_there_and_nothing_else() -> None:
    assert {attribute.id for attribute in DEFAULT_CATALOGUE} == LISTED
    assert len(DEFAULT_CATALOGUE) == len(LISTED)


def test_every_attribute_can_be_evaluated_and_no_evaluator_is_spare() -> None:
    assert set(EVALUATORS) == set(DEFAULT_ATTRIBUTES)


def test_all_attributes_and_the_meta_slots_fit_one_ciphertext_of_32_lenders() -> None:
    bounds = [*(attribute.bound for attribute in DEFAULT_CATALOGUE), *META_SLOTS.values()]
    carry = (32 - 1).bit_length()
    assert sum(bound.bit_length() + carry + 1 for bound in bounds) <= 3071


def test_the_catalogue_is_data() -> None:
    data = canonical_json(catalogue_to_value(DEFAULT_CATALOGUE))
    assert catalogue_from_value(parse_canonical(data)) == DEFAULT_CATALOGUE


def test_every_attribute_serves_supervision_and_subject_access() -> None:
    for attribute in DEFAULT_CATALOGUE:
        assert {Purpose.SUPERVISION, Purpose.SUBJECT_ACCESS} <= attribute.purposes, attribute.id


def test_switchable_families_hold_only_what_they_name() -> None:
    by_family = {family: {a.id for a in DEFAULT_CATALOGUE if a.family is family} for family in Family}
    for family in (Family.LOCATION, Family.NETWORK, Family.ONLINE, Family.PROFILE, Family.RISK):
        assert by_family[family] == set(), "these come with scorecards only"


def test_the_lower_tier_has_adverse_data_only() -> None:
    lower = {attribute.id for attribute in DEFAULT_CATALOGUE if attribute.tier is Tier.DEFAULTS_ONLY}
    assert "charged_off_amount" in lower
    assert not lower & {"balance", "credit_limit", "worst_dpd_now_current", "worst_dpd_now_1_29", "open_tradelines"}


GOOD = attribute_to_value(DEFAULT_ATTRIBUTES["balance"])


@pytest.mark.parametrize(
    "change",
    [
        {"id": "Balance"},
        {"id": 3},
        {"title": ""},
        {"title": "Ł"},
        {"unit": "euros"},
        {"unit": "count"},  # with a currency
        {"bound": 0},
        {"bound": True},
        {"bound": 2**53},
        {"bound": "7"},
        {"family": "gossip"},
        {"tier": None},
        {"purposes": []},
        {"purposes": ["origination", "account-review"]},  # not sorted
        {"purposes": ["origination", "origination"]},
        {"purposes": "origination"},
        {"purposes": [["origination"]]},
        {"currency": "cny"},
        {"currency": None},
        {"weight": 1},
    ],
)
def test_a_wrong_attribute_is_refused(change: dict[str, object]) -> None:
    with refused(Code.MALFORMED):
        attribute_from_value({**GOOD, **change})


@pytest.mark.parametrize("field", sorted(GOOD))
def test_a_missing_field_is_refused(field: str) -> None:
    with refused(Code.MALFORMED):
        attribute_from_value({key: value for key, value in GOOD.items() if key != field})


def test_an_attribute_that_comes_twice_is_refused() -> None:
    with refused(Code.MALFORMED):
        catalogue_from_value([GOOD, GOOD])
    with refused(Code.MALFORMED):
        catalogue_from_value({"id": "balance"})


def test_only_amounts_have_a_currency() -> None:
    for attribute in DEFAULT_CATALOGUE:
        assert (attribute.unit is Unit.MINOR) == (attribute.currency == "CNY")
    with refused(Code.MALFORMED):
        replace(DEFAULT_ATTRIBUTES["open_tradelines"], currency="CNY")
    assert isinstance(replace(DEFAULT_ATTRIBUTES["balance"], currency="EUR"), Attribute)


PROTECTED = (
    *("sex", "sex_code", "gender", "education", "education_level", "marital_status", "is_married", "age", "age_band"),
    *("birth_year", "ethnicity", "religion", "nationality", "health_score", "political_view", "customer_gender_m"),
)


@pytest.mark.parametrize("name", PROTECTED)
def test_protected_attributes_never_exist(name: str) -> None:
    with refused(Code.RECORD_INVALID):
        check_characteristic_id(name)
    with refused(Code.RECORD_INVALID):
        Characteristics.of({name: 1})
    assert name not in DEFAULT_ATTRIBUTES


@pytest.mark.parametrize("name", ["points_repayment", "months_on_file", "account_age_days", "message_count", "usage"])
def test_ordinary_characteristics_are_accepted(name: str) -> None:
    assert Characteristics.of({name: 1}).values == ((name, 1),)
