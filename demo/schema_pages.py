"""Writes `docs/schemas/*.schema.json` from the kinds of entries; `make docs` runs it, a test compares."""

import json
from pathlib import Path

from consortium.transparency.kinds import SCHEMAS

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"


def pages() -> dict[str, str]:
    """Give every file's name and text."""
    return {f"{kind}.schema.json": json.dumps(schema, indent=2) + "\n" for kind, schema in SCHEMAS.items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
