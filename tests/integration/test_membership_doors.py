"""The board's two doors over gRPC: who comes in by which, certificates, cut-off streams, hostile bytes."""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.membership.certificates import make_binding, make_request, read_certificate
from consortium.membership.emergency import EmergencySuspension
from consortium.membership.signed import sign_document
from consortium.model.members import MemberId
from consortium.wire.membership import (
    Certifying,
    DocumentKind,
    JoinMethod,
    JoinRequest,
    Posted,
    certificate_from_proto,
    certifying_to_proto,
    join_to_proto,
    page_from_proto,
    posted_to_proto,
    read_wanted_to_proto,
    sign_join,
    versions_from_proto,
)
from consortium.wire.reading import serialise
from demo.consortium import CONSORTIUM
from gateway.membership.authority import private_pem
from gateway.membership.own_certificate import OwnCertificate
from gateway.settings import AuthoritySettings
from participants.gateway_client.channel import Tls, from_rpc_error, open_channel
from protos.credit.v1 import gateway_pb2, gateway_pb2_grpc
from protos.credit.v1 import membership_pb2 as pb
from protos.credit.v1 import membership_pb2_grpc as grpc_pb
from tests.support.codes import refused
from tests.support.grpc_world import GATEWAY, GrpcWorld, grpc_world
from tests.support.membership import Registry, registry
from tests.support.world import World

METHODS = ("Post", "Read", "Certify", "ReadRulebooks")


@asynccontextmanager
async def doors(world: World, folder: Path) -> AsyncIterator[GrpcWorld]:
    """Run a gateway with a CA and both doors."""
    home = folder / "gateway"
    ca = AuthoritySettings(certificate=home / "ca.crt", key=home / "ca.key")
    async with grpc_world(world, folder, join_listen="127.0.0.1:0", authority=ca) as running:
        yield running


async def called(call: Any, request: Any) -> Any:
    try:
        return await call(request, timeout=10)
    except grpc.RpcError as error:
        raise from_rpc_error(error, "gateway") from None


@asynccontextmanager
async def member_stub(running: GrpcWorld, tls: Tls) -> AsyncIterator[grpc_pb.MembershipServiceStub]:
    async with open_channel(running.address, tls) as channel:
        yield grpc_pb.MembershipServiceStub(channel)


@asynccontextmanager
async def join_stub(running: GrpcWorld) -> AsyncIterator[grpc_pb.JoinServiceStub]:
    credentials = grpc.ssl_channel_credentials(running.authority.certificate)
    async with grpc.aio.secure_channel(f"127.0.0.1:{running.server.join_port}", credentials) as channel:
        yield grpc_pb.JoinServiceStub(channel)


def applicant(running: GrpcWorld) -> tuple[Registry, bytes]:
    """A registry that follows this world, and a newcomer's application to it."""
    known = registry()
    known.foundation, known.now = running.world.foundation, int(time.time())
    known.trusted = running.parts.rulebooks.trusted
    return known, known.apply("lender-new")


def join(known: Registry, member: MemberId, method: JoinMethod, request: Any) -> pb.JoinRequest:
    signer = known.keys(member).signer
    return join_to_proto(sign_join(method, member, serialise(request), signer, int(time.time()), os.urandom))


def unsigned(member: MemberId, request: Any) -> pb.JoinRequest:
    return join_to_proto(JoinRequest(member, int(time.time()), os.urandom(16), serialise(request), b""))


@pytest.fixture
def within(world: World, tmp_path: Path) -> Callable[[Callable[[GrpcWorld], Any]], None]:
    """Runs a scenario at a gateway."""

    def run(scenario: Callable[[GrpcWorld], Any]) -> None:
        async def inner() -> None:
            async with doors(world, tmp_path) as running:
                await scenario(running)

        asyncio.run(inner())

    return run


Within = Callable[[Callable[[GrpcWorld], Any]], None]


def test_an_applicant_comes_in_by_the_second_door(within: Within) -> None:
    async def scenario(running: GrpcWorld) -> None:
        known, application = applicant(running)
        post = posted_to_proto(Posted(DocumentKind.APPLICATION, application))
        read = read_wanted_to_proto(0, (), 256)
        async with join_stub(running) as stub:
            with refused(Code.MEMBER_NOT_ACTIVE):
                await called(stub.Read, join(known, "lender-new", JoinMethod.READ, read))
            await called(stub.Post, unsigned("lender-new", post))
            response = await called(stub.Read, join(known, "lender-new", JoinMethod.READ, read))
            (mine,) = page_from_proto(pb.ReadResponse.FromString(response.response)).documents
            assert mine.signed == application
            rulebooks = await called(stub.ReadRulebooks, unsigned("lender-new", pb.ReadRulebooksRequest()))
            (first,) = versions_from_proto(pb.ReadRulebooksResponse.FromString(rulebooks.response))
            assert first.document == running.world.rulebook.raw
            with refused(Code.MEMBER_NOT_ACTIVE):  # no certificate before it is admitted
                await called(stub.Certify, join(known, "lender-new", JoinMethod.CERTIFY, wanted(known, "lender-new")))

    within(scenario)


