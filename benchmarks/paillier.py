"""
Paillier at 3072 bits against python-paillier (phe) and pypaillier, all of one run and on one modulus.

Every round measures each thing once, one after the other, so that a slow moment of the machine hits all of them;
a figure is the median over the rounds, a ratio the median of the rounds' own ratios. phe and we use one thread
unless a row says two. pypaillier's batches use every core, and its blinding exponents have 1536 bits to our 512.
"""

import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

import paillier as pypaillier  # type: ignore[import-untyped]  # pypaillier ships no types

from benchmarks.rows import Row
from consortium.sums.blinding import BlindingBase, FixedBaseTable
from consortium.sums.packing import Layout, Slot
from consortium.sums.paillier import Ciphertext, PublicKey, add, encrypt
from consortium.sums.profiles import PAILLIER_3072
from consortium.sums.secret import SecretKey
from participants.keys.obfuscators import ObfuscatorPool

ROUNDS = 9
KEYS = 5
BATCH = 64
COUNTERS = 56
COUNTER_BOUND = 2**46 - 1
ROSTER_MAXIMUM = 128

Measures: TypeAlias = dict[str, float]


@dataclass(frozen=True, slots=True)
class _Bench:
    key: SecretKey
    table: FixedBaseTable
    layout: Layout
    pool: ObfuscatorPool
    executor: ThreadPoolExecutor
    peer: object

    @property
    def public_key(self) -> PublicKey:
        return self.key.public_key


def run() -> list[Row]:
    """Measure everything once; under a minute on two cores."""
    keygen = [_seconds(lambda: SecretKey.generate(PAILLIER_3072)) for _ in range(KEYS)]
    key = SecretKey.generate(PAILLIER_3072)
    base = BlindingBase.derive(key.public_key)
    table = FixedBaseTable.build(base)
    layout = Layout.build(
        [Slot(f"counter-{number:02}", COUNTER_BOUND) for number in range(COUNTERS)], ROSTER_MAXIMUM, 3072
    )
    peer = pypaillier.PublicKey.from_n(key.public_key.to_bytes())
    with ObfuscatorPool(ready=BATCH) as pool, ThreadPoolExecutor(1) as executor:
        bench = _Bench(key, table, layout, pool, executor, peer)
        _check_peer(bench)
        _fill(bench)
        rounds = [_round(bench, base) for _ in range(ROUNDS)]
    return [*_absolute_rows(rounds, keygen, table.size_bytes), *_ratio_rows(rounds)]


def _round(bench: _Bench, base: BlindingBase) -> Measures:
    key, public_key = bench.key, bench.public_key
    numbers = [secrets.randbelow(COUNTER_BOUND) for _ in range(BATCH)]
    values = dict(zip((slot.name for slot in bench.layout.slots), numbers, strict=False))
    ciphertext = _on_the_spot(bench, values)
    raw, phe_key = int(ciphertext.value), key.phe
    return {
        "phe encrypt": _each(lambda: phe_key.public_key.encrypt(numbers[0]), 3),
        "peer integers": _each(lambda: pypaillier.encrypt_integers(bench.peer, numbers), 1) / BATCH,
        "peer floats": _each(lambda: pypaillier.encrypt_many(bench.peer, [*map(float, numbers)], scale_pow10=0), 1)
        / BATCH,
        "on the spot": _each(lambda: _on_the_spot(bench, values), 16),
        "from pool": _from_pool(bench, values),
        "phe decrypt": _each(lambda: phe_key.raw_decrypt(raw), 4),
        "decrypt, one thread": _each(lambda: key.decrypt(ciphertext), 4),
        "phe decrypt again": _each(lambda: phe_key.raw_decrypt(raw), 4),
        "decrypt, two threads": _each(lambda: key.decrypt(ciphertext, bench.executor), 4),
        "add": _each(lambda: add(ciphertext, ciphertext), 100),
        "read": _each(lambda: Ciphertext.from_bytes(public_key, ciphertext.to_bytes()), 100),
        "table": _seconds(lambda: FixedBaseTable.build(base)),
        "without table": _each(lambda: base.obfuscator_from_seed(secrets.token_bytes(32)), 2),
    }


def _on_the_spot(bench: _Bench, values: dict[str, int]) -> Ciphertext:
    """Pack all counters and encrypt them with an obfuscator made here and now."""
    obfuscator = bench.table.obfuscator_from_seed(secrets.token_bytes(32))
    return encrypt(bench.public_key, bench.layout.pack(values), obfuscator)


