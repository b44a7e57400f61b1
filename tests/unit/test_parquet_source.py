"""Parquet: all types as text, in the file's order and number; a bad file is unreadable, a changed one is lost."""

from pathlib import Path

import duckdb
import pytest

from consortium.errors import Code
from participants.lender.connectors import BATCH_ROWS, ParquetSource
from tests.support.codes import refused
from tests.support.sources import read_rows

TYPES = """
SELECT 7::BIGINT AS "whole", 12.50::DECIMAL(12, 2) AS "amount", 0.1::DOUBLE AS "double", DATE '2026-11-23' AS "day",
       TIMESTAMP '2026-11-23 10:00:00' AS "time", TIMESTAMPTZ '2026-11-23 10:00:00+08' AS "zoned", true AS "truth",
       '张三' AS "text", NULL::VARCHAR AS "empty", [1, 2] AS "list", 'x'::BLOB AS "a ""quoted"" name"
"""


def write_parquet(path: Path, query: str) -> Path:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'Asia/Tokyo'")
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path


def test_every_type_becomes_text(tmp_path: Path) -> None:
    source = ParquetSource(write_parquet(tmp_path / "types.parquet", TYPES))
    with source.open() as table:
        (row,) = next(table.batches)
        cells = dict(zip(table.columns, row.cells, strict=True))
    assert cells == {
        "whole": "7",
        "amount": "12.50",
        "double": "0.1",
        "day": "2026-11-23",
        "time": "2026-11-23 10:00:00",
        "zoned": "2026-11-23 02:00:00+00",
        "truth": "true",
        "text": "张三",
        "empty": None,
        "list": "[1, 2]",
        'a "quoted" name': "x",
    }


def test_rows_come_in_order_and_in_batches(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "many.parquet", "SELECT i AS number FROM range(300000) t(i)")
    source = ParquetSource(path)
    with source.open() as table:
        sizes, number, fractions = [], 0, []
        for batch in table.batches:
            sizes.append(len(batch))
            assert [row.number for row in batch] == list(range(number + 1, number + 1 + len(batch)))
            assert batch[0].cells == (str(number),)
            number += len(batch)
            fractions.append(source.fraction())
    assert number == 300_000
    assert max(sizes) == BATCH_ROWS
    assert fractions[0] == pytest.approx(BATCH_ROWS / 300_000)
    assert fractions[-1] == 1.0


def test_the_names_of_folders_make_no_columns(tmp_path: Path) -> None:
    (tmp_path / "region=north").mkdir()
    path = write_parquet(tmp_path / "region=north" / "a.parquet", "SELECT 1 AS number")
    with ParquetSource(path).open() as table:
        assert table.columns == ("number",)


def test_an_empty_table_has_columns_and_no_rows(tmp_path: Path) -> None:
    assert read_rows(ParquetSource(write_parquet(tmp_path / "e.parquet", "SELECT 1 AS a LIMIT 0"))) == []


@pytest.mark.parametrize("data", [b"", b"PAR1", b"a,b\n1,2\n", b"PAR1" + bytes(1_000) + b"PAR1"])
def test_what_is_not_parquet_is_unreadable(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.parquet"
    path.write_bytes(data)
    with refused(Code.SOURCE_UNREADABLE):
        read_rows(ParquetSource(path))


def test_a_file_cut_short_is_unreadable(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "cut.parquet", "SELECT i FROM range(10000) t(i)")
    path.write_bytes(path.read_bytes()[:-20])
    with refused(Code.SOURCE_UNREADABLE):
        read_rows(ParquetSource(path))


def test_a_file_with_a_spoilt_page_is_lost_and_shows_nothing_of_it(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "spoilt.parquet", "SELECT 'secret-' || (i * 7919)::VARCHAR AS name FROM range(400000) t(i)"
    )
    data = bytearray(path.read_bytes())
    middle = len(data) * 3 // 4
    data[middle : middle + 4_000] = b"\xff" * 4_000
    path.write_bytes(data)
    with pytest.raises(Exception) as caught:  # noqa: PT011  the code is looked at below
        read_rows(ParquetSource(path))
    assert getattr(caught.value, "code", None) in {Code.SOURCE_LOST, Code.SOURCE_UNREADABLE}, repr(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("change", ["delete", "truncate"])
def test_a_file_that_changes_while_it_is_read_is_lost(tmp_path: Path, change: str) -> None:
    path = write_parquet(tmp_path / "many.parquet", "SELECT i AS number, random() AS x FROM range(500000) t(i)")
    with ParquetSource(path).open() as table:
        next(table.batches)
        if change == "delete":
            path.unlink()
        else:
            with path.open("r+b") as file:
                file.truncate(1_000)
        with refused(Code.SOURCE_LOST):
            list(table.batches)


def test_a_path_that_stands_for_several_files_is_refused(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", "SELECT 1 AS a").rename(tmp_path / "a[b].parquet")
    with refused(Code.SOURCE_UNREADABLE):
        ParquetSource(path)
