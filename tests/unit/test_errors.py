"""The error catalogue is total, and its page and its wire form follow from it."""

import pytest

from consortium.errors import CATALOGUE, Code, CreditError, Status
from consortium.wire.errors import error_from_status, error_to_status
from demo import reference_page
from demo.error_page import PAGE, page


def test_every_code_has_one_entry() -> None:
    assert set(CATALOGUE) == set(Code)


@pytest.mark.parametrize("code", Code)
def test_every_message_says_what_to_do(code: Code) -> None:
    message = CATALOGUE[code].message
    assert message.endswith(".")
    assert message.count(". ") >= 1 or ":" in message, "what is wrong, and what to do"


@pytest.mark.parametrize("code", Code)
def test_every_error_survives_the_wire(code: Code) -> None:
    again = error_from_status(error_to_status(CreditError(code, "a cause")))
    assert again is not None
    assert (again.code, again.cause, again.status) == (code, "a cause", CATALOGUE[code].status)


def test_statuses_are_those_of_grpc() -> None:
    import grpc

    assert {status.value for status in Status} <= {status.name for status in grpc.StatusCode}


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make docs`"
    assert reference_page.PAGE.read_text("utf-8") == reference_page.page(), "run `make docs`"
