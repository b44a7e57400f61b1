"""
Tokenising, message in and message out, against what libsodium's own multiplications allow; one core.

Every round measures each thing once, one after the other, so that a slow moment of the machine hits all of them;
a rate is the best of the rounds, a percentage the median of the rounds' own ratios.
"""

import secrets
import time
from collections.abc import Callable
from ctypes import c_char
from statistics import median
from typing import TypeVar

from voprf import ristretto

from benchmarks.rows import Row
from consortium.custody import KeyHolder
from consortium.model.identifiers import IdentifierKind, NormalisedIdentifier, RawIdentifier, SubjectKey
from consortium.model.rulebook import threshold_key
from consortium.model.signing import Ed25519Signer
from consortium.oprf import group
from consortium.oprf.blinding import blind, finalize_verifiable
from consortium.oprf.evaluation import blind_evaluate_verifiable
from consortium.oprf.suite import VOPRF, derive_key_pair
from demo.consortium import first_ceremony
from demo.holders import FixedMembers, MemoryJournal, MemoryLedger
from participants.lender.normalise import normalise
from participants.lender.protect import LendersSecrets, pre_hash, subject_tag
from participants.lender.tokenise import BatchRun, HolderSession

Result = TypeVar("Result")

THRESHOLD, HOLDERS = 2, 3
PERSONS = 256
ROUNDS = 15
MEMBER = "lender-a"
TARGET = 60.0

SERVER = 2  # multiplications for each element: evaluate, prove
CLIENT = 1 + 3 * THRESHOLD  # blind, and for each holder two to verify and one to combine
SINGLE = 3  # with one undivided key: two to verify, one to unblind

RATES = {
    "libsodium scalar multiplications, raw": "1/s",
    f"key holder, request to answer ({SERVER} multiplications)": "persons/s",
    f"lender, identifier to tag through {THRESHOLD} of {HOLDERS} holders ({CLIENT} multiplications)": "persons/s",
    "single key: blind (1 multiplication)": "1/s",
    "single key: blind, voprf wheel": "1/s",
    "single key: evaluate and prove (2 multiplications)": "1/s",
    "single key: evaluate and prove, voprf wheel": "1/s",
    f"single key: verify and finalize ({SINGLE} multiplications)": "1/s",
    "single key: verify and finalize, voprf wheel": "1/s",
    "normalise a Chinese identity number": "1/s",
    "normalise a phone number": "1/s",
}
RAW, HOLDER, LENDER, BLIND, BLIND_PEER, PROVE, PROVE_PEER, VERIFY, VERIFY_PEER, NORMALISE_ID, NORMALISE_PHONE = RATES
BOUNDS = {HOLDER: SERVER, LENDER: CLIENT, BLIND: 1, PROVE: SERVER, VERIFY: SINGLE}


class Stopwatch:
    """Seconds per person of every round, by what was measured."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {name: [] for name in RATES}

    def measure(self, name: str, work: Callable[[], Result]) -> Result:
        """Time one piece of work for PERSONS persons."""
        start = time.perf_counter()
        result = work()
        self.seconds[name].append((time.perf_counter() - start) / PERSONS)
        return result


class Parties:
    """One lender and its key holders; pieces of work of PERSONS persons each."""

    def __init__(self) -> None:
        signer = Ed25519Signer(secrets.token_bytes(32))
        names = [f"holder-{number}" for number in range(1, HOLDERS + 1)]
        signers = {name: Ed25519Signer(secrets.token_bytes(32)) for name in names}
        shares, oprf = first_ceremony(signers, secrets.token_bytes(32), secrets.token_bytes)
        self.key = threshold_key(oprf)
        members = FixedMembers({MEMBER: signer.public}, 2**40)
        self.holders = {share.holder: KeyHolder(share, 1, members, MemoryLedger()) for share in shares}
        journal = MemoryJournal()
        self.sessions = {holder: HolderSession(MEMBER, signer, journal, holder, 1) for holder in self.holders}
        self.secrets = LendersSecrets(1, b"p" * 32, b"t" * 32, epoch=1, sealing_key=b"s" * 32)
        self.people = [NormalisedIdentifier(IdentifierKind.PHONE, "", f"+8613{i:09d}") for i in range(PERSONS)]

    def begin(self) -> BatchRun:
        """Pre-hash and blind; the order of the holders changes from round to round."""
        inputs = [pre_hash(self.secrets, person) for person in self.people]
        order = secrets.SystemRandom().sample(sorted(self.holders), HOLDERS)
        return BatchRun(blind(inputs, secrets.token_bytes), self.key, self.sessions, order, _no_failure)

    def finish(self, run: BatchRun, answers: dict[int, bytes]) -> list[bytes]:
        """Verify, combine, finalize and derive the tags."""
        for holder, answer in answers.items():
            run.receive(holder, answer)
        return [subject_tag(self.secrets, SubjectKey(output)).value for output in run.outputs()]


def run() -> list[Row]:
    """Measure everything; about ten seconds."""
    watch, parties = Stopwatch(), Parties()
    for _ in range(ROUNDS):
        watch.measure(RAW, _raw_multiplications)
        _shared(watch, parties)
        _single(watch)
        _normalise(watch)
    rates = [_row(name, 1 / min(watch.seconds[name]), unit) for name, unit in RATES.items()]
    return rates + [_percentage(watch, name, count) for name, count in BOUNDS.items()]


def _raw_multiplications() -> None:
    """Call the bare C function, without the wrapper's checks and conversions."""
    multiply = group._SODIUM.crypto_scalarmult_ristretto255  # noqa: SLF001  the bound is what lies below the wrapper
    buffer, scalar, point = (c_char * 32)(), group.encode_scalar(2**251 + 12345), group.scale_base(3)
    for _ in range(PERSONS):
        multiply(buffer, scalar, point)


