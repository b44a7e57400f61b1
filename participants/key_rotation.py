"""Exchanging the keys that a lender's identity key certifies: no vote is needed, and nothing stops meanwhile."""

from consortium.hashing import Randomness
from consortium.model.rulebook import Rulebook
from consortium.rules.profiles import paillier_profile
from participants.keys.query_key import QueryKeyFiles
from participants.mask_secrets import MaskSecretFile
from participants.settings import NodeSettings


def rotate_own_keys(
    settings: NodeSettings, rulebook: Rulebook, kinds: frozenset[str], now: int, rng: Randomness
) -> None:
    """
    Exchange `mask` or `query` keys, durably; the serving node takes them by itself. `now` is Unix seconds.

    A query key of 3072 bits takes about two seconds to make. Raises CreditError(SETTINGS_INVALID).
    """
    if "query" in kinds:
        profile = paillier_profile(rulebook.policy.suites)
        QueryKeyFiles(settings.path(settings.file.query_key), profile).rotate()
    if "mask" in kinds:
        MaskSecretFile(settings).rotate(now, rng)
