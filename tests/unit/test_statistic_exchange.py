"""A statistic through both rounds in one process: exact sums, fresh noise, budgets at every lender, what is refused."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from consortium.errors import Code, CreditError
from consortium.labels import Label
from consortium.model.rounds import MAXIMUM_ATTEMPTS, Round2Request, Signed
from consortium.model.statistic import SignedStatistic, StatisticRequest
from consortium.rules.statistic_defaults import _BUDGET, _RHO
from consortium.rules.statistics import STATISTIC_LIFETIME, share_statement, statistic_of
from consortium.wire.rounds import (
    round1_body_to_bytes,
    round2_request_to_bytes,
    signed_body_to_bytes,
    signed_round1_from_bytes,
)
from consortium.wire.statistics import (
    signed_statistic_from_bytes,
    signed_statistic_to_bytes,
    statistic_header_to_bytes,
    statistic_request_from_bytes,
    statistic_request_to_bytes,
)
from participants.lender import statistics as contributing
from participants.sandbox.founding import REGULATOR
from participants.statistics.asking import conclude
from tests.support.codes import refused
from tests.support.statistics import (
    OBSERVER,
    SMALL,
    RecordedDraws,
    StatisticWorld,
    digits,
    policy,
    recorded,
    statistic_world,
)
from tests.support.world import LENDERS, Worlds

__all__ = ["recorded"]


@pytest.fixture
def consortium(worlds: Worlds) -> StatisticWorld:
    return statistic_world(worlds)


def request(world: StatisticWorld, statistic: SignedStatistic, attempt: int = 1) -> StatisticRequest:
    roster = world.world.hub.roster(statistic.header.issued_at)
    return StatisticRequest(statistic, roster, attempt, frozenset(LENDERS))


def test_what_is_released_is_the_sum_and_the_noise_that_was_drawn(
    consortium: StatisticWorld, recorded: RecordedDraws
) -> None:
    added = digits(consortium)
    for by in (REGULATOR, "lender-b", OBSERVER):
        recorded.draws.clear()
        found = np.array(consortium.ask(by=by))
        assert len(recorded.draws) == len(LENDERS)
        assert np.array_equal(found, sum(added.values()) + recorded.total)


def test_who_is_away_is_in_neither_sum_nor_noise(consortium: StatisticWorld, recorded: RecordedDraws) -> None:
    added = digits(consortium)
    consortium.offline = frozenset({"lender-e"})
    found = np.array(consortium.ask())
    assert np.array_equal(found, sum(added.values()) - added["lender-e"] + recorded.total)


def test_who_leaves_in_round_2_leaves_that_statistic_and_noise_is_drawn_anew(
    consortium: StatisticWorld, recorded: RecordedDraws
) -> None:
    added = digits(consortium)
    consortium.silent = frozenset({"lender-c"})
    statistic, private = consortium.build()
    transcript = consortium.carry(statistic)
    assert (transcript.attempt, transcript.members) == (2, frozenset(LENDERS) - {"lender-c"})
    found = np.array(conclude(statistic, transcript, consortium.rulebook, private))
    assert np.array_equal(found, sum(added.values()) - added["lender-c"] + np.sum(recorded.draws[5:], axis=0))
    assert consortium.used("lender-a") == 2 * _RHO, "both attempts were released here"
    assert consortium.used("lender-c") == _RHO, "reserved: its round 2 may still come"


def test_an_abort_after_the_noise_was_drawn_is_given_back_with_a_tombstone(consortium: StatisticWorld) -> None:
    statistic, _ = consortium.build()
    run = consortium.open(statistic)
    second = consortium.first_round(run)
    assert second is not None
    assert all(consortium.used(member) == _RHO for member in LENDERS), "reserved before the draw"
    consortium.world.now += STATISTIC_LIFETIME
    with refused(Code.QUERY_EXPIRED):
        consortium.contributors["lender-a"].round2(second, consortium.world.now)
    assert consortium.used("lender-a") == _RHO, "not given back before it is a tombstone"
    consortium.ask()
    assert consortium.used("lender-a") == _RHO, "the tombstone gave it back, the new release has spent it"
    consortium.world.now -= STATISTIC_LIFETIME
    for _ in range(2):
        with refused(Code.STATISTIC_CLOSED):
            consortium.contributors["lender-a"].round2(second, consortium.world.now)
        with refused(Code.STATISTIC_CLOSED):
            consortium.contributors["lender-a"].round1(
                statistic_request_to_bytes(request(consortium, statistic)), consortium.world.now
            )


def test_another_attempt_buries_what_was_not_released(consortium: StatisticWorld) -> None:
    statistic, _ = consortium.build()
    contributor, now = consortium.contributors["lender-a"], consortium.world.now
    for attempt in range(1, MAXIMUM_ATTEMPTS + 1):
        contributor.round1(statistic_request_to_bytes(request(consortium, statistic, attempt)), now)
        assert consortium.used("lender-a") == _RHO
    first = Round2Request(request(consortium, statistic).ctx, frozenset(LENDERS))
    with refused(Code.STATISTIC_CLOSED):
        contributor.round2(round2_request_to_bytes(first), now)


def test_the_budget_is_exact_at_every_lender(consortium: StatisticWorld) -> None:
    for _ in range(_BUDGET // _RHO):
        consortium.ask()
    with refused(Code.STATISTIC_BUDGET_SPENT):
        consortium.ask()
    assert consortium.used("lender-a") == _BUDGET
    consortium.ask("exposure")
    consortium.world.now += 90 * 86_400
    consortium.ask()


def test_the_whole_budget_holds_over_all_templates(worlds: Worlds) -> None:
    consortium = statistic_world(worlds, statistics=policy(rho=26_000, budget=26_000))
    consortium.ask("exposure")
    consortium.ask("arrears")
    with refused(Code.STATISTIC_BUDGET_SPENT):
        consortium.ask("scenes")
    assert consortium.used("lender-a", "") == 52_000


def test_repeats_give_the_same_bytes_and_cost_nothing(consortium: StatisticWorld) -> None:
    statistic, _ = consortium.build()
    contributor, now = consortium.contributors["lender-a"], consortium.world.now
    call = statistic_request_to_bytes(request(consortium, statistic))
    second = round2_request_to_bytes(Round2Request(request(consortium, statistic).ctx, frozenset(LENDERS)))
    assert contributor.round1(call, now) == contributor.round1(call, now)
    assert contributor.round2(second, now) == contributor.round2(second, now)
    assert contributor.round1(call, now) == contributor.round1(call, now)
    other = round2_request_to_bytes(
        Round2Request(request(consortium, statistic).ctx, frozenset(LENDERS) - {"lender-e"})
    )
    with refused(Code.ALREADY_RELEASED):
        contributor.round2(other, now)
    assert consortium.used("lender-a") == _RHO


def test_a_gateway_that_replays_a_statistic_gets_no_more_than_three_releases(worlds: Worlds) -> None:
    consortium = statistic_world(worlds, statistics=policy(budget=60_000))
    statistic, _ = consortium.build()
    contributor, now = consortium.contributors["lender-a"], consortium.world.now
    sets = [frozenset(LENDERS) - gone for gone in (frozenset[str](), {"lender-c"}, {"lender-d"}, {"lender-e"})]
    for place, members in enumerate(sets):
        call = replace(request(consortium, statistic), intended=members)
        second = round2_request_to_bytes(Round2Request(call.ctx, members))
        if place == MAXIMUM_ATTEMPTS:
            with refused(Code.STATISTIC_CLOSED):
                contributor.round1(statistic_request_to_bytes(call), now)
        else:
            contributor.round1(statistic_request_to_bytes(call), now)
            contributor.round2(second, now)
            assert consortium.used("lender-a") == (place + 1) * _RHO, "every one of them was charged"


def test_too_few_contributors_are_refused_by_gateway_and_lenders(consortium: StatisticWorld) -> None:
    statistic, _ = consortium.build(by="lender-a")
    consortium.offline = frozenset({"lender-d", "lender-e"})
    with refused(Code.TOO_FEW_CONTRIBUTORS):
        consortium.carry(statistic)
    few = replace(request(consortium, statistic), intended=frozenset({"lender-a", "lender-b", "lender-c"}))
    with refused(Code.TOO_FEW_CONTRIBUTORS):
        consortium.contributors["lender-b"].round1(statistic_request_to_bytes(few), consortium.world.now)
    assert consortium.used("lender-b") == 0


def test_a_role_asks_for_what_its_templates_are(consortium: StatisticWorld) -> None:
    for by in ("lender-a", OBSERVER):
        with refused(Code.STATISTIC_NOT_ALLOWED):
            consortium.build("hits", by)
    statistic, _ = consortium.build("hits")
    header = replace(statistic.header, requester=OBSERVER)
    raw = statistic_header_to_bytes(header)
    signature = consortium.world.foundation.keys[OBSERVER].signer.sign(Label.STATISTIC, raw)
    forged = SignedStatistic(header, raw, signature, statistic.query_key)
    with refused(Code.CERTIFICATE_INVALID, Code.STATISTIC_NOT_ALLOWED):
        consortium.open(forged)
    with refused(Code.CERTIFICATE_INVALID, Code.STATISTIC_NOT_ALLOWED):
        consortium.contributors["lender-a"].round1(
            statistic_request_to_bytes(request(consortium, forged)), consortium.world.now
        )
    consortium.ask("hits")


def test_no_basis_at_more_than_c_lenders_is_the_statistics_cause(consortium: StatisticWorld) -> None:
    for member in ("lender-c", "lender-d", "lender-e"):
        consortium.cells[member].refusal = CreditError(Code.STATISTIC_NO_BASIS)
    with refused(Code.STATISTIC_NO_BASIS):
        consortium.ask("fragmentation")
    consortium.cells["lender-c"].refusal = consortium.cells["lender-d"].refusal = None
    consortium.ask("fragmentation")
    assert consortium.runs[-1].outcomes["lender-e"] == Code.STATISTIC_NO_BASIS


def test_a_node_put_back_from_a_backup_sits_the_period_out(consortium: StatisticWorld) -> None:
    with consortium.contributors["lender-a"].store.transaction() as store:
        store.quarantine(consortium.world.now + 7 * 86_400)
    consortium.ask()
    assert "lender-a" not in consortium.runs[-1].answering
    assert consortium.runs[-1].outcomes["lender-a"] == Code.RESTORED_FROM_BACKUP
    consortium.world.now += 97 * 86_400
    consortium.ask()
    assert "lender-a" in consortium.runs[-1].answering


def test_a_contributor_that_states_another_share_is_left_out(consortium: StatisticWorld) -> None:
    statistic, _ = consortium.build()
    run, now = consortium.open(statistic), consortium.world.now
    call = run.call(frozenset(LENDERS))
    other = statistic_of("exposure", consortium.rulebook)
    for member in LENDERS:
        answer = consortium.contributors[member].round1(call, now)
        if member == "lender-b":
            signed = signed_round1_from_bytes(answer)
            body = replace(signed.body, commitment=share_statement(run.ctx, other, statistic.header.issued_at))
            raw = round1_body_to_bytes(body)
            signature = consortium.world.foundation.keys[member].signer.sign(Label.STATISTIC_ROUND1, raw)
            answer = signed_body_to_bytes(Signed(body, raw, signature, signed.opening))
        run.receive_round1(member, answer)
    assert run.answering_call() is not None
    assert run.outcomes["lender-b"] == Code.TRANSCRIPT_INVALID
    assert run.answering == frozenset(LENDERS) - {"lender-b"}


def test_nothing_of_a_changed_answer_is_believed(consortium: StatisticWorld) -> None:
    statistic, private = consortium.build()
    transcript = consortium.carry(statistic)
    conclude(statistic, transcript, consortium.rulebook, private)
    changed = [
        replace(transcript, product=bytes(len(transcript.product))),
        replace(transcript, attempt=2),
        replace(transcript, block=1),
        replace(transcript, members=transcript.members - {"lender-a"}),
        replace(transcript, round1=transcript.round1[1:]),
        replace(transcript, roster=transcript.roster[1:]),
    ]
    for one in changed:
        with refused(Code.TRANSCRIPT_INVALID, Code.ROSTER_MISMATCH):
            conclude(statistic, one, consortium.rulebook, private)
    with refused(Code.TRANSCRIPT_INVALID):
        conclude(statistic, transcript, consortium.rulebook, b"x" * 32)


def test_bytes_come_back_as_they_went(consortium: StatisticWorld) -> None:
    statistic, _ = consortium.build()
    assert signed_statistic_from_bytes(signed_statistic_to_bytes(statistic)) == statistic
    call = request(consortium, statistic)
    assert statistic_request_from_bytes(statistic_request_to_bytes(call)) == call
    for raw in (b"", b"\xff" * 40, signed_statistic_to_bytes(statistic)[:-1]):
        with refused(Code.MALFORMED):
            signed_statistic_from_bytes(raw)
    assert statistic.header.template == SMALL


@pytest.mark.parametrize("place", ["lender.statistic-reserved", "lender.statistic-kept"])
def test_a_node_that_dies_in_round_1_answers_the_repeat_and_is_charged_once(
    consortium: StatisticWorld, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    statistic, _ = consortium.build()
    contributor, now = consortium.contributors["lender-a"], consortium.world.now
    call = statistic_request_to_bytes(request(consortium, statistic))
    dying(monkeypatch, place, lambda: contributor.round1(call, now))
    assert contributor.round1(call, now) == contributor.round1(call, now)
    assert consortium.used("lender-a") == _RHO


def test_a_node_that_dies_at_the_release_has_released_all_or_nothing(
    consortium: StatisticWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, released in (("lender.statistic-inside-release", 0), ("lender.statistic-released", 1)):
        statistic, _ = consortium.build()
        contributor, now = consortium.contributors["lender-a"], consortium.world.now
        contributor.round1(statistic_request_to_bytes(request(consortium, statistic)), now)
        second = round2_request_to_bytes(Round2Request(request(consortium, statistic).ctx, frozenset(LENDERS)))
        dying(monkeypatch, place, partial(contributor.round2, second, now))
        with contributor.store.transaction() as store:
            assert store.statistics.releases(statistic.digest) == released
        assert contributor.round2(second, now) == contributor.round2(second, now)


def dying(monkeypatch: pytest.MonkeyPatch, place: str, call: Callable[[], bytes]) -> None:
    """Make a call that ends at a failpoint, as if the node had died there."""

    def failpoint(name: str) -> None:
        if name == place:
            raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(contributing, "failpoint", failpoint)
        with pytest.raises(ZeroDivisionError):
            call()


def test_what_hides_a_release_is_in_no_file(consortium: StatisticWorld) -> None:
    """After a release neither noise nor the blind's seed is in the store: with them somebody could take noise off."""
    statistic, _ = consortium.build()
    run = consortium.open(statistic)
    second = consortium.first_round(run)
    store = consortium.contributors["lender-a"].store
    with store.transaction() as before:
        seed = before.statistics.exchange(run.ctx)
    assert seed is not None
    assert len(seed.seed) == 32
    consortium.second_round(run, second or b"")
    with store.transaction() as after:
        kept = after.statistics.exchange(run.ctx)
    assert kept is not None
    assert kept.seed == b""


def test_a_lender_without_noise_leaves_the_noise_of_the_others(
    consortium: StatisticWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not found out, and what is counted on is still there: sigma^2 with c of them silent about it."""
    statistic, private = consortium.build()
    found, run = statistic_of(SMALL, consortium.rulebook), consortium.open(statistic)
    call, now = run.call(frozenset(LENDERS)), consortium.world.now
    for member in LENDERS:
        with monkeypatch.context() as lying:
            if member == "lender-e":
                lying.setattr(contributing, "discrete_gaussians", lambda *_: np.zeros(found.count, dtype=np.int64))
            run.receive_round1(member, consortium.contributors[member].round1(call, now))
    second = run.answering_call()
    consortium.second_round(run, second or b"")
    opened = np.array(conclude(statistic, run.transcript(), consortium.rulebook, private))
    assert np.mean(opened.astype(float) ** 2) > 0.5 * float(found.noise.variance) * 4 / found.noise.honest
