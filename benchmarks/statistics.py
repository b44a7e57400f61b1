"""
A statistic of 10,000 cells over five lenders, through real processes, and what its noise is like.

Gateway, two custodians and five lenders on the same cores as the requester; from the question to the release that was
checked, opened and signed. The books are empty, so every released number is the sum of five shares of noise: the
figures of fit compare them with the discrete Gaussian that the release states.
"""

import math
import secrets
import tempfile
import time
from collections import Counter
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from statistics import median

import numpy as np
import opendp.prelude as dp

from benchmarks.rows import Row, row
from consortium.model.statistic_policy import (
    Asker,
    Axis,
    Dimension,
    Measure,
    PrivacyUnit,
    StatisticsPolicy,
    Template,
)
from consortium.noise.gaussian import Source, discrete_gaussian
from consortium.noise.vectors import Integers, VectorSource, discrete_gaussians
from demo.consortium import LENDERS, Terms
from demo.founding import found_folders
from participants.cli.statistics import desk_of
from participants.gateway_client.statistics import StatisticsClient
from participants.membership.folder import MemberFolder
from participants.membership.member import Membership
from participants.sandbox.ports import Ports
from participants.sandbox.processes import Processes, free_ports
from participants.statistics.desk import Release

SIDE = 100
CELLS = SIDE * SIDE
RELEASES = 9
SINGLE_DRAWS = 2_000
_VALUES = tuple(f"v{number:02d}" for number in range(SIDE))
TEMPLATE = Template(
    id="benchmark",
    title="ten thousand cells",
    measure=Measure.TRADELINES,
    dimensions=(Dimension(axis=Axis.REGION_TIER, values=_VALUES), Dimension(axis=Axis.AGE_BAND, values=_VALUES)),
    unit=PrivacyUnit.FILE,
    bound=1,
    touches=1,
    rho=2_000,
    budget=1_000_000,
    minimum_contributors=3,
    roles=(Asker.LENDER,),
)


def run() -> list[Row]:
    """Measure; about a minute."""
    dp.enable_features("contrib")
    with tempfile.TemporaryDirectory(prefix="credit-bench-") as name:
        out, port = Path(name) / "consortium", free_ports(26_000)
        section = StatisticsPolicy(templates=(TEMPLATE,), period_days=366, budget=1_000_000)
        found_folders(out, Ports(port), LENDERS, Terms(statistics=section))
        with Processes(out) as processes:
            processes.start_all()
            seconds, releases = _asked(out / LENDERS[0])
    return [*_times(seconds), *_fit(releases), *_samplers()]


def _asked(folder: Path) -> tuple[list[float], list[Release]]:
    party = Membership(MemberFolder(folder))
    seconds, releases = [], []
    with closing(party), closing(StatisticsClient(party.folder.file.gateways[0], party.tls())) as client:
        desk = desk_of(party, client)
        for _ in range(RELEASES):
            start = time.perf_counter()
            releases.append(desk.ask(TEMPLATE.id, secrets.token_bytes(16), int(time.time())))
            seconds.append(time.perf_counter() - start)
    return seconds, releases


def _times(seconds: list[float]) -> list[Row]:
    what = f"{CELLS:,} cells x {len(LENDERS)} lenders, question to signed release"
    return [
        row(f"{what}, median of {RELEASES}", median(seconds), "s", "lower", 5),
        row(f"{what}, slowest", max(seconds), "s", "lower", 5),
    ]


def _fit(releases: list[Release]) -> list[Row]:
    numbers = np.array([[number for _, number in one.table.rows] for one in releases])
    stated = float(releases[0].document.standard_error)
    whole = all(len(one.document.contributors) == len(LENDERS) for one in releases)
    deviation = float(np.sqrt(np.mean(numbers.astype(float) ** 2)))
    first, second = numbers[0].astype(float), numbers[1].astype(float)
    return [
        row("all lenders in every release", int(whole), "1 = yes", "higher", 1),
        row("their standard deviation, away from that stated", 100 * abs(deviation / stated - 1), "%", "lower", 2),
        row("chi-squared of the numbers, standard deviations off", _chi_squared(numbers, stated**2), "", "lower", 4.5),
        row("correlation of two releases", abs(float(np.corrcoef(first, second)[0, 1])), "", "lower", 0.045),
    ]


def _chi_squared(numbers: Integers, variance: float) -> float:
    """Give how far the statistic is from its mean, for this discrete Gaussian, in its standard deviations."""
    counts, draws = Counter(numbers.ravel().tolist()), numbers.size
    reach = range(-int(8 * math.sqrt(variance)), int(8 * math.sqrt(variance)) + 1)
    mass = {value: math.exp(-value * value / (2 * variance)) for value in reach}
    total = sum(mass.values())
    wide = {value: draws * one / total for value, one in mass.items() if draws * one / total >= 10}
    rest, left = draws - sum(wide.values()), draws - sum(counts[value] for value in wide)
    found = sum((counts[value] - expected) ** 2 / expected for value, expected in wide.items())
    found += (left - rest) ** 2 / rest if rest >= 1 else 0
    return abs(found - len(wide)) / math.sqrt(2 * len(wide))


def _samplers() -> list[Row]:
    variance = Fraction(10**12)
    vector = min(_timed_vector(variance) for _ in range(5))
    one = Source(secrets.token_bytes)
    start = time.perf_counter()
    for _ in range(SINGLE_DRAWS):
        discrete_gaussian(one, variance.numerator)
    single = (time.perf_counter() - start) / SINGLE_DRAWS
    space = dp.vector_domain(dp.atom_domain(T=int), size=CELLS), dp.l2_distance(T=float)
    measurement = dp.m.make_gaussian(*space, scale=10.0**6)
    start = time.perf_counter()
    measurement([0] * CELLS)
    theirs = time.perf_counter() - start
    return [
        row(f"{CELLS:,} exact draws, on vectors", 1000 * vector, "ms", "lower", None),
        row(f"{CELLS:,} exact draws, one by one", 1000 * single * CELLS, "ms", "lower", None),
        row(f"{CELLS:,} draws by OpenDP", 1000 * theirs, "ms", "lower", None),
    ]


def _timed_vector(variance: Fraction) -> float:
    source = VectorSource(secrets.token_bytes)
    start = time.perf_counter()
    discrete_gaussians(source, variance, CELLS)
    return time.perf_counter() - start
