"""The statistics that a consortium starts with; its approvers change them by a new version of the rulebook."""

from consortium.model.catalogue import DPD_BUCKETS
from consortium.model.credit_file import Channel, PortfolioType, Scene
from consortium.model.statistic_policy import (
    HOLDERS_WEIGHT,
    Asker,
    Axis,
    Dimension,
    Measure,
    PrivacyUnit,
    StatisticsPolicy,
    Template,
)

_EVERYBODY = (Asker.LENDER, Asker.REGULATOR, Asker.OBSERVER)
_RHO, _BUDGET, _WHOLE = 2_000, 6_000, 60_000
"""0.002 a release, three releases of a template and 0.06 of all templates in a quarter: 0.24 a year."""

_PRODUCT = Dimension(axis=Axis.PRODUCT, values=tuple(PortfolioType))
_REGION = Dimension(axis=Axis.REGION_TIER, values=("tier-1", "tier-2", "tier-3", "unknown"))
_AGE = Dimension(axis=Axis.AGE_BAND, values=("18-25", "26-35", "36-50", "51-65", "66+", "unknown"))
_WORST = Dimension(axis=Axis.DELINQUENCY, values=DPD_BUCKETS)
_PEOPLE = (_PRODUCT, _REGION, _AGE)


def _template(
    name: str, title: str, measure: Measure, dimensions: tuple[Dimension, ...], bounds: tuple[int, int]
) -> Template:
    return Template(
        id=name,
        title=title,
        measure=measure,
        dimensions=dimensions,
        unit=PrivacyUnit.PERSON,
        bound=bounds[0],
        touches=bounds[1],
        rho=_RHO,
        budget=_BUDGET,
        minimum_contributors=3,
        roles=_EVERYBODY,
    )


def _lenders(*numbers: int) -> tuple[Dimension, ...]:
    return (Dimension(axis=Axis.HOLDERS, values=tuple(map(str, numbers))),)


EXPOSURE = _template(
    "exposure", "balances by product, region tier and age band", Measure.BALANCE, _PEOPLE, (5_000_000, 2)
)
ARREARS = _template(
    "arrears", "amounts past due by product, region tier and age band", Measure.PAST_DUE, _PEOPLE, (1_000_000, 2)
)
DELINQUENCY = _template(
    "delinquency",
    "accounts by days past due, product, region tier and age band",
    Measure.TRADELINES,
    (_WORST, *_PEOPLE),
    (2, 3),
)
SCENES = _template(
    "scenes",
    "accounts by what the credit is for and where it was applied for",
    Measure.TRADELINES,
    (Dimension(axis=Axis.SCENE, values=tuple(Scene)), Dimension(axis=Axis.CHANNEL, values=tuple(Channel))),
    (2, 3),
)
FRAGMENTATION = _template(
    "fragmentation",
    f"borrowers by how many lenders they owe; {HOLDERS_WEIGHT} a person",
    Measure.BORROWERS,
    _lenders(1, 2, 3, 4, 5, 6, 7, 8),
    (HOLDERS_WEIGHT, 1),
)
THIN_FILES = _template(
    "thin-files",
    f"people with a file at one, two, more lenders; {HOLDERS_WEIGHT} a person",
    Measure.FILES,
    _lenders(1, 2, 3),
    (HOLDERS_WEIGHT, 1),
)
HITS = Template(
    id="hits",
    title="queries that hit a book in the last seven days, by requester",
    measure=Measure.HITS,
    dimensions=(Dimension(axis=Axis.REQUESTER),),
    unit=PrivacyUnit.QUERY,
    bound=1,
    touches=1,
    rho=_RHO,
    budget=13 * _RHO,
    minimum_contributors=3,
    roles=(Asker.REGULATOR,),
    days=7,
)
LIST_TOTALS = Template(
    id="list-totals",
    title="balances, limits and amounts past due over a list of the asking lender",
    measure=Measure.LIST,
    dimensions=(Dimension(axis=Axis.ATTRIBUTE, values=("balance", "credit_limit", "amount_past_due")),),
    unit=PrivacyUnit.PERSON,
    bound=5_000_000,
    touches=3,
    rho=_RHO,
    budget=_BUDGET,
    minimum_contributors=3,
    roles=(Asker.LENDER,),
)
DEFAULT_STATISTICS = StatisticsPolicy(
    templates=(EXPOSURE, ARREARS, DELINQUENCY, SCENES, FRAGMENTATION, THIN_FILES, HITS, LIST_TOTALS),
    period_days=90,
    budget=_WHOLE,
)
"""To begin with: exposure, arrears, delinquency, scenes, fragmentation, thin files, hits, totals over a list."""
