"""
Which versions of the protocol between node and gateway this software speaks, and how two sides agree on one.

A side speaks its own version and the one before, so that gateway and nodes can be upgraded one after another.
Version 1 named no version. Version 2 names it, and knows rosters in which a member has no mask key of the day.
"""

from dataclasses import dataclass

from consortium.errors import Code, CreditError

PROTOCOL = 2
UNNAMED = 1
"""What a side speaks that names no version."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """The oldest and the newest version that one side speaks."""

    oldest: int = PROTOCOL - 1
    newest: int = PROTOCOL


def agree(own: Spoken, theirs: Spoken) -> int:
    """Give the newest version that both sides speak; raises CreditError(VERSION_UNSUPPORTED)."""
    agreed = min(own.newest, theirs.newest)
    if agreed < max(own.oldest, theirs.oldest):
        raise CreditError(Code.VERSION_UNSUPPORTED, f"protocol {_range(theirs)} there, {_range(own)} here")
    return agreed


def spoken_from_proto(oldest: int, newest: int) -> Spoken:
    """Read what the other side says it speaks; nothing stands for the version that named none."""
    top = newest or UNNAMED
    return Spoken(min(oldest or top, top), top)


def _range(spoken: Spoken) -> str:
    return f"{spoken.oldest} to {spoken.newest}"
