"""A gateway as a process, from `init` to version 1 and on, killed at each step of the board; the others are in here."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from consortium.ceremony.participant import Participant
from consortium.ceremony.transcript import Transcript
from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.membership.applications import Application, read_application, sign_application
from consortium.membership.ballots import Ballot, Decision
from consortium.membership.genesis import first_document
from consortium.membership.proposals import Proposal, Renew
from consortium.membership.signed import sign_document
from consortium.membership.statements import sign_founding
from consortium.membership.trusted import TrustedSet
from consortium.membership.words import words_text
from consortium.model.catalogue import Tier
from consortium.model.members import MemberId
from consortium.model.rulebook import MemberStatus, Role, RulebookDocument, rulebook_digest
from consortium.wire.membership import DocumentKind, Posted
from demo.consortium import CONSORTIUM, HOLDERS, Keys, first_plan
from participants.gateway_client.membership import JoinDoor
from participants.sandbox.founding import charter_of
from participants.sandbox.processes import BIN
from tests.support.membership import LEI
from tests.support.processes import own_ports

pytestmark = pytest.mark.slow

LENDERS = ("lender-one", "lender-two", "lender-three", "lender-four")
CUSTODIANS = HOLDERS[1:]
ROLES = {
    **dict.fromkeys(LENDERS, Role.LENDER),
    **dict.fromkeys(CUSTODIANS, Role.CUSTODIAN),
    "regulator": Role.REGULATOR,
}
RETRIED = (Code.UNREACHABLE, Code.DEADLINE)
T = TypeVar("T")


@dataclass
class Founding:
    """The gateway's process, and everybody else's keys."""

    folder: Path
    ports: list[int]
    keys: dict[MemberId, Keys] = field(default_factory=lambda: {one: Keys.create(os.urandom) for one in ROLES})
    process: subprocess.Popen[bytes] | None = None
    kills: int = 0

    @property
    def failpoint(self) -> Path:
        return self.folder.parent / "failpoint"

    def run(self, *arguments: str, fails: bool = False) -> str:
        done = subprocess.run([BIN / "credit-gateway", *arguments], capture_output=True, timeout=60, check=False)
        assert (done.returncode != 0) is fails, done.stdout.decode() + done.stderr.decode()
        return done.stdout.decode()

    def init(self) -> str:
        listen, join = (f"127.0.0.1:{port}" for port in self.ports)
        terms = ("--legal-name", "Gate Ltd", "--lei", LEI, "--group", "gate-group", "--contact", "+886 2 1234 5678")
        places = ("--listen", listen, "--join-listen", join)
        return self.run("init", str(self.folder), "--consortium", CONSORTIUM, *terms, *places)

    def start(self) -> None:
        with (self.folder.parent / "gateway.log").open("ab") as log:
            self.process = subprocess.Popen(
                [BIN / "credit-gateway", "serve", "--config", self.folder / "gateway.toml"],
                env={**os.environ, "CREDIT_FAILPOINT": str(self.failpoint)},
                stderr=log,
            )

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(20)

    def door(self, member: MemberId) -> JoinDoor:
        ca = (self.folder / "ca.crt").read_bytes()
        return JoinDoor(f"127.0.0.1:{self.ports[1]}", ca, member, self.keys[member].signer)

    def retried(self, member: MemberId, work: Callable[[JoinDoor], T]) -> T:
        """Do something at the board until the gateway is there, starting it again where it was killed."""
        deadline = time.monotonic() + 40
        while True:
            door = self.door(member)
            try:
                return work(door)
            except CreditError as error:
                if error.code not in RETRIED or time.monotonic() > deadline:
                    raise
                self.revive()
                time.sleep(0.2)
            finally:
                door.close()

    def revive(self) -> None:
        if self.process and self.process.poll() is not None:
            assert self.process.returncode == -signal.SIGKILL
            self.kills += 1
            self.start()

    def post(self, member: MemberId, kind: DocumentKind, signed: bytes) -> int:
        return self.retried(member, lambda door: door.post(Posted(kind, signed)))

    def documents(self, kind: DocumentKind, reader: MemberId = LENDERS[0]) -> list[bytes]:
        return [one.signed for one in self.retried(reader, lambda door: door.read(0, {kind})).documents]

    def arm(self, name: str) -> None:
        self.failpoint.write_text(name, "ascii")

    def apply_all(self) -> None:
        for member, role in ROLES.items():
            keys = self.keys[member]
            application = Application(
                consortium=CONSORTIUM,
                member=member,
                role=role,
                legal_name=member.title(),
                licence="none",
                lei=LEI,
                group=f"{member}-group",
                book_size=0,
                tiers=(Tier.FULL,) if role is Role.LENDER else (),
                contact="+886 2 1234 5678",
                identity_key=keys.signer.public,
                hpke_key=keys.hpke.public_key().public_bytes_raw(),
                sponsor=LENDERS[0],
                nonce=os.urandom(32),
                issued_at=int(time.time()),
            )
            self.post(member, DocumentKind.APPLICATION, sign_application(keys.signer, application))

    def applications(self) -> dict[MemberId, tuple[Application, bytes]]:
        found = [(read_application(one), one) for one in self.documents(DocumentKind.APPLICATION)]
        return {application.member: (application, signed) for application, signed in found}

    def hold_ceremony(self) -> Transcript:
        gateway = self.applications()["gateway"][0].identity_key
        keys = {"gateway": gateway} | {one: self.keys[one].signer.public for one in CUSTODIANS}
        plan = first_plan(keys)
        self.post(CUSTODIANS[0], DocumentKind.CEREMONY_PLAN, plan.to_bytes())
        parties = {one: Participant(plan, one, self.keys[one].signer, os.urandom(32)) for one in CUSTODIANS}
        deadline = time.monotonic() + 60
        while any(party.phase.value != "done" for party in parties.values()):
            assert time.monotonic() < deadline
            self.revive()
            for name, party in parties.items():
                for message in self.documents(DocumentKind.CEREMONY_MESSAGE, name):
                    party.take(message)
                if (due := party.due()) is not None:
                    self.post(name, DocumentKind.CEREMONY_MESSAGE, due)
            time.sleep(0.1)
        return parties[CUSTODIANS[0]].transcript

    def sign_first(self, transcript: Transcript) -> RulebookDocument:
        members = []
        for name in (*LENDERS, "gateway", *CUSTODIANS, "regulator"):
            entry = self.applications()[name][0].as_member(bytes(32))
            members.append(entry.model_copy(update={"status": MemberStatus.ACTIVE, "application": None}))
        document = first_document(
            CONSORTIUM, members, transcript.oprf(b"s" * 32), b"e" * 32, charter_of(LENDERS), int(time.time())
        )
        for founder in LENDERS[:2]:
            signed = sign_founding(self.keys[founder].signer, CONSORTIUM, founder, document.to_bytes())
            self.post(founder, DocumentKind.GENESIS, signed)
        return document

    def trusted(self, version: int) -> TrustedSet:
        """Wait for a version and verify everything up to it, as any party does."""
        deadline = time.monotonic() + 30
        while True:
            assert time.monotonic() < deadline, (self.folder.parent / "gateway.log").read_text()
            found = self.retried(LENDERS[0], lambda door: door.rulebooks(0))
            if len(found) >= version:
                break
            self.revive()
            time.sleep(0.2)
        known = TrustedSet.begin(found[0], rulebook_digest(found[0].document).hex())
        for one in found[1:]:
            assert known.update(one)
        return known

    def renew(self, known: TrustedSet) -> None:
        """Propose and approve the next version."""
        rulebook, now = known.current, int(time.time())
        proposal = Proposal(
            consortium=CONSORTIUM,
            base=rulebook.digest,
            proposer=LENDERS[2],
            change=Renew(),
            issued_at=now,
            expires_at=now + 86_400,
        )
        signed = sign_document(self.keys[LENDERS[2]].signer, Label.PROPOSAL, proposal)
        self.post(LENDERS[2], DocumentKind.PROPOSAL, signed)
        for approver in LENDERS[:2]:
            ballot = Ballot(signed, rulebook, now)
            vote = ballot.cast(approver, Decision.APPROVE, "fine", self.keys[approver].signer, now)
            self.post(approver, DocumentKind.VOTE, vote)


@contextmanager
def founding(folder: Path) -> Iterator[Founding]:
    base = own_ports()
    one = Founding(folder / "gateway", [base, base + 1])
    try:
        one.init()
        one.start()
        yield one
    finally:
        one.stop()


@pytest.mark.parametrize(
    "point",
    [
        "",
        "board.before-commit",
        "board.after-commit",
        "board.before-version",
        "board.after-version",
        "ceremony.before-post",
    ],
)
def test_from_init_to_the_second_version_whatever_dies(tmp_path: Path, point: str) -> None:
    with founding(tmp_path) as one:
        assert "everything was there" in one.init()
        if point in ("board.before-commit", "board.after-commit"):
            one.retried(LENDERS[0], lambda door: door.rulebooks(0))  # it is up: die at the first founder's application
            one.arm(point)
        one.apply_all()
        if point.startswith("ceremony"):
            one.arm(point)
        transcript = one.hold_ceremony()
        if point.endswith("version"):
            one.arm(point)
        document = one.sign_first(transcript)
        known = one.trusted(1)
        assert known.current.raw == document.to_bytes()
        if point:
            one.arm(point if point.startswith("board") else "board.after-commit")
        one.renew(known)
        assert one.trusted(2).version == 2
        assert one.kills == (2 if point else 0)
        if not point:
            _commands(one, known.current.digest)


def _commands(one: Founding, digest: bytes) -> None:
    config = ("--config", str(one.folder / "gateway.toml"))
    assert one.run("rulebook", "fingerprint", *config).strip() == digest.hex()
    assert one.run("rulebook", "fingerprint", "--words", *config).strip() == words_text(digest)
    assert len(json.loads(one.run("rulebook", "versions", "--json", *config))["versions"]) == 2
    assert json.loads(one.run("rulebook", "show", *config))["version"] == 2
    one.run("suspend", "lender-four", "--reason", "stolen", *config, fails=True)
    told = json.loads(one.run("suspend", "lender-four", "--emergency", "--reason", "stolen", "--json", *config))
    assert told["version"] == 2
    statuses = {m["member"]: m["status"] for m in json.loads(one.run("members", "--json", *config))["members"]}
    assert statuses["lender-four"] == "suspended"
    screen = one.run("members", *config).splitlines()
    assert all(len(line) <= 80 for line in screen)
    (notice,) = one.documents(DocumentKind.EMERGENCY)  # the running gateway has it, too
    assert notice
