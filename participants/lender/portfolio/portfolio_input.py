"""A portfolio as an engineer writes it: one JSON object that names the list, the columns, and what is asked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, StrictBool, StrictInt, StrictStr, ValidationError, model_validator

from consortium.errors import Code, CreditError
from consortium.model.lists import MAXIMUM_ROWS_PER_BLOCK
from participants.lender.event_input import InputTable, first_problem
from participants.lender.mapping import ListFile, SourceMapping, load_list_mapping
from participants.lender.question_input import ConsentInput
from participants.lender.validation import DEFAULT_MAXIMUM_REFUSED

MAX_PORTFOLIO_BYTES = 65_536
ROW = "row"
"""What the column of the rows' names is called where no column of the list has them."""


class ListColumns(InputTable):
    """Which columns of the list have what; at least one identifier. A person is asked about by the strongest one."""

    id: StrictStr = Field(min_length=1, description="the lender's own name of the row, repeated in the output")
    national_id: StrictStr | None = None
    phone: StrictStr | None = None
    email: StrictStr | None = None


class PortfolioInput(InputTable):
    """
    A portfolio: the list, where its results go, and what is asked about everybody on it.

    `columns` or `mapping` say how the list is read; paths are absolute, as the node sees them.
    """

    source: Path | None = Field(default=None, description="the list; without it the mapping names it")
    mapping: Path | None = Field(default=None, description="a mapping file (TOML) in place of `columns`")
    columns: ListColumns | None = None
    country: StrictStr = Field(default="CN", pattern="^[A-Z]{2}$")
    out: Path
    format: Literal["csv", "parquet"] | None = Field(default=None, description="without it, by the name of `out`")
    attributes: tuple[StrictStr, ...] = ()
    own: StrictBool = Field(default=False, description="whether the own part stands beside each total")
    scorecard: StrictStr | None = Field(default=None, description="ID or ID-VERSION of a card in effect")
    since: Path | None = Field(default=None, description="an earlier output to compare with; `out` itself will do")
    scheduler: StrictStr | None = Field(default=None, description="a Dask scheduler that prepares the list")
    max_refused_percent: float = Field(default=100 * DEFAULT_MAXIMUM_REFUSED, ge=0, le=100)
    consent: ConsentInput | None = None
    lifetime_seconds: StrictInt | None = Field(default=None, ge=60, le=86_400)
    rows_per_block: StrictInt = Field(default=MAXIMUM_ROWS_PER_BLOCK, ge=1, le=MAXIMUM_ROWS_PER_BLOCK)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.mapping is None) is (self.columns is None):
            raise ValueError("needs one of mapping and columns")
        if self.columns is not None and self.source is None:
            raise ValueError("columns go with a source")
        if not self.attributes and self.scorecard is None:
            raise ValueError("needs attributes, or a scorecard")
        for name in ("source", "mapping", "out", "since"):
            path: Path | None = getattr(self, name)
            if path is not None and not path.is_absolute():
                raise ValueError(f"{name}: an absolute path, as the node sees it")
        return self

    @property
    def row_name(self) -> str:
        """The name of the output's first column, which names the rows."""
        return self.columns.id if self.columns else ROW

    def list_mapping(self) -> SourceMapping[ListFile]:
        """Give the mapping of the list; raises as `load_list_mapping`."""
        if self.columns is None or self.source is None:
            return load_list_mapping(self.mapping or Path())
        named = self.columns.model_dump(exclude={"id"}, exclude_none=True)
        kind = "parquet" if self.source.suffix.lower() in {".parquet", ".pq"} else "csv"
        value = {
            "source": {"kind": kind},
            "identifiers": {"country": {"constant": self.country}, **named},
            ROW: {"id": self.columns.id},
        }
        return SourceMapping(_valid(value), self.source.parent)


def parse_portfolio(data: bytes) -> PortfolioInput:
    """Read a portfolio's JSON; raises CreditError(RECORD_INVALID), naming the field."""
    if len(data) > MAX_PORTFOLIO_BYTES:
        raise CreditError(Code.RECORD_INVALID, "a portfolio has at most 64 KiB")
    try:
        return PortfolioInput.model_validate_json(data)
    except ValidationError as error:
        problem = first_problem(error)
    raise CreditError(Code.RECORD_INVALID, problem)  # out here, so that it does not refer to one that holds the input


def _valid(value: Mapping[str, object]) -> ListFile:
    try:
        return ListFile.model_validate(value)
    except ValidationError as error:
        problem = first_problem(error)
    raise CreditError(Code.RECORD_INVALID, f"columns: {problem}")
