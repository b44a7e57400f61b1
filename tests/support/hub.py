"""The gateway's state machine and the lenders' nodes driven in one process, by messages in bytes only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from consortium.errors import CreditError
from consortium.model.members import MemberId, MemberSet
from consortium.model.query import SignedQuery
from consortium.model.rounds import RosterEntry, Transcript, tables_of, with_tables
from consortium.model.rulebook import Rulebook
from consortium.wire.queries import signed_query_from_bytes, signed_query_to_bytes
from consortium.wire.rounds import transcript_from_bytes, transcript_to_bytes
from gateway.storage.memory import MemoryConsentUses, MemoryQueryKeys
from gateway.usecases.admission import count_consent, open_run
from gateway.usecases.query import QueryRun
from participants.lender.node import LenderNode


@dataclass
class Hub:
    """The gateway and its wires; `offline` members are not attached."""

    rulebook: Rulebook
    nodes: Mapping[MemberId, LenderNode]
    offline: MemberSet = frozenset()
    uses: MemoryConsentUses = field(default_factory=MemoryConsentUses)
    keys: MemoryQueryKeys = field(default_factory=MemoryQueryKeys)

    def ask(self, query: SignedQuery, now: int) -> Transcript:
        """Carry one query through both rounds; raises CreditError where the gateway refuses or cannot complete it."""
        received = signed_query_from_bytes(signed_query_to_bytes(query))
        roster = self.roster(query.header.issued_at)
        run = open_run(received, self.rulebook, roster, self.keys, now)
        count_consent(received, self.uses)
        while not self.first_round(run, now):
            pass
        self.second_round(run, now)
        transcript = run.transcript()
        return with_tables(transcript_from_bytes(transcript_to_bytes(transcript)), tables_of(transcript))

    def roster(self, issued_at: int) -> tuple[RosterEntry, ...]:
        """Give every active lender with its mask key of the day of issue."""
        return tuple(
            RosterEntry(member, self.nodes[member].contributor.pairs.own(issued_at).certified)
            for member in self.rulebook.roster
        )

    def first_round(self, run: QueryRun, now: int) -> bool:
        """Ask everybody attached for a contribution; tells whether an answering set may be chosen."""
        call = run.call(frozenset(self.nodes) - self.offline)
        for member in sorted(run.intended):
            try:
                answer = self.nodes[member].contributor.round1(call, now)
            except CreditError as error:
                run.receive_refusal(member, error)
            else:
                run.receive_round1(member, answer)
        self._second_call = run.answering_call()
        return self._second_call is not None

    def second_round(self, run: QueryRun, now: int) -> None:
        """Collect the corrections of the answering set; a member's refusal is raised as it is."""
        for member in sorted(run.answering):
            answer = self.nodes[member].contributor.round2(self._second_call or b"", now)
            run.receive_round2(member, answer)

    _second_call: bytes | None = None
