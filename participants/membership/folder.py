"""
A party's folder as `init` makes it: the same layout for lenders and custodians, every step safe to repeat.

    member.toml                who we are, where the gateway is
    identity.key hpke.key      64 hex digits each, 0600          tls.key   PEM, 0600
    witness.key                a regulator's, and a lender's that witnesses the log
    ca.crt tls.crt             the consortium's CA, and our certificate once there is one
    rulebook.json ...          the first rulebook, trusted by its fingerprint; later ones below rulebooks/
    board/                     our copy of the board, and the newest version seen
    node.toml custodian.toml   what `serve` reads, written when the rulebook is trusted
"""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import Field

from consortium.errors import Code, CreditError
from consortium.membership.certificates import tls_key_digest
from consortium.model.members import MemberId, check_member_id
from consortium.model.rulebook import Member, Role, Rulebook
from consortium.model.signing import Signer
from participants.failpoints import failpoint
from participants.private_files import create_private
from participants.settings import Folder, MemberName, Table
from participants.signers import SEED_BYTES, seed_in, signer_in
from participants.whole_files import write_public

FILE_NAME = "member.toml"
AUDIT_KEYS = Path("audit-keys")
"""Where a regulator keeps the keys that it has exchanged."""
IDENTITY, HPKE, TLS = Path("identity.key"), Path("hpke.key"), Path("tls.key")
WITNESS = Path("witness.key")
CERTIFICATE, CA = Path("tls.crt"), Path("ca.crt")
BOARD = Path("board") / "board.db"
NEXT = ".next"
"""A key that is on its way into the rulebook lies beside the one in force under this ending."""
BEFORE = ".before"


class Invitation(Table):
    """What a sponsor gives a newcomer: addresses and the CA; nothing of it is secret, nothing of it is believed."""

    consortium: MemberName
    join: str
    gateways: tuple[str, ...] = Field(min_length=1)
    holders: Mapping[MemberName, str] = {}
    sponsor: str = ""
    founding: bool = False
    """Whether there is no rulebook yet: whoever is invited founds the consortium."""
    ca: str = Field(max_length=16_384)


class MemberFile(Table):
    """`member.toml`."""

    member: MemberName
    role: Role
    consortium: MemberName
    join: str
    gateways: tuple[str, ...] = Field(min_length=1)
    holders: Mapping[MemberName, str] = {}
    sponsor: str = ""
    founding: bool = False
    local: str = "127.0.0.1:7501"
    """Where a lender's local service, or a custodian, listens."""


class MemberFolder(Folder):
    """The folder with the keys in it."""

    def __init__(self, folder: Path) -> None:
        """Read `member.toml`; raises CreditError(SETTINGS_INVALID)."""
        super().__init__(folder)
        self.file = self.table(FILE_NAME, MemberFile)

    @property
    def member(self) -> MemberId:
        """Who we are."""
        return self.file.member

    def signer(self, rulebook: Rulebook | None = None) -> Signer:
        """Give the identity key: that which the rulebook pins, where another one is on its way."""
        found, following = rulebook.members.get(self.member) if rulebook else None, Path(f"{IDENTITY}{NEXT}")
        if found is not None and self.path(following).exists():
            signer = signer_in(self.path(following))
            if signer.public == found.identity_key:
                return signer
        return signer_in(self.path(IDENTITY))

    def seed(self, name: Path) -> bytes:
        """Read 32 bytes of a key file; raises as `seed_in`."""
        return seed_in(self.path(name))

    def hpke_keys(self) -> list[X25519PrivateKey]:
        """Give every HPKE key that something may be sealed to: the one in force and the one on its way."""
        names = [HPKE, Path(f"{HPKE}{NEXT}"), Path(f"{HPKE}{BEFORE}")]
        return [X25519PrivateKey.from_private_bytes(self.seed(name)) for name in names if self.path(name).exists()]

    def hpke_public(self, name: Path = HPKE) -> bytes:
        """Give the public half of an HPKE key file."""
        return X25519PrivateKey.from_private_bytes(self.seed(name)).public_key().public_bytes_raw()

    def tls_key(self) -> ec.EllipticCurvePrivateKey:
        """Read the TLS key; raises CreditError(SETTINGS_INVALID)."""
        return read_tls_key(self.read_private(TLS))

    def public_keys(self) -> dict[str, Any]:
        """Give the public keys as an application names them."""
        witness = signer_in(self.path(WITNESS)).public if self.path(WITNESS).exists() else None
        return {
            "identity_key": signer_in(self.path(IDENTITY)).public,
            "hpke_key": self.hpke_public(),
            "tls_key": tls_key_digest(self.tls_key().public_key()),
            "witness_key": witness,
        }

    def put_in_force(self, pinned: Member) -> frozenset[Path]:
        """Exchange each key whose successor the rulebook pins; the one before stays beside it for a while."""
        publics = {IDENTITY: pinned.identity_key, HPKE: pinned.hpke_key, TLS: pinned.tls_key}
        done = [name for name, public in publics.items() if public is not None and self._next(name) == public]
        for name in done:
            if name == HPKE and self.file.role is Role.REGULATOR:
                self._keep_audit_key()
            self._exchange(name)
        return frozenset(done)

    def _exchange(self, name: Path) -> None:
        """Put the next key into the place of the one in use, which stays beside it; at no moment is there none."""
        current, spare = self.path(name), self.path(Path(f".{name}{BEFORE}"))
        if current.exists():
            spare.unlink(missing_ok=True)
            spare.hardlink_to(current)
            failpoint("folder.key-spared")
            spare.replace(self.path(Path(f"{name}{BEFORE}")))
        failpoint("folder.key-kept")
        self.path(Path(f"{name}{NEXT}")).replace(current)

    def _keep_audit_key(self) -> None:
        """Keep a regulator's key from before the last one: what was sealed for it is opened for years."""
        before = Path(f"{HPKE}{BEFORE}")
        if self.path(before).exists():
            kept = self.path(AUDIT_KEYS)
            kept.mkdir(mode=0o700, exist_ok=True)
            self.path(before).replace(kept / f"{self.hpke_public(before).hex()[:16]}.key")

    def _next(self, name: Path) -> bytes | None:
        following = Path(f"{name}{NEXT}")
        if not self.path(following).exists():
            return None
        if name == IDENTITY:
            return signer_in(self.path(following)).public
        if name == HPKE:
            return self.hpke_public(following)
        return tls_key_digest(read_tls_key(self.read_private(following)).public_key())


