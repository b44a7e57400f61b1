"""Messages as a later version would send them: with fields that this one does not know, at every level."""

from collections.abc import Callable
from typing import Any, Self

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from participants.gateway_client.channel import Tls, open_channel
from protos.credit.v1 import query_pb2, rounds_pb2

UNKNOWN = b"\xc2\x3e\x05later" + b"\xc8\x3e\x07"
"""Field 1000, the bytes `later`, and field 1001, the number 7."""
OPAQUE: dict[str, type[Message]] = {
    "credit.v1.AskRequest.query": query_pb2.SignedQuery,
    "credit.v1.AskResponse.transcript": rounds_pb2.Transcript,
    "credit.v1.CallAnswer.answer": rounds_pb2.SignedBody,
    "credit.v1.Round1Call.request": rounds_pb2.Round1Request,
    "credit.v1.Round2Call.request": rounds_pb2.Round2Request,
}
"""Fields that hold serialised messages which nobody has signed as they stand."""


def with_unknown_fields(message: Message) -> Message:
    """Add unknown fields to a message and to all that it holds, except within what is signed."""
    for field, value in message.ListFields():
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for one in value if field.is_repeated else [value]:
                with_unknown_fields(one)
        elif field.full_name in OPAQUE and field.type == FieldDescriptor.TYPE_BYTES:
            inner = OPAQUE[field.full_name].FromString(value)
            setattr(message, field.name, with_unknown_fields(inner).SerializeToString(deterministic=True))
    message.MergeFromString(UNKNOWN)
    return message


class LaterChannel:
    """A channel that speaks with unknown fields, and hears them in every answer; `seen` counts the messages."""

    def __init__(self, channel: grpc.aio.Channel, seen: list[str]) -> None:
        self._channel = channel
        self._seen = seen

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()

    async def close(self) -> None:
        await self._channel.close()

    def unary_unary(self, path: str, **methods: Any) -> Any:
        return self._channel.unary_unary(path, *self._strange(**methods))

    def unary_stream(self, path: str, **methods: Any) -> Any:
        return self._channel.unary_stream(path, *self._strange(**methods))

    def stream_stream(self, path: str, **methods: Any) -> Any:
        return self._channel.stream_stream(path, *self._strange(**methods))

    def _strange(
        self, request_serializer: Callable[[Any], bytes], response_deserializer: Callable[[bytes], Any], **_: Any
    ) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
        def speak(message: Any) -> bytes:
            self._seen.append(type(message).__name__)
            return request_serializer(with_unknown_fields(type(message).FromString(message.SerializeToString())))

        def hear(data: bytes) -> Any:
            message = with_unknown_fields(response_deserializer(data))
            self._seen.append(type(message).__name__)
            return response_deserializer(message.SerializeToString())

        return speak, hear


def later_channels(seen: list[str]) -> Callable[[str, Tls], Any]:
    """Give what opens channels in place of `open_channel`."""
    return lambda address, tls: LaterChannel(open_channel(address, tls), seen)
