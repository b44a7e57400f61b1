"""The data dictionary that lies in every export: tables, kinds of entries and their fields, from the schemas."""

from typing import Any, cast

from consortium.transparency.kinds import SCHEMAS
from participants.storage.entry_tables import COLUMNS

HEAD = """# Data dictionary

`entries.jsonl` is normative: one canonical JSON object a line, the very bytes that the log hashed. `entries.csv` and
`entries.parquet` hold the same entries as rows, for reading; they prove nothing. Digests and commitments are SHA-256,
64 hexadecimal digits. No line holds an identifier, a tag, a number of a person or a staff id.

## Columns of entries.csv and entries.parquet

| column | type | meaning |
|---|---|---|
"""


def data_dictionary() -> str:
    """Give the page as Markdown."""
    rows = "".join(f"| `{column.name}` | {column.type} | {column.description} |\n" for column in COLUMNS)
    return HEAD + rows + "".join(_kind(kind, cast("dict[str, Any]", schema)) for kind, schema in SCHEMAS.items())


def _kind(kind: str, schema: dict[str, Any]) -> str:
    fields = [*_fields("", schema["properties"])]
    rows = "".join(f"| `{name}` | {form} | {description} |\n" for name, form, description in fields)
    return f"\n## {kind}\n\n{schema['title']}\n\n| field | form | meaning |\n|---|---|---|\n{rows}"


def _fields(prefix: str, properties: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = []
    for name, schema in properties.items():
        found.append((prefix + name, _form(schema), schema.get("description", "")))
        inner = schema.get("items", schema)
        if "properties" in inner:
            found += _fields(f"{prefix}{name}{'[]' if 'items' in schema else ''}.", inner["properties"])
    return found


def _form(schema: dict[str, Any]) -> str:
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return "object or null"
    return f"list of {_form(schema['items'])}" if "items" in schema else str(schema["type"])
