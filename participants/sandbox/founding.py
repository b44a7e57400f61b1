"""
Founding a consortium on one machine: a gateway's process, and everybody else's side of the journey in this one.

Nobody here sees another's secrets: every party has a folder with its own keys, applies through the founders' door,
and works on its own copy of the board. Gateway and custodians hold the first key ceremony, the first lender makes the
lenders' secrets, two lenders of different groups sign version 1, everybody trusts it by its fingerprint; then secrets
are sealed and certificates issued. What is left is a folder a party to start processes from, and a running gateway.
"""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from consortium.errors import Code, CreditError
from consortium.membership.genesis import Charter
from consortium.membership.words import words_text
from consortium.model.catalogue import Tier
from consortium.model.members import MemberId
from consortium.model.rulebook import Approvers, Role, Rulebook
from participants.membership.actions import apply
from participants.membership.ceremonies import take_part
from participants.membership.folder import Invitation, make_folder
from participants.membership.founding import begin_first, propose_first, seal_to_founders, sign_first
from participants.membership.member import Membership
from participants.membership.terms import Terms
from participants.sandbox.ports import Ports, on_loopback
from participants.sandbox.processes import BIN, Processes, ProcessFailedError
from participants.settings import Folder
from participants.share_files import ShareFiles

GATEWAY, CUSTODIANS, REGULATOR = "gateway", ("custodian-one", "custodian-two"), "regulator"
CONTACT = "+86 10 5555 0100"
_AWAY = frozenset({Code.UNREACHABLE, Code.DEADLINE, Code.MEMBER_NOT_ACTIVE, Code.RULEBOOK_INVALID})
"""What a gateway says, or does not say, while it goes from the founding to the first version."""
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.1
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Plan:
    """
    Who founds what, and where; `groups` are controlling groups, each party's own where none is named.

    `storage` is the gateway's, an SQLAlchemy URL.
    """

    consortium: str
    lenders: Sequence[MemberId]
    ports: Ports
    charter: Charter
    tiers: tuple[Tier, ...] = (Tier.DEFAULTS_ONLY, Tier.FULL)
    groups: Mapping[MemberId, str] = field(default_factory=dict)
    book_size: int = 5000
    storage: str = "sqlite:///gateway.db"

    @property
    def roles(self) -> dict[MemberId, Role]:
        """Everybody's role, in the rulebook's order."""
        roles = {**dict.fromkeys(self.lenders, Role.LENDER), GATEWAY: Role.GATEWAY}
        return roles | dict.fromkeys(CUSTODIANS, Role.CUSTODIAN) | {REGULATOR: Role.REGULATOR}

    def group(self, member: MemberId) -> str:
        """Give a party's controlling group."""
        return self.groups.get(member, f"{member}-group"[:32])

    def said(self, member: MemberId) -> Terms:
        """Give what a party says of itself."""
        number, role = list(self.roles).index(member), self.roles[member]
        return Terms(
            legal_name=member.replace("-", " ").title(),
            licence=f"DEMO-{number:04d}",
            lei=made_up_lei(number),
            group=self.group(member),
            contact=CONTACT,
            sponsor=self.lenders[0],
            book_size=self.book_size if role is Role.LENDER else 0,
            tiers=self.tiers if role is Role.LENDER else (),
        )


