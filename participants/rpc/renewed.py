"""A server's TLS that follows its certificate: a renewed one is used from the next handshake on, without a restart."""

from collections.abc import Callable

import grpc

from participants.gateway_client.channel import Tls


def renewed_server_credentials(tls: Callable[[], Tls]) -> grpc.ServerCredentials:
    """Give credentials for mutual TLS that ask `tls` at each handshake whether there is a newer certificate."""
    first = tls()
    known = first.certificate

    def changed() -> grpc.ServerCertificateConfiguration | None:
        """Give what is new since the last handshake only: gRPC drops handshakes that are under way at a change."""
        nonlocal known
        now = tls()
        if now.certificate == known:
            return None
        known = now.certificate
        return _configuration(now)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(first),
        changed,  # type: ignore[arg-type]  # None means "as before", which the types leave out
        require_client_authentication=True,
    )


def _configuration(tls: Tls) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(tls.key, tls.certificate)], tls.ca)
