"""
The gateway's own certificate: issued by its CA to itself, renewed at half its life, and taken up without a restart.

The TLS files are the one place where it lives. Whoever renews them (this module, or an operator with another CA)
replaces the certificate's file; `ServerTls` sees that and gives the new one to every handshake from then on.
Connections that are open go on with the old one, so that no request is lost.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

import grpc
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from consortium.errors import Code, CreditError
from consortium.membership.certificates import (
    CERTIFICATE_SECONDS,
    PeerCertificate,
    check_binding,
    make_binding,
    read_certificate,
)
from consortium.model.members import MemberId
from consortium.model.signing import Signer
from gateway.membership.authority import Authority
from gateway.private_files import read_private, replace
from gateway.settings import Tls

LOG = logging.getLogger("gateway.tls")
POLL_SECONDS = 1.0


class ServerTls:
    """The TLS files as they are now, for every new handshake."""

    def __init__(self, files: Tls) -> None:
        """Read the files; raises CreditError(SETTINGS_INVALID)."""
        self._files = files
        self._stamp = self._read_stamp()
        self._configuration = self._read()

    def credentials(self, *, clients: bool) -> grpc.ServerCredentials:
        """Give credentials that follow the files; `clients` says whether callers must show a certificate."""
        given = self._configuration

        def changed() -> grpc.ServerCertificateConfiguration | None:
            """Give what is new since the last handshake only: gRPC drops handshakes that are under way at a change."""
            nonlocal given
            if given is self._configuration:
                return None
            given = self._configuration
            return given

        return grpc.dynamic_ssl_server_credentials(
            given,
            changed,  # type: ignore[arg-type]  # None means "as before", which the types leave out
            require_client_authentication=clients,
        )

    async def follow(self) -> None:
        """Look at the files for ever; ones that cannot be read leave what is in use."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                self.reload()
            except CreditError as error:
                LOG.error("tls-unreadable", extra={"code": error.code, "cause": error.cause})  # noqa: TRY400

    def reload(self) -> bool:
        """Take up files that have changed; says whether they had. Raises CreditError(SETTINGS_INVALID)."""
        stamp = self._read_stamp()
        if stamp == self._stamp:
            return False
        self._configuration, self._stamp = self._read(), stamp
        LOG.info("tls-renewed")
        return True

    def _read(self) -> grpc.ServerCertificateConfiguration:
        try:
            pair = (read_private(self._files.key), self._files.certificate.read_bytes())
            ca = self._files.ca.read_bytes()
        except OSError as error:
            raise CreditError(Code.SETTINGS_INVALID, f"tls: {error.filename} cannot be read") from None
        return grpc.ssl_server_certificate_configuration([pair], ca)

    def _read_stamp(self) -> tuple[tuple[int, int], ...]:
        try:
            found = [os.stat(path) for path in (self._files.key, self._files.certificate, self._files.ca)]  # noqa: PTH116
        except OSError as error:
            raise CreditError(Code.SETTINGS_INVALID, f"tls: {error.filename} cannot be read") from None
        return tuple((one.st_mtime_ns, one.st_ino) for one in found)


class OwnCertificate:
    """Renews the gateway's certificate."""

    def __init__(
        self,
        authority: Authority,
        signer: Signer,
        consortium: str,
        member: MemberId,
        files: Tls,
        hosts: tuple[str, ...],
        clock: Callable[[], int],
        seconds: int = CERTIFICATE_SECONDS,
    ) -> None:
        self._authority = authority
        self._signer = signer
        self._name = (consortium, member)
        self._files = files
        self._hosts = hosts
        self._clock = clock
        self._seconds = seconds

    def renew(self) -> bool:
        """Renew where there is none, or half its life is over, or another key vouches; says whether it did."""
        key = read_tls_key(self._files.key)
        if not self._is_due(key):
            return False
        now = self._clock()
        binding = make_binding(self._signer, *self._name, key.public_key(), now + self._seconds)
        chain = self._authority.issue(*self._name, key.public_key(), now, binding, self._hosts, self._seconds)
        replace(self._files.certificate, chain, 0o644)
        return True

    async def keep(self) -> None:
        """Renew for ever."""
        while True:
            await asyncio.sleep(min(60.0, self._seconds / 20))
            try:
                await asyncio.to_thread(self.renew)
            except (CreditError, OSError) as error:
                LOG.error("certificate-not-renewed", extra={"cause": type(error).__name__})  # noqa: TRY400

    def _is_due(self, key: ec.EllipticCurvePrivateKey) -> bool:
        try:
            found = read_certificate(self._files.certificate.read_bytes())
            check_binding(found.binding, self._signer.public, *self._name, key.public_key())
        except (OSError, CreditError):
            return True
        return found.key != key.public_key() or self._clock() >= _half_life(found)


def read_tls_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a P-256 key, PEM, from a file of mode 0600; raises CreditError(SETTINGS_INVALID)."""
    data = read_private(path)
    try:
        key = serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError):
        raise CreditError(Code.SETTINGS_INVALID, f"{path.name} holds no TLS key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CreditError(Code.SETTINGS_INVALID, f"{path.name} holds no P-256 key")
    return key


def _half_life(certificate: PeerCertificate) -> int:
    return (certificate.valid_from + certificate.valid_until) // 2
