"""Several threads that tokenise at once share requests, and get their own tokens or the common error."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from consortium.errors import Code, CreditError
from consortium.model.identifiers import IdentifierKind, NormalisedIdentifier, SubjectKey, SubjectTag
from participants.lender.tokenise import Token
from participants.lender.tokens import GatheringTokeniser
from tests.support.codes import refused

THREADS = 6


def identifier(number: int) -> NormalisedIdentifier:
    return NormalisedIdentifier(IdentifierKind.PHONE, "CN", f"+86139{number:08}")


def token(item: NormalisedIdentifier) -> Token:
    return Token(SubjectKey(item.value.encode().ljust(64, b".")), SubjectTag(bytes(32)), 1)


class Slow:
    """Counts requests; the first one waits until every other thread has queued up."""

    def __init__(self, error: CreditError | None = None) -> None:
        self.requests: list[int] = []
        self.go = threading.Event()
        self._error = error

    def tokenise(self, identifiers: Sequence[NormalisedIdentifier]) -> list[Token]:
        self.requests.append(len(identifiers))
        self.go.wait(10)
        if self._error:
            raise self._error
        return [token(item) for item in identifiers]


def run(slow: Slow) -> list[object]:
    gathering = GatheringTokeniser(slow)
    queued = gathering._waiting

    def ask(number: int) -> object:
        try:
            return gathering.tokenise([identifier(number), identifier(100 + number)])
        except CreditError as error:
            return error.code

    with ThreadPoolExecutor(THREADS) as pool:
        answers = [pool.submit(ask, number) for number in range(THREADS)]
        for _ in range(5_000):
            if len(queued) == THREADS - 1 and slow.requests:
                break
            threading.Event().wait(0.001)
        slow.go.set()
        return [answer.result() for answer in answers]


def test_what_waits_goes_out_together_and_comes_back_apart() -> None:
    slow = Slow()
    answers = run(slow)
    assert slow.requests == [2, 2 * (THREADS - 1)]
    for number, tokens in enumerate(answers):
        assert isinstance(tokens, list)
        expected = [token(identifier(number)), token(identifier(100 + number))]
        assert [item.key.value for item in tokens] == [item.key.value for item in expected]


def test_an_error_reaches_everybody_who_waited() -> None:
    assert run(Slow(CreditError(Code.TOO_FEW_HOLDERS))) == [Code.TOO_FEW_HOLDERS] * THREADS


def test_the_next_request_after_an_error_is_served() -> None:
    gathering, calls = GatheringTokeniser(failing := Slow(CreditError(Code.TOO_FEW_HOLDERS))), [identifier(1)]
    failing.go.set()
    with refused(Code.TOO_FEW_HOLDERS):
        gathering.tokenise(calls)
    failing._error = None
    assert len(gathering.tokenise(calls)) == 1


@pytest.mark.parametrize("count", [0, 1, 3])
def test_one_caller_gets_what_it_asked_for(count: int) -> None:
    slow = Slow()
    slow.go.set()
    assert len(GatheringTokeniser(slow).tokenise([identifier(number) for number in range(count)])) == count
