"""Every kind of entry has a published schema, and what the gateway really writes is true to it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import jsonschema_rs
import pytest

from consortium.canonical import canonical_json
from consortium.errors import Code, CreditError
from consortium.membership.applications import Application
from consortium.membership.ballots import Decision, Vote
from consortium.membership.emergency import EmergencySuspension
from consortium.membership.signed import sign_document
from consortium.model.bodies import BodyAction, BodyOrder
from consortium.model.query import SignedQuery, Suite
from consortium.model.receipts import Receipt
from consortium.supervision.documents import (
    FORMS,
    NO_STATEMENT,
    SUM_REPORT_BYTES,
    AuditKeyUse,
    Case,
    CaseCause,
    CaseClosed,
    CaseKind,
    CaseOutcome,
    Filing,
    FilingKind,
    Finding,
    InspectionOrder,
    InspectionVerdict,
    KeyPurpose,
    MemberStatement,
    QualityStatement,
    StatedBook,
    StatedDay,
)
from consortium.transparency.kinds import DIALECT, SCHEMAS, check_entry, parse_entry
from consortium.wire.rounds import transcript_to_bytes
from demo.schema_pages import FOLDER, pages
from gateway.membership import entries as membership
from gateway.usecases import entries, job_entries, statistic_entries
from gateway.usecases.admission import open_run
from gateway.usecases.query import QueryRun
from participants.regulator.dictionary import data_dictionary
from participants.statistics.asking import conclude
from participants.statistics.releases import sign_release
from tests.support.codes import refused
from tests.support.list_hub import ListHub, keys
from tests.support.statistics import statistic_world
from tests.support.world import ALICE, World, Worlds


def test_the_published_schemas_are_those_of_the_code() -> None:
    assert {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()} == pages()
    for schema in SCHEMAS.values():
        assert schema["$schema"] == DIALECT
        jsonschema_rs.meta.validate(schema)


def answered_run(world: World, query: SignedQuery) -> QueryRun:
    """Carry a query through both rounds."""
    roster = world.hub.roster(query.header.issued_at)
    run = open_run(query, world.rulebook, roster, world.hub.keys, world.now)
    assert world.hub.first_round(run, world.now)
    world.hub.second_round(run, world.now)
    return run


def written(world: World) -> list[dict[str, Any]]:
    """Make every kind by the code that makes them."""
    query = world.query(world.subject(ALICE))
    run = answered_run(world, query)
    transcript = run.transcript()
    refusal = CreditError(Code.CONSENT_USED_UP, "no use left")
    return [
        entries.admitted(query, run, b"r" * 16, (4, 5, 10)),
        entries.answered(run, transcript, transcript_to_bytes(transcript), 7),
        entries.refused("lender-a", b"r" * 16, query, refusal, run),
        entries.refused("lender-a", b"r" * 16, query, refusal, None),
        entries.refused("lender-a", b"r" * 16, query, refusal, run, b"body", 7),
        entries.abandoned(query.digest.hex(), 7, query.header.expires_at),
        entries.dropped("lender-a", 3, 1_790_000_000),
        entries.ordered(
            BodyOrder("demo", BodyAction.ERASE, (3, 4), "asked for", 1_790_000_000),
            {"regulator": bytes(64), "gateway": bytes(64)},
            b"r" * 32,
        ),
        entries.expired([3, 4], 1_825, b"r" * 32),
    ]


def written_of_members() -> list[dict[str, Any]]:
    """Make the kinds of membership; the code reads these fields of verified documents and no other."""
    vote = SimpleNamespace(approver="lender-a", proposal=b"p" * 32, version=2, decision=Decision.APPROVE)
    application = SimpleNamespace(member="lender-f", sponsor="lender-a")
    notice = SimpleNamespace(member="lender-f", version=2, lapses_at=1_790_000_000)
    return [
        membership.applied(cast("Application", application), b"a" * 32),
        membership.voted(cast("Vote", vote)),
        membership.decided(2, b"r" * 32, {"lender-b", "lender-a"}),
        membership.suspended(cast("EmergencySuspension", notice), b"n" * 32),
        membership.certified("lender-f", b"k" * 32, 1_790_000_000),
    ]


def written_of_supervision(world: World) -> list[dict[str, Any]]:
    """Make the kinds that hold a signed document, with every field that may be null both ways."""
    common: dict[str, Any] = {"consortium": "demo-consortium"}
    member, second = {**common, "member": "lender-a"}, 1_790_000_000
    order: dict[str, Any] = {**common, "regulator": "regulator", "member": "lender-a", "entry": 4, "ctx": b"c" * 32}
    order |= {"reason": "audit", "issued_at": second, "due_at": second + 9}
    book = StatedBook(day=20_000, root=bytes(32), salt_digest=bytes(32), start=bytes(32), previous=bytes(32))
    chain: dict[str, Any] = {"number": 1, "previous": NO_STATEMENT, "books": (book,), "journal": bytes(32)}
    chain |= {"days": (StatedDay(day=20_000, last=3),), "messages": 4, "report": bytes(SUM_REPORT_BYTES)}
    verdict: dict[str, Any] = {**common, "regulator": "regulator", "order": 7, "member": "lender-a"}
    case: dict[str, Any] = {**member, "cause": CaseCause.CONSENT, "text": "naming nobody", "opened_at": second}
    shares = {"identified": 1000, "current": 7, "history": None, "dated": 0, "described": 500}
    quality: dict[str, Any] = {"day": 20_000, "root": bytes(32), **shares}
    filings: list[tuple[FilingKind, Filing]] = [
        (FilingKind.STATEMENT, MemberStatement(**member, **chain, stated_at=second)),
        (FilingKind.ORDER, InspectionOrder(**order)),
        (FilingKind.ORDER, InspectionOrder(**order, dispute=3)),
        (FilingKind.VERDICT, InspectionVerdict(**verdict, finding=Finding.OVERDUE, issued_at=second)),
        (FilingKind.VERDICT, InspectionVerdict(**verdict, finding=Finding.REFUTED, shown=b"s" * 32, issued_at=second)),
        (FilingKind.CASE, Case(**case, kind=CaseKind.DISPUTE, entry=4)),
        (FilingKind.CASE, Case(**case, kind=CaseKind.COMPLAINT, about="lender-b")),
        (
            FilingKind.CASE_CLOSED,
            CaseClosed(**member, case=9, outcome=CaseOutcome.SETTLED, text="paid back", closed_at=second),
        ),
        (
            FilingKind.KEY_USE,
            AuditKeyUse(
                **common, regulator="regulator", purpose=KeyPurpose.INSPECTION, reference="order 7", used_at=second
            ),
        ),
        (FilingKind.QUALITY, QualityStatement(**member, **quality, stated_at=second)),
    ]
    signer = world.foundation.keys["regulator"].signer
    made = [
        entries.filed(kind.value, sign_document(signer, FORMS[kind][1], filing), b"r" * 32) for kind, filing in filings
    ]
    return [*made, entries.inspection_answered(7, "lender-a", b"d" * 32, 900)]


def written_of_jobs(world: World) -> list[dict[str, Any]]:
    """Make the kinds of jobs over lists."""
    hub = ListHub(world)
    job, sealed = hub.build(hub.people(keys(3)))
    hub.distribute(job, sealed)
    run = hub.carry(hub.terms(job), 0)
    transcript = run.transcript()
    receipt = Receipt(4, b"l" * 32, 5, bytes(64))
    return [
        job_entries.admitted(job.query, world.rulebook, b"r" * 16, (0, 3, 10)),
        job_entries.answered(run, transcript, transcript_to_bytes(transcript), 7),
        job_entries.ended(job.query.digest, 7, 1, [receipt], "ANSWERED"),
        job_entries.ended(job.query.digest, 7, 1, [], "LIST_OVERLAPS", "3 members refused"),
    ]


def written_of_statistics(worlds: Worlds) -> list[dict[str, Any]]:
    """Make the kinds of statistics by the code that makes them, from a statistic that was carried."""
    consortium = statistic_world(worlds)
    statistic, private = consortium.build()
    transcript = consortium.carry(statistic)
    run, raw = consortium.runs[-1], transcript_to_bytes(transcript)
    refusal = CreditError(Code.STATISTIC_BUDGET_SPENT, "nothing left")
    charged = [statistic_entries.Charged(0, 2_000, 6_000)] * 2
    values = conclude(statistic, transcript, consortium.rulebook, private)
    receipt = Receipt(7, bytes(32), 1_790_000_000_000, bytes(64))
    signer = consortium.world.foundation.keys["regulator"].signer
    signed, _ = sign_release(statistic, transcript, values, receipt, consortium.rulebook, signer)
    return [
        statistic_entries.admitted(statistic, run, b"r" * 16, 227, charged),
        statistic_entries.answered(run, transcript, raw),
        statistic_entries.refused(statistic, b"r" * 16, refusal, None, 0),
        statistic_entries.refused(statistic, b"r" * 16, refusal, run, 2_000),
        entries.filed(FilingKind.RELEASE.value, signed, b"r" * 32),
    ]


def test_every_kind_that_the_gateway_writes_is_true_to_its_schema(world: World, worlds: Worlds) -> None:
    of_queries = [*written(world), *written_of_members(), *written_of_supervision(world)]
    jobs = written_of_jobs(worlds.make(suite=Suite.MASKED_SUM))
    all_written = [*of_queries, *jobs, *written_of_statistics(worlds)]
    made = [{**entry, "index": index, "time_ms": 1_790_000_000_000} for index, entry in enumerate(all_written)]
    assert {check_entry(entry) for entry in made} == set(SCHEMAS)
    for entry in made:
        assert parse_entry(canonical_json(entry)) == json.loads(json.dumps(entry))
        optional = {"admission", "body"} if entry["kind"].endswith("-refused") else set()
        for name in entry.keys() - optional:
            with refused(Code.ENTRY_INVALID):
                check_entry({key: value for key, value in entry.items() if key != name})
        with refused(Code.ENTRY_INVALID):
            check_entry({**entry, "national_id": "11010519491231002X"})


@pytest.mark.parametrize("value", [[], "x", 1, None, {}, {"kind": []}, {"kind": "unknown"}])
def test_what_is_no_entry_is_refused(value: Any) -> None:
    with refused(Code.ENTRY_INVALID):
        parse_entry(canonical_json(value))


def test_the_data_dictionary_names_every_kind_and_every_field() -> None:
    page = data_dictionary()
    for kind, schema in SCHEMAS.items():
        assert f"## {kind}" in page
        properties = schema["properties"]
        assert isinstance(properties, dict)
        assert all(f"`{name}`" in page for name in properties)


def test_no_schema_has_room_for_a_tag_or_an_identifier() -> None:
    allowed = {"tags"}  # the salted commitment
    for path in Path(FOLDER).iterdir():
        names = set(json.loads(path.read_text("utf-8"))["properties"])
        assert not {name for name in names - allowed if "tag" in name or "identifier" in name or "phone" in name}
