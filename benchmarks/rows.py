"""One measured figure, as `build/bench/*.json` and docs/performance.md hold it."""

from typing import TypeAlias

Row: TypeAlias = dict[str, str | float | None]


def row(metric: str, value: float, unit: str, better: str, target: float | None) -> Row:
    """Give a row; `better` is "lower" or "higher", `target` None where there is none."""
    return {"metric": metric, "value": value, "unit": unit, "better": better, "target": target}


def left_out(metric: str, reason: str) -> Row:
    """Give the row of a figure that could not be measured here; the reason stands in its place."""
    return {"metric": metric, "value": None, "unit": reason, "better": "lower", "target": None}
