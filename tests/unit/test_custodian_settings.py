"""A custodian's settings: one gateway address, or every replica's as a node has them."""

from pathlib import Path

import pytest

from consortium.errors import Code
from participants.custodian.settings import CustodianSettings
from tests.support.codes import refused

TABLES = f"""
[rulebook]
file = "rulebook.json"
signatures = "rulebook-signatures.json"
fingerprint = "{"ab" * 32}"
[tls]
certificate = "tls.crt"
key = "tls.key"
ca = "ca.crt"
"""


def addresses(folder: Path, root: str = "", table: str = "") -> tuple[str, ...]:
    (folder / "custodian.toml").write_text(f'member = "custodian-one"\n{root}\n{TABLES}\n{table}\n')
    return CustodianSettings(folder).file.gateway.addresses


def test_one_address_or_a_table_of_them(tmp_path: Path) -> None:
    assert addresses(tmp_path, root='gateway = "a:1"') == ("a:1",)
    assert addresses(tmp_path, table='[gateway]\naddresses = ["a:1", "b:2"]') == ("a:1", "b:2")


@pytest.mark.parametrize("table", ["", "[gateway]\naddresses = []", '[gateway]\naddress = "a:1"'])
def test_at_least_one_is_needed(tmp_path: Path, table: str) -> None:
    with refused(Code.SETTINGS_INVALID):
        addresses(tmp_path, table=table)
