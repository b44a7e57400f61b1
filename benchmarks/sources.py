"""
Reading sources: rows through mapping and checks, by format, and the memory that it takes; then with tokenising.

Each row is an account with 14 columns of a person of its own, reached by a national ID (two of three) or a phone
number. Rates are per second of one core's time. Checks run in processes of their own, so that the peak of memory is
the reader's.
"""

import csv
import json
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
from stdnum.cn import ric

from benchmarks.rows import Row
from consortium.model.identifiers import Secret
from demo.consortium import Terms, found
from participants.lender.loading import BookLoad
from participants.lender.mapping import MappingFile, SourceMapping, parse_mapping
from participants.storage.book import SqliteBook
from participants.storage.book_rows import BookIdentity

ROWS = 100_000
TOKENISED = 4_000
LENDERS = ("lender-a", "lender-b", "lender-c", "lender-d")
HEADER = (
    *("account", "id_card", "mobile", "product", "opened", "as_of", "limit", "balance", "overdue"),
    *("days_late", "m1", "m2", "next_due", "channel"),
)
SOURCES = {
    "CSV": 'kind = "csv"\npath = "rows.csv"',
    "Parquet": 'kind = "parquet"\npath = "rows.parquet"',
    "SQL (SQLite)": 'kind = "sql"\nurl = "sqlite:///rows.sqlite"\ntable = "rows"',
}
MAPPING = """
[source]
{source}

[identifiers]
country = {{ constant = "CN" }}
national_id = "id_card"
phone = "mobile"

[[tradeline]]
account = "account"
portfolio = {{ column = "product", map = {{ card = "R", loan = "I" }} }}
opened = "opened"
reported = "as_of"
limit = {{ column = "limit", scale = 100 }}
balance = {{ column = "balance", scale = 100 }}
past_due = {{ column = "overdue", scale = 100 }}
days_past_due = "days_late"
history = {{ columns = ["days_late", "m1", "m2"] }}
payment_due = "next_due"
channel = "channel"
status = {{ column = "days_late", bands = {{ 0 = "11", 30 = "71", 60 = "78", 90 = "80", 120 = "82" }} }}
"""


def run(rows: int = ROWS) -> list[Row]:
    """Measure sources of so many rows; about a minute."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder, rows // 10)
        small = _child(folder)
        _write(folder, rows)
        large = _child(folder)
        _write(folder, TOKENISED)
        rate = _load(folder)
    measured = [_row(f"{title}: read, map and check", large[title], "rows/s", "higher") for title in SOURCES]
    measured.append(_row("CSV: load, with lender and key holders on one core", rate, "rows/s", "higher"))
    measured.append(_row("memory that ten times the rows take", large["peak"] - small["peak"], "MiB", "lower"))
    return measured


def _child(folder: Path) -> dict[str, float]:
    """Check the sources of a folder in a child process."""
    command = [sys.executable, "-m", "benchmarks.sources", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  this very module
    rates: dict[str, float] = json.loads(done.stdout)
    return rates


def _accounts(rows: int) -> Iterator[tuple[str, ...]]:
    for number in range(rows):
        stem = f"110105{1950 + number % 50}{1 + number % 12:02}{1 + number % 28:02}{number // 50 % 1_000:03}"
        identity = stem + ric.calc_check_digit(stem + "0") if number % 3 else ""
        late = number % 97 if number % 10 == 0 else 0
        yield (
            *(f"acc-{number}", identity, f"139{number:08d}", "card" if number % 2 else "loan"),
            *(f"2024-{1 + number % 12:02}-{1 + number % 28:02}", "2026-10-31", f"{1_000 + number % 9_000}.00"),
            *(f"{number % 1_000}.{number % 100:02}", f"{late}.50", str(late), "0", "30" if number % 20 == 0 else "0"),
            *("2026-11-15", "app" if number % 2 else "web"),
        )


def _write(folder: Path, rows: int) -> None:
    with (folder / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(_accounts(rows))
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_csv('{folder}/rows.csv', types = {{'id_card': 'VARCHAR', 'mobile': 'VARCHAR'}}))"  # noqa: S608
            f" TO '{folder}/rows.parquet' (FORMAT parquet)"
        )
    (folder / "rows.sqlite").unlink(missing_ok=True)
    lite = sqlite3.connect(folder / "rows.sqlite")
    lite.execute("CREATE TABLE rows (" + ", ".join(f'"{name}"' for name in HEADER) + ")")
    lite.executemany(f"INSERT INTO rows VALUES ({', '.join('?' * len(HEADER))})", _accounts(rows))  # noqa: S608
    lite.commit()
    lite.close()


def _mapping(folder: Path, source: str) -> SourceMapping[MappingFile]:
    return parse_mapping(MAPPING.format(source=source).encode(), folder)


def _check(folder: Path, source: str) -> float:
    mapping = _mapping(folder, source)
    load = BookLoad(mapping.file, mapping.source())
    start = time.process_time()
    load.check()
    seconds = time.process_time() - start
    assert not load.report.refused, load.report.to_value()
    return load.report.read / seconds


def _load(folder: Path) -> float:
    """Load with the lender and two of three key holders on one core."""
    now = int(time.time())
    tokens = found(LENDERS, now, secrets.token_bytes, Terms()).tokeniser(LENDERS[0])
    mapping = _mapping(folder, SOURCES["CSV"])
    book = SqliteBook(folder / "book.db", BookIdentity(LENDERS[0], Secret(secrets.token_bytes(32))))
    start = time.process_time()
    done = BookLoad(mapping.file, mapping.source()).load(book, tokens, now=now)
    seconds = time.process_time() - start
    book.close()
    return done.rows / seconds


def _check_all(folder: Path) -> dict[str, float]:
    rates = {title: _check(folder, source) for title, source in SOURCES.items()}
    return rates | {"peak": _peak()}


def _peak() -> float:
    """Give the most memory this process has had, in MiB; ru_maxrss would include that of the process it came from."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) / 1_024


def _row(metric: str, value: float, unit: str, better: str) -> Row:
    return {"metric": metric, "value": value, "unit": unit, "better": better, "target": None}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(_check_all(Path(sys.argv[1]))))
    else:
        for row in run():
            print(f"{row['value']:>12.1f} {row['unit']:<8} {row['metric']}")
