"""The settings that `serve` reads, written once the rulebook is trusted; a file that is there is never changed."""

import json
from pathlib import Path

from consortium.membership.files import signatures_to_text
from consortium.model.rulebook import Role, Rulebook
from consortium.wire.gateway import SignedRulebook
from participants.membership.folder import WITNESS, MemberFolder
from participants.whole_files import write_public

_HEAD = "# Every setting: docs/running.md\n"
_COMMON = """
[rulebook]
file = "rulebook.json"
signatures = "rulebook-signatures.json"
fingerprint = "{fingerprint}"

[tls]
certificate = "tls.crt"
key = "tls.key"
ca = "ca.crt"

[gateway]
addresses = {gateways}
"""


def write_first_rulebook(folder: MemberFolder, signed: SignedRulebook) -> None:
    """Keep the rulebook that was trusted by its fingerprint: its signatures first, then the document."""
    signatures = {"signatures": json.loads(signatures_to_text(signed.signatures))}
    write_public(folder.path(Path("rulebook-signatures.json")), json.dumps(signatures, indent=2).encode() + b"\n")
    write_public(folder.path(Path("rulebook.json")), signed.document)


def write_settings(folder: MemberFolder, rulebook: Rulebook) -> None:
    """Write `node.toml`, `custodian.toml` or `regulator.toml`; whoever witnesses follows the rulebook's policy."""
    common = _COMMON.format(fingerprint=rulebook.digest.hex(), gateways=json.dumps(list(folder.file.gateways)))
    if folder.file.role in (Role.REGULATOR, Role.WITNESS):
        _write_once(folder.path(Path("regulator.toml")), f'{_HEAD}member = "{folder.member}"\n{common}')
    if folder.file.role is Role.LENDER:
        _write_once(folder.path(Path("node.toml")), _node(folder, common))
    if folder.file.role is Role.CUSTODIAN:
        head = f'{_HEAD}member = "{folder.member}"\nlisten = "{folder.file.local}"\n'
        _write_once(folder.path(Path("custodian.toml")), f"{head}{common}")


def _node(folder: MemberFolder, common: str) -> str:
    holders = "".join(f'\n[holders.{name}]\naddress = "{at}"\n' for name, at in sorted(folder.file.holders.items()))
    local = f'\n[local]\nlisten = "{folder.file.local}"\n'
    witness = "\n[witness]\n" if folder.path(WITNESS).exists() else ""
    return f'{_HEAD}member = "{folder.member}"\n{common}{local}{witness}{holders}'


def _write_once(path: Path, text: str) -> None:
    if not path.exists():
        write_public(path, text.encode())