def read_tls_key(data: bytes) -> ec.EllipticCurvePrivateKey:
    """Parse a P-256 key in PEM; raises CreditError(SETTINGS_INVALID)."""
    try:
        key = serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CreditError(Code.SETTINGS_INVALID, f"{TLS} holds no P-256 key")
    return key


def new_tls_key() -> bytes:
    """Make a P-256 key, PEM."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def make_folder(
    folder: Path, member: MemberId, role: Role, invitation: Invitation, local: str = "", *, witness: bool = False
) -> MemberFolder:
    """
    Make the folder, its keys and `member.toml`; what is there stays, so that it can be repeated after a crash.

    A regulator witnesses the log in any case, others where `witness` says so.
    Raises CreditError(SETTINGS_INVALID) where the folder is another member's, and for an id or an invitation that
    cannot serve, before anything is written.
    """
    _check_invited(member, invitation)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / BOARD.parent).mkdir(mode=0o700, exist_ok=True)
    for name in (IDENTITY, HPKE):
        create_private(folder / name, secrets.token_bytes(SEED_BYTES).hex().encode() + b"\n")
    create_private(folder / TLS, new_tls_key())
    if witness or role is Role.REGULATOR:
        create_private(folder / WITNESS, secrets.token_bytes(SEED_BYTES).hex().encode() + b"\n")
    if role is Role.LENDER:
        own = {"audit_secret": secrets.token_hex(SEED_BYTES), "book_secret": secrets.token_hex(SEED_BYTES)}
        create_private(folder / "own-keys.json", json.dumps(own, indent=2).encode() + b"\n")
    if not (folder / CA).exists():
        write_public(folder / CA, invitation.ca.encode())
    if not (folder / FILE_NAME).exists():
        write_public(folder / FILE_NAME, member_toml(member, role, invitation, local).encode())
    made = MemberFolder(folder)
    if (made.member, made.file.role) != (member, role):
        raise CreditError(Code.SETTINGS_INVALID, f"{FILE_NAME}: this folder is that of {made.member}")
    return made


def _check_invited(member: MemberId, invitation: Invitation) -> None:
    try:
        check_member_id(member)
        x509.load_pem_x509_certificates(invitation.ca.encode())
    except CreditError:
        text = "--member: 3 to 32 of a-z, 0-9 and hyphens, beginning with a letter"
        raise CreditError(Code.SETTINGS_INVALID, text) from None
    except ValueError:
        text = "the invitation's ca is no certificate in PEM: have your sponsor print it again"
        raise CreditError(Code.SETTINGS_INVALID, text) from None


def member_toml(member: MemberId, role: Role, invitation: Invitation, local: str) -> str:
    """Write `member.toml`."""
    values: dict[str, object] = {"member": member, "role": role.value, "consortium": invitation.consortium}
    values |= {"join": invitation.join, "gateways": list(invitation.gateways)}
    values |= {"sponsor": invitation.sponsor} if invitation.sponsor else {}
    values |= {"founding": True} if invitation.founding else {}
    values |= {"local": local} if local else {}
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()) + _table(
        "holders", invitation.holders
    )


def invitation_toml(invitation: Invitation) -> str:
    """Write an invitation; read it back by `Folder.table`."""
    values: dict[str, object] = {"consortium": invitation.consortium, "join": invitation.join}
    values |= {"gateways": list(invitation.gateways)}
    values |= {"sponsor": invitation.sponsor, "ca": invitation.ca}
    values |= {"founding": True} if invitation.founding else {}
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
    return lines + _table("holders", invitation.holders)


def _table(name: str, values: Mapping[str, str]) -> str:
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
    return f"\n[{name}]\n{lines}" if values else ""
