"""The key ceremony: a key without a dealer, refreshed and re-shared, and the name of whoever breaks it."""

from collections.abc import Callable, Iterable

import pytest

from consortium.ceremony.messages import (
    Answer,
    Commit,
    Confirm,
    Open,
    RevealedShare,
    Verdict,
    opening_digest,
    read_message,
    sign_message,
    transcript_digest,
)
from consortium.ceremony.participant import Participant
from consortium.ceremony.plan import Kind, Plan, check_plan, check_plan_under, plan_under
from consortium.ceremony.transcript import Phase, Reason, Transcript, share_info, verify_ceremony
from consortium.errors import Code
from consortium.model.document import Document
from consortium.model.members import MemberId
from consortium.model.rulebook import Oprf
from consortium.oprf import group
from consortium.oprf.blinding import blind, finalize, finalize_shared, verify_answer
from consortium.oprf.evaluation import blind_evaluate, blind_evaluate_verifiable
from consortium.oprf.sharing import KeyShare, ThresholdKey, lagrange
from consortium.sealing.hpke import seal
from tests.support.ceremonies import NAMES, SECRETS, CeremonyRun, new_plan, renewal, seed_of, signer_of
from tests.support.codes import refused
from tests.support.world import World, seeded_rng

ONE, TWO, GATEWAY = NAMES


@pytest.fixture(scope="module")
def made() -> CeremonyRun:
    return CeremonyRun(new_plan()).run()


def secret_of(shares: Iterable[KeyShare]) -> int:
    chosen = list(shares)
    pairs = zip(lagrange([one.holder for one in chosen]), chosen, strict=True)
    return sum(coefficient * one.secret for coefficient, one in pairs) % group.ORDER


def outputs(shares: list[KeyShare], key: ThresholdKey) -> list[bytes]:
    batch = blind([b"input"], seeded_rng(b"blind"))
    answers = []
    for share in shares[: key.threshold]:
        evaluation = blind_evaluate_verifiable(share.secret, share.key.public, batch.elements, seeded_rng(b"proof"))
        answers.append(verify_answer(batch.elements, evaluation, key.share_key(share.holder)))
    return finalize_shared(batch, answers, key)


def test_three_parties_make_a_key_that_evaluates(made: CeremonyRun) -> None:
    assert made.phases() == {Phase.DONE}
    shares = list(made.finished().values())
    key = made.parties[ONE].transcript.key()
    whole = secret_of(shares[:2])
    assert group.scale_base(whole) == key.public
    assert whole == secret_of(shares[1:]) == secret_of((shares[0], shares[2]))
    batch = blind([b"input"], seeded_rng(b"blind"))
    assert outputs(shares, key) == finalize(batch, blind_evaluate(whole, batch.elements))
    assert outputs(shares[1:], key) == outputs(shares, key)


def test_everybody_and_an_auditor_have_one_transcript(made: CeremonyRun) -> None:
    digests = {party.transcript.digest for party in made.parties.values()}
    checked = verify_ceremony(made.plan, made.parties[TWO].transcript.messages)
    assert digests == {checked.digest}
    assert checked.oprf(SECRETS) == made.oprf()


def test_no_seed_no_share_prints(made: CeremonyRun) -> None:
    party, revealed = made.parties[ONE], RevealedShare(share=b"a" * 32, ephemeral=b"b" * 32)
    assert [repr(party), str(revealed), f"{revealed}"] == ["<Participant>", "<RevealedShare>", "<RevealedShare>"]