def _from_pool(bench: _Bench, values: dict[str, int]) -> float:
    """Take and encrypt while the pool is full, so that nothing is made on the spot; seconds for each."""
    _fill(bench)
    packed, public_key = bench.layout.pack(values), bench.public_key
    times = [_seconds(lambda: encrypt(public_key, packed, bench.pool.take(public_key))) for _ in range(BATCH // 4)]
    return median(times)


def _fill(bench: _Bench) -> None:
    bench.pool.prepare(bench.public_key)
    while bench.pool.ready(bench.public_key) < BATCH:
        time.sleep(0.01)


def _check_peer(bench: _Bench) -> None:
    """Hold the peer's ciphertexts to be real: our key opens them (their header is one byte)."""
    blob = bytes(pypaillier.encrypt_integers(bench.peer, [123456789])[0])
    opened = bench.key.phe.raw_decrypt(int.from_bytes(blob[1:], "big"))
    if opened != 123456789:
        raise RuntimeError("the peer's ciphertext does not decrypt: the comparison would be of different things")


def _absolute_rows(rounds: list[Measures], keygen: list[float], table_bytes: int) -> list[Row]:
    def of(name: str, scale: float) -> float:
        return median(measures[name] for measures in rounds) * scale

    peer = median(map(_peer_encrypt, rounds)) * 1e3
    return [
        _row("phe 1.5.0 encrypt", of("phe encrypt", 1e3), "ms"),
        _row("pypaillier 0.8.0 batch encrypt, all cores, a number", peer, "ms"),
        _row("encrypt 56 packed counters on the spot", of("on the spot", 1e3), "ms"),
        _row("encrypt from the pool", of("from pool", 1e6), "us", target=20),
        _row("obfuscator without a table", of("without table", 1e3), "ms"),
        _row("table build", of("table", 1), "s"),
        _row("table size", table_bytes, "bytes"),
        _row("phe 1.5.0 decrypt", of("phe decrypt", 1e3), "ms"),
        _row("decrypt, one thread", of("decrypt, one thread", 1e3), "ms"),
        _row("decrypt, two threads", of("decrypt, two threads", 1e3), "ms"),
        _row("add two ciphertexts", of("add", 1e6), "us"),
        _row("read and validate a ciphertext", of("read", 1e6), "us"),
        _row("key generation, median", median(keygen), "s"),
        _row("key generation, slowest", max(keygen), "s"),
    ]


def _ratio_rows(rounds: list[Measures]) -> list[Row]:
    def ratio(of: Callable[[Measures], float]) -> float:
        return median(map(of, rounds))

    def counter(measures: Measures) -> float:
        return measures["on the spot"] / COUNTERS

    def phe_decrypt(measures: Measures) -> float:
        return (measures["phe decrypt"] + measures["phe decrypt again"]) / 2

    return [
        _ahead("a counter, phe / ours", ratio(lambda m: m["phe encrypt"] / counter(m)), 1500),
        _ahead("a counter, pypaillier / ours", ratio(lambda m: _peer_encrypt(m) / counter(m)), 100),
        _ahead("a ciphertext, phe / ours", ratio(lambda m: m["phe encrypt"] / m["on the spot"]), 25),
        _ahead("a ciphertext, pypaillier / ours", ratio(lambda m: _peer_encrypt(m) / m["on the spot"]), 2),
        _row("decrypt, ours on one thread / phe", ratio(lambda m: m["decrypt, one thread"] / phe_decrypt(m)), "x", 1.4),
        _row(
            "decrypt, ours on two threads / phe", ratio(lambda m: m["decrypt, two threads"] / phe_decrypt(m)), "x", 1.0
        ),
    ]


def _peer_encrypt(measures: Measures) -> float:
    """Take the faster of the peer's two batch modes, in seconds a number."""
    return min(measures["peer integers"], measures["peer floats"])


def _row(metric: str, value: float, unit: str, target: float | None = None) -> Row:
    return {"metric": metric, "value": round(value, 3), "unit": unit, "better": "lower", "target": target}


def _ahead(metric: str, value: float, target: float) -> Row:
    return {"metric": metric, "value": round(value, 1), "unit": "x", "better": "higher", "target": target}


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _each(work: Callable[[], object], times: int) -> float:
    """Seconds of one call, the median of several."""
    return median(_seconds(work) for _ in range(times))


if __name__ == "__main__":
    for row in run():
        print(row)
