"""The settings of a regulator: the folder with `regulator.toml`."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from consortium.errors import Code, CreditError
from consortium.model.signing import Ed25519Signer
from consortium.transparency.notes import NoteSigner
from consortium.transparency.policy import Policy, parse_policy
from participants.settings import Folder, GatewaySettings, Key32, MemberName, RulebookFiles, Table, TlsFiles

FILE_NAME = "regulator.toml"
SEED_BYTES = 32


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
    rulebook's fingerprint did. `own_keys` is needed for orders and access reports only.
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
        policy = parse_policy(self.read(self.file.policy))
        if not policy.logs:
            raise CreditError(Code.POLICY_INVALID, "no log")
        return policy

    def identity(self) -> Ed25519Signer:
        """Read the identity key; raises CreditError(SETTINGS_INVALID)."""
        return Ed25519Signer(self.read_secret(self.file.own_keys, RegulatorKeysFile).identity_key)

    def audit_key(self) -> X25519PrivateKey:
        """Read the key that opens envelopes; raises CreditError(SETTINGS_INVALID)."""
        return X25519PrivateKey.from_private_bytes(self.read_secret(self.file.own_keys, RegulatorKeysFile).audit_key)

    def witness_signer(self) -> NoteSigner:
        """Read the witness's key; its name is the one that the policy gives to this key, or one of the consortium's."""
        try:
            seed = bytes.fromhex(self.read_private(self.file.witness_key).decode("ascii").strip())
        except ValueError:
            seed = b""
        if len(seed) != SEED_BYTES:
            raise CreditError(Code.SETTINGS_INVALID, f"{self.file.witness_key.name}: no Ed25519 key")
        public = NoteSigner("unnamed", seed).public
        names = [key.name for key in self.policy().witnesses.values() if key.public == public]
        if not names:
            raise CreditError(Code.POLICY_INVALID, "the policy does not know this witness's key")
        return NoteSigner(names[0], seed)
