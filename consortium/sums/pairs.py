"""The comparison of pair digests that the gateway and the requester make; it needs no secret."""

from collections import Counter
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
    """
    Name whom the next attempt leaves out, so that no differing pair remains.

    Whoever is in the most differing pairs goes first, as long as that is more than one pair; of a pair that stands
    alone nobody can tell who is wrong, and both go. So two members that lie do not push out those they lied about.
    """
    left_out: set[str] = set()
    open_pairs = list(pairs)
    while open_pairs:
        counts = Counter(member for pair in open_pairs for member in pair)
        most = max(counts.values())
        left_out |= {member for member, count in counts.items() if count == most}
        open_pairs = [pair for pair in open_pairs if not left_out & set(pair)]
    return frozenset(left_out)
