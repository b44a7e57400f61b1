"""The ports and the settings files of a consortium of processes on one machine."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from consortium.model.members import MemberId
from demo.consortium import CONSORTIUM, HOLDERS

GATEWAY, *CUSTODIANS = HOLDERS
GUARD = "gateway-guard"

_GATEWAY_TOML = """\
# {member}: the hub. Every setting: docs/running.md
member = "{member}"
consortium = "{consortium}"
listen = "127.0.0.1:{port}"
join_listen = "127.0.0.1:{join}"
metrics_port = {metrics_port}
storage = "sqlite:///gateway.db"
identity_key = "identity.key"
key_share = "share.json"
rulebooks = "rulebooks"

[authority]
certificate = "ca.crt"
key = "ca.key"

[log]
key = "log.key"
guard = "../{guard}/checkpoint"   # in operation on another volume, and in no back-up of this one
witnesses = "witnesses.txt"

[tls]
certificate = "tls.crt"
key = "tls.key"
ca = "ca.crt"
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

    @property
    def join(self) -> int:
        """The gateway's door for those without a certificate."""
        return self.base + 9

    def custodian(self, index: int) -> int:
        """Give the port of a custodian."""
        return self.base + 2 + index

    def lender(self, index: int) -> int:
        """Give the port of a lender's local service."""
        return self.base + 10 + index


def gateway_toml(member: MemberId, ports: Ports) -> str:
    """Give the gateway's settings; the fingerprint of version 1 follows from the founding."""
    return _GATEWAY_TOML.format(
        guard=GUARD,
        member=member,
        consortium=CONSORTIUM,
        port=ports.gateway,
        join=ports.join,
        metrics_port=ports.metrics,
    )


def common_toml(fingerprint: bytes) -> str:
    """Give the tables that every party's settings have."""
    return _COMMON.format(fingerprint=fingerprint.hex())


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Write JSON into a new owner-only file."""
    write(path, json.dumps(value, indent=2).encode() + b"\n")


def write(path: Path, data: bytes) -> None:
    """Write a new owner-only file."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(data)
