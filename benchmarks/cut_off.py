"""
How fast a suspended member is cut off: from the vote that decides it until everybody refuses and its stream has ended.

Over real processes: approvers vote on the board, the gateway and both custodians are asked with the member's own
certificate until each says that it is no active member, and its node's attach stream must have ended. Then it is
reinstated, and the next trial begins when its node is attached again.
"""

import secrets
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median

import grpc

from benchmarks.rows import Row, row
from consortium.custody import EvaluationRequest, Position
from consortium.errors import Code, CreditError
from consortium.membership.ballots import Decision
from consortium.membership.proposals import Change, Reinstate
from consortium.model.query import Suite
from consortium.oprf import group
from consortium.oprf.elements import BlindedElement
from demo.consortium import LENDERS, Terms
from demo.founding import found_in
from participants.gateway_client.channel import from_rpc_error
from participants.membership.actions import cast, propose, suspension, vote
from participants.membership.folder import MemberFolder
from participants.membership.member import Membership
from participants.sandbox.founding import CUSTODIANS
from participants.sandbox.ports import Ports, on_loopback
from participants.sandbox.processes import Processes, free_ports
from protos.credit.v1 import gateway_pb2 as pb
from protos.credit.v1 import gateway_pb2_grpc as grpc_pb

TRIALS = 50
TARGET_SECONDS = 5.0
STEP_SECONDS = 0.02
PATIENCE_SECONDS = 20.0
SUSPENDED = LENDERS[2:]


class Scene:
    """A running consortium, its two approvers, and a way to ask everybody with a member's certificate."""

    def __init__(self, processes: Processes, ports: Ports, stack: ExitStack) -> None:
        self._processes = processes
        self._approvers = [
            stack.enter_context(closing(Membership(MemberFolder(processes.out / name)))) for name in LENDERS[:2]
        ]
        holders = (ports.gateway, *(ports.custodian(place) for place in range(len(CUSTODIANS))))
        self._addresses = [on_loopback(port) for port in holders]

    def decide(self, member: str, change: Change) -> None:
        """Propose and vote, the second approver last."""
        first, second = self._approvers
        first.sync()
        cast(first, propose(first, change), Decision.APPROVE, "a trial")
        vote(second, member, Decision.APPROVE, "a trial")

    def trial(self, member: str) -> float:
        """Suspend a member; gives the seconds until it was cut off everywhere, and reinstates it."""
        ended = self._processes.events(member).count("detached")
        with ExitStack() as stack:
            party = stack.enter_context(closing(Membership(MemberFolder(self._processes.out / member))))
            holders = [
                (
                    stack.enter_context(grpc.secure_channel(address, party.tls().credentials())),
                    _out_of_turn(party, index),
                )
                for index, address in enumerate(self._addresses, start=1)
            ]
            self._approvers[0].sync()
            self.decide(member, suspension(self._approvers[0], member, "a trial"))
            start = time.monotonic()
            while holders or self._processes.events(member).count("detached") == ended:
                holders = [one for one in holders if _evaluate(*one) is not Code.MEMBER_NOT_ACTIVE]
                if time.monotonic() - start > PATIENCE_SECONDS:
                    raise RuntimeError(f"{member} is not cut off after {PATIENCE_SECONDS} s")
                time.sleep(STEP_SECONDS)
            took = time.monotonic() - start
        self._reinstate(member)
        return took

    def _reinstate(self, member: str) -> None:
        attached = self._processes.events(member).count("attached")
        self.decide(member, Reinstate(member=member))
        self._processes.wait_for(
            lambda: self._processes.events(member).count("attached") > attached, f"{member} to come back"
        )


def measured(trials: int, suite: Suite) -> list[float]:
    """Give the seconds of each trial."""
    with tempfile.TemporaryDirectory(prefix="credit-bench-") as name, ExitStack() as stack:
        processes = stack.enter_context(Processes(Path(name) / "consortium"))
        ports = Ports(free_ports(31_000))
        found_in(processes, ports, LENDERS, Terms(suite=suite), lambda _: None)
        processes.start_all()
        scene = Scene(processes, ports, stack)
        return [scene.trial(SUSPENDED[number % len(SUSPENDED)]) for number in range(trials)]


def run() -> list[Row]:
    """Measure; about three minutes."""
    seconds = measured(TRIALS, Suite.PAILLIER_3072_MASKED)
    return [
        row(f"cut-off after the deciding vote, slowest of {TRIALS}", max(seconds), "s", "lower", TARGET_SECONDS),
        row("the same, median", median(seconds), "s", "lower", None),
    ]


def _evaluate(channel: grpc.Channel, request: bytes) -> Code | None:
    """Ask a key holder for something that it never does, out of turn; gives the code of its refusal."""
    try:
        grpc_pb.KeyHolderServiceStub(channel).Evaluate(pb.EvaluateRequest(request=request), timeout=5)
    except grpc.RpcError as error:
        problem: CreditError = from_rpc_error(error, "")
        return problem.code
    return None


def _out_of_turn(party: Membership, holder: int) -> bytes:
    """Sign a request with a counter far ahead: an active member's is refused for its counter, and not counted."""
    element = BlindedElement(group.scale_base(group.random_scalar(secrets.token_bytes)))
    return EvaluationRequest(party.folder.member, Position(holder, 1, 10**9), (element,)).sign(party.signer)
