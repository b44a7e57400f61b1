"""The gateway's settings: one TOML file, unknown keys refused, paths relative to the file."""

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from consortium.errors import Code, CreditError

Seconds = Annotated[float, Field(gt=0, le=600)]
Port = Annotated[int, Field(ge=0, le=65535)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Tls(_Section):
    """Certificate chain, private key and the consortium's CA, PEM files."""

    certificate: Path
    key: Path
    ca: Path


class Limits(_Section):
    """
    What members may use: queries, elements evaluated (a UTC day), refusals, requests in flight.

    Refusals with an entry of their own are counted a minute and replica. Requests in flight are those of all, and
    those of one member until its answers have left.
    """

    queries_per_minute: int = Field(default=6000, ge=1)
    queries_per_day: int = Field(default=200_000, ge=1)
    refusals_per_minute: int = Field(default=600, ge=1)
    elements_per_day: int = Field(default=2_000_000, ge=1)
    in_flight: int = Field(default=256, ge=1)


class TimeoutSettings(_Section):
    """
    Seconds: waiting for round 1, round 2, open requests when draining, and members to come back after a start.

    `statistic` is for each round of a statistic, for which lenders read their whole book.
    """

    round1: Seconds = 2.0
    round2: Seconds = 5.0
    statistic: Seconds = 240.0
    drain: Seconds = 10.0
    settle: Annotated[float, Field(ge=0, le=60)] = 5.0


class LogSettings(_Section):
    """
    The transparency log: its key (64 hex digits, 0600), where the guard of the newest checkpoint is, and how often.

    `guard` is a file on another volume than the data, or the URL of another database. A checkpoint is published once
    `entries` are new, or `seconds` after the first new one. `witnesses` is a C2SP tlog-policy file whose witnesses'
    cosignatures are taken; without it none are. `origin` is the log's name, by default `<consortium>/log`.
    """

    key: Path
    guard: str
    origin: str | None = None
    seconds: Seconds = 1.0
    entries: int = Field(default=1000, ge=1)
    witnesses: Path | None = None


class AuthoritySettings(_Section):
    """
    The consortium's CA, where this gateway keeps it: PEM files, the key 0600; without it nobody is certified here.

    `hosts` are the DNS names and addresses in the gateway's own certificate.
    """

    certificate: Path
    key: Path
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1")


class Settings(_Section):
    """
    Everything `credit-gateway serve` is told.

    `fingerprint` is that of version 1 in hexadecimal digits; without it, it is read from the file `fingerprint` in
    `rulebooks`, which a founding leaves there. `join_listen` is the door for those without a certificate.
    `ceremonies` is false on all replicas of a gateway but one.
    """

    member: str
    consortium: str = ""
    listen: str = "127.0.0.1:7400"
    join_listen: str | None = None
    metrics_port: Port = 0
    log_level: str = "INFO"
    storage: str = "sqlite:///gateway.db"
    identity_key: Path
    key_share: Path
    rulebooks: Path
    fingerprint: str = ""
    tls: Tls
    authority: AuthoritySettings | None = None
    require_binding: bool = True
    ceremonies: bool = True
    limits: Limits = Limits()
    timeouts: TimeoutSettings = TimeoutSettings()
    log: LogSettings | None = None


def load_settings(path: Path) -> Settings:
    """Read a settings file; raises CreditError(SETTINGS_INVALID) naming the key that is wrong."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CreditError(Code.SETTINGS_INVALID, f"{path.name} cannot be read: {type(error).__name__}") from error
    try:
        return _anchored(Settings.model_validate(values), path.parent)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in problem["loc"])
        raise CreditError(Code.SETTINGS_INVALID, f"{name}: {problem['msg']}") from None


def _anchored(settings: Settings, folder: Path) -> Settings:
    tls = settings.tls
    names = ("identity_key", "key_share", "rulebooks")
    anchored: dict[str, object] = {name: folder / getattr(settings, name) for name in names}
    files = Tls(certificate=folder / tls.certificate, key=folder / tls.key, ca=folder / tls.ca)
    log = _anchored_log(settings.log, folder) if settings.log else None
    urls = {"storage": _anchored_url(settings.storage, folder), "log": log}
    if (ca := settings.authority) is not None:
        paths = {"certificate": folder / ca.certificate, "key": folder / ca.key}
        anchored["authority"] = ca.model_copy(update=paths)
    return settings.model_copy(update={**anchored, "tls": files, **urls})


def _anchored_log(log: LogSettings, folder: Path) -> LogSettings:
    guard = _anchored_url(log.guard, folder) if "://" in log.guard else str(folder / log.guard)
    witnesses = folder / log.witnesses if log.witnesses else None
    return log.model_copy(update={"key": folder / log.key, "guard": guard, "witnesses": witnesses})


def _anchored_url(url: str, folder: Path) -> str:
    prefix = "sqlite:///"
    return f"{prefix}{folder / url.removeprefix(prefix)}" if url.startswith(prefix) else url
