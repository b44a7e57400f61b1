"""Which members answer for a block of rows, and which of its rows are left out because they are bound otherwise."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from consortium.bitmaps import Truths, bitmap, truths
from consortium.errors import Code, CreditError
from consortium.model.members import MemberId, MemberSet, check_answering_set
from consortium.model.rounds import BoundRows

Bounds = Mapping[MemberId, Sequence[BoundRows]]


@dataclass(frozen=True, slots=True)
class BlockSelection:
    """U, and a bitmap of the rows left out; empty where none is."""

    members: MemberSet
    left_out: bytes


def choose_for_block(
    bounds: Bounds,
    rows: int,
    roster: MemberSet,
    requester: MemberId,
    groups: Mapping[MemberId, str],
    limits: tuple[int, int],
) -> BlockSelection:
    """
    Choose U for a block from what each member that answered round 1 says its ledger has bound of the rows.

    Every row that a member of U has bound to another set is left out. Of the sets that may answer (everybody who
    answered; they without those who name sets that nobody else does; each set that more than c members name for some
    row) that one is taken under which most contributions to rows are in. Raises CreditError(TOO_FEW_CONTRIBUTORS) where
    none may answer, (DIFFERENCING) where every row would be left out.
    """
    answered = frozenset(bounds)
    named = Counter(members for bound in bounds.values() for members in {one.members for one in bound})
    credible = {members for members, count in named.items() if count > limits[0]}
    alone = {member for member, bound in bounds.items() if any(one.members not in credible for one in bound)}
    candidates = {answered, answered - alone, *(members for members in credible if members <= answered)}
    lawful = [one for one in candidates if _lawful(one, roster, requester, groups, limits)]
    if not lawful:
        check_answering_set(answered, roster, requester, groups, limits)
        raise CreditError(Code.TOO_FEW_CONTRIBUTORS)
    kept = {members: _kept(bounds, members, rows) for members in lawful}
    best = max(lawful, key=lambda one: (int(kept[one].sum()) * len(one), len(one), sorted(one)))
    if not kept[best].any():
        raise CreditError(Code.DIFFERENCING, "every row of the block is bound to other sets")
    return BlockSelection(best, b"" if kept[best].all() else bitmap(~kept[best]))


def _lawful(
    members: MemberSet,
    roster: MemberSet,
    requester: MemberId,
    groups: Mapping[MemberId, str],
    limits: tuple[int, int],
) -> bool:
    try:
        check_answering_set(members, roster, requester, groups, limits)
    except CreditError:
        return False
    return True


def _kept(bounds: Bounds, members: MemberSet, rows: int) -> Truths:
    kept = np.ones(rows, dtype=bool)
    for member in members:
        for one in bounds[member]:
            if one.members != members:
                kept &= ~truths(one.rows, rows)
    return kept