def wanted(known: Registry, member: MemberId, until: int = 2**40, *, key: Any = None, hosts: Any = ()) -> Any:
    key = key or ec.generate_private_key(ec.SECP256R1())
    binding = make_binding(known.keys(member).signer, CONSORTIUM, member, key.public_key(), until)
    return certifying_to_proto(Certifying(make_request(key, CONSORTIUM, member, hosts), binding))


def test_requests_are_signed_fresh_and_served_once(within: Within) -> None:
    async def scenario(running: GrpcWorld) -> None:
        known, application = applicant(running)
        read = read_wanted_to_proto(0, (), 256)
        async with join_stub(running) as stub:
            request = join(known, "lender-a", JoinMethod.READ, read)
            await called(stub.Read, request)
            with refused(Code.CTX_REPLAYED):
                await called(stub.Read, request)
            with refused(Code.SIGNATURE_INVALID):  # signed for another method
                await called(stub.Read, join(known, "lender-a", JoinMethod.POST, read))
            with refused(Code.SIGNATURE_INVALID):
                await called(stub.Read, unsigned("lender-a", read))
            old = sign_join(
                JoinMethod.READ, "lender-a", serialise(read), known.keys("lender-a").signer, 1_700_000_000, os.urandom
            )
            with refused(Code.CLOCK_OFF):
                await called(stub.Read, join_to_proto(old))
            foreign = unsigned("lender-a", posted_to_proto(Posted(DocumentKind.VOTE, application)))
            with refused(Code.SIGNATURE_INVALID):  # only an application is its own authentication
                await called(stub.Post, foreign)

    within(scenario)


def test_a_member_is_certified_and_the_certificate_opens_the_first_door(within: Within) -> None:
    async def scenario(running: GrpcWorld) -> None:
        known, _ = applicant(running)
        key = ec.generate_private_key(ec.SECP256R1())
        async with join_stub(running) as stub:
            answer = await called(
                stub.Certify, join(known, "lender-a", JoinMethod.CERTIFY, wanted(known, "lender-a", key=key))
            )
            chain = certificate_from_proto(pb.CertifyResponse.FromString(answer.response))
            found = read_certificate(chain)
            assert found.member == "lender-a"
            assert 0 < found.valid_until - time.time() <= 24 * 3600
            with refused(Code.ROLE_NOT_ALLOWED):  # a lender is no server
                request = wanted(known, "lender-a", hosts=("gateway.example",))
                await called(stub.Certify, join(known, "lender-a", JoinMethod.CERTIFY, request))
            with refused(Code.ROLE_NOT_ALLOWED):
                request = wanted(known, "lender-b")
                await called(stub.Certify, join(known, "lender-a", JoinMethod.CERTIFY, request))
            with refused(Code.SIGNATURE_INVALID):  # vouched for by somebody else
                request = certifying_to_proto(
                    Certifying(
                        make_request(key, CONSORTIUM, "lender-a"),
                        make_binding(known.keys("lender-b").signer, CONSORTIUM, "lender-a", key.public_key(), 2**40),
                    )
                )
                await called(stub.Certify, join(known, "lender-a", JoinMethod.CERTIFY, request))
        async with member_stub(running, Tls(chain, private_pem(key), running.authority.certificate)) as stub:
            page = await called(stub.Read, read_wanted_to_proto(0, (), 10))
            assert page.newest == 0
            renewed = await called(stub.Certify, wanted(known, "lender-a", key=key))
            assert read_certificate(certificate_from_proto(renewed)).key == key.public_key()
        entries = running.parts.store.lines(0, running.parts.store.size())
        assert sum(b'"member-certificate"' in line for line in entries) == 2

    within(scenario)


def test_a_captured_ca_opens_no_door(within: Within) -> None:
    async def scenario(running: GrpcWorld) -> None:
        known, _ = applicant(running)
        stolen = running.authority  # its key is known to the thief, the identity keys are not
        stolen._signers = {"lender-a": known.keys("lender-b").signer}
        thief = running.tls("lender-a")
        stolen._signers = {}
        unbound = running.tls("lender-a")
        for tls in (thief, unbound):
            async with member_stub(running, tls) as stub:
                with refused(Code.MEMBER_NOT_ACTIVE):
                    await called(stub.Read, read_wanted_to_proto(0, (), 10))
            async with open_channel(running.address, tls) as channel:
                with refused(Code.MEMBER_NOT_ACTIVE):
                    await called(gateway_pb2_grpc.QueryServiceStub(channel).Ask, gateway_pb2.AskRequest())

    within(scenario)


