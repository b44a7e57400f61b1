"""What everybody checks of the header of a list, beside what holds for any query."""

from consortium.errors import Code, CreditError
from consortium.model.catalogue import Purpose
from consortium.model.query import QueryHeader, Suite
from consortium.model.rulebook import Rulebook
from consortium.model.rulebook_document import Policy
from consortium.rules.contributions import query_layout
from consortium.sums.words import WORD_BYTES

DEFAULT_JOB_LIFETIME = 6 * 3600
DEFAULT_ROWS_PER_DAY = 10_000_000
MAXIMUM_VECTOR_BYTES = 960 << 10
"""Of one block, so that a message with it stays below 1 MiB."""


def job_lifetime(policy: Policy) -> int:
    """Give how many seconds a job may live at most."""
    return policy.portfolio_lifetime or DEFAULT_JOB_LIFETIME


def rows_per_day(policy: Policy) -> int:
    """Give how many rows a member's lists may have on a UTC day."""
    return policy.rows_per_day or DEFAULT_ROWS_PER_DAY


def check_list(header: QueryHeader, rulebook: Rulebook) -> None:
    """
    Raise unless a header with rows is one of a portfolio in words whose blocks fit into a message.

    Raises PURPOSE_NOT_ALLOWED, SUITE_NOT_ALLOWED, MALFORMED or LIST_INVALID; nothing for a header without rows.
    """
    if header.rows is None:
        return
    if header.purpose is not Purpose.PORTFOLIO:
        raise CreditError(Code.PURPOSE_NOT_ALLOWED, "lists are for the purpose portfolio")
    if header.suite is not Suite.MASKED_SUM:
        raise CreditError(Code.SUITE_NOT_ALLOWED, "lists are in MASKED_SUM")
    if header.travel is not None:
        raise CreditError(Code.MALFORMED, "a list has no travel check")
    if unknown := [name for name in header.attributes if name not in rulebook.attributes]:
        raise CreditError(Code.ATTRIBUTE_UNKNOWN, unknown[0][:64].encode("ascii", "replace").decode())
    if header.rows.rows_per_block * query_layout(header, rulebook).words * WORD_BYTES > MAXIMUM_VECTOR_BYTES:
        raise CreditError(Code.LIST_INVALID, "a block of so many rows and attributes does not fit into a message")


def check_single(header: QueryHeader) -> None:
    """Raise CreditError(MALFORMED) for a header with rows where one person is asked about."""
    if header.rows is not None:
        raise CreditError(Code.MALFORMED, "a list goes over the streams for jobs")
