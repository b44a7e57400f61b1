"""Members' names, sets of members, and the rule that decides which sets may answer."""

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from consortium.errors import Code, CreditError
from consortium.hashing import encode_fields
from consortium.labels import Label

MemberId: TypeAlias = str
MemberSet: TypeAlias = frozenset[MemberId]

_MEMBER_ID = re.compile(r"[a-z][a-z0-9-]{1,30}[a-z0-9]")

_LOOK_ALIKE = str.maketrans({"0": "o", "1": "l", "2": "z", "5": "s", "8": "b", "9": "g", "-": None})


def check_member_id(text: str) -> MemberId:
    """Raise CreditError(MALFORMED) unless `text` is 3 to 32 of a-z, 0-9 and '-', starting with a letter."""
    if not _MEMBER_ID.fullmatch(text):
        raise CreditError(Code.MALFORMED, "member id")
    return text


def id_skeleton(member: MemberId) -> str:
    """
    Fold what looks alike in the usual typefaces, hyphens included: ids with one skeleton are taken for each other.

    The skeleton of UTS 39 for the alphabet of `check_member_id`; it is compared and never shown.
    """
    folded = member.translate(_LOOK_ALIKE)
    for pair, single in (("rn", "m"), ("vv", "w"), ("cl", "d")):
        folded = folded.replace(pair, single)
    return folded


def encode_members(members: Iterable[MemberId]) -> bytes:
    """Encode a set of members injectively, in sorted order."""
    return encode_fields(Label.ROSTER, *(member.encode() for member in sorted(members)))


def check_answering_set(
    answering: MemberSet,
    roster: MemberSet,
    requester: MemberId,
    groups: Mapping[MemberId, str],
    limits: tuple[int, int],
) -> None:
    """
    Raise unless U may answer for R: U within R, 2|U| > |R| + c, and `k_min` groups besides the requester's.

    `limits` is (c, k_min); `groups` maps every member of R to its controlling group. Raises
    CreditError(ROSTER_MISMATCH) or CreditError(TOO_FEW_CONTRIBUTORS).
    """
    tolerated, minimum = limits
    if not answering <= roster:
        raise CreditError(Code.ROSTER_MISMATCH, "the answering set leaves the roster")
    if 2 * len(answering) <= len(roster) + tolerated:
        raise CreditError(Code.TOO_FEW_CONTRIBUTORS, f"{len(answering)} of {len(roster)} members")
    others = {groups[member] for member in answering} - {groups.get(requester)}
    if len(others) < minimum:
        raise CreditError(Code.TOO_FEW_CONTRIBUTORS, f"{len(others)} groups besides the requester's, {minimum} needed")
