"""From settings to the log: its key, store, guard and the witnesses that it knows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.membership.log_policy import log_origin, witness_keys
from consortium.model.rulebook import Rulebook
from consortium.transparency.notes import NoteSigner, VerifierKey
from consortium.transparency.policy import parse_policy
from gateway.keys import read_seed
from gateway.settings import LogSettings
from gateway.storage.body_reader import SqlBodyReader
from gateway.storage.filings_reader import SqlFilingsReader
from gateway.storage.guard import SqlGuard
from gateway.storage.log import SqlLogStore
from gateway.tlog.guard import FileGuard
from gateway.tlog.ports import CheckpointGuard

Witnesses = Callable[[], tuple[VerifierKey, ...]]
"""Whose cosignatures are taken at present: by a file, or by the rulebook in force."""


@dataclass(frozen=True, slots=True)
class LogParts:
    """What the log is made of."""

    store: SqlLogStore
    bodies: SqlBodyReader
    filings: SqlFilingsReader
    guard: CheckpointGuard
    signer: NoteSigner
    witnesses: Witnesses


def log_parts(settings: LogSettings, storage: str, current: Callable[[], Rulebook]) -> LogParts:
    """Open everything; raises CreditError(SETTINGS_INVALID), (POLICY_INVALID) or (LOG_GUARD_LOST)."""
    origin = settings.origin or log_origin(current().document.consortium)
    guard = SqlGuard(settings.guard, origin) if "://" in settings.guard else FileGuard(Path(settings.guard))
    signer = NoteSigner(origin, read_seed(settings.key))
    witnesses = _from_file(settings.witnesses) if settings.witnesses else _from_rulebook(current)
    return LogParts(SqlLogStore(storage), SqlBodyReader(storage), SqlFilingsReader(storage), guard, signer, witnesses)


def _from_file(path: Path) -> Witnesses:
    try:
        policy = parse_policy(path.read_bytes())
    except OSError as error:
        raise CreditError(Code.SETTINGS_INVALID, f"{path.name} cannot be read: {type(error).__name__}") from None
    known = tuple(policy.witnesses.values())
    return lambda: known


def _from_rulebook(current: Callable[[], Rulebook]) -> Witnesses:
    def witnesses() -> tuple[VerifierKey, ...]:
        return tuple(witness_keys(current().document).values())

    return witnesses
