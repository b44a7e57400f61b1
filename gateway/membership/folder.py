"""
A gateway's folder as `init` makes it; every file is made once and never overwritten.

    gateway.toml               what `serve` reads
    identity.key hpke.key      64 hex digits each, 0600
    log.key                    the transparency log's own key, 0600
    tls.key tls.crt            the gateway's own TLS key (0600) and certificate, renewed by `serve`
    ca.key ca.crt              the consortium's CA: the key never leaves this folder
    application.signed         the gateway's application as a founder
    invitation.toml            what every other party's `init` needs; nothing in it is secret
    rulebooks/ shares/         versions as they were signed; shares of the OPRF key and ceremony states
"""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from consortium.errors import Code
from consortium.membership.applications import Application, sign_application
from consortium.membership.certificates import tls_key_digest
from consortium.membership.log_policy import log_origin
from consortium.membership.signed import parse_document
from consortium.model.members import check_member_id
from consortium.model.rulebook import Role
from consortium.transparency.notes import NoteSigner
from gateway.keys import read_seed, read_signer
from gateway.membership.authority import new_authority, private_pem
from gateway.membership.own_certificate import read_tls_key
from gateway.private_files import create, create_private, replace

SETTINGS = "gateway.toml"
APPLICATION_FILE = "application.signed"
_SETTINGS = """\
# Paths are relative to this file.
member = {member}
consortium = {consortium}
listen = {listen}
join_listen = {join_listen}
storage = {storage}
identity_key = "identity.key"
key_share = "share.json"
rulebooks = "rulebooks"

metrics_port = {metrics_port}

[log]
key = "log.key"
guard = {guard}   # on another volume in operation, and in no back-up of this one

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
founding = true
ca = {ca}

# Where the key holders are; add each custodian's address.
[holders]
{member} = {gateway}
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
    """
    Where the gateway listens, the first of `hosts` by which others reach it, and where the guard of its log is.

    `storage` is an SQLAlchemy URL; `guard` is a path relative to the gateway's folder, or the URL of another database.
    """

    listen: str
    join_listen: str
    hosts: tuple[str, ...]
    guard: str = ""
    metrics_port: int = 0
    storage: str = "sqlite:///gateway.db"


def make_folder(folder: Path, operator: Operator, places: Places, now: int) -> list[str]:
    """
    Make what is missing of a gateway's folder; gives the names of the files that were made.

    Raises CreditError(MALFORMED) for an id that is none, (APPLICATION_INVALID) for terms that are not valid; nothing is
    made then.
    """
    check_member_id(operator.member)
    _application(operator, _Publics(*[bytes(32)] * 4), now)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "rulebooks").mkdir(mode=0o700, exist_ok=True)
    _make_guard(folder, places)
    made = [
        name
        for name in ("identity.key", "hpke.key", "log.key")
        if create_private(folder / name, secrets.token_hex(32).encode())
    ]
    if create_private(folder / "tls.key", private_pem(ec.generate_private_key(ec.SECP256R1()))):
        made.append("tls.key")
    made += _make_authority(folder, operator.consortium, now)
    if create(folder / APPLICATION_FILE, _signed_application(folder, operator, now)):
        made.append(APPLICATION_FILE)
    texts = {SETTINGS: _settings(folder, operator, places), "invitation.toml": _invitation(folder, operator, places)}
    return [*made, *(name for name, text in texts.items() if create(folder / name, text.encode("ascii")))]


def _guard(folder: Path, places: Places) -> str:
    return places.guard or f"../{folder.resolve().name}-guard/checkpoint"


def _make_guard(folder: Path, places: Places) -> None:
    """Make the folder of the guard before there is a log, and never again: one that is gone must be noticed."""
    if "://" not in (guard := _guard(folder, places)) and not (folder / "log.key").exists():
        (folder / guard).parent.mkdir(mode=0o700, parents=True, exist_ok=True)


def _make_authority(folder: Path, consortium: str, now: int) -> list[str]:
    """Make the CA; its key is written last, so that a key that is there has its certificate."""
    if (folder / "ca.key").exists():
        return []
    certificate, key = new_authority(consortium, now)
    replace(folder / "ca.crt", certificate, 0o644)
    create_private(folder / "ca.key", key)
    return ["ca.crt", "ca.key"]


@dataclass(frozen=True, slots=True)
class _Publics:
    """What the application says of the keys: public keys, and the digest of the TLS key."""

    identity_key: bytes
    hpke_key: bytes
    tls_key: bytes
    log_key: bytes


def _signed_application(folder: Path, operator: Operator, now: int) -> bytes:
    signer = read_signer(folder / "identity.key")
    publics = _Publics(
        signer.public,
        X25519PrivateKey.from_private_bytes(read_seed(folder / "hpke.key")).public_key().public_bytes_raw(),
        tls_key_digest(read_tls_key(folder / "tls.key").public_key()),
        NoteSigner(log_origin(operator.consortium), read_seed(folder / "log.key")).public,
    )
    return sign_application(signer, _application(operator, publics, now))


def _application(operator: Operator, publics: _Publics, now: int) -> Application:
    values = {
        **asdict(operator),
        **{name: key.hex() for name, key in asdict(publics).items()},
        "role": Role.GATEWAY.value,
        "book_size": 0,
        "tiers": [],
        "sponsor": operator.member,
        "nonce": secrets.token_hex(32),
        "issued_at": now,
    }
    body = json.dumps(values, sort_keys=True, separators=(",", ":")).encode()
    return parse_document(Application, body, Code.APPLICATION_INVALID)


def _settings(folder: Path, operator: Operator, places: Places) -> str:
    return _SETTINGS.format(
        member=json.dumps(operator.member),
        consortium=json.dumps(operator.consortium),
        listen=json.dumps(places.listen),
        join_listen=json.dumps(places.join_listen),
        hosts=json.dumps(list(places.hosts)),
        guard=json.dumps(_guard(folder, places)),
        metrics_port=places.metrics_port,
        storage=json.dumps(places.storage),
    )


def _invitation(folder: Path, operator: Operator, places: Places) -> str:
    def reach(address: str) -> str:
        return json.dumps(f"{places.hosts[0]}:{address.rpartition(':')[2]}")

    return _INVITATION.format(
        consortium=json.dumps(operator.consortium),
        join=reach(places.join_listen),
        gateway=reach(places.listen),
        member=operator.member,
        ca=json.dumps((folder / "ca.crt").read_text("ascii")),
    )
