"""The one interceptor: every RPC is measured, logged without sensitive fields, and every exception mapped."""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from consortium.errors import CreditError
from gateway.metrics import Metrics
from gateway.rpc.errors import abort

LOG = logging.getLogger("gateway.rpc")
Context = grpc.aio.ServicerContext[Any, Any]
UNMEASURED = ("/grpc.health.", "/grpc.reflection.")


class Watcher(grpc.aio.ServerInterceptor):
    """Wraps every handler of ours; health and reflection pass as they are."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Give the wrapped handler."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(UNMEASURED):
            return handler
        if handler.response_streaming:
            return self._wrapped_stream(handler, method)
        return grpc.unary_unary_rpc_method_handler(
            self._unary(handler.unary_unary, method), handler.request_deserializer, handler.response_serializer
        )

    def _wrapped_stream(self, handler: Any, method: str) -> grpc.RpcMethodHandler[Any, Any]:
        if handler.request_streaming:
            make, behaviour = grpc.stream_stream_rpc_method_handler, handler.stream_stream
        else:
            make, behaviour = grpc.unary_stream_rpc_method_handler, handler.unary_stream
        return make(self._stream(behaviour, method), handler.request_deserializer, handler.response_serializer)

    def _unary(self, behaviour: Any, method: str) -> Callable[..., Awaitable[Any]]:
        async def call(request: Any, rpc_context: Context) -> Any:
            start, code = time.perf_counter(), "OK"
            try:
                return await behaviour(request, rpc_context)
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
                async for response in behaviour(request, rpc_context):
                    yield response
            except Exception as error:  # noqa: BLE001  the border: everything is mapped
                code = _code(error)
                await abort(rpc_context, error, method)
            finally:
                self._metrics.streams.labels(method).dec()
                self._done(method, code, start)

        return call

    def _done(self, method: str, code: str, start: float) -> None:
        seconds = time.perf_counter() - start
        self._metrics.requests.labels(method, code).inc()
        self._metrics.seconds.labels(method).observe(seconds)
        LOG.info("rpc", extra={"method": method, "code": code, "milliseconds": round(seconds * 1000, 1)})


def _code(error: BaseException) -> str:
    return error.code.value if isinstance(error, CreditError) else "INTERNAL"
