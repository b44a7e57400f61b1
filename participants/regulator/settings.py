"""The settings of a regulator: the folder with `regulator.toml`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from consortium.errors import Code, CreditError
from consortium.model.rulebook import Rulebook, verify_rulebook
from consortium.model.signing import Ed25519Signer, Signer
from consortium.transparency.policy import Policy
from participants.rulebooks import TrustedRulebooks
from participants.settings import (
    Folder,
    GatewaySettings,
    Key32,
    MemberName,
    RulebookFiles,
    Table,
    TlsFiles,
    WitnessSettings,
)
from participants.signers import seed_in, signer_in
from participants.witness import Witness
from participants.witnessing import own_policy, policy_of, witness_of

FILE_NAME = "regulator.toml"
OpenedT = TypeVar("OpenedT")
IDENTITY_KEY, AUDIT_KEY, AUDIT_KEYS = Path("identity.key"), Path("hpke.key"), Path("audit-keys")


def open_by_any(keys: Sequence[X25519PrivateKey], opening: Callable[[X25519PrivateKey], OpenedT]) -> OpenedT:
    """Open something with whichever key it was sealed for; raises what the last one raised."""
    problem = CreditError(Code.PAYLOAD_INVALID, "no key to open it with")
    for key in keys:
        try:
            return opening(key)
        except CreditError as error:
            problem = error
    raise problem


class RegulatorKeysFile(Table):
    """The regulator's own keys, 64 hex digits each: its identity key (Ed25519), its audit key (X25519, HPKE)."""

    identity_key: Key32
    audit_key: Key32

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__


class RegulatorFile(Table):
    """
    `regulator.toml`; paths are relative to its folder.

    `policy` (C2SP tlog-policy) names the log's key, the witnesses' keys and the quorum; where there is none, and no
    `policy.txt`, the rulebook's own log key and witnesses are believed. `own_keys` (or `identity.key` and `hpke.key`,
    as `init` makes them) is needed to file anything, and to open what is sealed for the regulator.
    `witness_key` holds 64 hex digits, `witness` is the folder of what the witness keeps.
    """

    member: MemberName
    policy: Path | None = None
    witness_key: Path = Path("witness.key")
    witness: Path = Path("witness")
    own_keys: Path = Path("own-keys.json")
    rulebooks: Path = Path("rulebooks")
    log_level: str = "INFO"
    rulebook: RulebookFiles
    tls: TlsFiles
    gateway: GatewaySettings


class RegulatorSettings(Folder):
    """A regulator's folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.file = self.table(FILE_NAME, RegulatorFile)

    def rulebooks(self) -> TrustedRulebooks:
        """Verify the rulebook that the folder holds by its fingerprint, and those that follow it."""
        files = self.file.rulebook
        first = verify_rulebook(self.read(files.file), self.signatures(files.signatures), fingerprint=files.fingerprint)
        return TrustedRulebooks(first, self.path(self.file.rulebooks))

    def own_policy(self) -> Policy | None:
        """Read the folder's own policy, None where the rulebook's is followed; raises CreditError(POLICY_INVALID)."""
        return own_policy(self, self.file.policy)

    def policy(self) -> Policy:
        """Give whom to believe; raises CreditError(POLICY_INVALID), also where nobody names a log."""
        return policy_of(self, self.file.policy, self._newest)

    def witness(self) -> Witness:
        """Make the witness; raises CreditError where key or policy do not serve."""
        file = self.file
        settings = WitnessSettings(policy=file.policy, key=file.witness_key, folder=file.witness)
        return witness_of(self, settings, self._newest)

    def identity(self) -> Signer:
        """Give the identity key; raises CreditError(SETTINGS_INVALID)."""
        kept = self._own_keys()
        return Ed25519Signer(kept.identity_key) if kept is not None else signer_in(self.path(IDENTITY_KEY))

    def audit_keys(self) -> tuple[X25519PrivateKey, ...]:
        """Read every key that opens what was sealed for us, the newest first; raises CreditError(SETTINGS_INVALID)."""
        kept = self._own_keys()
        seeds = [kept.audit_key if kept is not None else seed_in(self.path(AUDIT_KEY))]
        earlier = [Path(f"{AUDIT_KEY}.before"), *sorted(self.path(AUDIT_KEYS).glob("*.key"))]
        seeds += [seed_in(self.path(name)) for name in earlier if self.path(name).exists()]
        return tuple(X25519PrivateKey.from_private_bytes(seed) for seed in seeds)

    def _newest(self) -> Rulebook:
        return self.rulebooks().current()

    def _own_keys(self) -> RegulatorKeysFile | None:
        """Read both from one file, where there is one in place of those that `init` makes."""
        there = self.path(self.file.own_keys).exists()
        return self.read_secret(self.file.own_keys, RegulatorKeysFile) if there else None
