"""One module imports rbcl: the one that removes what rbcl leaves in the temporary folder."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("consortium", "gateway", "participants", "demo", "benchmarks", "tests")
IMPORTS = re.compile(r"^\s*(?:import|from)\s+rbcl\b", re.MULTILINE)


def test_one_module_imports_rbcl() -> None:
    files = (path for source in SOURCES for path in (ROOT / source).rglob("*.py"))
    importers = {str(path.relative_to(ROOT)) for path in files if IMPORTS.search(path.read_text())}
    assert importers == {"consortium/oprf/group.py"}
