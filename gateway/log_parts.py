"""From settings to the log: its key, store, guard and the witnesses that it knows."""

from dataclasses import dataclass
from pathlib import Path

from consortium.errors import Code, CreditError
from consortium.transparency.notes import NoteSigner
from consortium.transparency.policy import Policy, parse_policy
from gateway.keys import read_seed
from gateway.settings import LogSettings
from gateway.storage.body_reader import SqlBodyReader
from gateway.storage.guard import SqlGuard
from gateway.storage.log import SqlLogStore
from gateway.tlog.guard import FileGuard
from gateway.tlog.ports import CheckpointGuard


@dataclass(frozen=True, slots=True)
class LogParts:
    """What the log is made of."""

    store: SqlLogStore
    bodies: SqlBodyReader
    guard: CheckpointGuard
    signer: NoteSigner
    witnesses: Policy | None


def log_parts(settings: LogSettings, storage: str, consortium: str) -> LogParts:
    """Open everything; raises CreditError(SETTINGS_INVALID), (POLICY_INVALID) or (LOG_GUARD_LOST)."""
    origin = settings.origin or f"{consortium}/log"
    guard = SqlGuard(settings.guard, origin) if "://" in settings.guard else FileGuard(Path(settings.guard))
    signer = NoteSigner(origin, read_seed(settings.key))
    return LogParts(SqlLogStore(storage), SqlBodyReader(storage), guard, signer, _policy(settings.witnesses))


def _policy(path: Path | None) -> Policy | None:
    if path is None:
        return None
    try:
        return parse_policy(path.read_bytes())
    except OSError as error:
        raise CreditError(Code.SETTINGS_INVALID, f"{path.name} cannot be read: {type(error).__name__}") from None
