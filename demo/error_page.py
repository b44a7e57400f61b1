"""Writes `docs/errors.md` from the error catalogue; `make docs` runs it, a test compares."""

from pathlib import Path

from consortium.errors import CATALOGUE, Code

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"
HEAD = """# Error codes

Made from `consortium/errors.py` by `make docs`. Codes are stable: they never change their meaning. Over gRPC they come
as `google.rpc.Status` with an `ErrorInfo` (`domain` = `credit.v1`, `reason` = the code, `metadata["cause"]` = which
check failed, for members). On the command line they come as `[CODE] message Cause: ...` with exit status 1, or under
`error` with `--json`.

| code | status | what to do |
|---|---|---|
"""


def page() -> str:
    """Give the page's text."""
    rows = (f"| `{code}` | {CATALOGUE[code].status} | {CATALOGUE[code].message} |" for code in Code)
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
