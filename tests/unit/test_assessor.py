"""An application that is assessed while the rulebook changes, and one that fails under a rulebook that stays."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from consortium.errors import Code, CreditError
from consortium.model.rulebook import Rulebook
from participants.lender.assess import Application, Assessor
from participants.lender.assessment import Assessment
from participants.rpc.local import application_from_proto
from protos.credit.v1 import lender_pb2 as pb
from tests.support.codes import refused


class Changing(Assessor):
    """Fails as long as it is called with the first version; the next comes into force meanwhile if there is one."""

    def __init__(self, versions: list[bytes]) -> None:
        self.versions, self.tried = versions, list[bytes]()
        contributor = SimpleNamespace(rulebook=lambda: SimpleNamespace(digest=self.versions[0]))
        super().__init__(
            cast("Any", SimpleNamespace(node=SimpleNamespace(contributor=contributor))), *cast("Any", (0, 0))
        )

    async def _assess(self, application: Application, rulebook: Rulebook) -> Assessment:
        self.tried.append(rulebook.digest)
        if len(self.versions) > 1:
            del self.versions[0]
        if len(self.tried) == 1:
            raise CreditError(Code.ATTRIBUTE_UNKNOWN, "a card that was taken out")
        return cast("Assessment", application)


@pytest.fixture
def application() -> Application:
    return cast("Application", SimpleNamespace(request_id=b"r" * 16))


def test_what_failed_under_a_version_that_is_not_in_force_any_more_is_tried_under_the_next(
    application: Application,
) -> None:
    assessor = Changing([b"1", b"2"])
    assert cast("object", asyncio.run(assessor.assess(application))) is application
    assert assessor.tried == [b"1", b"2"]


def test_what_failed_under_the_version_in_force_is_the_callers_to_mend(application: Application) -> None:
    assessor = Changing([b"1"])
    with refused(Code.ATTRIBUTE_UNKNOWN):
        asyncio.run(assessor.assess(application))
    assert assessor.tried == [b"1"]
    assert not assessor._locks, "nothing is left of an application that is over"


@pytest.mark.parametrize(("name", "value"), [("amount", 0), ("amount", 1 << 60), ("hold_seconds", 59)])
def test_what_no_promise_can_be_is_refused_at_the_door(name: str, value: int) -> None:
    """Of an underwriting engine as of the command: before anything is in the book."""
    about = pb.QueryRequest(
        identifiers=[pb.Identifier(kind=pb.IDENTIFIER_KIND_PHONE, text="13800000001")], purpose="origination"
    )
    request = pb.AssessRequest(about=about, amount=1, hold_seconds=60)
    application_from_proto(request)
    setattr(request, name, value)
    with refused(Code.MALFORMED, cause=name):
        application_from_proto(request)
