"""What a query has to ask for so that a card can be scored."""

from consortium.model.scorecard import Dimension, Scorecard, SumSource
from consortium.model.scorecard_slots import slot_names


def needed(card: Scorecard, dimension: Dimension) -> frozenset[str]:
    """Give the ids of all attributes that one dimension is scored from: its slots, and what its sums are over."""
    sources = (one.source for one in dimension.characteristics)
    summed = {
        name for source in sources if isinstance(source, SumSource) for name in (*source.attributes, *source.over)
    }
    return slot_names(card, dimension) | summed


def card_attributes(*cards: Scorecard) -> tuple[str, ...]:
    """Give the ids of all attributes to ask for so that these cards can be scored from one answer, each once."""
    return tuple(sorted({name for card in cards for dimension in card.dimensions for name in needed(card, dimension)}))
