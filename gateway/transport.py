"""What the gateway's servers share: the options of their transport, the clock, the end of their tasks."""

import asyncio
import os
import sys
import threading
import time
from typing import Any

MESSAGE_BYTES = 1 << 20
BULK_NICENESS, SWITCH_SECONDS = 10, 0.0002
OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_concurrent_streams", 1024),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.so_reuseport", 0),
)


def seconds() -> int:
    """Give Unix seconds."""
    return int(time.time())


def step_back() -> None:
    """
    Give the calling thread less of the processor than others, where the system knows threads' priorities.

    And have it let go of the interpreter sooner: others wait for their turn at each step of a query.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BULK_NICENESS)


async def cancelled(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
