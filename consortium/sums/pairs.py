"""The comparison of pair digests that the gateway and the requester make; it needs no secret."""

from collections.abc import Mapping, Sequence
from hmac import compare_digest


def differing_pairs(roster: Sequence[str], digests: Mapping[str, Mapping[str, bytes]]) -> list[tuple[str, str]]:
    """
    Compare d_ij with d_ji for every two members that answered.

    `digests[i][j]` is what i stated about the pair {i, j}. Gives the pairs that differ, in the roster's order.
    """
    answered = [member for member in roster if member in digests]
    return [
        (first, second)
        for place, first in enumerate(answered)
        for second in answered[place + 1 :]
        if not compare_digest(digests[first][second], digests[second][first])
    ]


def members_to_leave_out(pairs: Sequence[tuple[str, str]]) -> frozenset[str]:
    """Name whom the next attempt leaves out: members with two mismatches or more; if there are none, both."""
    counts: dict[str, int] = {}
    for member in (member for pair in pairs for member in pair):
        counts[member] = counts.get(member, 0) + 1
    repeated = frozenset(member for member, count in counts.items() if count > 1)
    unexplained = [pair for pair in pairs if not repeated & set(pair)]
    return repeated | {member for pair in unexplained for member in pair}
