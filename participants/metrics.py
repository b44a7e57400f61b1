"""What a node measures of itself, for Prometheus; no label ever names a person, a query or a tag."""

import asyncio
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from consortium.errors import CreditError

LAG_SECONDS = 0.05
LAG_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0)


class Metrics:
    """A node's collectors in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls = Counter(
            "credit_calls", "Calls of the gateway that were answered.", ["round", "code"], registry=self.registry
        )
        self.seconds = Histogram("credit_call_seconds", "Time to answer a call.", ["round"], registry=self.registry)
        self.attached = Gauge("credit_attached_gateways", "Gateway replicas attached to.", registry=self.registry)
        self.lag = Histogram(
            "credit_event_loop_lag_seconds", "Lag of the event loop.", registry=self.registry, buckets=LAG_BUCKETS
        )

    def serve(self, port: int) -> None:
        """Serve the collectors over HTTP on a loopback port; 0 serves nothing."""
        if port:
            start_http_server(port, "127.0.0.1", self.registry)

    def measured(self, number: int, work: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
        """Count and time a round's work by its code."""

        def call(request: bytes) -> bytes:
            code = "INTERNAL"
            with self.seconds.labels(number).time():
                try:
                    answer = work(request)
                    code = "OK"
                except CreditError as error:
                    code = error.code.value
                    raise
                finally:
                    self.calls.labels(number, code).inc()
            return answer

        return call

    async def watch(self, attached: Callable[[], int]) -> None:
        """Measure for ever how late the event loop wakes, and how many replicas are attached."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_SECONDS
            await asyncio.sleep(LAG_SECONDS)
            self.lag.observe(max(0.0, loop.time() - due))
            self.attached.set(attached())
