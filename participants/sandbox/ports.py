"""The loopback ports of a consortium on one machine, from a base."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ports:
    """Gateway, its metrics, custodians, the gateway's second door, then the lenders' local services."""

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


def on_loopback(port: int) -> str:
    """Give an address."""
    return f"127.0.0.1:{port}"
