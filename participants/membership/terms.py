"""What an applicant says of itself, from a TOML file or from options; the application is signed over it."""

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from consortium.errors import Code, CreditError
from consortium.membership.applications import Contact, Lei
from consortium.model.catalogue import Tier
from consortium.model.document import Id, Line
from consortium.model.rulebook import Role
from participants.settings import Folder, Table


class Terms(Table):
    """`apply`'s answers; the book's size is in persons, the contact is one that answers at any hour."""

    legal_name: Line
    licence: Line
    lei: Lei
    group: Id
    contact: Contact
    sponsor: Id
    book_size: int = Field(default=0, ge=0, le=2**40)
    tiers: tuple[Tier, ...] = ()

    def fields(self, role: Role) -> dict[str, Any]:
        """Give the application's fields; only lenders have books and tiers."""
        value = {name: getattr(self, name) for name in type(self).model_fields}
        return value if role is Role.LENDER else value | {"book_size": 0, "tiers": ()}


def read_terms(file: Path | None, options: dict[str, object]) -> Terms:
    """
    Read the file, if there is one, and let the options that were given stand before what it says.

    Raises CreditError(SETTINGS_INVALID) naming the field that is missing or wrong.
    """
    given = {name: value for name, value in options.items() if value not in (None, "", (), [])}
    kept = Folder(file.parent).table(file.name, _Loose).model_dump(exclude_none=True) if file is not None else {}
    try:
        return Terms.model_validate(kept | given)
    except ValidationError as error:
        problem: Any = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = ".".join(str(part) for part in problem["loc"])
        raise CreditError(Code.SETTINGS_INVALID, f"{name}: {problem['msg']}") from None
    except CreditError as error:
        raise CreditError(Code.SETTINGS_INVALID, error.cause) from None


class _Loose(Table):
    """The same fields, any of which may be missing from the file."""

    legal_name: str | None = None
    licence: str | None = None
    lei: str | None = None
    group: str | None = None
    contact: str | None = None
    sponsor: str | None = None
    book_size: int | None = None
    tiers: tuple[str, ...] | None = None
