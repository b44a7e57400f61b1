"""Credit files and journal entries as bytes: one form each, lossless both ways, and no way to print them."""

import json
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from consortium.canonical import canonical_json, parse_canonical
from consortium.errors import Code
from consortium.model.credit_file import CreditFile, Inquiry, PendingGrant, Piece, Tradeline
from consortium.model.credit_file_bytes import (
    credit_file_from_bytes,
    credit_file_of,
    credit_file_to_bytes,
    inquiry_from_value,
    inquiry_to_value,
    parts_of,
    pending_from_value,
    pending_to_value,
    pieces_of,
    stored_credit_file,
    tradeline_from_value,
    tradeline_to_value,
)
from consortium.model.identifiers import IdentifierKind, SubjectTag
from consortium.model.journal_entry import Event, JournalEntry, journal_entry_from_bytes
from tests.support import books


@given(books.credit_files)
def test_a_file_survives_its_bytes(file: CreditFile) -> None:
    data = credit_file_to_bytes(file)
    assert credit_file_from_bytes(data) == file
    assert stored_credit_file(data) == file
    assert credit_file_of(file.identifier, pieces_of(file)) == file


@given(books.credit_files)
def test_the_bytes_are_canonical_json(file: CreditFile) -> None:
    data = credit_file_to_bytes(file)
    assert canonical_json(parse_canonical(data)) == data


@given(books.tradelines())
def test_the_fast_encoder_of_tradelines_is_the_canonical_one(tradeline: Tradeline) -> None:
    value = tradeline_to_value(tradeline)
    assert parts_of(tradeline)[0].data == canonical_json(value)
    assert tradeline_from_value(json.loads(canonical_json(value))) == tradeline


@given(books.inquiries, books.pendings)
def test_small_pieces_survive_their_values(inquiry: Inquiry, pending: PendingGrant) -> None:
    assert parts_of(inquiry)[0].data == canonical_json(inquiry_to_value(inquiry))
    assert inquiry_from_value(inquiry_to_value(inquiry)) == inquiry
    assert pending_from_value(pending_to_value(pending)) == pending


@given(books.kinds, st.lists(books.pieces, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_pieces_makes_no_difference(kind: IdentifierKind, pieces: list[Piece], random: Random) -> None:
    shuffled = pieces[:]
    random.shuffle(shuffled)
    assert credit_file_of(kind, pieces) == credit_file_of(kind, shuffled)


@given(st.binary(max_size=64) | st.text(max_size=64).map(str.encode))
def test_hostile_bytes_are_refused_or_are_the_one_form(data: bytes) -> None:
    check_refused_or_the_one_form(data)


def check_refused_or_the_one_form(data: bytes) -> None:
    outcome = books.attempt(lambda: credit_file_from_bytes(data))
    if isinstance(outcome, CreditFile):
        assert credit_file_to_bytes(outcome) == data
    else:
        assert outcome is Code.RECORD_INVALID


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    [
        "account",
        "portfolio",
        "status",
        "opened",
        "reported",
        "closed",
        "limit",
        "history",
        "disputed",
        "channel",
        "x",
    ]
)


@settings(max_examples=200)
@given(books.credit_files, FIELDS, JSON, st.sampled_from(["file", "tradeline"]))
def test_any_field_of_any_type_is_refused_or_is_the_one_form(
    file: CreditFile, field: str, value: object, where: str
) -> None:
    document = json.loads(credit_file_to_bytes(file))
    target = document["tradelines"][0] if where == "tradeline" and "tradelines" in document else document
    target[field if target is not document else f"{field}s"] = value
    data = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    check_refused_or_the_one_form(data)


@given(st.integers(0, 2**40), books.times, books.kinds, books.events)
def test_a_journal_entry_survives_its_bytes(seq: int, time: int, kind: IdentifierKind, event: Event) -> None:
    entry = JournalEntry(seq, time, SubjectTag(b"t" * 32), kind, event)
    assert journal_entry_from_bytes(entry.to_bytes()) == entry


@given(books.events, st.integers(0, 200), st.binary(min_size=1, max_size=3))
def test_a_changed_entry_is_another_or_refused(event: Event, place: int, put: bytes) -> None:
    entry = JournalEntry(3, books.NOW, SubjectTag(b"t" * 32), IdentifierKind.PHONE, event)
    data = entry.to_bytes()
    changed = data[:place] + put + data[place + len(put) :]
    outcome = books.attempt(lambda: journal_entry_from_bytes(changed))
    if isinstance(outcome, JournalEntry):
        assert (outcome == entry) == (changed == data)
    else:
        assert outcome is Code.JOURNAL_BROKEN


@given(books.credit_files)
def test_nothing_prints(file: CreditFile) -> None:
    for thing in (file, *pieces_of(file)):
        name = f"<{type(thing).__name__}>"
        assert {repr(thing), str(thing), f"{thing}", f"{thing!r:>40}".strip()} == {name}
