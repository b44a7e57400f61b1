"""A gateway that alters answers on their way to the requester: every alteration is refused by code."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from consortium.errors import Code
from consortium.labels import Label
from consortium.model.receipts import Subject, sign_receipt
from consortium.wire.queries import signed_query_from_bytes, signed_query_to_bytes
from participants.gateway_client.asking import AskClient
from participants.gateway_client.lender import ask_gateway
from participants.lender.ask import QueryResult
from protos.credit.v1 import gateway_pb2 as pb
from protos.credit.v1 import gateway_pb2_grpc as grpc_pb
from protos.credit.v1 import rounds_pb2
from tests.support.codes import refused
from tests.support.grpc_world import GATEWAY, GrpcWorld, grpc_world
from tests.support.world import ALICE, BOB, LENDERS, World

Alter = Callable[[pb.AskResponse], None]


class Proxy(grpc_pb.QueryServiceServicer):
    """Stands between requester and gateway with the gateway's own certificate; `alter` changes what comes back."""

    def __init__(self, running: GrpcWorld) -> None:
        self.alter: Alter = lambda _: None
        self._signer = running.world.foundation.keys[GATEWAY].signer
        self._upstream = AskClient([running.address], running.tls("lender-a"))

    async def Ask(self, request: pb.AskRequest, _: object) -> pb.AskResponse:  # noqa: N802  proto name
        answered = await self._upstream.ask(request.request_id, request.query, 20)
        receipt = answered.receipt
        response = pb.AskResponse(
            request_id=answered.request_id,
            transcript=answered.transcript,
            receipt=pb.Receipt(
                index=receipt.index,
                leaf_hash=receipt.leaf_hash,
                time_ms=receipt.time_ms,
                signature=receipt.signature,
            ),
        )
        self.alter(response)
        if response.transcript != answered.transcript:
            self._sign_again(request, response)
        return response

    def _sign_again(self, request: pb.AskRequest, response: pb.AskResponse) -> None:
        """A gateway that alters an answer gives a receipt for it, too; only a contributor's key it has not."""
        subject = Subject(signed_query_from_bytes(request.query).digest, response.transcript)
        kept = response.receipt
        receipt = sign_receipt(self._signer, kept.index, kept.leaf_hash, kept.time_ms, subject)
        response.receipt.signature = receipt.signature

    async def close(self) -> None:
        await self._upstream.close()


