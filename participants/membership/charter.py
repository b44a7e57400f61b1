"""`charter.toml`: the terms of version 1, as the founders agree on them; whatever is left out has its usual value."""

from dataclasses import replace
from pathlib import Path

from pydantic import Field, ValidationError

from consortium.errors import Code, CreditError
from consortium.membership.genesis import Charter, default_policy
from consortium.model.catalogue import DEFAULT_CATALOGUE, Attribute, Family
from consortium.model.keys import SECONDS_PER_DAY
from consortium.model.query import Suite
from consortium.model.rulebook import Approvers, Policy
from participants.settings import Folder, MemberName, Table


class CharterFile(Table):
    """
    Who founds, who approves, for how long version 1 lives, and the limits: days and seconds as the names say.

    `currency` (ISO 4217) is that of every amount in the catalogue. `suite` protects sums where a question names none;
    `more_suites` are those that a question may name besides; without `MASKED_SUM` there are no portfolios.
    """

    members: tuple[MemberName, ...] = Field(min_length=1)
    approvers: tuple[MemberName, ...] = Field(min_length=2)
    threshold: int = Field(default=2, ge=2)
    days: int = Field(default=365, ge=1, le=400)
    currency: str = Field(default="CNY", pattern="^[A-Z]{3}$")
    suite: str = Suite.PAILLIER_3072_MASKED.name
    more_suites: tuple[str, ...] = (Suite.MASKED_SUM.name,)
    colluders: int | None = None
    minimum_groups: int | None = None
    roster_maximum: int | None = None
    ledger_window_days: int | None = None
    query_lifetime: int | None = None
    clock_skew: int | None = None
    retention_days: int | None = None
    queries_per_day: int | None = None
    families: tuple[Family, ...] | None = None


def read_charter(path: Path) -> Charter:
    """Read a charter; raises CreditError(SETTINGS_INVALID) naming the key that is wrong."""
    file = Folder(path.parent).table(path.name, CharterFile)
    try:
        suites = tuple(dict.fromkeys(Suite[name] for name in (file.suite, *file.more_suites)))
    except KeyError:
        names = ", ".join(one.name for one in Suite)
        raise CreditError(Code.SETTINGS_INVALID, f"suite, more_suites: of {names}") from None
    return Charter(
        members=file.members,
        approvers=Approvers(members=file.approvers, threshold=file.threshold),
        days=file.days,
        attributes=catalogue_in(file.currency),
        policy=_policy(file, suites),
    )


def catalogue_in(currency: str) -> tuple[Attribute, ...]:
    """Give the usual catalogue with its amounts in a currency (ISO 4217)."""
    return tuple(replace(one, currency=currency) if one.currency else one for one in DEFAULT_CATALOGUE)


def _policy(file: CharterFile, suites: tuple[Suite, ...]) -> Policy:
    given = file.model_dump(include=set(Policy.model_fields), exclude_none=True)
    if file.ledger_window_days is not None:
        given["ledger_window"] = file.ledger_window_days * SECONDS_PER_DAY
    try:
        return Policy.model_validate(default_policy(*suites).model_dump() | given)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise CreditError(
            Code.SETTINGS_INVALID, f"{'.'.join(map(str, problem['loc'])) or 'limits'}: {problem['msg']}"
        ) from None
