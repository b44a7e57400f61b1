"""The import rules hold, and each of them can fail: a violation of every contract is planted in a copy of the tree."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("consortium", "gateway", "participants", "protos", "demo")

VIOLATIONS = {
    "gateway and participants are strangers": ("gateway/usecases/query.py", "import participants.lender.ledger"),
    "the mathematics are strangers to each other": ("consortium/oprf/group.py", "import consortium.sums.packing"),
    "travel is on the group of the OPRF alone": ("consortium/travel/oblivious.py", "import consortium.sums.masks"),
    "the mathematics know nothing of messages": ("consortium/transparency/tree.py", "import consortium.custody"),
    "protobuf only where bytes become domain types": ("consortium/model/rounds.py", "import google.protobuf.message"),
    "the core is pure": ("consortium/rules/queries.py", "import time"),
    "the gateway cannot decrypt": ("gateway/policy/selection.py", "import consortium.sums.reveals"),
    "the gateway cannot open a payload": ("gateway/usecases/admission.py", "import consortium.sealing.payload"),
    "raw records never reach the wire": ("consortium/wire/reading.py", "import participants.lender.normalise"),
    "known for statistics alone": ("participants/lender/hiding.py", "import participants.storage.dimensions"),
    "SQL only in storage": ("participants/lender/answer.py", "import sqlite3"),
    "no cycles": ("consortium/model/members.py", "import consortium.rules.queries"),
}


def lint(root: Path) -> str:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    return " ".join(done.stdout.split())


def copy_tree(target: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


def test_all_contracts_are_kept() -> None:
    assert "0 broken" in lint(ROOT)


def test_every_contract_catches_its_violation(tmp_path: Path) -> None:
    root = copy_tree(tmp_path)
    for path, line in VIOLATIONS.values():
        with (root / path).open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")
    report = lint(root)
    contracts = report.count(" KEPT") + report.count(" BROKEN")
    assert contracts == len(VIOLATIONS), "a contract without a planted violation"
    assert f"0 kept, {len(VIOLATIONS)} broken" in report, report


def test_only_one_module_imports_rbcl() -> None:
    importing = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if any(line.startswith(("import rbcl", "from rbcl")) for line in path.read_text("utf-8").splitlines())
    ]
    assert importing == ["consortium/oprf/group.py"]
