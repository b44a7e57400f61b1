"""What a contributor keeps of each exchange so that it can open it later, sealed under its audit secret."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consortium.canonical import CanonicalValue, canonical_json, parse_canonical
from consortium.errors import Code, CreditError
from consortium.hashing import Randomness, derive
from consortium.labels import Label
from consortium.model.identifiers import Secret, Silent, SubjectTag
from consortium.model.members import MemberId, MemberSet
from consortium.sums.exchange import BookState, CtxSeeds
from consortium.sums.reveals import Reveal

NONCE_BYTES = 12


@dataclass(frozen=True, slots=True, repr=False)
class TravelRecord(Silent):
    """
    A travel table's key, the number of each cell (a byte each), and what opened payload and holder parts.

    `opened` has a part's material for each place that matched a file, nothing for the others.
    """

    key: int
    numbers: bytes
    payload: bytes
    opened: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, repr=False)
class RevealRecord(Silent):
    """
    The number X_i, the obfuscator's seed or k_i, every k_ij, the state of the book behind them, whom it was about.

    `tags` and `rho` are the query's, so that they are known when the epoch's sealing key is not any more; `proven` says
    for which tags the query proved the subject's key. All three are empty in records of older versions. `earlier` are
    the tags of the generation before, while the ledger goes by them as well. `travel` is there where the query has a
    travel check.
    """

    value: int
    obfuscator_seed: bytes
    pair_keys: dict[MemberId, bytes]
    book: BookState
    tags: tuple[SubjectTag, ...] = ()
    proven: tuple[bool, ...] = ()
    rho: bytes = b""
    earlier: tuple[SubjectTag, ...] = ()
    travel: TravelRecord | None = None
    requester_key: bytes = b""


def seal_record(record: RevealRecord, audit_secret: Secret, ctx: bytes, rng: Randomness) -> bytes:
    """Encrypt a record (AES-256-GCM) under a key of its own exchange."""
    nonce = rng(NONCE_BYTES)
    return nonce + AESGCM(_key(audit_secret, ctx)).encrypt(nonce, _encode(record), ctx)


def open_record(sealed: bytes, audit_secret: Secret, ctx: bytes) -> RevealRecord:
    """Decrypt a record; raises CreditError(REVEAL_INVALID) where it was altered."""
    try:
        plain = AESGCM(_key(audit_secret, ctx)).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], ctx)
    except (InvalidTag, ValueError) as error:
        raise CreditError(Code.REVEAL_INVALID, "the stored record does not open") from error
    return _decode(plain)


def make_reveal(record: RevealRecord, audit_secret: Secret, ctx: bytes, answering: MemberSet, own: MemberId) -> Reveal:
    """Open an exchange for an inspection: nothing towards members outside U is shown."""
    seeds = CtxSeeds.derive(audit_secret.value, ctx)
    pair_keys = {peer: record.pair_keys[peer] for peer in answering - {own}}
    return Reveal(record.value, seeds.seed, record.obfuscator_seed, pair_keys, record.book, record.requester_key)


def check_reveal_allowed(answering: int, colluders: int, already: frozenset[MemberId], member: MemberId) -> None:
    """
    Raise CreditError(REVEAL_LIMIT) if one more member's reveal would isolate another.

    At most |U| - c - 3 different members are revealed per subject and window; `already` names those that were.
    """
    if len(already | {member}) > answering - colluders - 3:
        raise CreditError(Code.REVEAL_LIMIT)


def _key(audit_secret: Secret, ctx: bytes) -> bytes:
    return derive(audit_secret.value, Label.REVEAL_RECORD, ctx)


def _encode(record: RevealRecord) -> bytes:
    return canonical_json(
        {
            **_travel_to_value(record.travel),
            **({"requester_key": record.requester_key.hex()} if record.requester_key else {}),
            "value": f"{record.value:x}",
            "obfuscator_seed": record.obfuscator_seed.hex(),
            "pair_keys": {peer: key.hex() for peer, key in record.pair_keys.items()},
            "root": record.book.root.hex(),
            "journal_size": record.book.journal_size,
            "journal_head": record.book.journal_head.hex(),
            "tags": [tag.value.hex() for tag in record.tags],
            "proven": [*record.proven],
            "rho": record.rho.hex(),
            "earlier": [tag.value.hex() for tag in record.earlier],
        }
    )


def _decode(plain: bytes) -> RevealRecord:
    match parse_canonical(plain):
        case {
            "value": str(value),
            "obfuscator_seed": str(seed),
            "pair_keys": dict(pair_keys),
            "root": str(root),
            "journal_size": int(size),
            "journal_head": str(head),
            **rest,
        }:
            keys = {peer: bytes.fromhex(str(key)) for peer, key in pair_keys.items()}
            book = BookState(bytes.fromhex(root), size, bytes.fromhex(head))
            return RevealRecord(
                int(value, 16),
                bytes.fromhex(seed),
                keys,
                book,
                *_about(rest),
                travel=_travel(rest),
                requester_key=bytes.fromhex(str(rest.get("requester_key", ""))),
            )
    raise CreditError(Code.REVEAL_INVALID, "the stored record has another form")


def _about(
    rest: Mapping[object, object],
) -> tuple[tuple[SubjectTag, ...], tuple[bool, ...], bytes, tuple[SubjectTag, ...]]:
    """Read whom a record is about; nothing where an older version has written it."""
    match rest:
        case {"tags": list(tags), "proven": list(proven), "rho": str(rho)}:
            before = rest.get("earlier", [])
            earlier = before if isinstance(before, list) else []
            return _tags(tags), tuple(one is True for one in proven), bytes.fromhex(rho), _tags(earlier)
    return (), (), b"", ()


def _travel_to_value(travel: TravelRecord | None) -> dict[str, CanonicalValue]:
    if travel is None:
        return {}
    opened = [material.hex() for material in travel.opened]
    value = {"key": f"{travel.key:x}", "numbers": travel.numbers.hex(), "payload": travel.payload.hex()}
    return {"travel": {**value, "opened": opened}}


def _travel(rest: Mapping[object, object]) -> TravelRecord | None:
    match rest.get("travel"):
        case {"key": str(key), "numbers": str(numbers), "payload": str(payload), "opened": list(opened)}:
            materials = tuple(bytes.fromhex(str(one)) for one in opened)
            return TravelRecord(int(key, 16), bytes.fromhex(numbers), bytes.fromhex(payload), materials)
    return None


def _tags(values: Sequence[object]) -> tuple[SubjectTag, ...]:
    return tuple(SubjectTag(bytes.fromhex(str(value))) for value in values)