@pytest.mark.parametrize("dealers", [NAMES, NAMES[:2]])
def test_a_refresh_changes_every_share_and_no_key(made: CeremonyRun, dealers: tuple[MemberId, ...]) -> None:
    base, old = made.oprf(), made.finished()
    again = CeremonyRun(renewal(base, Kind.REFRESH, dealers, made.plan.seats, 2), old).run()
    new = again.finished()
    assert again.parties[ONE].transcript.key().public == made.parties[ONE].transcript.key().public
    assert all(new[name].secret != old[name].secret for name in NAMES)
    mixed = (old[ONE], new[TWO])
    assert group.scale_base(secret_of(mixed)) != again.parties[ONE].transcript.key().public, "old shares are useless"
    assert outputs(list(new.values()), again.parties[ONE].transcript.key())
    assert (again.oprf().revision, again.oprf().generation) == (2, 1)


def test_a_resharing_to_other_holders_and_another_threshold(made: CeremonyRun) -> None:
    base, old = made.oprf(), made.finished()
    seats = {TWO: 2, "custodian-six": 6, GATEWAY: 3, "custodian-nine": 9}
    again = CeremonyRun(renewal(base, Kind.RESHARE, (ONE, TWO), seats, 3), old).run()
    new = again.finished()
    assert set(new) == set(seats)
    assert secret_of(list(new.values())[:3]) == secret_of(list(old.values())[:2])
    with refused(Code.CEREMONY_INVALID):
        again.parties[ONE].finish()


def test_a_share_that_is_not_the_pinned_one(made: CeremonyRun) -> None:
    plan = renewal(made.oprf(), Kind.REFRESH, NAMES, made.plan.seats, 2)
    for share in (None, KeyShare(1, 5)):
        with refused(Code.CEREMONY_INVALID):
            Participant(plan, ONE, signer_of(ONE), seed_of(ONE, plan), share)


def test_restarts_at_every_step_change_nothing(made: CeremonyRun) -> None:
    again = CeremonyRun(made.plan)
    sent: dict[MemberId, list[bytes]] = {name: [] for name in NAMES}
    while due := [(name, message) for name in NAMES if (message := again.parties[name].due())]:
        for name, message in due:
            sent[name].append(message)
            again.restart(name)
            again.deliver(name, message)
            for other in NAMES:
                again.restart(other)
    assert {name: tuple(messages) for name, messages in sent.items()} == {
        name: made.parties[name].sent() for name in NAMES
    }
    assert again.finished() == made.finished()


def test_a_crash_before_the_state_was_kept_sends_the_same_bytes(made: CeremonyRun) -> None:
    forgot = CeremonyRun(made.plan).parties[ONE]
    first = forgot.due()
    assert first == made.parties[ONE].sent()[0]
    for message in made.parties[TWO].transcript.messages[:3]:
        forgot.take(message)
    assert forgot.due() == made.parties[ONE].sent()[1]


def test_nobody_opens_before_everybody_has_committed() -> None:
    run = CeremonyRun(new_plan())
    mine = run.parties[ONE].due()
    theirs = run.parties[TWO].due()
    assert mine
    assert theirs
    run.parties[ONE].take(theirs)
    assert run.parties[ONE].due() is None
    assert run.parties[ONE].transcript.waiting_for == (GATEWAY,)


def test_silence_is_named_and_proves_nothing() -> None:
    run = CeremonyRun(new_plan()).run(lambda name, message: () if name == TWO else (message,))
    assert run.parties[ONE].phase is Phase.COMMIT
    assert run.parties[ONE].transcript.waiting_for == (TWO,)
    assert run.parties[ONE].transcript.faults == ()
    with refused(Code.CEREMONY_UNFINISHED):
        run.parties[ONE].finish()


Change = Callable[[Plan, Document], Document]


def faulty(sender: MemberId, change: Change) -> CeremonyRun:
    """Run a ceremony in which one party's messages are changed before they leave, signed by that party."""

    def tamper(name: MemberId, message: bytes) -> Iterable[bytes]:
        if name != sender:
            return (message,)
        changed = change(run.plan, read_message(message, run.plan))
        return (sign_message(signer_of(name), changed),)  # type: ignore[arg-type]

    run = CeremonyRun(new_plan())
    return run.run(tamper)


