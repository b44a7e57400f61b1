"""
How fast a suspended member is cut off: from the decision until everybody refuses and its stream has ended.

Over real processes, in turns by the approvers' votes on the board and by the operator's emergency suspension: the
gateway and both custodians are asked to evaluate, and the gateway to answer a question, with the member's own
certificate until each says that it is no active member; its node's attach stream must have ended, and the board gives
it no certificate. Then it is let in again, and the next trial begins when its node is attached.
"""

import asyncio
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from statistics import median

import grpc

from benchmarks.rows import Row, row
from consortium.custody import EvaluationRequest, Position
from consortium.errors import Code, CreditError
from consortium.membership.ballots import Decision
from consortium.membership.certificates import CERTIFICATE_SECONDS, make_binding, make_request
from consortium.membership.proposals import Change, Lift, Reinstate
from consortium.model.query import Suite
from consortium.oprf import group
from consortium.oprf.elements import BlindedElement
from consortium.wire.membership import Certifying, DocumentKind
from demo.consortium import LENDERS, Terms
from demo.founding import found_in
from gateway.membership.desk import desk
from gateway.settings import Settings, load_settings
from participants.gateway_client.channel import from_rpc_error
from participants.membership.actions import cast, propose, suspension, vote
from participants.membership.folder import MemberFolder
from participants.membership.member import Membership
from participants.sandbox.founding import CUSTODIANS, GATEWAY
from participants.sandbox.ports import Ports, on_loopback
from participants.sandbox.processes import Processes, free_ports
from protos.credit.v1 import gateway_pb2 as pb
from protos.credit.v1 import gateway_pb2_grpc as grpc_pb

TRIALS = 50
TARGET_SECONDS = 5.0
STEP_SECONDS = 0.02
PATIENCE_SECONDS = 20.0
SUSPENDED = LENDERS[2:]


Probe = Callable[[], bool]
"""Says whether one way is closed to the member that was suspended."""


class Scene:
    """A running consortium, its two approvers and its operator, and every way that a member has."""

    def __init__(self, processes: Processes, ports: Ports, stack: ExitStack) -> None:
        self._processes = processes
        self._approvers = [
            stack.enter_context(closing(Membership(MemberFolder(processes.out / name)))) for name in LENDERS[:2]
        ]
        holders = (ports.gateway, *(ports.custodian(place) for place in range(len(CUSTODIANS))))
        self._addresses = [on_loopback(port) for port in holders]
        self._operator = load_settings(processes.out / GATEWAY / "gateway.toml")

    def decide(self, about: str, change: Change) -> None:
        """Propose and vote, the second approver last."""
        first, second = self._approvers
        first.sync()
        cast(first, propose(first, change), Decision.APPROVE, "a trial")
        vote(second, about, Decision.APPROVE, "a trial")

    def trial(self, member: str, *, emergency: bool) -> float:
        """Suspend a member; gives the seconds until every way was closed to it, and lets it in again."""
        with ExitStack() as stack:
            party = stack.enter_context(closing(Membership(MemberFolder(self._processes.out / member))))
            probes = [*self._probes(party, stack), self._stream(member)]
            notice = self._suspend(member, emergency=emergency)
            start = time.monotonic()
            while probes := [probe for probe in probes if not probe()]:
                if time.monotonic() - start > PATIENCE_SECONDS:
                    raise RuntimeError(f"{member} is not cut off after {PATIENCE_SECONDS} s")
                time.sleep(STEP_SECONDS)
            while not _refused(lambda: _certify(party)):  # at the board: asked last, it is granted while it can be
                time.sleep(STEP_SECONDS)
            took = time.monotonic() - start
        self._let_in(member, notice)
        return took

    def _suspend(self, member: str, *, emergency: bool) -> bytes | None:
        """Suspend by the operator alone, or by two votes; gives the operator's notice."""
        if not emergency:
            self._approvers[0].sync()
            self.decide(member, suspension(self._approvers[0], member, "a trial"))
            return None
        asyncio.run(_emergency(self._operator, member))
        self._approvers[0].sync()
        documents = self._approvers[0].board.documents()
        return [one.signed for one in documents if one.kind is DocumentKind.EMERGENCY][-1]

    def _let_in(self, member: str, notice: bytes | None) -> None:
        attached = self._processes.events(member).count("attached")
        if notice is None:
            self.decide(member, Reinstate(member=member))
        else:
            self.decide("lift", Lift(notice=notice))
        self._processes.wait_for(
            lambda: self._processes.events(member).count("attached") > attached, f"{member} to come back"
        )

    def _probes(self, party: Membership, stack: ExitStack) -> Iterator[Probe]:
        """Give the ways of the member's certificate: evaluations at every holder, questions at the gateway."""
        for index, address in enumerate(self._addresses, start=1):
            channel = stack.enter_context(grpc.secure_channel(address, party.tls().credentials()))
            evaluate = grpc_pb.KeyHolderServiceStub(channel).Evaluate
            yield partial(_refused, partial(_call, evaluate, pb.EvaluateRequest(request=_out_of_turn(party, index))))
            if index == 1:
                yield partial(_refused, partial(_call, grpc_pb.QueryServiceStub(channel).Ask, pb.AskRequest()))

    def _stream(self, member: str) -> Probe:
        ended = self._processes.events(member).count("detached")
        return lambda: self._processes.events(member).count("detached") > ended


