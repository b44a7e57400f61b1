"""What of a scorecard a query may ask for: cards in effect, and whole dimensions."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from consortium.errors import Code, CreditError
from consortium.model.catalogue import META_SLOTS, Attribute
from consortium.model.identifiers import PLACES
from consortium.model.query import MAXIMUM_ATTRIBUTES
from consortium.model.rulebook import Rulebook
from consortium.model.scorecard import Scorecard
from consortium.model.scorecard_slots import PREFIX, card_slots, slot_names
from consortium.rules.profiles import Room, room_in
from consortium.scoring.asking import card_attributes
from consortium.sums.packing import Layout, Slot


def check_scorecards(asked: AbstractSet[str], at: int, cards: Iterable[Scorecard]) -> None:
    """
    Raise unless what is asked of each card may be asked for at this time (Unix seconds).

    Points of a dimension without its points lost would be asked for without the families behind them, so that consent
    to one family would show another. Raises CreditError(SCORECARD_NOT_EFFECTIVE) or (SCORECARD_IN_PART).
    """
    if not any(name.startswith(PREFIX) for name in asked):
        return
    for card in cards:
        for dimension in card.dimensions:
            slots = slot_names(card, dimension)
            if not slots & asked:
                continue
            if not card.is_effective(at):
                raise CreditError(Code.SCORECARD_NOT_EFFECTIVE, card.name)
            if not slots <= asked:
                raise CreditError(Code.SCORECARD_IN_PART, f"{card.name}, {dimension.id}")


def room_of(cards: Sequence[Scorecard], catalogue: Mapping[str, Attribute], roster_maximum: int) -> int:
    """Give the bits that an answer for these cards takes in one ciphertext, with the slots that every answer has."""
    return Layout(_slots(cards, catalogue), roster_maximum).bits


def _slots(cards: Sequence[Scorecard], catalogue: Mapping[str, Attribute]) -> tuple[Slot, ...]:
    known = {**catalogue, **card_slots(cards)}
    bounds = {**META_SLOTS, **{name: known[name].bound for name in card_attributes(*cards)}}
    return tuple(Slot(name, bound * PLACES) for name, bound in bounds.items())


def check_room(cards: Sequence[Scorecard], rulebook: Rulebook) -> None:
    """Raise CreditError(ATTRIBUTES_DO_NOT_FIT) unless all cards in effect at one time fit into one answer."""
    catalogue = {one.id: one for one in rulebook.document.attributes}
    rooms = {room_in(suite) for suite in rulebook.policy.suites}
    for begun in cards:
        together = [card for card in cards if card.is_effective(begun.effective_from)]
        names = {name for card in together for name in card_attributes(card)}
        if len(names) > MAXIMUM_ATTRIBUTES:
            cause = f"{len(names)} numbers, and a query asks for {MAXIMUM_ATTRIBUTES}"
            raise CreditError(Code.ATTRIBUTES_DO_NOT_FIT, cause)
        if names <= catalogue.keys() | card_slots(together).keys():  # what is unknown has a name of its own
            for room in rooms:
                _check_fit(together, catalogue, rulebook.policy.roster_maximum, room)


def _check_fit(cards: Sequence[Scorecard], catalogue: Mapping[str, Attribute], roster_maximum: int, room: Room) -> None:
    try:
        Layout.build(_slots(cards, catalogue), roster_maximum, room.bits, room.word_bits)
    except CreditError as error:
        raise CreditError(error.code, f"{', '.join(card.name for card in cards)}: {error.cause}") from error