def of(form: type[Document], **values: object) -> Change:
    return lambda _, message: message.model_copy(update=values) if isinstance(message, form) else message


def other_commitments(_: Plan, message: Document) -> Document:
    if not isinstance(message, Open):
        return message
    return message.model_copy(update={"commitments": (group.scale_base(7), *message.commitments[1:])})


def higher_degree(_: Plan, message: Document) -> Document:
    if not isinstance(message, Open):
        return message
    return message.model_copy(update={"commitments": (*message.commitments, group.scale_base(7))})


def one_share_missing(_: Plan, message: Document) -> Document:
    if not isinstance(message, Open):
        return message
    return message.model_copy(update={"shares": {TWO: message.shares[TWO]}})


def complain_about(*names: MemberId) -> Change:
    return of(Verdict, complaints=names)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (of(Commit, opening=None), Reason.COMMITMENT),
        (of(Commit, receiving_key=None), Reason.COMMITMENT),
        (of(Commit, receiving_key=bytes(32)), Reason.COMMITMENT),
        (of(Commit, opening=b"x" * 32), Reason.OPENING),
        (other_commitments, Reason.OPENING),
        (of(Open, commitments=(b"\xff" * 32, b"\xff" * 32)), Reason.DEALING),
        (higher_degree, Reason.DEALING),
        (one_share_missing, Reason.DEALING),
        (of(Open, proof=b"x" * 64), Reason.POSSESSION),
        (of(Open, proof=b""), Reason.POSSESSION),
        (complain_about("lender-one"), Reason.COMPLAINT),
        (complain_about(TWO, TWO), Reason.COMPLAINT),
        (complain_about(TWO), Reason.COMPLAINT),
        (of(Confirm, transcript=b"x" * 32), Reason.CONFIRMATION),
    ],
)
def test_whoever_breaks_the_ceremony_is_named_by_everybody_else(change: Change, reason: Reason) -> None:
    run = faulty(ONE, change)
    for name in (TWO, GATEWAY):
        party = run.parties[name]
        assert party.phase is Phase.ABORTED
        assert {fault.member for fault in party.transcript.faults} == {ONE}
        assert reason in {fault.reason for fault in party.transcript.faults}
        with refused(Code.CEREMONY_FAULT):
            party.finish()
        assert party.due() is None


def bad_share(_: Plan, message: Document) -> Document:
    """Seal garbage of the right length to one receiver."""
    if not isinstance(message, Open):
        return message
    return message.model_copy(update={"shares": {**message.shares, TWO: b"g" * 80}})


def test_a_bad_share_is_proven_by_the_answer() -> None:
    run = faulty(ONE, bad_share)
    for name in (TWO, GATEWAY):
        fault = run.parties[name].transcript.faults[0]
        assert (fault.member, fault.reason, len(fault.evidence)) == (ONE, Reason.SHARE, 4)


def test_a_wrong_share_that_is_sealed_as_it_should_be() -> None:
    run = CeremonyRun(new_plan())
    liar = run.parties[ONE]

    def another(_: Plan, message: Document) -> Document:
        if not isinstance(message, Open):
            return message
        wrong, info = group.encode_scalar(4711), share_info(run.plan, ONE, TWO)
        sealed = seal(liar.transcript.receiving_key(TWO), info, wrong, liar._revealed(TWO).ephemeral)
        return message.model_copy(update={"shares": {**message.shares, TWO: sealed}})

    def tamper(name: MemberId, message: bytes) -> Iterable[bytes]:
        found = another(run.plan, read_message(message, run.plan)) if name == ONE else None
        return (message,) if found is None else (sign_message(signer_of(name), found),)  # type: ignore[arg-type]

    run.run(tamper)
    assert run.parties[TWO].transcript.complaints() == {ONE: (TWO,)}
    assert {fault.member for fault in run.parties[GATEWAY].transcript.faults} == {ONE}


