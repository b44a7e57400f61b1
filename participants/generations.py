"""
A node's books by generation: tags change with the OPRF key, so that each generation has a book of its own.

The next one is loaded beside the one in use while it is announced; live events go to both, and the node changes over
with the version that puts the generation into force. A book of a retired generation stays for access reports.
"""

from pathlib import Path

from consortium.membership.genesis import FIRST_GENERATION
from consortium.model.rulebook import Oprf, Rulebook
from participants.settings import NodeSettings


def book_path(settings: NodeSettings, generation: int) -> Path:
    """Give the file of a generation's book; that of the first one has the name in the settings."""
    name = settings.file.book
    if generation == FIRST_GENERATION:
        return settings.path(name)
    return settings.path(name.with_name(f"{name.stem}-generation-{generation:04d}{name.suffix}"))


def prepared(settings: NodeSettings, rulebook: Rulebook) -> Oprf | None:
    """Give the announced generation, where this node has begun to load a book for it."""
    upcoming = rulebook.document.upcoming
    return upcoming if upcoming is not None and book_path(settings, upcoming.generation).exists() else None
