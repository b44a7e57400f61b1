"""The numbers of a contributor's table: which cells contradict what it knows of a person's whereabouts."""

from collections.abc import Sequence

import numpy as np

from consortium.model.credit_file import CreditFile
from consortium.travel.contradictions import contradicted
from consortium.travel.geography import Tile, Whereabouts
from consortium.travel.policy import TravelPolicy

_DECOY_ASKED = Whereabouts(Tile(0, 0), 600)


def travel_numbers(matches: Sequence[tuple[CreditFile | None, Whereabouts | None]], policy: TravelPolicy) -> bytes:
    """
    Give each cell's number, one byte a cell: at how many places of the query a file contradicts it.

    `matches` has a place's matched file and what its holder part says. It is a sum over places, as every answer is:
    with anything else the answer under one tag would depend on another tag. A frozen file contradicts nothing.
    """
    total = np.zeros(policy.grid.cells, dtype=np.uint8)
    for file, asked in matches:
        counted = file.locations if file and not file.frozen and asked else ()
        total += contradicted([one.event for one in counted], asked or _DECOY_ASKED, policy)
    return total.tobytes()