def _shared(watch: Stopwatch, parties: Parties) -> None:
    batch_run = watch.measure(LENDER, parties.begin)
    requests = watch.measure(LENDER, batch_run.outgoing)
    answers = {
        holder: watch.measure(HOLDER, lambda: parties.holders[holder].answer(request, secrets.token_bytes))  # noqa: B023
        for holder, request in requests.items()
    }
    watch.measure(LENDER, lambda: parties.finish(batch_run, answers))
    _merge(watch.seconds[LENDER], 3, sum)
    _merge(watch.seconds[HOLDER], THRESHOLD, lambda times: sum(times) / THRESHOLD)


def _merge(times: list[float], count: int, merge: Callable[[list[float]], float]) -> None:
    """Make one time of the last few."""
    times[-count:] = [merge(times[-count:])]


def _single(watch: Stopwatch) -> None:
    keys, peer = derive_key_pair(VOPRF, bytes(32), b""), ristretto.Evaluator.from_seed(bytes(32), b"")
    inputs = [i.to_bytes(32, "big") for i in range(PERSONS)]
    batch = watch.measure(BLIND, lambda: blind(inputs, secrets.token_bytes))
    pairs = watch.measure(BLIND_PEER, lambda: [ristretto.Client.blind(item) for item in inputs])
    clients, questions = [client for client, _ in pairs], [question for _, question in pairs]
    answer = watch.measure(
        PROVE, lambda: blind_evaluate_verifiable(keys.secret, keys.public, batch.elements, secrets.token_bytes)
    )
    answer_peer = watch.measure(PROVE_PEER, lambda: peer.evaluate_batch(questions))
    outputs = watch.measure(VERIFY, lambda: finalize_verifiable(batch, answer, keys.public))
    outputs_peer = watch.measure(
        VERIFY_PEER, lambda: ristretto.Client.finalize_batch(clients, answer_peer, peer.public_key)
    )
    assert outputs == outputs_peer, "the two implementations disagree"


def _normalise(watch: Stopwatch) -> None:
    number = RawIdentifier(IdentifierKind.NATIONAL_ID, "11010519491231002X")
    phone = RawIdentifier(IdentifierKind.PHONE, "138 0013 8000")
    watch.measure(NORMALISE_ID, lambda: [normalise(number) for _ in range(PERSONS)])
    watch.measure(NORMALISE_PHONE, lambda: [normalise(phone) for _ in range(PERSONS)])


def _percentage(watch: Stopwatch, name: str, multiplications: int) -> Row:
    ratios = [
        100 * multiplications * raw / seconds
        for raw, seconds in zip(watch.seconds[RAW], watch.seconds[name], strict=True)
    ]
    target = TARGET if name in {HOLDER, LENDER} else None
    return _row(f"{name}: share of the libsodium bound", median(ratios), "%", target)


def _row(metric: str, value: float, unit: str, target: float | None = None) -> Row:
    return {"metric": metric, "value": value, "unit": unit, "better": "higher", "target": target}


def _no_failure(holder: int, error: Exception) -> None:
    raise AssertionError(f"holder {holder} failed") from error


if __name__ == "__main__":
    for row in run():
        print(f"{row['value']:>12.1f} {row['unit']:<10} {row['metric']}")
