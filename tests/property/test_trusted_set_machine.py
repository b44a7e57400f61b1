"""Whatever order versions, repeats, forgeries and illegal changes come in, the trusted set moves by one good step."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consortium.errors import CreditError
from consortium.membership.proposals import Activate, Admit, Leave, NewEpoch, Reinstate, Renew, Suspend
from consortium.membership.trusted import Signed, TrustedSet
from consortium.model.members import id_skeleton
from consortium.model.rulebook import MemberStatus, Role, RulebookDocument
from tests.support.membership import APPROVERS, registry

SIGNERS = (*APPROVERS, "gateway", "lender-c", "custodian-one")
FREE = ("lender-c", "lender-d", "lender-e")
"""Lenders that are no approvers."""


class TrustedSetMachine(RuleBasedStateMachine):
    """`known` is the set under test; the rulebooks that it accepted are kept beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.known = registry(b"machine")
        self.history = [self.known.rulebook]
        self.signed: list[Signed] = []
        self.count = 0

    def accept(self, signed: Signed) -> None:
        assert self.known.trusted.update(signed)
        self.history.append(self.known.rulebook)
        self.signed.append(signed)

    def of_status(self, status: MemberStatus) -> list[str]:
        return [one.id for one in self.known.document.members if one.status is status and one.role is Role.LENDER]

    @rule()
    def renew(self) -> None:
        self.accept(self.known.approve(Renew()))

    @rule()
    def admit(self) -> None:
        self.count += 1
        self.accept(self.known.approve(Admit(application=self.known.apply(f"bank-{self.count:02d}"))))

    @precondition(lambda self: self.of_status(MemberStatus.ADMITTED))
    @rule()
    def activate(self) -> None:
        member = self.of_status(MemberStatus.ADMITTED)[0]
        self.accept(self.known.approve(Activate(member=member, report=b"r" * 32)))

    @precondition(lambda self: not set(FREE).isdisjoint(self.of_status(MemberStatus.ACTIVE)))
    @rule()
    def suspend(self) -> None:
        member = min(set(FREE) & set(self.of_status(MemberStatus.ACTIVE)))
        offer = self.known.offer("lender-a", member)
        self.accept(self.known.approve(Suspend(member=member, reason="breach", offer=offer)))

    @precondition(lambda self: self.of_status(MemberStatus.SUSPENDED))
    @rule()
    def reinstate(self) -> None:
        self.accept(self.known.approve(Reinstate(member=self.of_status(MemberStatus.SUSPENDED)[0])))

    @precondition(lambda self: self.of_status(MemberStatus.SUSPENDED))
    @rule()
    def leave(self) -> None:
        self.accept(self.known.approve(Leave(notice=self.known.leave(self.of_status(MemberStatus.SUSPENDED)[0]))))

    @rule()
    def new_epoch(self) -> None:
        self.accept(self.known.approve(NewEpoch(offer=self.known.offer())))

    @precondition(lambda self: self.signed)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        assert not self.known.trusted.update(data.draw(st.sampled_from(self.signed)))

    @rule(
        status=st.sampled_from(MemberStatus),
        step=st.integers(-1, 2),
        epoch=st.integers(0, 2),
        signers=st.sets(st.sampled_from(SIGNERS)),
        member=st.sampled_from(FREE),
    )
    def any_change(self, status: MemberStatus, step: int, epoch: int, signers: set[str], member: str) -> None:
        """A hand-made next version: accepted only if it is one that the rules allow."""
        before = self.known.document
        changes = {
            "members": self.known.members_with(member, status=status),
            "version": max(1, before.version + step),
            "epoch": max(1, before.epoch + epoch - 1),
            "epoch_secret": before.epoch_secret if epoch == 1 else bytes([epoch]) * 31 + bytes([before.epoch % 256]),
        }
        try:
            signed = self.known.sign(self.known.successor(**changes), *sorted(signers))
            if self.known.trusted.update(signed):
                self.history.append(self.known.rulebook)
                assert signers == set(APPROVERS)
                assert step == 1
                self.check_member(before, member, status)
        except CreditError:
            assert self.known.rulebook is self.history[-1]

    def check_member(self, before: RulebookDocument, member: str, status: MemberStatus) -> None:
        old = next(one for one in before.members if one.id == member).status
        assert old is not MemberStatus.LEFT or status is old
        if old is MemberStatus.ACTIVE and status is not old:
            assert self.known.document.epoch == before.epoch + 1

    @rule(place=st.integers(0, 400), flip=st.integers(1, 255))
    def one_byte_is_changed(self, place: int, flip: int) -> None:
        signed = self.known.approve(Renew())
        raw = bytearray(signed.document)
        raw[place] ^= flip
        try:
            self.known.trusted.update(Signed(bytes(raw), signed.signatures))
        except CreditError:
            return
        raise AssertionError("changed bytes were accepted")

    @invariant()
    def versions_are_a_chain(self) -> None:
        documents = [rulebook.document for rulebook in self.history]
        assert [one.version for one in documents] == list(range(1, len(documents) + 1))
        assert [one.previous for one in documents[1:]] == [one.digest for one in self.history[:-1]]
        assert [one.epoch for one in documents] == sorted(one.epoch for one in documents)

    @invariant()
    def ids_are_unlike_and_nobody_returns(self) -> None:
        skeletons = [id_skeleton(one.id) for one in self.known.document.members]
        assert len(set(skeletons)) == len(skeletons)
        gone = {one.id for book in self.history for one in book.document.members if one.status is MemberStatus.LEFT}
        assert gone <= {one.id for one in self.known.document.members if one.status is MemberStatus.LEFT}

    def teardown(self) -> None:
        """A party that was away takes the same chain from its first version."""
        late = TrustedSet(self.history[0])
        for signed in self.signed[: 1 if len(self.history) > len(self.signed) + 1 else None]:
            try:
                late.update(signed)
            except CreditError:
                break
        assert late.current.raw in [book.raw for book in self.history]


TestTrustedSet = TrustedSetMachine.TestCase
TestTrustedSet.settings = settings(max_examples=12, stateful_step_count=10, deadline=None)
