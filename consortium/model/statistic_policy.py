"""
Statistics as the rulebook states them: what is counted in which cells, how much one person adds, what noise hides it.

A template is all that a contributor needs to compute its cells and its share of the noise, and all that a reader needs
to know what a released number is worth. Privacy parameters are integers: rho in millionths (zCDP, see
`consortium.noise.accounting`), so that everybody computes the same variance.
"""

from collections.abc import Container, Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from consortium.errors import Code, CreditError
from consortium.model.catalogue import DPD_BUCKETS
from consortium.model.credit_file import Channel, PortfolioType, Scene
from consortium.model.document import Document, Line

RHO_UNITS = 1_000_000
"""Parts of a rho of 1."""
MAXIMUM_CELLS = 16_384
"""Of one template; a vector of so many words fits a message of 1 MiB many times."""
MAXIMUM_TEMPLATES = 64
MAXIMUM_BOUND = 2**36
MAXIMUM_RHO = 10 * RHO_UNITS
HOLDERS_CAP = 8
"""So many lenders of one person can be told apart; the largest number among the cells has everything above, too."""
HOLDERS_WEIGHT = 840
"""L = lcm(1 .. HOLDERS_CAP): each of n holders adds L / n, so that a person counts L over all of them."""

ValueName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+<=-]*$")]
TemplateId = Annotated[str, Field(min_length=3, max_length=64, pattern=r"^[a-z][a-z0-9-]*[a-z0-9]$")]


class Axis(StrEnum):
    """What a dimension divides by; region tier and age band are known to statistics alone, never to a query."""

    PRODUCT = "product"
    SCENE = "scene"
    CHANNEL = "channel"
    DELINQUENCY = "delinquency"
    REGION_TIER = "region-tier"
    AGE_BAND = "age-band"
    HOLDERS = "holders"
    REQUESTER = "requester"
    ATTRIBUTE = "attribute"


class Measure(StrEnum):
    """
    What is added up in the cells; amounts are in minor units of the consortium's currency.

    BORROWERS and FILES count people by how many lenders they have an open tradeline, or a file, with. LIST adds up
    attributes over the people of a list that the requester has had a portfolio about.
    """

    TRADELINES = "tradelines"
    BALANCE = "balance"
    PAST_DUE = "past-due"
    LIMIT = "limit"
    BORROWERS = "borrowers"
    FILES = "files"
    HITS = "hits"
    LIST = "list"


OF_PEOPLE = frozenset({Measure.BORROWERS, Measure.FILES})


class PrivacyUnit(StrEnum):
    """Whose presence or absence a release hides: of all that every lender has on it, or of one lender's part alone."""

    PERSON = "person"
    FILE = "file"
    TRADELINE = "tradeline"
    QUERY = "query"


EVERYWHERE = frozenset({PrivacyUnit.PERSON, PrivacyUnit.QUERY})
"""Units that every lender may have a part of, so that what one lender adds counts as often as there are lenders."""


class Asker(StrEnum):
    """Who may ask for a statistic."""

    LENDER = "lender"
    REGULATOR = "regulator"
    OBSERVER = "observer"


class Dimension(Document):
    """
    One division of the cells; what has none of the values is counted in none of the cells.

    No values stand for all active lenders of the rulebook (the axis `requester` alone).
    """

    axis: Axis
    values: tuple[ValueName, ...] = Field(default=(), max_length=1024)


class Template(Document):
    """
    One statistic: `bound` is the most that one unit at one lender adds to a cell, `touches` to how many cells.

    `rho` is what a release costs, `budget` what all releases of this template may cost in a period (both millionths);
    `minimum_contributors` counts controlling groups besides the requester's; `days` is how far back queries are
    counted (the measure `hits` alone).
    """

    id: TemplateId
    title: Line
    measure: Measure
    dimensions: tuple[Dimension, ...] = Field(min_length=1, max_length=4)
    unit: PrivacyUnit
    bound: int = Field(default=0, ge=0, le=MAXIMUM_BOUND)
    touches: int = Field(default=0, ge=0, le=MAXIMUM_CELLS)
    rho: int = Field(ge=1, le=MAXIMUM_RHO)
    budget: int = Field(ge=1)
    minimum_contributors: int = Field(ge=3, le=1024)
    roles: tuple[Asker, ...] = Field(min_length=1)
    days: int = Field(default=0, ge=0, le=31)


class StatisticsPolicy(Document):
    """
    The section: templates, and what all of their releases together may cost in a period of days.

    `delta_exponent` k says that releases are stated as (epsilon, 10^-k).
    """

    templates: tuple[Template, ...] = Field(min_length=1, max_length=MAXIMUM_TEMPLATES)
    period_days: int = Field(ge=1, le=366)
    budget: int = Field(ge=1)
    delta_exponent: int = Field(default=9, ge=5, le=15)


