"""What a demonstration's log and its regulator need: keys, the policy that names them, and where the guard lies."""

from dataclasses import dataclass

from consortium.hashing import Randomness
from consortium.silent import Silent
from consortium.transparency.notes import KeyType, NoteSigner

REGULATOR_TOML = """\
# {member}: witness and auditor. Every setting: docs/running.md
member = "{member}"
{common}
[gateway]
addresses = ["127.0.0.1:{gateway_port}"]
"""


@dataclass(frozen=True, slots=True, repr=False)
class LogKeys(Silent):
    """The seeds of the log's key and of the regulator's witness key, and the policy that goes with them."""

    log: bytes
    witness: bytes
    policy: str

    @classmethod
    def create(cls, consortium: str, rng: Randomness) -> "LogKeys":
        """Draw both; the policy asks for the regulator's cosignature."""
        log, witness = rng(32), rng(32)
        log_key = NoteSigner(f"{consortium}/log", log).verifier(KeyType.ED25519)
        witness_key = NoteSigner(f"{consortium}/witness/regulator", witness).verifier(KeyType.COSIGNATURE)
        lines = f"log {log_key.vkey}", f"witness regulator {witness_key.vkey}", "quorum regulator"
        return cls(log, witness, "".join(f"{line}\n" for line in lines))
