"""
How one field of a credit file is read from a row: the expressions of a mapping file, and what they compile to.

An expression says which column, and by which of a few fixed steps its text becomes the field's value. The steps, in
this order: `when` decides whether there is a value at all; the text of `column` is taken, or `constant`; an empty
cell becomes `default`; `map` replaces the text (what it does not list becomes `otherwise`); `prefix` is put before
it; the text is read as what the field is (a number, a date in `format` ...); a number is multiplied by `scale`,
rounded where `round` allows it, and brought within `minimum` and `maximum`. Nothing in it is ever executed.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from participants.lender.records import Cell, Reason
from participants.lender.values import Reader, Refusal
