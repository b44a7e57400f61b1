"""Writes `docs/attributes.md` from the catalogue and the identifier rules; `make docs` runs it, a test compares."""

from pathlib import Path

from consortium.membership.genesis import DEFAULT_FAMILIES, LIVE, WITHOUT_CONSENT
from consortium.model.catalogue import DEFAULT_CATALOGUE, META_SLOTS, Attribute, Purpose
from participants.lender.national_ids import COUNTRIES

PAGE = Path(__file__).parents[1] / "docs" / "attributes.md"
HEAD = """# What can be asked, and about whom

Made from the code by `make docs`. The catalogue is part of the rulebook; this is the one that the demonstration's
consortium starts with. Amounts are in minor units of the consortium's currency (here CNY). What a scorecard asks for
is not listed: it follows from the card (`credit-participant scorecard show`, [scorecards.md](scorecards.md)).

## Identifiers

| kind | accepted |
|---|---|
| `national_id` | numbers with a check digit of: {countries} |
| `phone` | mobile numbers, E.164 or national with the country given |
| `email` | ASCII local part, any domain that IDNA 2003 and 2008 read alike |

## Purposes

| purpose | who | consent record | sees |
|---|---|---|---|
{purposes}

## Attributes

Families that the demonstration's jurisdiction profile allows: {families}. Every answer also counts {meta}.

| id | what | unit | most | family | tier | purposes |
|---|---|---|---:|---|---|---|
"""


def page() -> str:
    """Give the page's text."""
    head = HEAD.format(
        countries=", ".join(sorted(COUNTRIES)),
        purposes="\n".join(map(_purpose, Purpose)),
        families=", ".join(f"`{family}`" for family in DEFAULT_FAMILIES),
        meta=", ".join(f"`{name}`" for name in META_SLOTS),
    )
    return head + "\n".join(map(_attribute, DEFAULT_CATALOGUE)) + "\n"


def _purpose(purpose: Purpose) -> str:
    free, sees = purpose in WITHOUT_CONSENT, "live data" if purpose in LIVE else "the day's book"
    return f"| `{purpose}` | {'regulator' if free else 'lenders'} | {'no' if free else 'needed'} | {sees} |"


def _attribute(attribute: Attribute) -> str:
    purposes = ", ".join(sorted(attribute.purposes))
    cells = (f"`{attribute.id}`", attribute.title, attribute.unit, f"{attribute.bound:,}", attribute.family)
    return f"| {' | '.join(map(str, cells))} | {attribute.tier} | {purposes} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
