"""Applications for credit, and accounts to be found, for tests over real processes."""

from collections.abc import Mapping
from typing import Any

from tests.support.processes import question_about


def application(phone: str, **changes: object) -> dict[str, Any]:
    """Give an application of whoever has this number, as `assess` takes it."""
    asked = question_about({"phone": phone})
    del asked["attributes"]
    consent = {**_table(asked["consent"]), "families": ["exposure", "repayment", "inquiries"]}
    return {**asked, "consent": consent, "amount": 100_000, **changes}


def account(phone: str, name: str = "a-1", **changes: object) -> dict[str, Any]:
    """Give an account of whoever has this number, as `record tradeline` takes it."""
    line = {
        "account": name,
        "portfolio": "R",
        "status": "11",
        "opened": "2024-01-01",
        "reported": "2024-02-01",
        "limit": 1_000_000,
        "balance": 250_000,
        **changes,
    }
    return {"identifiers": {"country": "CN", "phone": phone}, "tradeline": line}


def _table(value: object) -> Mapping[str, object]:
    assert isinstance(value, Mapping)
    return value
