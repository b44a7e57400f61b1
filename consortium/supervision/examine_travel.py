"""
The examination of a travel table: the signed bytes by its key, and each cell's number by the book's location events.

Where and when the check was follows from the query itself, which the member opens for this one header: payload and
holder parts are what its requester had signed.
"""

from collections.abc import Sequence

from consortium.errors import Code, CreditError
from consortium.model.credit_file import CreditFile
from consortium.model.members import MemberSet
from consortium.model.query import SignedQuery
from consortium.model.rounds import Round1Body, Round2Body
from consortium.model.rulebook import Rulebook
from consortium.oprf import group
from consortium.rules.travel import travel_policy, whereabouts_from_bytes
from consortium.rules.travel_numbers import travel_numbers
from consortium.rules.travel_reveals import StatedTravel, TravelReveal, check_travel_reveal
from consortium.sealing.payload import Payload, open_with
from consortium.supervision.bundle import Bundle, ShownTravel
from consortium.travel.geography import Whereabouts


def stated_travel(
    query: SignedQuery, first: Round1Body, second: Round2Body, answering: MemberSet, *, everybody: bool
) -> StatedTravel | None:
    """Give what a member signed of a travel check; None where the query has none."""
    if query.header.travel is None or first.travel is None:
        return None
    correction = int.from_bytes(second.travel_correction, "big")
    return StatedTravel(query.header.travel.element, first.travel, correction, answering, everybody)


def examine_travel(
    bundle: Bundle,
    stated: StatedTravel | None,
    counted: Sequence[CreditFile | None],
    query: SignedQuery,
    rulebook: Rulebook,
) -> tuple[str, ...]:
    """
    Examine a bundle's travel table; `counted` are the files of the query's places that matched.

    Gives what stays open: a holder part that does not open may be the requester's fault. Raises REVEAL_INVALID.
    """
    if stated is None:
        return ()
    if bundle.travel is None:
        raise _invalid("no travel table is shown")
    shown = bundle.travel
    reveal = TravelReveal(group.decode_scalar(shown.key), shown.numbers, bundle.seed, bundle.pair_keys)
    check_travel_reveal(bundle.member, reveal, stated)
    asked, unread = _asked(bundle, shown, counted, query, rulebook)
    policy = travel_policy(rulebook)
    if travel_numbers([*zip(counted, asked, strict=True)], policy) != shown.numbers:
        raise _invalid("the travel table's numbers are not those that book and query give")
    return unread


def _asked(
    bundle: Bundle,
    shown: ShownTravel,
    counted: Sequence[CreditFile | None],
    query: SignedQuery,
    rulebook: Rulebook,
) -> tuple[list[Whereabouts | None], tuple[str, ...]]:
    """Open what the holders read, at every place with a file that counts."""
    asked: list[Whereabouts | None] = []
    unread = []
    places = zip(_payload(bundle, shown, query).places, shown.opened, counted, strict=True)
    for index, (place, material, file) in enumerate(places):
        plain = _opened(material, place.holder_part, query) if file else b""
        asked.append(whereabouts_from_bytes(plain, travel_policy(rulebook), query.header.issued_at))
        if file and not plain:
            unread.append(f"place {index}: a holder part that does not open by what was shown")
    return asked, tuple(unread)


def _payload(bundle: Bundle, shown: ShownTravel, query: SignedQuery) -> Payload:
    try:
        payload = Payload.from_bytes(open_with(shown.payload, query.payload, query.header_digest))
    except CreditError as error:
        raise _invalid("the payload does not open by what was shown") from error
    if payload.rho != bundle.rho or tuple(tag.value for tag in payload.tags) != bundle.tags:
        raise _invalid("another payload than the query's")
    return payload


def _opened(material: bytes, sealed: bytes, query: SignedQuery) -> bytes:
    try:
        return open_with(material, sealed, query.header_digest)
    except CreditError:
        return b""


def _invalid(cause: str) -> CreditError:
    return CreditError(Code.REVEAL_INVALID, cause)
