"""Which sizes a suite has."""

from consortium.model.query import Suite
from consortium.sums.profiles import INSECURE_TEST_1024, PAILLIER_3072, Profile

PROFILES: dict[Suite, Profile] = {
    Suite.PAILLIER_3072_MASKED: PAILLIER_3072,
    Suite.INSECURE_TEST_1024_MASKED: INSECURE_TEST_1024,
}
