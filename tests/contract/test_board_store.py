"""What the board guarantees, on SQLite and on PostgreSQL."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError

from consortium.errors import Code, CreditError
from consortium.wire.membership import MAXIMUM_PAGE_BYTES, BoardDocument, DocumentKind, ReadWanted
from gateway.ports import GatewayTransaction, NewDocument
from gateway.storage.board_reader import SqlBoardReader
from gateway.storage.sql import SqlStore
from tests.support.postgres import Postgres

Open = Callable[[], tuple[SqlStore, SqlBoardReader]]
ALL: frozenset[DocumentKind] = frozenset()


@pytest.fixture(params=["sqlite", "postgresql"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same board again and again."""
    url = f"sqlite:///{tmp_path}/gateway.db"
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.new_database(f"b{uuid.uuid4().hex}")
    opened: list[SqlStore | SqlBoardReader] = []

    def again() -> tuple[SqlStore, SqlBoardReader]:
        pair = SqlStore(url, check=lambda _: None), SqlBoardReader(url)
        opened.extend(pair)
        return pair

    yield again
    for store in opened:
        store.close()


def document(text: bytes, kind: DocumentKind = DocumentKind.VOTE, author: str = "lender-a") -> NewDocument:
    return NewDocument(kind, text, author, sha256(text).digest())


def post(store: SqlStore, one: NewDocument, time_ms: int = 1) -> BoardDocument:
    (result,) = store.transact([lambda transaction: transaction.board.append(one, time_ms)])
    assert isinstance(result, BoardDocument)
    return result


def test_documents_have_places_without_gaps_and_keep_their_bytes(reopen: Open) -> None:
    store, _ = reopen()
    first, second = post(store, document(b"a"), 7), post(store, document(b"b"), 5)
    assert (first.sequence, second.sequence) == (1, 2)
    assert second.time_ms == 7  # never back, whatever the clock does
    _, reader = reopen()
    page = reader.page(ReadWanted(0, ALL, 10))
    assert page.documents == (first, second)
    assert page.newest == reader.newest() == 2


def test_an_empty_board_and_one_read_to_its_end(reopen: Open) -> None:
    store, reader = reopen()
    assert reader.page(ReadWanted(0, ALL, 10)).documents == ()
    assert reader.newest() == 0
    post(store, document(b"a"))
    assert reader.page(ReadWanted(1, ALL, 10)).documents == ()
    assert reader.page(ReadWanted(2**50, ALL, 10)).newest == 1


def test_a_page_is_of_the_wanted_kinds_and_at_most_so_many(reopen: Open) -> None:
    store, reader = reopen()
    for number in range(6):
        post(store, document(b"%d" % number, DocumentKind.VOTE if number % 2 else DocumentKind.SIGHTING))
    found = reader.page(ReadWanted(0, frozenset({DocumentKind.VOTE}), 2))
    assert [one.signed for one in found.documents] == [b"1", b"3"]
    assert found.newest == 6
    assert [one.sequence for one in reader.page(ReadWanted(4, ALL, 256)).documents] == [5, 6]


def test_a_page_fits_one_message_but_is_never_empty_for_that(reopen: Open) -> None:
    store, reader = reopen()
    for number in range(3):
        post(store, document(bytes([number]) * (MAXIMUM_PAGE_BYTES // 2 + 1)))
    assert [one.sequence for one in reader.page(ReadWanted(0, ALL, 256)).documents] == [1]
    post(store, document(b"x" * (MAXIMUM_PAGE_BYTES + 1)))
    assert [one.sequence for one in reader.page(ReadWanted(3, ALL, 256)).documents] == [4]


def test_the_place_of_a_known_document_and_no_second_one(reopen: Open) -> None:
    store, _ = reopen()
    post(store, document(b"a"))
    place, unknown = store.transact(
        [lambda t: t.board.place(sha256(b"a").digest()), lambda t: t.board.place(bytes(32))]
    )
    assert (place, unknown) == (1, None)
    with pytest.raises((CreditError, SQLAlchemyError)):
        post(store, document(b"a"))
    assert store.transact([lambda t: t.board.newest]) == [1]


def test_a_refused_unit_posts_nothing(reopen: Open) -> None:
    def refuse(transaction: GatewayTransaction) -> BoardDocument:
        transaction.board.append(document(b"lost"), 1)
        raise CreditError(Code.QUOTA_EXCEEDED)

    store, reader = reopen()
    (result,) = store.transact([refuse])
    assert isinstance(result, CreditError)
    assert reader.newest() == 0


def test_replicas_that_post_at_once_have_one_sequence(reopen: Open) -> None:
    stores = [reopen()[0] for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        places = pool.map(lambda n: post(stores[n % 2], document(b"%d" % n)).sequence, range(20))
    assert sorted(places) == list(range(1, 21))
