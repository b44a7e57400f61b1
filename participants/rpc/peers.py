"""Who calls a custodian: a certificate counts only where the identity key that the rulebook pins vouches for it."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import grpc

from consortium.errors import Code, CreditError
from consortium.membership.certificates import check_peer, read_certificate
from consortium.model.rulebook import Rulebook

KNOWN_CERTIFICATES = 4096


class BoundPeers:
    """Holds every caller's certificate to the rulebook; what was found good is remembered until it ends."""

    def __init__(self, rulebook: Callable[[], Rulebook], clock: Callable[[], float]) -> None:
        self._rulebook = rulebook
        self._clock = clock
        self._good: OrderedDict[tuple[bytes, bytes], int] = OrderedDict()

    def check(self, rpc_context: grpc.aio.ServicerContext[Any, Any]) -> None:
        """Raise CreditError(CERTIFICATE_INVALID) for a caller without a binding that holds now."""
        pems = list(rpc_context.auth_context().get("x509_pem_cert", ()))
        if len(pems) != 1:
            raise CreditError(Code.CERTIFICATE_INVALID, "one certificate is needed")
        self.check_pem(pems[0])

    def check_pem(self, pem: bytes) -> None:
        """Check one certificate, PEM; raises CreditError(CERTIFICATE_INVALID)."""
        rulebook, now = self._rulebook(), int(self._clock())
        name = pem, rulebook.digest
        if self._good.get(name, 0) > now:
            return
        certificate = read_certificate(pem)
        try:
            check_peer(certificate, rulebook, now)
        except CreditError as error:
            raise CreditError(Code.CERTIFICATE_INVALID, error.cause) from error
        self._good[name] = certificate.valid_until
        if len(self._good) > KNOWN_CERTIFICATES:
            self._good.popitem(last=False)
