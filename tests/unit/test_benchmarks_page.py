"""The runner of the benchmarks: verdicts, and a page that is renewed between its markers only."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import benchmarks.__main__ as runner
from benchmarks.rows import Row, left_out

ROWS: list[Row] = [
    {"metric": "speed", "value": 1234.5, "unit": "1/s", "better": "higher", "target": 1000.0},
    {"metric": "wait", "value": 0.25, "unit": "ms", "better": "lower", "target": 0.1},
    {"metric": "size", "value": 42, "unit": "bytes", "better": "lower", "target": None},
]
TABLE = """\
| what | figure | target | figure / target | reached |
|---|---:|---:|---:|---|
| speed | 1,234 1/s | at least 1,000 | 1.23 | yes |
| wait | 0.25 ms | at most 0.1 | 2.50 | no |
| size | 42 bytes |  |  |  |"""


def test_the_table_says_what_was_reached() -> None:
    assert runner.markdown(ROWS) == TABLE


def test_what_was_not_measured_says_why() -> None:
    assert runner.markdown([left_out("loss", "no netem")]).endswith("| loss | not measured: no netem |  |  |  |")


def test_only_what_stands_between_the_markers_changes() -> None:
    page = (
        "# Words\n\n<!-- begin speed -->\nold\n<!-- end speed -->\n\nmore\n<!-- begin other -->\n<!-- end other -->\n"
    )
    new = runner.renewed(page, "speed", ROWS)
    assert new == page.replace("old", TABLE)
    assert runner.renewed(new, "speed", ROWS) == new


def test_a_new_benchmark_gets_a_section_at_the_end() -> None:
    new = runner.renewed("# Words\n", "speed", ROWS)
    assert new == f"# Words\n\n## Speed\n\n<!-- begin speed -->\n{TABLE}\n<!-- end speed -->\n"


def test_a_page_with_half_a_marker_is_left_alone() -> None:
    with pytest.raises(ValueError, match="without"):
        runner.renewed("<!-- begin speed -->\n", "speed", ROWS)


def test_every_benchmark_is_found() -> None:
    assert {"identifiers", "paillier", "book"} <= runner.found().keys()


def test_the_command_writes_figures_and_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only: dict[str, Callable[[], list[Row]]] = {"speed": lambda: ROWS}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runner, "found", lambda: only)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "performance.md").write_text("# Words\n")
    result = CliRunner().invoke(runner.app, ["speed"])
    assert result.exit_code == 0, result.output
    assert '"value": 1234.5' in (tmp_path / "build" / "bench" / "speed.json").read_text()
    assert "at least 1,000" in (tmp_path / "docs" / "performance.md").read_text()
    assert CliRunner().invoke(runner.app, ["nothing"]).exit_code == 2
