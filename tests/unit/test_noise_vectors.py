"""Many draws at once: the distribution of single ones and of OpenDP's, exact where the first bits do not decide."""

import math
import random
from collections import Counter
from fractions import Fraction

import numpy as np
import opendp.prelude as dp
import pytest

from consortium.errors import CreditError
from consortium.noise.gaussian import MAX_VARIANCE
from consortium.noise.vectors import VectorSource, discrete_gaussians
from tests.unit.test_noise import FAR, fits, gaussian_mass

dp.enable_features("contrib")
DRAWS = 200_000


def drawn(variance: Fraction, count: int, *, margin: float = 0.0, seed: int = 1) -> tuple[Counter[int], VectorSource]:
    source = VectorSource(random.Random(seed).randbytes, margin)
    return Counter(discrete_gaussians(source, variance, count).tolist()), source


@pytest.mark.parametrize("variance", [Fraction(1, 4), Fraction(1), Fraction(50, 3), Fraction(900)])
def test_draws_fit_the_discrete_gaussian(variance: Fraction) -> None:
    counts, _ = drawn(variance, DRAWS)
    assert fits(counts, gaussian_mass(float(variance)), DRAWS)
    assert not fits(counts, gaussian_mass(1.05 * float(variance)), DRAWS), "the test can fail"


def test_every_comparison_made_in_decimals_gives_the_same_distribution() -> None:
    counts, source = drawn(Fraction(50, 3), 6_000, margin=2.0)
    assert source.undecided > 18_000, "none was decided by floats"
    assert fits(counts, gaussian_mass(50 / 3), 6_000)


@pytest.mark.parametrize("margin", [1e-3, 2.0])
def test_decimals_decide_as_floats_where_both_can(margin: float) -> None:
    by_floats, usual = drawn(Fraction(10**9), 2_000)
    by_decimals, source = drawn(Fraction(10**9), 2_000, margin=margin)
    assert usual.undecided == 0
    assert source.undecided > 0
    assert by_floats == by_decimals


@pytest.mark.parametrize("scale", [0.5, 3.0, 20.0])
def test_draws_agree_with_opendps(scale: float) -> None:
    space = dp.vector_domain(dp.atom_domain(T=int), size=10_000), dp.l2_distance(T=float)
    theirs = Counter(dp.m.make_gaussian(*space, scale=scale)([0] * 10_000))
    ours, _ = drawn(Fraction(scale) ** 2, 10_000)
    shared = [value for value in {*theirs, *ours} if theirs[value] + ours[value] >= 20]
    found = sum((theirs[value] - ours[value]) ** 2 / (theirs[value] + ours[value]) for value in shared)
    assert found < len(shared) + FAR * math.sqrt(2 * len(shared))


def test_large_variances_have_the_moments_of_a_gaussian() -> None:
    for exponent in (40, 60, 80):
        source = VectorSource(random.Random(exponent).randbytes)
        found = discrete_gaussians(source, Fraction(2**exponent), DRAWS) / 2.0 ** (exponent / 2)
        assert abs(float(np.mean(found))) < FAR / math.sqrt(DRAWS)
        assert abs(float(np.var(found)) - 1) < FAR * math.sqrt(2 / DRAWS)
        assert abs(float(np.mean(found**4)) - 3) < FAR * math.sqrt(96 / DRAWS)


def test_bad_variances_are_refused() -> None:
    source = VectorSource(random.Random(1).randbytes)
    for variance in (Fraction(0), Fraction(-1), Fraction(MAX_VARIANCE + 1)):
        with pytest.raises(CreditError):
            discrete_gaussians(source, variance, 3)
