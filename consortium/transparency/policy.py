"""
Whom a verifier believes (C2SP tlog-policy): the logs' keys, the witnesses' keys, and how many of them must agree.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>...
    quorum <name>|none

It comes out of band, as the rulebook's fingerprint does: nothing in an export can vouch for itself.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from consortium.errors import Code, CreditError
from consortium.transparency.checkpoints import SignedCheckpoint, check_signed
from consortium.transparency.notes import (
    KeyType,
    Note,
    VerifierKey,
    has_signature,
    parse_note,
    parse_vkey,
    verify_cosigned,
)

NONE = "none"
MAXIMUM_POLICY_BYTES = 1 << 16
_BLANKS = re.compile(r"[ \t]+")
_ALLOWED = frozenset({0x09, 0x0A, *range(0x20, 0x7F), *range(0x80, 0x100)})


@dataclass(frozen=True, slots=True)
class Group:
    """A named set of witnesses and groups, and how many of them make the whole witness."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """A checkpoint that a policy accepts: which log signed it, and when which witness did (Unix seconds)."""

    signed: SignedCheckpoint
    log: VerifierKey
    witnessed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed policy."""

    logs: tuple[VerifierKey, ...]
    witnesses: Mapping[str, VerifierKey]
    groups: Mapping[str, Group]
    quorum: str

    def open(self, data: bytes) -> Judged:
        """Verify a checkpoint's note; raises CreditError(CHECKPOINT_INVALID) or (QUORUM_MISSING)."""
        note = parse_note(data)
        judged = self.identify(note)
        if self.quorum != NONE and not self._holds(self.quorum, judged.witnessed):
            raise CreditError(Code.QUORUM_MISSING, f"{len(judged.witnessed)} of {len(self.witnesses)} witnesses")
        return judged

    def identify(self, note: Note) -> Judged:
        """Verify the log's signature and every known witness's that is there, without asking for the quorum."""
        log = next((key for key in self.logs if has_signature(note, key)), None)
        if log is None:
            raise CreditError(Code.CHECKPOINT_INVALID, "signed by no log of the policy")
        signed = check_signed(note, log)
        present = {name: key for name, key in self.witnesses.items() if has_signature(note, key)}
        return Judged(signed, log, {name: verify_cosigned(note, key) for name, key in present.items()})

    def _holds(self, name: str, witnessed: Mapping[str, int]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in witnessed
        return sum(self._holds(member, witnessed) for member in group.members) >= group.threshold


@dataclass
class _Reading:
    logs: list[VerifierKey] = field(default_factory=list)
    witnesses: dict[str, VerifierKey] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    grouped: set[str] = field(default_factory=set)
    quorum: str | None = None

    def read(self, words: Sequence[str]) -> None:
        readers: dict[str, Callable[[Sequence[str]], None]] = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._quorum,
        }
        if words[0] not in readers:
            raise _invalid("a line that is none of log, witness, group, quorum")
        readers[words[0]](words[1:])

    def _log(self, words: Sequence[str]) -> None:
        if len(words) not in (1, 2):
            raise _invalid("log <vkey> [<url>]")
        self.logs.append(_key(words[0], KeyType.ED25519, self.logs))

    def _witness(self, words: Sequence[str]) -> None:
        if len(words) not in (2, 3):
            raise _invalid("witness <name> <vkey> [<url>]")
        self._check_new(words[0])
        self.witnesses[words[0]] = _key(words[1], KeyType.COSIGNATURE, [*self.witnesses.values()])

    def _group(self, words: Sequence[str]) -> None:
        if len(words) < 3:
            raise _invalid("group <name> all|any|<k> <name>...")
        name, how_many, *members = words
        self._check_new(name)
        for member in members:
            if not self._known(member) or member in self.grouped:
                raise _invalid("a member of a group that is unknown or a member already")
            self.grouped.add(member)
        self.groups[name] = Group(_threshold(how_many, len(members)), tuple(members))

    def _quorum(self, words: Sequence[str]) -> None:
        if len(words) != 1 or self.quorum is not None or not (words[0] == NONE or self._known(words[0])):
            raise _invalid("one line quorum <name> is needed, its name defined before")
        self.quorum = words[0]

    def _known(self, name: str) -> bool:
        return name in self.witnesses or name in self.groups

    def _check_new(self, name: str) -> None:
        if name == NONE or self._known(name):
            raise _invalid("a name that is taken")


def parse_policy(data: bytes) -> Policy:
    """Parse a policy of at most 64 KiB; raises CreditError(POLICY_INVALID)."""
    if len(data) > MAXIMUM_POLICY_BYTES or not _ALLOWED.issuperset(data):
        raise _invalid("a control character, or too long")
    *lines, rest = data.decode("utf-8", "surrogateescape").split("\n")
    if rest:
        raise _invalid("the last line has no newline")
    reading = _Reading()
    for line in lines:
        words = _BLANKS.split(line.strip(" \t"))
        if words[0] and not words[0].startswith("#"):
            reading.read(words)
    if reading.quorum is None:
        raise _invalid("no quorum")
    return Policy(tuple(reading.logs), reading.witnesses, reading.groups, reading.quorum)


def _key(text: str, kind: KeyType, known: Sequence[VerifierKey]) -> VerifierKey:
    try:
        key = parse_vkey(text)
    except CreditError as error:
        raise _invalid(error.cause) from error
    if key.type is not kind:
        raise _invalid("a key of a type that does not fit its line")
    if key.public in [one.public for one in known]:
        raise _invalid("one key twice")
    return key


def _threshold(text: str, members: int) -> int:
    if text in ("any", "all"):
        return 1 if text == "any" else members
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= members:
        raise _invalid("threshold of a group")
    return int(text)


def _invalid(cause: str) -> CreditError:
    return CreditError(Code.POLICY_INVALID, cause)
