"""The settings of a regulator: the folder with `regulator.toml`."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from consortium.model.signing import Ed25519Signer
from consortium.transparency.policy import Policy
from participants.settings import (
    Folder,
    GatewaySettings,
    Key32,
    MemberName,
    RulebookFiles,
    Table,
    TlsFiles,
    WitnessSettings,
    seed_of,
)
from participants.witness import Witness
from participants.witnessing import read_policy, witness_of

FILE_NAME = "regulator.toml"
IDENTITY_KEY, AUDIT_KEY = Path("identity.key"), Path("hpke.key")


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

    `policy` (C2SP tlog-policy) names the log's key, the witnesses' keys and the quorum; it came out of band, as the
    rulebook's fingerprint did. `own_keys` (or `identity.key` and `hpke.key`, as
    `init` makes them) is needed for orders and access reports only.
    `witness_key` holds 64 hex digits, `witness` is the folder of what the witness keeps.
    """

    member: MemberName
    policy: Path = Path("policy.txt")
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

    def policy(self) -> Policy:
        """Read the policy; raises CreditError(POLICY_INVALID), also where it names no log."""
        return read_policy(self, self.file.policy)

    def witness(self) -> Witness:
        """Make the witness; raises CreditError where key or policy do not serve."""
        file = self.file
        return witness_of(self, WitnessSettings(policy=file.policy, key=file.witness_key, folder=file.witness))

    def identity(self) -> Ed25519Signer:
        """Read the identity key; raises CreditError(SETTINGS_INVALID)."""
        return Ed25519Signer(self._own_keys().identity_key)

    def audit_key(self) -> X25519PrivateKey:
        """Read the key that opens envelopes; raises CreditError(SETTINGS_INVALID)."""
        return X25519PrivateKey.from_private_bytes(self._own_keys().audit_key)

    def _own_keys(self) -> RegulatorKeysFile:
        """Read both from one file, or from those that `init` makes."""
        if self.path(self.file.own_keys).exists():
            return self.read_secret(self.file.own_keys, RegulatorKeysFile)
        identity, audit = (seed_of(self.read_private(name), name) for name in (IDENTITY_KEY, AUDIT_KEY))
        return RegulatorKeysFile(identity_key=identity, audit_key=audit)