VALUES: dict[Axis, frozenset[str]] = {
    Axis.PRODUCT: frozenset(PortfolioType),
    Axis.SCENE: frozenset(Scene),
    Axis.CHANNEL: frozenset(Channel),
    Axis.DELINQUENCY: frozenset(DPD_BUCKETS),
    Axis.HOLDERS: frozenset(str(count) for count in range(1, HOLDERS_CAP + 1)),
}
"""What the axes of the credit file can say; those that are not here take whatever a template names."""

_OF_TRADELINES = frozenset({Axis.PRODUCT, Axis.SCENE, Axis.CHANNEL, Axis.DELINQUENCY, Axis.REGION_TIER, Axis.AGE_BAND})
_AXES: dict[Measure, frozenset[Axis]] = {
    Measure.TRADELINES: _OF_TRADELINES,
    Measure.BALANCE: _OF_TRADELINES,
    Measure.PAST_DUE: _OF_TRADELINES,
    Measure.LIMIT: _OF_TRADELINES,
    Measure.BORROWERS: frozenset({Axis.HOLDERS}),
    Measure.FILES: frozenset({Axis.HOLDERS}),
    Measure.HITS: frozenset({Axis.REQUESTER}),
    Measure.LIST: frozenset({Axis.ATTRIBUTE}),
}


def check_statistics(policy: StatisticsPolicy, limits: tuple[int, int], attributes: Container[str]) -> None:
    """
    Raise unless every template is bounded, within its budget, and asks for enough contributors; `limits` is (c, k_min).

    `attributes` are the ids of the catalogue.
    CreditError(STATISTIC_UNBOUNDED) for one that nothing bounds, (RULEBOOK_INVALID) for what else is wrong.
    """
    names = [template.id for template in policy.templates]
    _require(len(set(names)) == len(names), "a template's id is used twice")
    for template in policy.templates:
        if not (template.bound and template.touches):
            raise CreditError(Code.STATISTIC_UNBOUNDED, f"{template.id}: bound and touches say what one unit adds")
        _check_template(template, policy, limits)
        if template.measure is Measure.LIST:
            _check_list(template, attributes)


def _check_template(template: Template, policy: StatisticsPolicy, limits: tuple[int, int]) -> None:
    name, (colluders, minimum) = template.id, limits
    _require(template.rho <= template.budget <= policy.budget, f"{name}: rho within its budget, within the whole")
    enough = template.minimum_contributors >= max(minimum, colluders + 2)
    _require(enough, f"{name}: minimum_contributors below k_min or c + 2")
    axes = [dimension.axis for dimension in template.dimensions]
    _require(len(set(axes)) == len(axes), f"{name}: an axis twice")
    _require(set(axes) <= _AXES[template.measure], f"{name}: an axis that {template.measure} does not have")
    for dimension in template.dimensions:
        _check_dimension(name, dimension)
    _check_unit(template)


def _check_list(template: Template, attributes: Container[str]) -> None:
    """Hold totals over a list to this: a person touches all of its attributes, and lenders alone have lists."""
    name, values = template.id, template.dimensions[0].values
    _require(all(value in attributes for value in values), f"{name}: an attribute that the catalogue has not")
    _require(template.touches == len(values), f"{name}: a person touches all of its attributes")
    _require(template.roles == (Asker.LENDER,), f"{name}: lists are lenders'")


def _check_unit(template: Template) -> None:
    """Hold measures to the units and bounds that are true of them."""
    name, measure, unit = template.id, template.measure, template.unit
    hits = measure is Measure.HITS
    _require((unit is PrivacyUnit.QUERY) == hits, f"{name}: queries are the unit of hits, and of nothing else")
    _require(bool(template.days) == hits, f"{name}: days are for hits")
    if unit in (PrivacyUnit.QUERY, PrivacyUnit.TRADELINE) or measure in OF_PEOPLE:
        _require(template.touches == 1, f"{name}: it touches one cell")
    if measure in OF_PEOPLE:
        _require(unit is not PrivacyUnit.TRADELINE, f"{name}: it counts people")
        _require(template.bound == HOLDERS_WEIGHT, f"{name}: its bound is the weight {HOLDERS_WEIGHT}")


def _check_dimension(name: str, dimension: Dimension) -> None:
    values, axis = dimension.values, dimension.axis
    _require(len(set(values)) == len(values), f"{name}: a value of {axis} twice")
    _require(bool(values) or axis is Axis.REQUESTER, f"{name}: no values of {axis}")
    _require(not values or axis is not Axis.REQUESTER, f"{name}: requesters are those of the rulebook")
    if axis in VALUES:
        unknown = set(values) - VALUES[axis]
        _require(not unknown, f"{name}: {axis} has no {', '.join(sorted(unknown))}")


def combinations(axes: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Give every combination of values, the last axis running fastest: the order of the cells."""
    cells: list[tuple[str, ...]] = [()]
    for values in axes:
        cells = [(*cell, value) for cell in cells for value in values]
    return cells


def _require(condition: bool, cause: str) -> None:  # noqa: FBT001 -- a guard reads best with its condition first
    if not condition:
        raise CreditError(Code.RULEBOOK_INVALID, f"statistics: {cause}")
