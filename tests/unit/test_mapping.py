"""Mapping files: what is refused, by the name of the key, and where a mapping finds its source."""

from pathlib import Path

import pytest

from consortium.errors import Code, CreditError
from participants.lender.connectors import CsvSource, ParquetSource, SqlSource
from participants.lender.mapping import MAX_MAPPING_BYTES, load_mapping, parse_mapping
from participants.lender.row_reader import RowReader
from tests.support.codes import refused
from tests.support.sources import HEADER, IDENTIFIERS, MAPPING, SOURCE, TRADELINE, mapping

COLUMNS = HEADER.split(",")
PASSWORD = "pa55-of-the-reader"
SQL = '[source]\nkind = "sql"\n'

REFUSED = {
    "unknown table": (MAPPING + "[extra]\n", "extra"),
    "unknown key of the source": (MAPPING.replace("[identifiers]", 'pth = "x"\n[identifiers]'), "source.pth"),
    "unknown kind": (MAPPING.replace('"csv"', '"xml"'), "source.kind"),
    "key of another kind": (MAPPING.replace('"csv"', '"parquet"\nencoding = "utf-8"'), "source"),
    "unknown encoding": (MAPPING.replace('"csv"', '"csv"\nencoding = "klingon"'), "source"),
    "encoding without line feeds": (MAPPING.replace('"csv"', '"csv"\nencoding = "utf-16"'), "source"),
    "encoding of bytes": (MAPPING.replace('"csv"', '"csv"\nencoding = "hex"'), "source"),
    "delimiter of two": (MAPPING.replace('"csv"', '"csv"\ndelimiter = ";;"'), "source.delimiter"),
    "delimiter that is a quote": (MAPPING.replace('"csv"', '"csv"\ndelimiter = \'"\''), "source"),
    "offset": (MAPPING.replace('"csv"', '"csv"\nutc_offset = "Asia/Shanghai"'), "source.utc_offset"),
    "sql without query": (MAPPING.replace(SOURCE, SQL + 'url = "sqlite:///x"\n'), "source"),
    "sql with two queries": (
        MAPPING.replace(SOURCE, SQL + 'url = "sqlite:///x"\ntable = "a"\nquery = "b"\n'),
        "source",
    ),
    "sql without url": (MAPPING.replace(SOURCE, SQL + 'table = "a"\n'), "source"),
    "no identifiers": (SOURCE + TRADELINE, "identifiers"),
    "no identifier": (SOURCE + '[identifiers]\ncountry = "c"\n' + TRADELINE, "identifiers"),
    "no country": (SOURCE + '[identifiers]\nphone = "phone"\n' + TRADELINE, "identifiers.country"),
    "brings nothing": (SOURCE + IDENTIFIERS, "needs one of tradeline"),
    "unknown key of an expression": (MAPPING + "balance = { column = 'limit', eval = '1' }\n", "balance.eval"),
    "no origin": (MAPPING + "balance = { scale = 100 }\n", "tradeline.0.balance"),
    "two origins": (MAPPING + "balance = { column = 'limit', constant = 1 }\n", "tradeline.0.balance"),
    "scale of zero": (MAPPING + "balance = { column = 'limit', scale = 0 }\n", "balance.scale"),
    "bounds crossed": (MAPPING + "balance = { column = 'limit', minimum = 2, maximum = 1 }\n", "balance"),
    "half a date": (MAPPING + "closed = { column = 'opened', format = '%Y-%m' }\n", "closed"),
    "a date by place": (MAPPING + "closed = { column = 'opened', format = '%x' }\n", "closed"),
    "a stray percent sign": (MAPPING + "closed = { column = 'opened', format = '%Y-%m-%d %' }\n", "closed"),
    "a condition of two tests": (
        MAPPING + "balance = { column = 'limit', when = { column = 'limit', above = 1, below = 2 } }\n",
        "balance.when",
    ),
    "a condition of no test": (MAPPING + "when = { column = 'limit' }\n", "tradeline.0.when"),
    "characteristic of a protected attribute": (MAPPING + "[characteristics]\nmarital_status = 'limit'\n", "marital"),
    "characteristic under another name": (MAPPING + "[characteristics]\nsegment = 'Sex'\n", "segment"),
    "characteristic by a condition": (
        MAPPING + "[characteristics]\nx = { column = 'limit', when = { column = 'AGE', above = 30 } }\n",
        "x:",
    ),
    "characteristic of a bad id": (MAPPING + "[characteristics]\n'a b' = 'limit'\n", "a b"),
}