def test_an_accused_dealer_that_stays_silent_is_waited_for() -> None:
    run = CeremonyRun(new_plan())

    def tamper(name: MemberId, message: bytes) -> Iterable[bytes]:
        found = read_message(message, run.plan)
        if name == ONE and isinstance(found, Answer):
            return ()
        return (sign_message(signer_of(name), bad_share(run.plan, found)),) if name == ONE else (message,)  # type: ignore[arg-type]

    run.run(tamper)
    assert run.parties[TWO].phase is Phase.ANSWER
    assert run.parties[TWO].transcript.waiting_for == (ONE,)


def test_equivocation_is_proven_by_two_signatures() -> None:
    run = CeremonyRun(new_plan())

    def tamper(name: MemberId, message: bytes) -> Iterable[bytes]:
        found = read_message(message, run.plan)
        if name == ONE and isinstance(found, Commit):
            other = found.model_copy(update={"opening": b"x" * 32})
            return (message, sign_message(signer_of(name), other))
        return (message,)

    fault = run.run(tamper).parties[TWO].transcript.faults[0]
    assert (fault.member, fault.reason, len(fault.evidence)) == (ONE, Reason.EQUIVOCATION, 2)


def test_different_messages_to_different_parties_show_in_the_confirmations() -> None:
    run = CeremonyRun(new_plan())
    first: list[bytes] = []

    def resealed(opening: Open) -> bytes:
        """Another opening that nobody can tell from the first by itself: the share for the other one is garbage."""
        return sign_message(signer_of(ONE), opening.model_copy(update={"shares": {**opening.shares, TWO: b"g" * 80}}))

    while due := [(name, message) for name in NAMES if (message := run.parties[name].due())]:
        for name, message in due:
            found = read_message(message, run.plan)
            for other in NAMES:
                split = name == ONE and other == GATEWAY and isinstance(found, Open)
                if other != name:
                    run.parties[other].take(resealed(found) if split and isinstance(found, Open) else message)
            if isinstance(found, Open) and name == ONE:
                first.append(message)
    assert run.phases() == {Phase.DIVERGED}
    assert run.parties[TWO].transcript.divergence() == (f"open/{ONE}",)
    with refused(Code.CEREMONY_UNFINISHED):
        run.parties[TWO].finish()
    run.parties[GATEWAY].take(first[0])
    assert run.parties[GATEWAY].transcript.faults[0].reason is Reason.EQUIVOCATION


def test_messages_of_strangers_and_other_attempts(made: CeremonyRun) -> None:
    transcript = Transcript(new_plan(attempt=2))
    message = made.parties[ONE].sent()[0]
    with refused(Code.CEREMONY_OTHER):
        transcript.take(message)
    forged = bytes([message[0] ^ 1]) + message[1:]
    with refused(Code.SIGNATURE_INVALID):
        Transcript(made.plan).take(forged)
    stranger = Commit(ceremony=made.plan.id, sender="stranger-one", opening=b"x" * 32)
    with refused(Code.CEREMONY_OTHER):
        Transcript(made.plan).take(sign_message(signer_of("stranger-one"), stranger))
    for garbage in (b"", b"x" * 64, b"x" * 65, b"x" * 64 + b"{}", b"x" * 64 + b'{"round":"none"}'):
        with refused(Code.MALFORMED):
            Transcript(made.plan).take(garbage)


def test_a_rogue_constant_term_has_no_proof() -> None:
    """Without the proof a last dealer could cancel the others: its constant is its own key less theirs."""
    run = CeremonyRun(new_plan())
    rogue = group.scale_base(99)

    def change(_: Plan, message: Document) -> Document:
        if isinstance(message, Open):
            return message.model_copy(update={"commitments": (rogue, *message.commitments[1:])})
        if isinstance(message, Commit):
            mine = run.parties[ONE]
            opening = mine._unsealed().model_copy(update={"commitments": (rogue, mine._unsealed().commitments[1])})
            return message.model_copy(update={"opening": opening_digest(opening)})
        return message

    assert faulty(ONE, change).parties[TWO].transcript.faults[0].reason is Reason.POSSESSION


