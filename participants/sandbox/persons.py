"""
The sandbox's test persons: made-up people whose records, and so every expected sum, are written down here.

Lender i of the sandbox contributes a balance of (i + 1) * 10**i yuan, so that a sum shows by its digits who has
answered: 4,321 yuan is everybody, 301 the first and the third. All identifiers are of test ranges or made up.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FEN = 100
ATTRIBUTES = ("balance", "open_tradelines", "amount_past_due")
FROZEN = "frozen"
"""How many lenders say that the file is frozen: a field of the answer, not an attribute."""
COLUMNS = (
    "account",
    "id_card",
    "mobile",
    "mail",
    "state",
    "opened_on",
    "as_of",
    "credit_limit",
    "balance",
    "overdue_amount",
    "days_overdue",
    "frozen",
)
MAPPING = """\
# How the sandbox's test persons become a book; docs/books.md explains every key.
[source]
kind = "csv"
path = "persons.csv"

[identifiers]
country = { constant = "CN" }
national_id = "id_card"
phone = "mobile"
email = "mail"

[[tradeline]]
account = "account"
portfolio = { constant = "R" }
opened = "opened_on"
reported = "as_of"
limit = { column = "credit_limit", scale = 100 }
balance = { column = "balance", scale = 100 }
past_due = { column = "overdue_amount", scale = 100 }
days_past_due = "days_overdue"
when = { column = "state", present = true }

[tradeline.status]
column = "days_overdue"
bands = { 0 = "11", 30 = "71", 60 = "78", 90 = "80" }

[freeze]
frozen = "frozen"
when = { column = "frozen", present = true }
"""


@dataclass(frozen=True, slots=True)
class Person:
    """A test person: identifiers by kind, the lenders (0, 1, ...) that know it, and what is special about it."""

    name: str
    shows: str
    identifiers: Mapping[str, str]
    lenders: tuple[int, ...]
    days_overdue: int = 0
    frozen_at: tuple[int, ...] = ()

    def balance(self, lender: int) -> int:
        """Give what this person owes a lender, in yuan."""
        return (lender + 1) * 10**lender if lender in self.lenders else 0

    def row(self, lender: int, opened: str, as_of: str) -> dict[str, str]:
        """Give this person's row in a lender's file; days are ISO 8601."""
        balance, frozen = self.balance(lender), lender in self.frozen_at
        return {
            "account": f"{self.name}-{lender}",
            "id_card": self.identifiers.get("national_id", ""),
            "mobile": self.identifiers.get("phone", ""),
            "mail": self.identifiers.get("email", ""),
            "state": "open",
            "opened_on": opened,
            "as_of": as_of,
            "credit_limit": f"{2 * balance}.00",
            "balance": f"{balance}.00",
            "overdue_amount": f"{balance if self.days_overdue else 0}.00",
            "days_overdue": str(self.days_overdue),
            "frozen": "true" if frozen else "",
        }

    def expected(self, lenders: int) -> dict[str, int]:
        """Give the sums over so many lenders: amounts in fen; a file that is frozen adds nothing."""
        open_at = [one for one in self.lenders if one < lenders and one not in self.frozen_at]
        total = sum(self.balance(one) for one in open_at) * FEN
        return {
            "balance": total,
            "open_tradelines": len(open_at),
            "amount_past_due": total if self.days_overdue else 0,
            FROZEN: sum(one < lenders for one in self.frozen_at),
        }


PERSONS: tuple[Person, ...] = (
    Person("ordinary", "two lenders, nothing overdue", {"national_id": "110101199003071014"}, (0, 2)),
    Person("everywhere", "every lender of the sandbox", {"national_id": "310101198805051018"}, (0, 1, 2, 3)),
    Person("thin", "one lender only", {"phone": "13800000003"}, (1,)),
    Person("overdue", "45 days past due at two lenders", {"national_id": "110105197508122020"}, (1, 3), 45),
    Person("by-mail", "known by e-mail only", {"email": "by.mail@example.org"}, (2,)),
    Person("frozen", "a file frozen at one of its two lenders", {"phone": "13800000006"}, (0, 3), frozen_at=(3,)),
    Person("nobody", "no lender knows this person", {"phone": "13800000007"}, ()),
)


def persons_csv(lender: int, opened: str, as_of: str) -> str:
    """Give a lender's file of test persons."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(person.row(lender, opened, as_of) for person in PERSONS if lender in person.lenders)
    return text.getvalue()


def persons_json(lenders: int) -> str:
    """Give what an engineer tests against: every person with its identifiers and the sums that must come back."""
    persons = [
        {
            "name": person.name,
            "shows": person.shows,
            "identifiers": {"country": "CN", **person.identifiers},
            "expected": person.expected(lenders),
        }
        for person in PERSONS
    ]
    return json.dumps({"amounts": "fen (1/100 yuan)", "persons": persons}, indent=2) + "\n"


def question_for(person: Person, attributes: Sequence[str] = ATTRIBUTES) -> dict[str, object]:
    """Give a question about a person as `query` takes it, with a consent that is as made up as the person."""
    return {
        "identifiers": {"country": "CN", **person.identifiers},
        "purpose": "origination",
        "attributes": list(attributes),
        "consent": {
            "families": ["exposure", "repayment"],
            "issued": "2026-01-01T00:00:00+08:00",
            "expires": "2035-12-31T00:00:00+08:00",
            "maximum_uses": 1000,
            "notice_digest": "aa" * 32,
            "notice_language": "zh-CN",
            "evidence_digest": "bb" * 32,
        },
    }
