"""
A gateway's folder as `init` makes it; every file is made once and never overwritten.

    gateway.toml               what `serve` reads
    identity.key hpke.key      64 hex digits each, 0600
    tls.key tls.crt            the gateway's own TLS key (0600) and certificate, renewed by `serve`
    ca.key ca.crt              the consortium's CA: the key never leaves this folder
    application.signed         the gateway's application as a founder
    invitation.toml            what every other party's `init` needs; nothing in it is secret
    rulebooks/ shares/         versions as they were signed; shares of the OPRF key and ceremony states
"""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from consortium.errors import Code
from consortium.membership.applications import Application, sign_application
from consortium.membership.certificates import tls_key_digest
from consortium.membership.signed import parse_document
from consortium.model.members import check_member_id
from consortium.model.rulebook import Role
from gateway.keys import read_seed, read_signer, replace
from gateway.membership.authority import new_authority, private_pem
from gateway.membership.own_certificate import read_tls_key

SETTINGS = "gateway.toml"
APPLICATION_FILE = "application.signed"
_SETTINGS = """\
# Paths are relative to this file.
member = {member}
consortium = {consortium}
listen = {listen}
join_listen = {join_listen}
storage = "sqlite:///gateway.db"
identity_key = "identity.key"
key_share = "share.json"
rulebooks = "rulebooks"

[tls]
certificate = "tls.crt"
key = "tls.key"
ca = "ca.crt"

[authority]
certificate = "ca.crt"
key = "ca.key"
hosts = {hosts}
"""
_INVITATION = """\
# For every other party's `init`. Nothing here is secret, and nothing is believed: the rulebook's fingerprint comes
# from the sponsor's own mouth.
consortium = {consortium}
join = {join}
gateways = [{gateway}]
ca = {ca}
"""


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs the gateway, for its application."""

    consortium: str
    member: str
    legal_name: str
    licence: str
    lei: str
    group: str
    contact: str


@dataclass(frozen=True, slots=True)
class Places:
    """Where the gateway listens, and the first of `hosts` by which others reach it."""

    listen: str
    join_listen: str
    hosts: tuple[str, ...]


def make_folder(folder: Path, operator: Operator, places: Places, now: int) -> list[str]:
    """
    Make what is missing of a gateway's folder; gives the names of the files that were made.

    Raises CreditError(MALFORMED) for an id that is none, (APPLICATION_INVALID) for terms that are not valid; nothing is
    made then.
    """
    check_member_id(operator.member)
    _application(operator, bytes(32), bytes(32), bytes(32), now)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "rulebooks").mkdir(mode=0o700, exist_ok=True)
    made = [name for name in ("identity.key", "hpke.key") if _once(folder / name, secrets.token_hex(32).encode())]
    if _once(folder / "tls.key", private_pem(ec.generate_private_key(ec.SECP256R1()))):
        made.append("tls.key")
    made += _make_authority(folder, operator.consortium, now)
    if _once(folder / APPLICATION_FILE, _signed_application(folder, operator, now)):
        made.append(APPLICATION_FILE)
    texts = {SETTINGS: _settings(operator, places), "invitation.toml": _invitation(folder, operator, places)}
    return [*made, *(name for name, text in texts.items() if _once(folder / name, text.encode("ascii")))]


def _make_authority(folder: Path, consortium: str, now: int) -> list[str]:
    """Make the CA; its key is written last, so that a key that is there has its certificate."""
    if (folder / "ca.key").exists():
        return []
    certificate, key = new_authority(consortium, now)
    replace(folder / "ca.crt", certificate, 0o644)
    replace(folder / "ca.key", key)
    return ["ca.crt", "ca.key"]


def _signed_application(folder: Path, operator: Operator, now: int) -> bytes:
    signer = read_signer(folder / "identity.key")
    hpke = X25519PrivateKey.from_private_bytes(read_seed(folder / "hpke.key")).public_key().public_bytes_raw()
    tls = tls_key_digest(read_tls_key(folder / "tls.key").public_key())
    return sign_application(signer, _application(operator, signer.public, hpke, tls, now))


def _application(operator: Operator, identity: bytes, hpke: bytes, tls: bytes, now: int) -> Application:
    values = {
        "consortium": operator.consortium,
        "member": operator.member,
        "role": Role.GATEWAY.value,
        "legal_name": operator.legal_name,
        "licence": operator.licence,
        "lei": operator.lei,
        "group": operator.group,
        "book_size": 0,
        "tiers": [],
        "contact": operator.contact,
        "identity_key": identity.hex(),
        "hpke_key": hpke.hex(),
        "tls_key": tls.hex(),
        "sponsor": operator.member,
        "nonce": secrets.token_hex(32),
        "issued_at": now,
    }
    body = json.dumps(values, sort_keys=True, separators=(",", ":")).encode()
    return parse_document(Application, body, Code.APPLICATION_INVALID)


def _settings(operator: Operator, places: Places) -> str:
    return _SETTINGS.format(
        member=json.dumps(operator.member),
        consortium=json.dumps(operator.consortium),
        listen=json.dumps(places.listen),
        join_listen=json.dumps(places.join_listen),
        hosts=json.dumps(list(places.hosts)),
    )


def _invitation(folder: Path, operator: Operator, places: Places) -> str:
    def reach(address: str) -> str:
        return json.dumps(f"{places.hosts[0]}:{address.rpartition(':')[2]}")

    return _INVITATION.format(
        consortium=json.dumps(operator.consortium),
        join=reach(places.join_listen),
        gateway=reach(places.listen),
        ca=json.dumps((folder / "ca.crt").read_text("ascii")),
    )


def _once(path: Path, content: bytes) -> bool:
    if path.exists():
        return False
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    replace(temporary, content)
    try:
        os.link(temporary, path)  # never over a file that somebody made meanwhile
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True
