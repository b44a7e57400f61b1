"""One measured figure, as `build/bench/*.json` and docs/performance.md hold it."""

from typing import TypeAlias

Row: TypeAlias = dict[str, str | float | None]


def row(metric: str, value: float, unit: str, better: str, target: float | None) -> Row:
    """Give a row; `better` is "lower" or "higher", `target` None where there is none."""
    return {"metric": metric, "value": value, "unit": unit, "better": better, "target": target}
