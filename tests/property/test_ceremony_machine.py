"""Whatever one party sends, in whatever order messages arrive and parties restart: a common key, or the right name."""

from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consortium.ceremony.messages import Answer, Commit, Confirm, Message, Open, RevealedShare, Verdict, read_message
from consortium.ceremony.messages import sign_message as sign
from consortium.ceremony.transcript import Phase
from consortium.model.document import Document
from consortium.oprf import group
from tests.support.ceremonies import NAMES, CeremonyRun, new_plan, signer_of

FAULTY = NAMES[0]
HONEST = NAMES[1:]
FAULTS = ("none", "commit", "key", "degree", "constant", "proof", "share", "complaint", "confirm", "silent", "twice")


CHANGES: dict[tuple[str, type[Document]], Callable[[Any], dict[str, object]]] = {
    ("commit", Commit): lambda _: {"opening": b"x" * 32},
    ("key", Commit): lambda _: {"receiving_key": bytes(32)},
    ("degree", Open): lambda found: {"commitments": (*found.commitments, group.scale_base(3))},
    ("constant", Open): lambda found: {"commitments": (group.scale_base(3), *found.commitments[1:])},
    ("proof", Open): lambda _: {"proof": b"p" * 64},
    ("share", Open): lambda found: {"shares": {**found.shares, HONEST[0]: b"g" * 80}},
    ("share", Answer): lambda _: {
        "shares": {HONEST[0]: RevealedShare(share=b"\1" + bytes(31), ephemeral=b"e" * 32)},
    },
    ("complaint", Verdict): lambda _: {"complaints": (HONEST[0],)},
    ("confirm", Confirm): lambda _: {"transcript": b"x" * 32},
}
"""What a faulty party changes in which of its messages."""


class CeremonyMachine(RuleBasedStateMachine):
    """Three parties and a bag of messages under way; the first party has one fault, or none."""

    def __init__(self) -> None:
        super().__init__()
        self.run = CeremonyRun(new_plan())
        self.under_way: list[tuple[str, bytes]] = []
        self.ever_sent: list[bytes] = []
        self.fault = "none"

    @initialize(fault=st.sampled_from(FAULTS))
    def choose_fault(self, fault: str) -> None:
        self.fault = fault

    def send(self, name: str, message: bytes) -> None:
        versions = self.changed(message) if name == FAULTY else [message]
        self.ever_sent += versions
        self.under_way += [(other, one) for one in versions for other in NAMES if other != name]

    def changed(self, message: bytes) -> list[bytes]:
        found = read_message(message, self.run.plan)
        match self.fault, found:
            case "silent", Open():
                return []
            case "twice", Open():
                return [message, self.resigned(found, shares={**found.shares, HONEST[0]: b"g" * 80})]
            case _:
                return [self.resigned(found, **self.change(found))]

    def change(self, found: Message) -> dict[str, object]:
        changes = CHANGES.get((self.fault, type(found)))
        return changes(found) if changes else {}

    def resigned(self, found: Document, **changes: object) -> bytes:
        return sign(signer_of(FAULTY), found.model_copy(update=changes))  # type: ignore[arg-type]

    @rule(name=st.sampled_from(NAMES))
    def owe(self, name: str) -> None:
        message = self.run.parties[name].due()
        if message is not None:
            self.send(name, message)

    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        if self.under_way:
            place = data.draw(st.integers(0, len(self.under_way) - 1))
            receiver, message = self.under_way.pop(place)
            self.run.parties[receiver].take(message)

    @rule(data=st.data(), name=st.sampled_from(HONEST))
    def deliver_again(self, data: st.DataObject, name: str) -> None:
        """Deliver an old message to an honest party; the faulty one would stop at the sight of its own changed ones."""
        if self.ever_sent:
            self.run.parties[name].take(data.draw(st.sampled_from(self.ever_sent)))

    @rule(name=st.sampled_from(NAMES))
    def restart(self, name: str) -> None:
        self.run.restart(name)

    @invariant()
    def nobody_honest_is_ever_named(self) -> None:
        for name in HONEST:
            assert {fault.member for fault in self.run.parties[name].transcript.faults} <= {FAULTY}

    def settle(self) -> None:
        """Deliver everything and let everybody say what it owes, until nothing moves."""
        while True:
            for name in NAMES:
                self.owe(name)
            if not self.under_way:
                return
            while self.under_way:
                receiver, message = self.under_way.pop(0)
                self.run.parties[receiver].take(message)

    def teardown(self) -> None:
        self.settle()
        honest = [self.run.parties[name] for name in HONEST]
        if self.fault == "none":
            shares = self.run.finished()
            keys = {party.transcript.key().public for party in self.run.parties.values()}
            assert len(keys) == 1
            assert len(shares) == 3
        elif self.fault == "silent":
            assert {party.transcript.waiting_for for party in honest} == {(FAULTY,)}
        else:
            assert {party.phase for party in honest} == {Phase.ABORTED}
            assert {fault.member for party in honest for fault in party.transcript.faults} == {FAULTY}


TestCeremony = CeremonyMachine.TestCase
TestCeremony.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
