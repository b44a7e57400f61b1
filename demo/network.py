"""Folders for a consortium of processes: one a party, with its certificate, its keys and the signed rulebook."""

import datetime as dt
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from consortium.labels import Label
from consortium.model.members import MemberId
from consortium.oprf.group import encode_scalar
from consortium.silent import Silent
from consortium.wire.gateway import SignedRulebook
from demo.certificates import Authority, Issued
from demo.consortium import HOLDERS, REGULATOR, Foundation
from gateway.rulebooks import write_version

GATEWAY, *CUSTODIANS = HOLDERS
CERTIFICATE_DAYS = 30

_GATEWAY_TOML = """\
# {member}: the hub. Every setting: docs/running.md
member = "{member}"
listen = "127.0.0.1:{port}"
metrics_port = {metrics_port}
storage = "sqlite:///gateway.db"
identity_key = "identity.key"
key_share = "share.json"
rulebooks = "rulebooks"
fingerprint = "{fingerprint}"

[tls]
certificate = "tls.crt"
key = "tls.key"
ca = "ca.crt"
"""
_CUSTODIAN_TOML = """\
# {member}: a holder of a share of the OPRF key. Every setting: docs/running.md
member = "{member}"
listen = "127.0.0.1:{port}"
gateway = "127.0.0.1:{gateway_port}"
{common}"""
_NODE_TOML = """\
# {member}: a lender's node. Every setting: docs/running.md
member = "{member}"
{common}
[gateway]
addresses = ["127.0.0.1:{gateway_port}"]

[local]
listen = "127.0.0.1:{port}"
"""
_COMMON = """
[rulebook]
file = "rulebook.json"
signatures = "rulebook-signatures.json"
fingerprint = "{fingerprint}"

[tls]
certificate = "tls.crt"
key = "tls.key"
ca = "ca.crt"
"""
_HOLDER = """
[holders.{member}]
address = "127.0.0.1:{port}"
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """The loopback ports of a consortium, from a base: gateway, its metrics, then custodians and lenders."""

    base: int = 7400

    @property
    def gateway(self) -> int:
        """The gateway."""
        return self.base

    @property
    def metrics(self) -> int:
        """The gateway's metrics."""
        return self.base + 1

    def custodian(self, index: int) -> int:
        """Give the port of a custodian."""
        return self.base + 2 + index

    def lender(self, index: int) -> int:
        """Give the port of a lender's local service."""
        return self.base + 10 + index


@dataclass
class Writer(Silent):
    """Writes the parties' folders of one foundation (folders 0700, secret files 0600); they must not exist yet."""

    foundation: Foundation
    out: Path
    ports: Ports = Ports()

    def write_all(self) -> None:
        """Write every folder."""
        now = dt.datetime.now(dt.UTC)
        authority = Authority(self.foundation.rulebook.document.consortium, now, CERTIFICATE_DAYS)
        self.out.mkdir(parents=True, exist_ok=True)
        for member in (GATEWAY, *CUSTODIANS, *self.foundation.lenders):
            folder = self.out / member
            folder.mkdir(mode=0o700)
            self._write_tls(folder, authority.issue(member, now, dt.timedelta(days=CERTIFICATE_DAYS)), authority)
        self._write_gateway()
        for index, custodian in enumerate(CUSTODIANS):
            self._write_custodian(index, custodian)
        for index, lender in enumerate(self.foundation.lenders):
            self._write_lender(index, lender)
        self._write_regulator()

    @property
    def _fingerprint(self) -> str:
        return self.foundation.rulebook.digest.hex()

    def _signed_rulebook(self) -> SignedRulebook:
        rulebook, keys = self.foundation.rulebook, self.foundation.keys
        approvers = rulebook.document.approvers.members
        signatures = {name: keys[name].signer.sign(Label.RULEBOOK, rulebook.raw) for name in approvers}
        return SignedRulebook(rulebook.raw, signatures)

    def _write_tls(self, folder: Path, issued: Issued, authority: Authority) -> None:
        write(folder / "tls.crt", issued.certificate)
        write(folder / "tls.key", issued.key)
        write(folder / "ca.crt", authority.certificate)

    def _write_rulebook(self, folder: Path) -> None:
        signed = self._signed_rulebook()
        signatures = {member: signature.hex() for member, signature in signed.signatures.items()}
        write(folder / "rulebook.json", signed.document)
        write_json(folder / "rulebook-signatures.json", {"signatures": signatures})

    def _write_gateway(self) -> None:
        folder, ports = self.out / GATEWAY, self.ports
        share = self.foundation.shares[0]
        write(folder / "identity.key", self.foundation.keys[GATEWAY].identity.hex().encode())
        write_json(folder / "share.json", {"holder": share.holder, "secret": f"{share.secret:x}"})
        (folder / "rulebooks").mkdir(mode=0o700)
        write_version(folder / "rulebooks", self._signed_rulebook(), 1)
        settings = _GATEWAY_TOML.format(
            member=GATEWAY, port=ports.gateway, metrics_port=ports.metrics, fingerprint=self._fingerprint
        )
        write(folder / "gateway.toml", settings.encode())

    def _write_custodian(self, index: int, member: MemberId) -> None:
        folder, share = self.out / member, self.foundation.shares[index + 1]
        generation = self.foundation.rulebook.document.oprf.generation
        secret = encode_scalar(share.secret).hex()
        write_json(folder / "share.json", {"holder": share.holder, "generation": generation, "secret": secret})
        self._write_rulebook(folder)
        settings = _CUSTODIAN_TOML.format(
            member=member,
            port=self.ports.custodian(index),
            gateway_port=self.ports.gateway,
            common=_COMMON.format(fingerprint=self._fingerprint),
        )
        write(folder / "custodian.toml", settings.encode())

    def _write_lender(self, index: int, member: MemberId) -> None:
        folder, rng = self.out / member, self.foundation.rng
        shared = self.foundation.secrets
        write_json(
            folder / "lenders-secrets.json",
            {
                "generation": shared.generation,
                "pre_hash_secret": shared.pre_hash_secret.hex(),
                "tag_key": shared.tag_key.hex(),
                "epoch": shared.epoch,
                "sealing_key": shared.sealing_key.hex(),
            },
        )
        own = {"audit_secret": rng(32).hex(), "book_secret": rng(32).hex()}
        write_json(folder / "own-keys.json", {"identity_key": self.foundation.keys[member].identity.hex(), **own})
        self._write_rulebook(folder)
        settings = _NODE_TOML.format(
            member=member,
            port=self.ports.lender(index),
            gateway_port=self.ports.gateway,
            common=_COMMON.format(fingerprint=self._fingerprint),
        )
        write(folder / "node.toml", (settings + self._holders()).encode())

    def _holders(self) -> str:
        addresses = {GATEWAY: self.ports.gateway}
        addresses |= {member: self.ports.custodian(index) for index, member in enumerate(CUSTODIANS)}
        return "".join(_HOLDER.format(member=member, port=port) for member, port in addresses.items())

    def _write_regulator(self) -> None:
        folder, keys = self.out / REGULATOR, self.foundation.keys[REGULATOR]
        folder.mkdir(mode=0o700)
        keep = {"identity_key": keys.identity.hex(), "audit_key": keys.hpke.private_bytes_raw().hex()}
        write_json(folder / "own-keys.json", keep)
        self._write_rulebook(folder)


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Write JSON into a new owner-only file."""
    write(path, json.dumps(value, indent=2).encode() + b"\n")


def write(path: Path, data: bytes) -> None:
    """Write a new owner-only file."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(data)
