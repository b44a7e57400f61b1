"""A server's TLS that follows its certificate: a renewed one is used from the next handshake on, without a restart."""

from collections.abc import Callable

import grpc

from participants.gateway_client.channel import Tls


def renewed_server_credentials(tls: Callable[[], Tls]) -> grpc.ServerCredentials:
    """Give credentials for mutual TLS that ask `tls` at each handshake whether there is a newer certificate."""
    first = tls()
    known = {first.certificate: _configuration(first)}

    def fetch() -> grpc.ServerCertificateConfiguration:
        now = tls()
        if now.certificate not in known:
            known.clear()
            known[now.certificate] = _configuration(now)
        return known[now.certificate]

    return grpc.dynamic_ssl_server_credentials(_configuration(first), fetch, require_client_authentication=True)


def _configuration(tls: Tls) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(tls.key, tls.certificate)], tls.ca)
