"""The one interceptor: every RPC is measured, logged without sensitive fields, and every exception mapped."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from consortium.errors import Code, CreditError
from gateway.metrics import Metrics
from gateway.rpc.errors import abort

LOG = logging.getLogger("gateway.rpc")
Context = grpc.aio.ServicerContext[Any, Any]
STATUS_SECONDS = 2.0
"""How long the end of a stream waits for a side that does not read."""
UNMEASURED = ("/grpc.health.", "/grpc.reflection.")


class Watcher(grpc.aio.ServerInterceptor):
    """Wraps every handler of ours; health and reflection pass as they are."""

    def __init__(self, metrics: Metrics, admit: Callable[[Context], None] = lambda _: None) -> None:
        """Take who is let in at all: `admit` raises CreditError for whoever is not, before the handler runs."""
        self._metrics = metrics
        self._admit = admit

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Give the wrapped handler."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(UNMEASURED):
            return handler
        if handler.response_streaming:
            return self._wrapped_stream(handler, method)
        make, behaviour = grpc.unary_unary_rpc_method_handler, handler.unary_unary
        if handler.request_streaming:
            make, behaviour = grpc.stream_unary_rpc_method_handler, handler.stream_unary
        return make(self._unary(behaviour, method), *self._counted(handler, method))

    def _wrapped_stream(self, handler: Any, method: str) -> Any:
        if handler.request_streaming:
            make, behaviour = grpc.stream_stream_rpc_method_handler, handler.stream_stream
        else:
            make, behaviour = grpc.unary_stream_rpc_method_handler, handler.unary_stream
        return make(self._stream(behaviour, method), *self._counted(handler, method))

    def _counted(self, handler: Any, method: str) -> tuple[Callable[[bytes], Any], Callable[[Any], bytes]]:
        """Give the handler's parser and serialiser so that they count the bytes of every message."""
        received, sent = (self._metrics.bytes.labels(method, direction).inc for direction in ("in", "out"))
        parse = _tolerant(handler)

        def deserialise(data: bytes) -> Any:
            received(len(data))
            return parse(data)

        def serialise(message: Any) -> bytes:
            data: bytes = handler.response_serializer(message)
            sent(len(data))
            return data

        return deserialise, serialise

    def _unary(self, behaviour: Any, method: str) -> Callable[..., Awaitable[Any]]:
        async def call(request: Any, rpc_context: Context) -> Any:
            start, code = time.perf_counter(), "OK"
            try:
                self._admit(rpc_context)
                return await behaviour(_readable(request), rpc_context)
            except Exception as error:  # noqa: BLE001  the border: everything is mapped
                code = _code(error)
                await abort(rpc_context, error, method)
            finally:
                self._done(method, code, start)

        return call

    def _stream(self, behaviour: Any, method: str) -> Callable[..., AsyncIterator[Any]]:
        async def call(request: Any, rpc_context: Context) -> AsyncIterator[Any]:
            start, code = time.perf_counter(), "OK"
            self._metrics.streams.labels(method).inc()
            try:
                self._admit(rpc_context)
                async for response in behaviour(_readable(request), rpc_context):
                    yield response
            except Exception as error:  # noqa: BLE001  the border: everything is mapped
                code = _code(error)
                await _abort_soon(rpc_context, error, method)
            finally:
                self._metrics.streams.labels(method).dec()
                self._done(method, code, start)

        return call

    def _done(self, method: str, code: str, start: float) -> None:
        seconds = time.perf_counter() - start
        self._metrics.requests.labels(method, code).inc()
        self._metrics.seconds.labels(method).observe(seconds)
        LOG.info("rpc", extra={"method": method, "code": code, "milliseconds": round(seconds * 1000, 1)})


async def _abort_soon(rpc_context: Context, error: Exception, method: str) -> None:
    """End a stream with its status; where the other side reads nothing, let go once the status waits to be read."""
    try:
        async with asyncio.timeout(STATUS_SECONDS):
            await abort(rpc_context, error, method)
    except TimeoutError:
        raise asyncio.CancelledError from None


class _Unreadable:
    """Stands for a message that does not parse, until the handler can refuse it with a code."""


def _tolerant(handler: Any) -> Callable[[bytes], Any]:
    """Parse with the handler's own parser; gRPC itself would answer UNKNOWN where that fails."""

    def deserialise(data: bytes) -> Any:
        try:
            return handler.request_deserializer(data)
        except DecodeError:
            return _Unreadable()

    return deserialise


def _readable(request: Any) -> Any:
    if isinstance(request, _Unreadable):
        raise CreditError(Code.MALFORMED, "not a message of this method")
    return _readable_stream(request) if hasattr(request, "__aiter__") else request


async def _readable_stream(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        yield _readable(request)


def _code(error: BaseException) -> str:
    return error.code.value if isinstance(error, CreditError) else "INTERNAL"
