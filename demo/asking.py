"""Whom the demonstration asks about, and by which identifiers: a mixture by seed that leaves no kind of file out."""

import random
from collections.abc import Iterator, Sequence
from itertools import cycle

import numpy as np

from consortium.model.identifiers import IdentifierKind, RawIdentifier
from demo.dataset import Asked
from demo.population import FileKind, Ints, Population

ID, PHONE, EMAIL = IdentifierKind
GIVEN = ((ID, PHONE), (ID,), (PHONE,), (ID, PHONE, EMAIL), (PHONE, EMAIL))
"""Which identifiers are given, in turn."""

_SHARES = {
    "known to all five": 0.25,
    "known to two to four": 0.25,
    "known to one": 0.13,
    "known to none": 0.14,
    "a file without an ID": 0.10,
    "a file with nothing but an ID": 0.08,
    "a file with nothing but an e-mail": 0.05,
}


def choose(population: Population, count: int, seed: int) -> tuple[Asked, ...]:
    """
    Choose `count` different people, fewer if there are not so many, with what is given of each.

    The first customer of every book is among them as far as `count` allows: broken rows of the sources name these.
    """
    rng = random.Random(f"asking/{seed}")
    chosen: dict[int, str] = {}
    for customers in population.customers.values():
        chosen.setdefault(int(customers.person[0]), "named in broken rows")
    for reason, people in _groups(population):
        pool = [person for person in people.tolist() if person not in chosen]
        for person in rng.sample(pool, min(len(pool), round(_SHARES[reason] * count))):
            chosen[person] = reason
    others = [person for person in range(len(population)) if person not in chosen]
    missing = max(0, count - len(chosen))
    chosen |= dict.fromkeys(rng.sample(others, min(len(others), missing)), "anybody")
    picked = [*chosen.items()][:count]
    rng.shuffle(picked)
    turns = cycle(GIVEN)
    return tuple(Asked(person, identifiers(population, person, next(turns)), reason) for person, reason in picked)


def identifiers(population: Population, person: int, kinds: Sequence[IdentifierKind]) -> tuple[RawIdentifier, ...]:
    """Give the identifiers of some kinds of a person, as the person would write them on a form."""
    texts = {
        ID: population.national_ids[person],
        PHONE: population.phones[person],
        EMAIL: population.emails[person],
    }
    return tuple(RawIdentifier(kind, texts[kind], "CN") for kind in kinds)


def _groups(population: Population) -> Iterator[tuple[str, Ints]]:
    counts = population.books_of()
    yield "known to all five", np.flatnonzero(counts == 5)
    yield "known to two to four", np.flatnonzero((counts >= 2) & (counts <= 4))
    yield "known to one", np.flatnonzero(counts == 1)
    yield "known to none", np.flatnonzero(counts == 0)
    kinds = {
        "a file without an ID": (FileKind.PHONE_ONLY, FileKind.PHONE_AND_EMAIL),
        "a file with nothing but an ID": (FileKind.ID_ONLY,),
        "a file with nothing but an e-mail": (FileKind.EMAIL_ONLY,),
    }
    for reason, wanted in kinds.items():
        found = [book.person[np.isin(book.kind, wanted)] for book in population.customers.values()]
        yield reason, np.unique(np.concatenate(found))
