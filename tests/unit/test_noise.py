"""The discrete Gaussian and its accounting: against the distribution itself, and against OpenDP."""

import math
import random
from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import opendp.prelude as dp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consortium.errors import CreditError
from consortium.noise.accounting import Noise, delta_of, epsilon_of, rho_of, sum_distance, variance_for
from consortium.noise.gaussian import Source, bernoulli_exp, discrete_gaussian, discrete_laplace

dp.enable_features("contrib")
DRAWS = 20_000
FAR = 4.5
"""Standard deviations that a statistic of a seeded test may be off."""


def seeded(seed: int) -> Source:
    return Source(random.Random(seed).randbytes)


def chi_square(counts: Counter[int], mass: Callable[[int], float], draws: int) -> tuple[float, int]:
    """Give the statistic and its degrees of freedom; cells with few expected draws are one."""
    cells = {value: draws * mass(value) for value in range(-400, 401)}
    wide = {value: expected for value, expected in cells.items() if expected >= 10}
    rest = draws - sum(wide.values()), draws - sum(counts[value] for value in wide)
    found = sum((counts[value] - expected) ** 2 / expected for value, expected in wide.items())
    return found + ((rest[1] - rest[0]) ** 2 / rest[0] if rest[0] > 1 else 0), len(wide)


def fits(counts: Counter[int], mass: Callable[[int], float], draws: int) -> bool:
    found, freedom = chi_square(counts, mass, draws)
    return abs(found - freedom) < FAR * math.sqrt(2 * freedom)


def gaussian_mass(variance: float) -> Callable[[int], float]:
    total = sum(math.exp(-x * x / (2 * variance)) for x in range(-2_000, 2_001))
    return lambda x: math.exp(-x * x / (2 * variance)) / total


@pytest.mark.parametrize(("numerator", "denominator"), [(1, 4), (1, 1), (50, 3), (900, 1)])
def test_draws_fit_the_discrete_gaussian(numerator: int, denominator: int) -> None:
    source = seeded(numerator)
    counts = Counter(discrete_gaussian(source, numerator, denominator) for _ in range(DRAWS))
    assert fits(counts, gaussian_mass(numerator / denominator), DRAWS)
    assert not fits(counts, gaussian_mass(1.15 * numerator / denominator), DRAWS), "the test can fail"


def test_draws_fit_the_discrete_laplace() -> None:
    source, scale = seeded(7), 5
    counts = Counter(discrete_laplace(source, scale) for _ in range(DRAWS))
    q = math.exp(-1 / scale)
    assert fits(counts, lambda x: (1 - q) / (1 + q) * q ** abs(x), DRAWS)


def test_a_bernoulli_of_exp() -> None:
    source = seeded(8)
    for numerator, denominator in ((0, 1), (1, 3), (1, 1), (7, 2)):
        share = sum(bernoulli_exp(source, numerator, denominator) for _ in range(DRAWS)) / DRAWS
        expected = math.exp(-numerator / denominator)
        assert abs(share - expected) <= FAR * math.sqrt(max(expected * (1 - expected), 1e-9) / DRAWS)


@pytest.mark.parametrize("scale", [0.5, 3.0, 20.0])
def test_the_sampler_agrees_with_opendps(scale: float) -> None:
    space = dp.atom_domain(T=int), dp.absolute_distance(T=int)
    measurement = dp.m.make_gaussian(*space, scale=scale)
    theirs = Counter(measurement(0) for _ in range(DRAWS))
    variance = Fraction(scale) ** 2
    source = seeded(9)
    ours = Counter(discrete_gaussian(source, variance.numerator, variance.denominator) for _ in range(DRAWS))
    shared = [value for value in {*theirs, *ours} if theirs[value] + ours[value] >= 20]
    found = sum((theirs[value] - ours[value]) ** 2 / (theirs[value] + ours[value]) for value in shared)
    assert found < len(shared) + FAR * math.sqrt(2 * len(shared))


@pytest.mark.parametrize("rho", [Fraction(1, 1000), Fraction(1, 20), Fraction(1, 2), Fraction(3)])
@pytest.mark.parametrize("delta", [1e-5, 1e-9])
def test_epsilon_agrees_with_opendps(rho: Fraction, delta: float) -> None:
    space = dp.atom_domain(T=int), dp.absolute_distance(T=int)
    measurement = dp.m.make_gaussian(*space, scale=math.sqrt(1 / (2 * rho)))
    theirs = dp.c.make_zCDP_to_approxDP(measurement).map(1).epsilon(delta)
    assert epsilon_of(rho, delta) == pytest.approx(theirs, rel=1e-3)
    assert delta_of(rho, epsilon_of(rho, delta)) <= delta * (1 + 1e-6)


@given(st.integers(1, 10**6), st.integers(1, 10**4), st.integers(1, 10**4))
def test_variance_and_rho_undo_each_other(sensitivity: int, numerator: int, denominator: int) -> None:
    rho = Fraction(numerator, denominator)
    assert rho_of(sensitivity, variance_for(sensitivity, rho)) == rho


@settings(max_examples=20)
@given(st.integers(2, 40), st.integers(1, 5), st.integers(20, 10**6))
def test_shares_add_up_to_what_is_promised(contributors: int, colluders: int, variance: int) -> None:
    colluders = min(colluders, contributors - 1)
    noise = Noise(Fraction(variance), contributors, colluders)
    assert noise.share * noise.honest == variance
    assert noise.total_variance(contributors) >= variance
    if noise.share >= 9:
        assert sum_distance(noise) < 1e-30


def test_a_sum_of_shares_fits_one_gaussian() -> None:
    noise, source = Noise(Fraction(400), 5, 1), seeded(10)
    share = noise.share
    drawn = [
        sum(discrete_gaussian(source, share.numerator, share.denominator) for _ in range(noise.honest))
        for _ in range(DRAWS)
    ]
    assert fits(Counter(drawn), gaussian_mass(400), DRAWS)


def test_bad_parameters_are_refused() -> None:
    source = seeded(11)
    refused: list[Callable[[], object]] = [
        lambda: discrete_gaussian(source, 0),
        lambda: discrete_gaussian(source, 2**81),
        lambda: Noise(Fraction(1), 2, 2),
        lambda: Noise(Fraction(0), 3, 1),
        lambda: rho_of(1, Fraction(0)),
        lambda: variance_for(1, Fraction(0)),
        lambda: epsilon_of(Fraction(1), 0),
    ]
    for call in refused:
        with pytest.raises(CreditError):
            call()


def test_randomness_is_used_once_and_all_of_it_is_uniform() -> None:
    given_out: list[bytes] = []

    def rng(count: int) -> bytes:
        given_out.append(random.Random(len(given_out)).randbytes(count))
        return given_out[-1]

    source = Source(rng)
    drawn = Counter(source.below(6) for _ in range(DRAWS))
    assert set(drawn) == set(range(6))
    assert max(drawn.values()) - min(drawn.values()) < FAR * math.sqrt(2 * DRAWS / 6)
    assert source.below(1) == 0
    assert source.below(2**4_000) < 2**4_000
    assert "Source" in repr(source)