def test_an_emergency_ends_streams_and_is_felt_at_every_call(within: Within) -> None:
    async def scenario(running: GrpcWorld) -> None:
        known, _ = applicant(running)
        await running.attach("lender-c")
        rulebook = running.world.rulebook
        tls = running.tls("lender-c")
        async with open_channel(running.address, tls) as channel:
            watching = gateway_pb2_grpc.RulebookServiceStub(channel).WatchRulebook(
                gateway_pb2.WatchRulebookRequest(after_version=1)
            )
            await asyncio.sleep(0.2)
            notice = EmergencySuspension(
                consortium=CONSORTIUM,
                rulebook=rulebook.digest,
                version=1,
                member="lender-c",
                reason="key stolen",
                issued_at=int(time.time()),
            )
            signed = sign_document(known.keys(GATEWAY).signer, Label.EMERGENCY_SUSPENSION, notice)
            start = time.monotonic()
            await running.parts.membership.board.post(Posted(DocumentKind.EMERGENCY, signed), GATEWAY)
            with pytest.raises(grpc.RpcError):
                await asyncio.wait_for(watching.read(), 5)
            while "lender-c" in running.parts.attachments.well():
                await asyncio.sleep(0.01)
            assert time.monotonic() - start < 5
            with refused(Code.MEMBER_NOT_ACTIVE):
                await called(gateway_pb2_grpc.QueryServiceStub(channel).Ask, gateway_pb2.AskRequest())
            page = await called(grpc_pb.MembershipServiceStub(channel).Read, read_wanted_to_proto(0, (), 10))
            assert page.newest == 1  # it may read why
            with refused(Code.MEMBER_NOT_ACTIVE):
                await called(grpc_pb.MembershipServiceStub(channel).Certify, wanted(known, "lender-c"))

    within(scenario)


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes_get_a_code_at_every_call_of_both_doors(within: Within, seed: int) -> None:
    async def scenario(running: GrpcWorld) -> None:
        known, application = applicant(running)
        rng = random.Random(seed)
        requests = {
            "Post": posted_to_proto(Posted(DocumentKind.APPLICATION, application)),
            "Read": read_wanted_to_proto(0, (), 256),
            "Certify": wanted(known, "lender-a"),
            "ReadRulebooks": pb.ReadRulebooksRequest(),
        }
        credentials = grpc.ssl_channel_credentials(running.authority.certificate)
        join_address = f"127.0.0.1:{running.server.join_port}"
        async with (
            open_channel(running.address, running.tls("lender-a")) as member_channel,
            grpc.aio.secure_channel(join_address, credentials) as join_channel,
        ):
            for number, method in enumerate(METHODS, start=1):
                for service, channel in (("MembershipService", member_channel), ("JoinService", join_channel)):
                    call: Any = channel.unary_unary(f"/credit.v1.{service}/{method}")
                    plain = serialise(requests[method])
                    signed = serialise(join(known, "lender-a", JoinMethod(number), requests[method]))
                    for raw in _hostile(rng, plain, signed):
                        await _answers_with_a_code(call, raw)

    within(scenario)


def _hostile(rng: Any, plain: bytes, signed: bytes) -> list[bytes]:
    found = [rng.randbytes(rng.randrange(200)) for _ in range(10)]
    for whole in (plain, signed):
        for _ in range(10):
            bent = bytearray(whole)
            if bent:
                bent[rng.randrange(len(bent))] ^= 1 << rng.randrange(8)
            found.append(bytes(bent[: rng.randrange(len(bent) + 1)]))
    return found


async def _answers_with_a_code(call: Any, raw: bytes) -> None:
    codes = []
    try:
        await call(raw, timeout=10)
    except grpc.RpcError as error:
        codes = [from_rpc_error(error, "gateway").code]
    assert not set(codes) & {Code.INTERNAL, Code.UNREACHABLE, Code.DEADLINE}


def test_the_gateways_own_certificate_is_renewed_under_load_without_a_lost_call(
    within: Within, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(running: GrpcWorld) -> None:
        known, _ = applicant(running)
        settings, membership = running.settings, running.parts.membership
        authority = membership._own._authority if membership._own else None
        assert authority is not None
        signer, hosts = known.keys(GATEWAY).signer, ("127.0.0.1",)
        own = OwnCertificate(authority, signer, CONSORTIUM, GATEWAY, settings.tls, hosts, lambda: int(time.time()))
        assert not own.renew()  # it is fresh
        monkeypatch.setattr(own, "_is_due", lambda _: True)
        before = settings.tls.certificate.read_bytes()
        failures, calls, seen = [], 0, set()
        stop = asyncio.Event()

        async def load() -> None:
            nonlocal calls
            while not stop.is_set():
                async with member_stub(running, running.tls("lender-a")) as stub:  # a handshake each
                    for _ in range(3):
                        try:
                            await called(stub.Read, read_wanted_to_proto(0, (), 10))
                        except CreditError as error:
                            failures.append(error)
                        calls += 1

        tasks = [asyncio.create_task(load()) for _ in range(4)]
        for _ in range(4):
            await asyncio.sleep(0.3)
            assert own.renew()
            assert membership.tls.reload()
            seen.add(settings.tls.certificate.read_bytes())
        stop.set()
        await asyncio.gather(*tasks)
        assert not failures
        assert calls > 20
        assert before not in seen
        assert len(seen) == 4

    within(scenario)