def test_a_resharing_dealer_that_deals_another_share(made: CeremonyRun) -> None:
    plan = renewal(made.oprf(), Kind.RESHARE, (ONE, TWO), {ONE: 1, TWO: 2, GATEWAY: 3}, 2)
    run = CeremonyRun(plan, made.finished())
    liar = run.parties[ONE]
    liar._share = KeyShare(1, 12345)
    run.run()
    assert run.parties[TWO].transcript.faults[0].reason is Reason.DEALING


def test_other_seeds_give_other_keys_and_other_contexts_other_polynomials(made: CeremonyRun) -> None:
    other = CeremonyRun(new_plan(attempt=2)).run()
    assert other.parties[ONE].transcript.key().public != made.parties[ONE].transcript.key().public
    same_seed = Participant(other.plan, ONE, signer_of(ONE), seed_of(ONE, made.plan))
    sent = same_seed.due()
    assert sent
    old = read_message(made.parties[ONE].sent()[0], made.plan)
    new = read_message(sent, other.plan)
    assert isinstance(old, Commit)
    assert isinstance(new, Commit)
    assert {old.opening, old.receiving_key}.isdisjoint({new.opening, new.receiving_key})


PLANS: list[dict[str, object]] = [
    {"revision": 2},
    {"dealers": NAMES[:2]},
    {"threshold": 4},
    {"receivers": ()},
    {"dealers": (ONE, ONE, TWO)},
    {"parties": ()},
    {"kind": Kind.REFRESH},
]


@pytest.mark.parametrize("changes", PLANS)
def test_plans_that_contradict_themselves(changes: dict[str, object]) -> None:
    with refused(Code.CEREMONY_INVALID):
        check_plan(new_plan().model_copy(update=changes))
    with refused(Code.CEREMONY_INVALID):
        Plan.from_bytes(new_plan().model_copy(update=changes).to_bytes())


def test_a_refresh_by_too_few_or_for_others(made: CeremonyRun) -> None:
    base = made.oprf()
    for dealers, seats, threshold in (
        ((ONE,), made.plan.seats, 2),
        (NAMES, {ONE: 1, TWO: 2}, 2),
        (NAMES, made.plan.seats, 3),
        ((*NAMES, "custodian-six"), made.plan.seats, 2),
    ):
        with refused(Code.CEREMONY_INVALID):
            check_plan(renewal(base, Kind.REFRESH, dealers, seats, threshold))


def test_a_plan_under_the_rulebook(world: World) -> None:
    for kind in (Kind.NEW, Kind.REFRESH):
        check_plan_under(plan_under(world.rulebook, kind), world.rulebook)
    plan = plan_under(world.rulebook, Kind.REFRESH)
    swapped = plan.parties[0].model_copy(update={"identity_key": signer_of("stranger").public})
    base = plan.base
    assert isinstance(base, Oprf)
    wrong = base.holders[0].model_copy(update={"share_key": group.scale_base(5)})
    for changes in (
        {"rulebook": b"x" * 32},
        {"consortium": "another-one"},
        {"parties": (swapped, *plan.parties[1:])},
        {"base": base.model_copy(update={"holders": (wrong, *base.holders[1:])})},
    ):
        with refused(Code.CEREMONY_INVALID):
            check_plan_under(plan.model_copy(update=changes), world.rulebook)


def test_the_digest_covers_plan_and_every_message(made: CeremonyRun) -> None:
    heads = made.parties[ONE].transcript.heads()
    assert len(heads) == 9
    digest = transcript_digest(made.plan, heads)
    assert digest == made.parties[ONE].transcript.digest
    assert digest != transcript_digest(new_plan(attempt=2), heads)
    assert digest != transcript_digest(made.plan, {**heads, "open/gateway": b"x" * 32})
