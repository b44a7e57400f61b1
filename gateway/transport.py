"""What the gateway's servers share: the options of their transport, the clock, the end of their tasks."""

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from consortium.errors import Code, CreditError

LOG = logging.getLogger("gateway")
AGAIN_SECONDS = 5.0
Work: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""A part that works for ever."""
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


async def again_and_again(work: Work) -> None:
    """
    Do what is meant to run for ever; where it fails or ends, that is logged, and it is begun again after AGAIN_SECONDS.

    So nobody is half there for good, and what one disk or file does ends nobody.
    """
    while True:
        cause, code = "it ended", Code.INTERNAL
        try:
            await work()
        except CreditError as error:
            cause, code = error.cause, error.code
        except Exception as error:  # noqa: BLE001  the border: of an unforeseen error the log gets the type alone
            cause = type(error).__name__
        LOG.error("part-failed", extra={"code": code, "cause": cause})
        await asyncio.sleep(AGAIN_SECONDS)


async def cancelled(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