@asynccontextmanager
async def proxied(running: GrpcWorld) -> AsyncIterator[tuple[Proxy, AskClient]]:
    proxy, server = Proxy(running), grpc.aio.server()
    grpc_pb.add_QueryServiceServicer_to_server(proxy, server)
    own = running.authority.issue(GATEWAY, dt.datetime.now(dt.UTC))
    pair = [(own.key, own.certificate)]
    credentials = grpc.ssl_server_credentials(pair, running.authority.certificate, require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    client = AskClient([f"127.0.0.1:{port}"], running.tls("lender-a"))
    try:
        yield proxy, client
    finally:
        await client.close()
        await proxy.close()
        await server.stop(None)


def in_transcript(change: Callable[[rounds_pb2.Transcript], None]) -> Alter:
    def alter(response: pb.AskResponse) -> None:
        transcript = rounds_pb2.Transcript.FromString(response.transcript)
        change(transcript)
        response.transcript = transcript.SerializeToString(deterministic=True)

    return alter


def flipped(raw: bytes, at: int = -1) -> bytes:
    changed = bytearray(raw)
    changed[at] ^= 1
    return bytes(changed)


def swap(transcript: rounds_pb2.Transcript) -> None:
    first, second = (transcript.round1[i].SerializeToString() for i in range(2))
    transcript.round1[0].ParseFromString(second)
    transcript.round1[1].ParseFromString(first)


def without_a_member(transcript: rounds_pb2.Transcript) -> None:
    for parts in (transcript.members, transcript.round1, transcript.round2):
        del parts[0]


def flip_field(name: str) -> Callable[[rounds_pb2.Transcript], None]:
    return lambda transcript: setattr(transcript, name, flipped(getattr(transcript, name)))


def flip_signature(transcript: rounds_pb2.Transcript) -> None:
    transcript.round2[2].signature = flipped(transcript.round2[2].signature)


def flip_ciphertext(transcript: rounds_pb2.Transcript) -> None:
    body = rounds_pb2.Round1Body.FromString(transcript.round1[1].body)
    body.ciphertext = flipped(body.ciphertext)
    transcript.round1[1].body = body.SerializeToString(deterministic=True)


def other_mask_key(transcript: rounds_pb2.Transcript) -> None:
    transcript.roster[0].mask_key.CopyFrom(transcript.roster[1].mask_key)


ALTERATIONS: dict[str, tuple[Alter, Code]] = {
    "product": (in_transcript(flip_field("product")), Code.TRANSCRIPT_INVALID),
    "a ciphertext": (in_transcript(flip_ciphertext), Code.SIGNATURE_INVALID),
    "a signature": (in_transcript(flip_signature), Code.SIGNATURE_INVALID),
    "a correction dropped": (in_transcript(lambda t: t.round2.remove(t.round2[0])), Code.TRANSCRIPT_INVALID),
    "a contribution dropped": (in_transcript(lambda t: t.round1.remove(t.round1[0])), Code.TRANSCRIPT_INVALID),
    "a contribution twice": (in_transcript(lambda t: t.round1.append(t.round1[0])), Code.TRANSCRIPT_INVALID),
    "a member concealed": (in_transcript(without_a_member), Code.TRANSCRIPT_INVALID),
    "contributions reordered": (in_transcript(swap), Code.TRANSCRIPT_INVALID),
    "another attempt": (in_transcript(lambda t: setattr(t, "attempt", 2)), Code.TRANSCRIPT_INVALID),
    "another block": (in_transcript(lambda t: setattr(t, "block", 1)), Code.TRANSCRIPT_INVALID),
    "a smaller roster": (in_transcript(lambda t: t.roster.remove(t.roster[-1])), Code.TRANSCRIPT_INVALID),
    "another mask key": (in_transcript(other_mask_key), Code.TRANSCRIPT_INVALID),
    "nobody answered": (in_transcript(lambda t: t.ClearField("members")), Code.MALFORMED),
    "garbage": (lambda r: setattr(r, "transcript", b"\xff" * 99), Code.MALFORMED),
    "nothing": (lambda r: r.ClearField("transcript"), Code.MALFORMED),
    "another request's id": (lambda r: setattr(r, "request_id", b"z" * 16), Code.TRANSCRIPT_INVALID),
    "the receipt's signature": (lambda r: setattr(r.receipt, "signature", bytes(64)), Code.SIGNATURE_INVALID),
    "another entry": (lambda r: setattr(r.receipt, "index", r.receipt.index + 1), Code.SIGNATURE_INVALID),
    "another leaf": (lambda r: setattr(r.receipt, "leaf_hash", bytes(32)), Code.SIGNATURE_INVALID),
    "no receipt": (lambda r: r.ClearField("receipt"), Code.MALFORMED),
}


def test_whatever_is_altered_is_refused_by_its_code(world: World, tmp_path: Path) -> None:
    query = world.query(world.subject(ALICE))
    raw = signed_query_to_bytes(query)

    async def ask(client: AskClient) -> QueryResult:
        transcript, _ = await ask_gateway(client, b"r" * 16, raw, 10, world.rulebook)
        return world.nodes["lender-a"].conclude(query, transcript)

    async def main() -> None:
        nonlocal query, raw
        async with asyncio.timeout(60), grpc_world(world, tmp_path) as running, proxied(running) as (proxy, client):
            await running.attach(*LENDERS)
            query = world.query(world.subject(ALICE))
            raw = signed_query_to_bytes(query)
            assert (await ask(client)).missing == ()
            for name, (alter, code) in ALTERATIONS.items():
                proxy.alter = alter
                with refused(code):
                    await ask(client)
                    pytest.fail(f"accepted: {name}")
            proxy.alter = lambda _: None
            assert (await ask(client)).missing == (), "the true answer is still accepted"

    asyncio.run(main())


def test_another_querys_answer_and_invented_messages_are_refused(world: World, tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(60), grpc_world(world, tmp_path) as running, proxied(running) as (proxy, client):
            await running.attach(*LENDERS)
            other = await running.ask(signed_query_to_bytes(world.query(world.subject(BOB))), b"o" * 16)
            query = world.query(world.subject(ALICE))

            async def ask() -> None:
                raw = signed_query_to_bytes(query)
                transcript, _ = await ask_gateway(client, b"r" * 16, raw, 10, world.rulebook)
                world.nodes["lender-a"].conclude(query, transcript)

            def invent(transcript: rounds_pb2.Transcript) -> None:
                """The gateway signs a contribution in a lender's place, with the only key that it has."""
                body = rounds_pb2.Round1Body.FromString(transcript.round1[4].body)
                body.commitment = bytes(32)
                raw = body.SerializeToString(deterministic=True)
                signature = world.foundation.keys[GATEWAY].signer.sign(Label.ROUND1, raw)
                transcript.round1[4].CopyFrom(rounds_pb2.SignedBody(body=raw, signature=signature))

            proxy.alter = lambda response: setattr(response, "transcript", other)
            with refused(Code.TRANSCRIPT_INVALID):
                await ask()
            proxy.alter = in_transcript(invent)
            with refused(Code.SIGNATURE_INVALID):
                await ask()

    asyncio.run(main())
