"""The report in a real browser: charts are drawn, nothing is fetched, and it can be read on a phone."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from participants.regulator.report import report
from tests.support.browser import Browser, browser
from tests.support.busy_audit import MEMBERS, busy_audit

PHONE = 390
DRAWN = """
const boxes = [...document.querySelectorAll('figure')].map(figure => ({
  title: figure.querySelector('figcaption').textContent,
  marks: [...figure.querySelectorAll('i, rect')].map(mark => {
    const box = mark.getBoundingClientRect(), style = getComputedStyle(mark);
    return [box.width, box.height, mark.tagName === 'rect' ? style.fill : style.backgroundColor];
  }),
}));
return JSON.stringify(boxes);
"""
OUTSIDE = """
const width = document.documentElement.clientWidth;
return JSON.stringify([...document.querySelectorAll('body *')]
  .filter(one => !one.closest('.wide') && one.getBoundingClientRect().right > width + 1)
  .map(one => one.tagName + ' ' + one.textContent.slice(0, 60)));
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report(busy_audit()), "utf-8")
    return path


@pytest.fixture(scope="module")
def opened(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as found:
        found.open(page)
        yield found


def drawn(opened: Browser) -> dict[str, list[list[Any]]]:
    return {one["title"]: one["marks"] for one in json.loads(opened.run(DRAWN))}


def test_every_chart_is_drawn(opened: Browser) -> None:
    charts = drawn(opened)
    assert {
        "Queries admitted, by day (UTC)",
        "Queries admitted, by member",
        "Queries admitted, by purpose",
        "Outcomes",
        "Time from admission to answer",
        "Refusals, by code",
        "Most queries in one day, as a share of the daily limit",
        "Admitted without a consent record, by purpose",
        "Open cases, by age",
    } <= charts.keys()
    for title, marks in charts.items():
        assert marks, title
        assert all(width > 0.5 and height > 0 for width, height, _ in marks), title
        assert all(colour not in ("rgba(0, 0, 0, 0)", "none") for *_, colour in marks), title
    assert len(charts["Queries admitted, by day (UTC)"]) == 60
    widths = [width for width, *_ in charts["Queries admitted, by member"]]
    assert len(widths) == len(MEMBERS)
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 2 * widths[-1]


def test_nothing_is_fetched(opened: Browser, page: Path) -> None:
    opened.requested()
    opened.open(page)
    assert set(opened.requested()) == {page.as_uri()}


def test_even_what_somebody_adds_to_the_page_is_not_fetched(opened: Browser, page: Path, tmp_path: Path) -> None:
    """The page's own policy keeps it from asking anybody, whatever an export might have put into it."""
    asked: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        there = f"http://127.0.0.1:{server.server_port}"
        added = f'<img src="{there}/image"><script>fetch("{there}/fetch")</script><iframe src="{there}/frame"></iframe>'
        for name, policy in (("with", True), ("without", False)):
            text = page.read_text("utf-8").replace("</body>", f"{added}</body>")
            changed = tmp_path / f"{name}.html"
            changed.write_text(text if policy else text.replace("Content-Security-Policy", "X-None"), "utf-8")
            opened.open(changed)
            assert bool(asked) is not policy, asked  # without the policy they would be
        server.shutdown()


def test_it_can_be_read_on_a_phone(opened: Browser, page: Path) -> None:
    opened.open(page)
    opened.width(PHONE)
    assert opened.run("return document.documentElement.clientWidth") == PHONE
    assert opened.run("return document.documentElement.scrollWidth") == PHONE
    assert json.loads(opened.run(OUTSIDE)) == []
    assert float(opened.run("return parseFloat(getComputedStyle(document.body).fontSize)")) >= 16
    assert all(marks for marks in drawn(opened).values())
