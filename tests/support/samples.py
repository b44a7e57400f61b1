"""Made-up labelled people for scorecards: seeded, with characteristics that tell something and one that does not."""

import csv
import random
from pathlib import Path

HEADER = ("person", "late_months", "orders_90d", "balance", "credit_limit", "bad")


def people(count: int, seed: int = 7, *, later: bool = False) -> list[dict[str, int | str]]:
    """Draw people; `later` ones are late more often, as in a bad year."""
    rng = random.Random(seed)
    rows: list[dict[str, int | str]] = []
    for number in range(count):
        late = min(12, int(rng.expovariate(0.4 if later else 0.8)))
        orders, limit = rng.randrange(0, 12), rng.choice([0, 10_000, 50_000, 100_000])
        balance = int(limit * rng.random())
        odds = -2.2 + 0.55 * late - 0.12 * orders + (1.2 * balance / limit if limit else 0.3)
        bad = int(rng.random() < 1 / (1 + 2.718281828**-odds))
        known: int | str = "" if rng.random() < 0.05 else -1 if rng.random() < 0.05 else late
        rows.append(dict(zip(HEADER, (f"p{number}", known, orders, balance, limit, bad), strict=True)))
    return rows


def write(path: Path, rows: list[dict[str, int | str]], columns: tuple[str, ...] = HEADER) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path
