"""What the gateway measures of itself, for Prometheus; no label ever names a person, a query or a tag."""

import asyncio

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

LAG_SECONDS = 0.05
LAG_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0)


class Metrics:
    """The gateway's collectors in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("credit_rpcs", "RPCs that ended.", ["method", "code"], registry=self.registry)
        self.seconds = Histogram("credit_rpc_seconds", "Time of an RPC.", ["method"], registry=self.registry)
        self.bytes = Counter(
            "credit_message_bytes", "Bytes of messages, in or out.", ["method", "direction"], registry=self.registry
        )
        self.streams = Gauge("credit_streams", "Open streams.", ["method"], registry=self.registry)
        self.attached = Gauge("credit_attached_members", "Members attached and well.", registry=self.registry)
        self.entries = Gauge("credit_log_entries", "Entries in the log.", registry=self.registry)
        self.checkpoint_age = Gauge(
            "credit_log_checkpoint_age_seconds",
            "How long entries have waited for a newer checkpoint; 0 while none wait.",
            registry=self.registry,
        )
        self.cosignature_age = Gauge(
            "credit_log_cosignature_age_seconds",
            "How long a witness has cosigned nothing while there was a newer checkpoint.",
            ["witness"],
            registry=self.registry,
        )
        self.lag = Histogram(
            "credit_event_loop_lag_seconds", "Lag of the event loop.", registry=self.registry, buckets=LAG_BUCKETS
        )

    def serve(self, address: str, port: int) -> None:
        """Serve the collectors over HTTP on a loopback port."""
        start_http_server(port, address, self.registry)

    async def watch_lag(self) -> None:
        """Measure for ever how late the event loop wakes."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_SECONDS
            await asyncio.sleep(LAG_SECONDS)
            self.lag.observe(max(0.0, loop.time() - due))
