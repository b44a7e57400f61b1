"""Ceremonies in one process: parties with seeds, and a run of every phase."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from consortium.ceremony.participant import Participant
from consortium.ceremony.plan import Kind, Party, Plan, Seat
from consortium.ceremony.transcript import Phase
from consortium.model.members import MemberId
from consortium.model.rulebook import Oprf
from consortium.model.signing import Ed25519Signer
from consortium.oprf.sharing import KeyShare
from tests.support.world import seeded_rng

NAMES = ("custodian-one", "custodian-two", "gateway")
SECRETS = b"s" * 32

Tamper = Callable[[MemberId, bytes], Iterable[bytes]]
"""From a sender's message to what is delivered instead of it."""


def signer_of(member: MemberId) -> Ed25519Signer:
    return Ed25519Signer(seeded_rng(b"identity" + member.encode())(32))


def seed_of(member: MemberId, plan: Plan) -> bytes:
    return seeded_rng(b"seed" + member.encode() + plan.id)(32)


def new_plan(names: tuple[MemberId, ...] = NAMES, threshold: int = 2, attempt: int = 1) -> Plan:
    return Plan(
        consortium="demo-consortium",
        kind=Kind.NEW,
        attempt=attempt,
        generation=1,
        revision=1,
        threshold=threshold,
        parties=parties_of(names),
        dealers=names,
        receivers=tuple(Seat(member=name, index=index) for index, name in enumerate(names, start=1)),
    )


def parties_of(names: Iterable[MemberId]) -> tuple[Party, ...]:
    return tuple(Party(member=name, identity_key=signer_of(name).public) for name in sorted(names))


def renewal(
    base: Oprf, kind: Kind, dealers: tuple[MemberId, ...], seats: Mapping[MemberId, int], threshold: int
) -> Plan:
    return Plan(
        consortium="demo-consortium",
        kind=kind,
        generation=base.generation,
        revision=base.revision + 1,
        threshold=threshold,
        parties=parties_of({*dealers, *seats}),
        dealers=dealers,
        receivers=tuple(Seat(member=name, index=index) for name, index in seats.items()),
        base=base,
    )


@dataclass
class CeremonyRun:
    """Everybody of one plan; `run` delivers until nobody owes anything."""

    plan: Plan
    shares: Mapping[MemberId, KeyShare] = field(default_factory=dict)
    parties: dict[MemberId, Participant] = field(init=False)

    def __post_init__(self) -> None:
        self.parties = {name: self.party(name) for name in self.plan.names}

    def party(self, name: MemberId) -> Participant:
        share = self.shares.get(name)
        return Participant(self.plan, name, signer_of(name), seed_of(name, self.plan), share)

    def restart(self, name: MemberId) -> None:
        self.parties[name] = Participant.resume(self.parties[name].to_bytes(), signer_of(name), self.shares.get(name))

    def run(self, tamper: Tamper = lambda _, message: (message,)) -> "CeremonyRun":
        while due := [(name, message) for name, one in self.parties.items() if (message := one.due())]:
            for name, message in due:
                for delivered in tamper(name, message):
                    self.deliver(name, delivered)
        return self

    def deliver(self, sender: MemberId, message: bytes) -> None:
        for name, party in self.parties.items():
            if name != sender:
                party.take(message)

    def phases(self) -> set[Phase]:
        return {party.phase for party in self.parties.values()}

    def finished(self) -> dict[MemberId, KeyShare]:
        return {name: self.parties[name].finish() for name in self.plan.seats}

    def oprf(self) -> Oprf:
        return next(iter(self.parties.values())).transcript.oprf(SECRETS)