UNSUITED = {
    "unknown field": ("colour = 'limit'", "tradeline.0.colour"),
    "unknown column": ("balance = 'saldo'", "'saldo'"),
    "unknown column of a condition": ("when = { column = 'saldo', present = true }", "'saldo'"),
    "scale of a date": ("closed = { column = 'opened', scale = 100 }", "tradeline.0.closed"),
    "format of a number": ("balance = { column = 'limit', format = '%Y-%m-%d' }", "tradeline.0.balance"),
    "unix seconds for a day": ("closed = { column = 'opened', format = 'unix' }", "tradeline.0.closed"),
    "prefix of a term": ("channel = { column = 'limit', prefix = 'x' }", "tradeline.0.channel"),
    "constant that is no term": ("channel = { constant = 'smoke' }", "tradeline.0.channel"),
    "default that is no number": ("balance = { column = 'limit', default = 'none' }", "tradeline.0.balance"),
    "map to no date": ("closed = { column = 'opened', map = { x = '31.1.2026' } }", "tradeline.0.closed"),
    "constant with scale": ("balance = { constant = 5, scale = 100 }", "tradeline.0.balance"),
    "months of a number": ("balance = { columns = ['limit'] }", "tradeline.0.balance"),
    "one column of a history": ("history = 'limit'", "tradeline.0.history"),
    "bands with scale": ("balance = { column = 'limit', bands = { 0 = 1 }, scale = 2 }", "tradeline.0.balance"),
    "band of no term": ("channel = { column = 'limit', bands = { 0 = 'smoke' } }", "tradeline.0.channel"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_mistake_is_refused_by_its_key(name: str) -> None:
    text, key = REFUSED[name]
    with pytest.raises(CreditError) as caught:
        parse_mapping(text.encode(), Path())
    assert caught.value.code is Code.MAPPING_INVALID
    assert key in caught.value.cause


@pytest.mark.parametrize("name", UNSUITED)
def test_what_does_not_suit_the_field_or_the_source_is_refused(name: str) -> None:
    line, key = UNSUITED[name]
    with pytest.raises(CreditError) as caught:
        RowReader(mapping(MAPPING + line + "\n"), COLUMNS)
    assert caught.value.code is Code.MAPPING_INVALID
    assert key in caught.value.cause


@pytest.mark.parametrize("field", ["account", "portfolio", "status", "opened", "reported"])
def test_a_field_that_is_needed_must_be_there(field: str) -> None:
    lines = [line for line in MAPPING.splitlines() if not line.startswith(f"{field} ")]
    with pytest.raises(CreditError) as caught:
        RowReader(mapping("\n".join(lines)), COLUMNS)
    assert caught.value.cause.startswith(f"tradeline.0.{field}")


@pytest.mark.parametrize("data", [b"[source", b"\xff\xfe", b"a = 1e999999999\n", b"[[x]]\n" * 10, b"a=1\na=2"])
def test_what_is_not_toml_is_refused(data: bytes) -> None:
    with refused(Code.MAPPING_INVALID):
        parse_mapping(data, Path())


def test_a_mapping_that_is_too_long_or_absent_is_refused(tmp_path: Path) -> None:
    with refused(Code.MAPPING_INVALID):
        parse_mapping(b"#" * (MAX_MAPPING_BYTES + 1), Path())
    with refused(Code.SOURCE_UNREADABLE):
        load_mapping(tmp_path / "absent.toml")


def test_paths_are_relative_to_the_mapping_file(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text(HEADER + "\n")
    (tmp_path / "in" / "m.toml").write_text(MAPPING.replace('"csv"', '"csv"\npath = "a.csv"'))
    source = load_mapping(tmp_path / "in" / "m.toml").source()
    assert isinstance(source, CsvSource)
    assert source.file.path == tmp_path / "in" / "a.csv"


def test_a_path_on_the_command_line_takes_the_place_of_the_mapping_s(tmp_path: Path) -> None:
    path = tmp_path / "b.parquet"
    path.write_bytes(b"")
    text = MAPPING.replace('"csv"', '"parquet"\npath = "absent"')
    source = parse_mapping(text.encode(), tmp_path).source(path)
    assert isinstance(source, ParquetSource)
    assert source.name == "b.parquet"


def test_without_any_path_there_is_no_source(tmp_path: Path) -> None:
    with refused(Code.MAPPING_INVALID):
        parse_mapping(MAPPING.encode(), tmp_path).source()


def test_a_database_takes_no_path_and_may_have_its_url_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = parse_mapping(MAPPING.replace(SOURCE, SQL + 'url_env = "LOANS_URL"\ntable = "loans"\n').encode(), tmp_path)
    with refused(Code.MAPPING_INVALID):
        found.source(tmp_path / "a.csv")
    monkeypatch.delenv("LOANS_URL", raising=False)
    with refused(Code.MAPPING_INVALID):
        found.source()
    monkeypatch.setenv("LOANS_URL", f"postgresql+psycopg://reader:{PASSWORD}@localhost/loans")
    assert isinstance(found.source(), SqlSource)


def test_a_password_in_the_mapping_is_in_no_error_and_no_repr(tmp_path: Path) -> None:
    text = MAPPING.replace(SOURCE, SQL + f'url = "postgresql://reader:{PASSWORD}@localhost/loans"\ntable = 5\n')
    with pytest.raises(CreditError) as caught:
        parse_mapping(text.encode(), tmp_path)
    assert PASSWORD not in str(caught.value) + repr(caught.value)
    assert caught.value.__context__ is None
    good = parse_mapping(text.replace("table = 5", 'table = "t"').encode(), tmp_path)
    assert PASSWORD not in repr(good)
    assert PASSWORD not in repr(good.file.source)
