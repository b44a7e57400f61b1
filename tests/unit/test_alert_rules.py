"""The alert rules that are shipped: every metric in them exists, and every alert is explained."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from gateway.metrics import Metrics as GatewayMetrics
from participants.metrics import Metrics as NodeMetrics

DOCS = Path(__file__).parents[2] / "docs"
RULES = (DOCS / "alerts.yml").read_text("utf-8")


def exposed(registry: CollectorRegistry) -> set[str]:
    """The names of a registry as a rule may use them."""
    names = set()
    for family in registry.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
        names |= {family.name + suffix for suffix in suffixes}
    return names


def test_every_metric_of_the_rules_exists() -> None:
    used = set(re.findall(r"\bcredit_[a-z_]+", " ".join(re.findall(r"expr: (.*)", RULES))))
    known = exposed(GatewayMetrics().registry) | exposed(NodeMetrics().registry)
    assert len(used) >= 8
    assert used <= known, used - known


def test_every_metric_of_the_page_exists() -> None:
    page = (DOCS / "operations.md").read_text("utf-8")
    known = exposed(GatewayMetrics().registry) | exposed(NodeMetrics().registry)
    plain = {re.sub(r"_(bucket|count|sum)$", "", name) for name in known}
    for name in re.findall(r"`(credit_[a-z_]+)", page):
        assert name in plain, name


def test_every_rule_has_what_prometheus_needs() -> None:
    rules = RULES.split("- alert: ")[1:]
    for rule in rules:
        for part in ("expr: ", "severity: ", "summary: "):
            assert part in rule, rule


def test_the_tests_that_the_page_names_are_there() -> None:
    page, root = (DOCS / "operations.md").read_text("utf-8"), DOCS.parent
    named = re.findall(r"`(tests/[a-z_/]+\.py)(?:::([a-z_]+))?`", page)
    assert named
    for path, name in named:
        assert not name or f"def {name}(" in (root / path).read_text("utf-8"), name
        assert (root / path).is_file(), path
