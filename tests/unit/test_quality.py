"""How good a lender's data are: shares of a book, and the newest word of each lender."""

import pytest

from consortium.errors import Code
from consortium.membership.signed import sign_document
from consortium.model.credit_file import Channel, CreditFile, Scene, Tradeline
from consortium.model.identifiers import IdentifierKind
from consortium.supervision.documents import FORMS, FilingKind, QualityStatement, read_filing
from consortium.supervision.quality import QualityTally
from consortium.transparency.supervision_kinds import QUALITY_SHARES
from consortium.wire.supervision import FiledDocument
from participants.quality import judged, newest, shares_of
from participants.regulator.indicators import LogIndicators
from tests.support.books import DAY, tradeline
from tests.support.codes import refused
from tests.support.world import World


def file_of(*lines: Tradeline, kind: IdentifierKind = IdentifierKind.PHONE) -> CreditFile:
    return CreditFile(kind, lines)


def described(account: str, **fields: object) -> Tradeline:
    return tradeline(account, scene=Scene.TRAVEL, channel=Channel.APP, **fields)


def test_nothing_to_judge_is_no_share() -> None:
    found = judged([], DAY, lambda _stage, _done: None)
    assert found.people == 0
    assert set(found.shares.values()) == {None}
    assert set(found.shares) == set(QUALITY_SHARES)


def test_shares_are_rounded_down() -> None:
    tally = QualityTally(DAY)
    for kind in (IdentifierKind.NATIONAL_ID, IdentifierKind.NATIONAL_ID, IdentifierKind.EMAIL):
        tally.add(file_of(kind=kind))
    assert tally.share("identified") == 666


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("current", {"reported": DAY - 45}, {"reported": DAY - 46}),
        ("history", {"opened": DAY - 70, "reported": DAY, "history": (0, 0, 0)}, {"history": (0,) * 11}),
        ("dated", {"days_past_due": 3, "first_delinquency": DAY - 3}, {"days_past_due": 3}),
        ("described", {"scene": Scene.RENT, "channel": Channel.APP}, {"scene": Scene.RENT}),
    ],
)
def test_each_share_tells_good_accounts_from_others(name: str, good: dict[str, object], bad: dict[str, object]) -> None:
    for fields, expected in ((good, 1000), (bad, 0)):
        tally = QualityTally(DAY)
        tally.add(file_of(tradeline("a1", **fields)))
        assert tally.share(name) == expected


def test_a_closed_account_need_not_be_current_and_a_punctual_one_not_dated() -> None:
    tally = QualityTally(DAY)
    tally.add(file_of(described("a1", closed=DAY - 200, reported=DAY - 200)))
    assert (tally.share("current"), tally.share("dated"), tally.share("described")) == (None, None, 1000)


def test_the_newest_statement_of_each_lender_counts_and_one_by_a_strange_key_does_not(world: World) -> None:
    rulebook = world.rulebook

    def stated(member: str, at: int, share: int, signer: str | None = None) -> FiledDocument:
        statement = QualityStatement(
            consortium=rulebook.document.consortium,
            member=member,
            day=DAY,
            root=b"r" * 32,
            stated_at=at,
            **(dict.fromkeys(QUALITY_SHARES) | {"current": share}),
        )
        key = world.nodes[signer or member].contributor.identity.signer
        signed = sign_document(key, FORMS[FilingKind.QUALITY][1], statement)
        return FiledDocument(at, FilingKind.QUALITY, signed, None)

    filings = [stated("lender-a", 2, 900), stated("lender-a", 1, 100), stated("lender-b", 3, 800, signer="lender-c")]
    found = newest(filings, rulebook)
    assert {member: one.current for member, one in found.items()} == {"lender-a": 900}
    assert shares_of(found["lender-a"])["identified"] is None
    with refused(Code.SIGNATURE_INVALID):
        read_filing(FilingKind.QUALITY, filings[2].signed, rulebook)


def test_an_answer_counts_for_those_on_its_roster_and_one_without_its_admission_for_nobody_who_asks() -> None:
    found = LogIndicators()
    found.take_all(
        [
            {"kind": "query-answered", "admission": 1, "answering": ["a", "b"], "decision": "ANSWERED"},
            {"kind": "query-admitted", "index": 7, "requester": "a", "roster": ["a", "b", "c"]},
            {"kind": "query-answered", "admission": 7, "answering": ["a", "b"], "decision": "INCOMPLETE"},
            {"kind": "query-admitted", "index": 9, "requester": "b", "roster": ["a", "b", "c"]},
            {"kind": "query-refused", "admission": 9},
            {"kind": "query-refused"},
        ]
    )
    a, b, c = (found.members[name] for name in "abc")
    assert (a.asked, a.complete, a.refused, a.due, a.given) == (1, 0, 0, 2, 2)
    assert (b.asked, b.refused, b.availability) == (1, 1, 1.0)
    assert (c.due, c.given, c.availability) == (1, 0, 0.0)
    assert c.to_json()["availability"] == 0
    assert found.members.keys() == {"a", "b", "c"}
