"""CSV: every row gets its number, a broken row is one broken row, and a file that changes under the reader is lost."""

import tracemalloc
from pathlib import Path

import pytest

from consortium.errors import Code
from participants.lender.connectors import BATCH_ROWS, CsvSource
from participants.lender.connectors.csv_file import KEPT_OF_LONG, MAX_ROW_BYTES
from participants.lender.records import RawRow, Reason
from tests.support.codes import refused
from tests.support.sources import read_rows


def rows_of(tmp_path: Path, data: bytes, **options: str) -> list[RawRow]:
    path = tmp_path / "source.csv"
    path.write_bytes(data)
    return read_rows(CsvSource(path, **options))


def summary(rows: list[RawRow]) -> list[tuple[int, int | None, Reason | None]]:
    return [(row.number, row.line, row.broken) for row in rows]


def test_rows_are_numbered_without_the_header_and_know_their_line(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, b"a,b\n1,2\n3,4\n")
    assert [row.cells for row in rows] == [("1", "2"), ("3", "4")]
    assert summary(rows) == [(1, 2, None), (2, 3, None)]


def test_a_field_may_hold_delimiters_quotes_and_line_breaks(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, b'a,b\r\n"x,\r\ny","say ""hi"""\r\n3,4')
    assert rows[0].cells == ("x,\r\ny", 'say "hi"')
    assert summary(rows) == [(1, 2, None), (2, 4, None)]


def test_a_wrong_number_of_columns_breaks_that_row_only(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, b"a,b\n1\n1,2,3\n4,5\n")
    assert summary(rows) == [(1, 2, Reason.BROKEN_ROW), (2, 3, Reason.BROKEN_ROW), (3, 4, None)]
    assert rows[1].cells == ("1", "2", "3")


@pytest.mark.parametrize("quoted", ['"never closed,2', '"closed" too late,2', 'x,"never closed'])
def test_a_stray_quote_costs_its_own_line_only(tmp_path: Path, quoted: str) -> None:
    rows = rows_of(tmp_path, f"a,b\n1,2\n{quoted}\n5,6\n7,8\n".encode())
    assert summary(rows) == [(1, 2, None), (2, 3, Reason.BROKEN_ROW), (3, 4, None), (4, 5, None)]
    assert rows[1].cells == (quoted,)


def test_two_stray_quotes_far_apart_swallow_nothing(tmp_path: Path) -> None:
    lines = [f"{number},x" for number in range(2_500)]
    lines[10], lines[2_000] = '"10,x', '"2000,x'
    rows = rows_of(tmp_path, ("a,b\n" + "\n".join(lines)).encode())
    assert [row.number for row in rows] == list(range(1, 2_501))
    assert [row.number for row in rows if row.broken] == [11, 2_001]


def test_bytes_that_are_not_text_break_that_row_only(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, b"a,b\n1,2\n\xff\xfe,2\n3,4\n")
    assert summary(rows) == [(1, 2, None), (2, 3, Reason.NOT_TEXT), (3, 4, None)]
    assert rows[1].cells == (r"\xff\xfe,2",)


def test_bytes_that_are_not_text_within_quotes_do_not_swallow_the_rest(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, b'a,b\n"1\n\xff",2\n3,4\n')
    assert summary(rows) == [(1, 2, Reason.BROKEN_ROW), (2, 3, Reason.NOT_TEXT), (3, 4, None)]


def test_empty_lines_are_no_rows_and_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, b"\xef\xbb\xbfa,b\n\n1,2\n\r\n3,4\n\n")
    assert summary(rows) == [(1, 3, None), (2, 5, None)]
    with CsvSource(tmp_path / "source.csv").open() as table:
        assert table.columns == ("a", "b")


def test_other_encodings_and_delimiters(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "名;b\n张三;2\n".encode("gb18030"), encoding="gb18030", delimiter=";")
    assert rows[0].cells == ("张三", "2")


def test_a_line_without_end_is_one_refused_row_and_not_kept(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, b"a,b\n1,2\n" + b"x" * (3 * MAX_ROW_BYTES) + b"\n3,4\n")
    assert summary(rows) == [(1, 2, None), (2, 3, Reason.ROW_TOO_LONG), (3, 4, None)]
    assert len(rows[1].cells[0] or "") == KEPT_OF_LONG


def test_memory_is_flat(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("w") as file:
        file.write("a,b\n")
        for number in range(60 * BATCH_ROWS):
            file.write(f"{number},{'x' * 100}\n")
    tracemalloc.start()
    with CsvSource(path).open() as table:
        rows = sum(len(batch) for batch in table.batches)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 60 * BATCH_ROWS
    assert peak < path.stat().st_size / 4, f"{peak} bytes for a file of {path.stat().st_size}"


@pytest.mark.parametrize("data", [b"", b"\n\n", b'"a,b\n', b"a,a\n1,2\n", b"\xff,b\n1,2\n", b"a,b\rc,d\r"])
def test_a_header_that_is_none_is_refused(tmp_path: Path, data: bytes) -> None:
    with refused(Code.SOURCE_UNREADABLE):
        rows_of(tmp_path, data)


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.csv", Path("/dev/zero"), Path("nul\0byte")):
        with refused(Code.SOURCE_UNREADABLE):
            CsvSource(path)


@pytest.mark.parametrize("change", ["delete", "truncate", "append", "replace"])
def test_a_file_that_changes_while_it_is_read_is_lost(tmp_path: Path, change: str) -> None:
    path = tmp_path / "source.csv"
    path.write_text("a,b\n" + "1,2\n" * (3 * BATCH_ROWS))
    with CsvSource(path).open() as table:
        next(table.batches)
        match change:
            case "delete":
                path.unlink()
            case "truncate":
                with path.open("r+b") as file:
                    file.truncate(path.stat().st_size // 2)
            case "append":
                with path.open("ab") as file:
                    file.write(b"5,6\n")
            case _:
                (tmp_path / "new.csv").write_text("a,b\n1,2\n")
                (tmp_path / "new.csv").rename(path)
        with refused(Code.SOURCE_LOST):
            list(table.batches)


def test_progress_is_a_fraction_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "source.csv"
    path.write_text("a,b\n" + "1,2\n" * (4 * BATCH_ROWS))
    source = CsvSource(path)
    with source.open() as table:
        fractions = [source.fraction() for _ in table.batches]
    assert fractions == sorted(fractions, key=lambda value: value or 0)
    assert fractions[0] == pytest.approx(0.25, abs=0.01)
    assert fractions[-1] == 1.0