def measured(trials: int, suite: Suite) -> tuple[list[float], list[float]]:
    """Give the seconds of each trial: of those decided by votes, and of the operator's emergencies, in turns."""
    with tempfile.TemporaryDirectory(prefix="credit-bench-") as name, ExitStack() as stack:
        processes = stack.enter_context(Processes(Path(name) / "consortium"))
        ports = Ports(free_ports(31_000))
        found_in(processes, ports, LENDERS, Terms(suite=suite), lambda _: None)
        processes.start_all()
        scene = Scene(processes, ports, stack)
        seconds: tuple[list[float], list[float]] = [], []
        for number in range(trials):
            emergency = bool(number % 2)
            member = SUSPENDED[number // 2 % len(SUSPENDED)]
            seconds[emergency].append(scene.trial(member, emergency=emergency))
        return seconds


def run() -> list[Row]:
    """Measure; about four minutes."""
    voted, emergencies = measured(TRIALS, Suite.PAILLIER_3072_MASKED)
    return [
        row(f"cut-off everywhere, slowest of {TRIALS}", max(voted + emergencies), "s", "lower", TARGET_SECONDS),
        row("after the deciding vote, median", median(voted), "s", "lower", None),
        row("after the operator's emergency suspension, median", median(emergencies), "s", "lower", None),
    ]


async def _emergency(settings: Settings, member: str) -> None:
    async with desk(settings) as open_desk:
        await open_desk.suspend(member, "a trial")


def _refused(call: Callable[[], object]) -> bool:
    """Say whether a call is refused because the member is not active."""
    try:
        call()
    except CreditError as error:
        return error.code is Code.MEMBER_NOT_ACTIVE
    return False


def _call(method: Callable[..., object], request: object) -> None:
    try:
        method(request, timeout=5)
    except grpc.RpcError as error:
        raise from_rpc_error(error, "") from None


def _certify(party: Membership) -> None:
    """Ask for another certificate of the same key; nothing is kept."""
    key, folder = party.folder.tls_key(), party.folder
    consortium = folder.file.consortium
    binding = make_binding(party.signer, consortium, folder.member, key.public_key(), party.now + CERTIFICATE_SECONDS)
    party.door.certify(Certifying(make_request(key, consortium, folder.member, ()), binding))


def _out_of_turn(party: Membership, holder: int) -> bytes:
    """Sign a request with a counter far ahead: an active member's is refused for its counter, and not counted."""
    element = BlindedElement(group.scale_base(group.random_scalar(secrets.token_bytes)))
    return EvaluationRequest(party.folder.member, Position(holder, 1, 10**9), (element,)).sign(party.signer)