class Founding:
    """One founding below `processes.out`; `say` is told of each step and when it was done."""

    def __init__(self, plan: Plan, processes: Processes, say: Callable[[str], object]) -> None:
        self._plan, self._processes, self._say = plan, processes, say
        self._parties: dict[MemberId, Membership] = {}
        self._start = time.monotonic()

    def run(self) -> Rulebook:
        """Found; gives version 1. Raises CreditError, or ProcessFailedError where the gateway ends."""
        try:
            self._open_gateway()
            self._make_folders()
            self._apply()
            self._hold_ceremony()
            words = self._sign()
            return self._hand_out(words)
        finally:
            for party in self._parties.values():
                party.close()

    def _tell(self, what: str) -> None:
        self._say(f"{time.monotonic() - self._start:5.1f} s  {what}")

    def _open_gateway(self) -> None:
        """Make the gateway's folder and start it: before version 1 it serves the founders' door only."""
        ports, said = self._plan.ports, self._plan.said(GATEWAY)
        places = ["--listen", on_loopback(ports.gateway), "--join-listen", on_loopback(ports.join)]
        places += ["--metrics-port", str(ports.metrics), "--host", "127.0.0.1", "--host", "localhost"]
        places += ["--storage", self._plan.storage]
        operator = ("--legal-name", said.legal_name, "--lei", said.lei, "--group", said.group)
        command = ["init", str(self._processes.out / GATEWAY), "--consortium", self._plan.consortium, *operator]
        command += ["--contact", said.contact, "--licence", said.licence, *places]
        done = subprocess.run(  # noqa: S603  our own command
            [BIN / "credit-gateway", *command], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ProcessFailedError(f"credit-gateway init: {done.stderr.strip() or done.stdout.strip()}")
        self._processes.start(GATEWAY, until="founding")

    def _make_folders(self) -> None:
        plan, out = self._plan, self._processes.out
        invited = Folder(out / GATEWAY).table("invitation.toml", Invitation)
        custodians = {name: on_loopback(plan.ports.custodian(place)) for place, name in enumerate(CUSTODIANS)}
        invitation = invited.model_copy(update={"holders": {**invited.holders, **custodians}})
        for member, role in plan.roles.items():
            if role is Role.GATEWAY:
                continue
            local = custodians.get(member) or on_loopback(self._local_port(member))
            party = Membership(make_folder(out / member, member, role, invitation, local))
            party.board.set_mark("keys-made", party.now)
            self._parties[member] = party
        self._tell(f"{len(plan.roles)} folders, each with its own keys")

    def _local_port(self, member: MemberId) -> int:
        lenders = self._plan.lenders
        return self._plan.ports.lender(list(lenders).index(member)) if member in lenders else 0

    def _apply(self) -> None:
        for member, party in self._parties.items():
            apply(party, self._plan.said(member))
        self._tell(f"{len(self._plan.roles)} founders have applied")

    def _hold_ceremony(self) -> None:
        custodians = [self._parties[name] for name in CUSTODIANS]
        custodians[0].sync()
        plan = begin_first(custodians[0])
        self._wait(lambda: len([party for party in custodians if self._has_share(party)]) == len(custodians), "a key")
        self._tell(f"the OPRF key is shared {plan.threshold} of {len(plan.receivers)}, and nobody has it")

    def _has_share(self, party: Membership) -> bool:
        party.sync()
        return any(progress.share_kept for progress in take_part(party, ShareFiles(party.folder)))

    def _sign(self) -> str:
        """Let one founder build version 1 and the next one sign it; gives the words that they compare."""
        founder, second = (self._parties[name] for name in self._plan.charter.approvers.members[:2])
        offer = self._retried(partial(propose_first, founder, self._plan.charter), Code.CEREMONY_UNFINISHED)
        words = words_text(offer.fingerprint)
        sign_first(second, words)
        self._processes.wait_for(partial(self._processes.has_logged, GATEWAY, "serving"), "version 1 in force")
        self._tell("version 1 is signed by founders of two groups")
        return words

    def _hand_out(self, words: str) -> Rulebook:
        for party in self._parties.values():
            self._retried(partial(party.trust, words), *_AWAY)
            party.certify()
        seal_to_founders(self._parties[self._plan.charter.approvers.members[0]])
        for party in self._parties.values():
            party.sync()
        self._tell("secrets sealed to every lender, certificates issued")
        return self._parties[self._plan.lenders[0]].rulebook

    def _retried(self, work: Callable[[], ResultT], *codes: Code) -> ResultT:
        """Do something as soon as it can be done."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return work()
            except CreditError as error:
                if error.code not in codes or time.monotonic() > deadline:
                    raise
            self._processes.check()
            time.sleep(POLL_SECONDS)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        def holds() -> bool:
            self._processes.check()
            return condition()

        self._processes.wait_for(holds, what, PATIENCE_SECONDS)


def charter_of(lenders: Sequence[MemberId], **terms: object) -> Charter:
    """Give the usual charter of a consortium on one machine: the first two lenders approve."""
    members = (*lenders, GATEWAY, *CUSTODIANS, REGULATOR)
    approvers = Approvers(members=tuple(lenders[:2]), threshold=2)
    return Charter.model_validate({"members": members, "approvers": approvers, **terms})


def made_up_lei(number: int) -> str:
    """Make up a legal entity identifier with its check digits (ISO 7064, MOD 97-10)."""
    head = f"DEMO00CREDIT{number:06d}"
    digits = "".join(str(int(letter, 36)) for letter in head)
    return f"{head}{98 - int(digits + '00') % 97:02d}"
