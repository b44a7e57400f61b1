"""A portfolio as an engineer writes it: one JSON object that names the list, the columns, and what is asked."""

from pathlib import Path

from pydantic import Field, StrictInt, StrictStr, ValidationError

from consortium.errors import Code, CreditError
from consortium.model.lists import MAXIMUM_ROWS_PER_BLOCK
from participants.lender.event_input import InputTable, first_problem
from participants.lender.portfolio.ask import ListQuestion
from participants.lender.question_input import ConsentInput

MAX_PORTFOLIO_BYTES = 65_536


class ListColumns(InputTable):
    """Which columns of the list have what; at least one identifier. A person is asked about by the strongest one."""

    id: StrictStr = Field(min_length=1, description="the lender's own name of the row, repeated in the output")
    national_id: StrictStr | None = None
    phone: StrictStr | None = None
    email: StrictStr | None = None


class PortfolioInput(InputTable):
    """A portfolio: the list, where its results go, and what is asked about everybody on it."""

    source: Path
    out: Path
    columns: ListColumns
    country: StrictStr = Field(default="CN", pattern="^[A-Z]{2}$")
    attributes: tuple[StrictStr, ...] = Field(min_length=1)
    consent: ConsentInput | None = None
    lifetime_seconds: StrictInt | None = Field(default=None, ge=60, le=86_400)
    rows_per_block: StrictInt = Field(default=MAXIMUM_ROWS_PER_BLOCK, ge=1, le=MAXIMUM_ROWS_PER_BLOCK)

    @property
    def question(self) -> ListQuestion:
        """What is asked."""
        return ListQuestion(self.attributes, self.lifetime_seconds, rows_per_block=self.rows_per_block)


def parse_portfolio(data: bytes) -> PortfolioInput:
    """Read a portfolio's JSON; raises CreditError(RECORD_INVALID), naming the field."""
    if len(data) > MAX_PORTFOLIO_BYTES:
        raise CreditError(Code.RECORD_INVALID, "a portfolio has at most 64 KiB")
    try:
        return PortfolioInput.model_validate_json(data)
    except ValidationError as error:
        raise CreditError(Code.RECORD_INVALID, first_problem(error)) from None
