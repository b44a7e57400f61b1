"""
The Paillier key that the circle of a conformance run asks under: published here, and so of no use for anything else.

To make one takes seconds that every newcomer would wait for; what is tried out is how a node answers under a key.
"""

from consortium.sums.profiles import PAILLIER_3072, Profile
from consortium.sums.secret import SecretKey

_PRIMES = bytes.fromhex(
    "f1f888ad255b654ffff8d0c084d6d8e6be2d9e899edc8f59e5f3a0125f1247991547da3beb4d390d42f2cc684b753250"
    "0ca2feca16fb4d5c396aabc67a9c4e111078f7ccb95688daf7cbcadad0de2837f83c00f4bc4aabb322f9ebb879ee3035"
    "f9da04ab1550720429a10cbc36e5ae3f929cbb918e3d0fae2bace0f68c5971294e81102c5bca229e75e4e4b81d6a2f22"
    "d68e681cfff106be5e192c8f0e8bed519c2d78e9c43cb00603b8fccdf4dced2248aba16eb403c2cdf8168cd27b62c093"
    "faf108b704467d9f59cde3a7429638005783a950f2329a3c191e85fe4cae07a4125d75531958277660d20ff003616e50"
    "7949bb1cc6d7cb1a7011c51b6bed93ff7e1e08b186f96974b09a3864a3e7178119bb4168f50dbe0f548938d653e89dc5"
    "97b25ace1b6cd208eadea473fbc7d81c8d5b01eb919fc6f4f17853ab6d4d549997e401a2ca4f6c898875df02357b3ce4"
    "ce08146a9f3ccfe7115a5f427c0e345489f850b1456d9cd18a418b78cb9eb2fe1115a51ea690f8dd91771381b6aa0f9b"
)


def circle_key(profile: Profile) -> SecretKey:
    """Give the key of the full size, or make one of another size, which is quick."""
    return SecretKey.from_bytes(_PRIMES, profile) if profile is PAILLIER_3072 else SecretKey.generate(profile)
