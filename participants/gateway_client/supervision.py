"""The supervision service of a gateway, for threads; nothing that it gives is verified here."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import grpc

from consortium.errors import Code, CreditError
from consortium.supervision.documents import MAXIMUM_SEALED_BYTES, FilingKind
from consortium.wire.reading import unsigned
from consortium.wire.supervision import (
    MAXIMUM_PIECE_BYTES,
    FiledDocument,
    Piece,
    after_to_proto,
    filing_to_proto,
    filings_from_proto,
    piece_to_proto,
)
from participants.gateway_client.channel import Tls, from_rpc_error, open_blocking_channel
from protos.credit.v1 import supervision_pb2 as pb
from protos.credit.v1 import supervision_pb2_grpc as grpc_pb

CALL_SECONDS = 20.0
BUNDLE_SECONDS = 600.0


class SupervisionClient:
    """One replica's service; raises CreditError for whatever goes wrong."""

    def __init__(self, address: str, tls: Tls) -> None:
        self._address = address
        self._channel = open_blocking_channel(address, tls)
        self._stub: Any = grpc_pb.SupervisionServiceStub(self._channel)

    def file(self, kind: FilingKind, signed: bytes) -> int:
        """File a document; gives its entry's index, the same one for the same document."""
        response = self._send(self._stub.FileDocument, filing_to_proto(kind, signed), CALL_SECONDS)
        return unsigned(response.entry, "entry")

    def filings(self, after: int) -> list[FiledDocument]:
        """Give the next filings that concern us after an entry; none at the end."""
        return filings_from_proto(self._send(self._stub.ReadFilings, after_to_proto(after), CALL_SECONDS))

    def show(self, order: int, sealed: bytes) -> int:
        """Send what an inspection demands; gives the index of the entry that says that it has come whole."""
        return unsigned(self._send(self._stub.ShowBundle, _pieces(order, sealed), BUNDLE_SECONDS).entry, "entry")

    def fetch(self, order: int) -> bytes:
        """Get what was shown to an order; empty where nothing is there."""
        sealed = bytearray()
        try:
            for response in self._stub.FetchBundle(pb.FetchBundleRequest(order=order), timeout=BUNDLE_SECONDS):
                sealed += response.piece
                if len(sealed) > MAXIMUM_SEALED_BYTES:
                    raise CreditError(Code.MALFORMED, "a bundle that is too long")
        except grpc.RpcError as error:
            raise from_rpc_error(error, self._address) from None
        return bytes(sealed)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _send(self, call: Any, request: Any, seconds: float) -> Any:
        try:
            return call(request, timeout=seconds)
        except grpc.RpcError as error:
            raise from_rpc_error(error, self._address) from None


def _pieces(order: int, sealed: bytes) -> Iterator[pb.ShowBundleRequest]:
    for at in range(0, len(sealed), MAXIMUM_PIECE_BYTES):
        last = at + MAXIMUM_PIECE_BYTES >= len(sealed)
        content = sealed[at : at + MAXIMUM_PIECE_BYTES]
        yield piece_to_proto(Piece(order, content, sha256(sealed).digest() if last else None))
