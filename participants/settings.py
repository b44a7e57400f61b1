"""
The settings of a lender's node: the folder with `node.toml` and the files that it names.

Unknown keys are refused. Files that hold secrets must belong to nobody but the owner (mode 0600), and what they hold
never appears in an error. `docs/books.md` shows a folder.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from consortium.errors import Code, CreditError
from consortium.model.members import check_member_id
from consortium.model.signing import Ed25519Signer, Signer
from participants.private_files import read_private
from participants.signers import signer_in

FILE_NAME = "node.toml"
MAX_FILE_BYTES = 16 * 2**20
IDENTITY_FILES = (Path("identity.key"), Path("identity.key.next"))


def _from_hex(value: object) -> object:
    return bytes.fromhex(value) if isinstance(value, str) else value


class Table(BaseModel):
    """A table of a settings file: unknown keys are refused, and nothing of it shows in an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class _SecretTable(Table):
    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__


Key32 = Annotated[bytes, BeforeValidator(_from_hex), Field(min_length=32, max_length=32)]
MemberName = Annotated[str, BeforeValidator(lambda value: check_member_id(str(value)))]
_TableT = TypeVar("_TableT", bound=Table)


class RulebookFiles(Table):
    """The rulebook as it was received, its signatures, and the fingerprint that came by another way."""

    file: Path
    signatures: Path
    fingerprint: Key32


class HolderSettings(Table):
    """
    The way to one key holder: its address, or its share.

    `insecure_local_share` is for development: whoever holds threshold shares evaluates alone, without quota or trace.
    """

    address: str | None = None
    insecure_local_share: Path | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.address is None) is (self.insecure_local_share is None):
            raise ValueError("needs one of address and insecure_local_share")
        return self


class TlsFiles(Table):
    """Certificate chain, private key and the consortium's CA, PEM."""

    certificate: Path
    key: Path
    ca: Path


class GatewaySettings(Table):
    """Every gateway replica, as host:port; the node attaches to each of them."""

    addresses: tuple[str, ...] = Field(min_length=1)


class LocalSettings(Table):
    """Where the local service listens (`unix:PATH` or a loopback host:port), and the file with its token."""

    listen: str = "127.0.0.1:7501"
    token: Path = Path("local-token")


class WitnessSettings(Table):
    """
    A witness of the gateway's log, run by the node.

    `policy` (C2SP tlog-policy) names the log's key and this witness's, and in its place is the rulebook's own where no
    file is named and no `policy.txt` is there; `key` holds 64 hex digits; `folder` is what the witness must not forget,
    and never goes into a back-up that is put back alone.
    """

    policy: Path | None = None
    key: Path = Path("witness.key")
    folder: Path = Path("witness")


class NodeFile(Table):
    """`node.toml`; paths are relative to its folder."""

    member: MemberName
    book: Path = Path("book.db")
    answers: Path = Path("answers.db")
    portfolios: Path = Path("portfolios")
    requests: Path = Path("requests.db")
    lenders_secrets: Path = Path("lenders-secrets.json")
    own_keys: Path = Path("own-keys.json")
    questions: Path = Path("questions.db")
    consents: Path = Path("consents.db")
    assessments: Path = Path("assessments.db")
    supervision: Path = Path("supervision.db")
    query_key: Path = Path("query-key.bin")
    dimensions: Path = Path("dimensions.db")
    lender_counts: Path = Path("lender-counts.json")
    rulebooks: Path = Path("rulebooks")
    log_level: str = "INFO"
    metrics_port: int = Field(default=0, ge=0, le=65535)
    rulebook: RulebookFiles
    holders: dict[MemberName, HolderSettings]
    tls: TlsFiles | None = None
    gateway: GatewaySettings | None = None
    local: LocalSettings = LocalSettings()
    witness: WitnessSettings | None = None


class LendersSecretsFile(_SecretTable):
    """What all lenders of a generation and epoch share."""

    generation: int = Field(ge=0)
    pre_hash_secret: Key32
    tag_key: Key32
    epoch: int = Field(ge=0)
    sealing_key: Key32


class OwnKeysFile(_SecretTable):
    """
    What no other party ever has: the identity key (Ed25519 seed), the audit secret and the book secret.

    The identity key may lie in `identity.key` instead, as `init` makes it.
    """

    identity_key: Key32 | None = None
    audit_secret: Key32
    book_secret: Key32


class ShareFile(_SecretTable):
    """A share of the OPRF key; the secret is a scalar, 32 bytes, little-endian."""

    holder: int = Field(ge=1, le=255)
    generation: int = Field(ge=0)
    secret: Key32


class SignaturesFile(Table):
    """The rulebook's signatures by member."""

    signatures: dict[MemberName, Annotated[bytes, BeforeValidator(_from_hex)]]


_LATER = "it is written once the rulebook is trusted: `status` says what comes first"
_WRITTEN_BY = {
    "member.toml": "`init` makes it",
    "node.toml": _LATER,
    "custodian.toml": _LATER,
    "regulator.toml": _LATER,
}


class Folder:
    """A party's folder, with the files in it read on demand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def table(self, name: str, kind: type[_TableT]) -> _TableT:
        """Read a TOML file of the folder; raises CreditError(SETTINGS_INVALID) naming the key that is wrong."""
        if name in _WRITTEN_BY and not (self.folder / name).exists():
            begun = (self.folder / "member.toml").exists()
            raise _invalid(f"{name}: not here; {_WRITTEN_BY[name] if begun else '`init` makes such a folder'}")
        data = _read(self.folder / name)
        try:
            value: object = tomllib.loads(data.decode())
        except (ValueError, RecursionError):
            raise _invalid(f"{name}: not TOML") from None
        return _validated(kind, value, name)

    def path(self, name: Path) -> Path:
        """Give the place of a file."""
        return self.folder / name

    def read(self, name: Path) -> bytes:
        """Read a public file."""
        return _read(self.path(name))

    def read_private(self, name: Path) -> bytes:
        """Read a secret file's content; raises as `participants.private_files.read_private`."""
        return read_private(self.path(name))

    def read_secret(self, name: Path, kind: type[_TableT]) -> _TableT:
        """Read a secret file (JSON); raises CreditError(SETTINGS_INVALID), and as `read_private`."""
        return _validated_json(kind, self.read_private(name), name.name)

    def signatures(self, name: Path) -> dict[str, bytes]:
        """Read a rulebook's signatures."""
        return _validated_json(SignaturesFile, self.read(name), name.name).signatures


class NodeSettings(Folder):
    """A lender's node: its folder and the settings in it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.file = self.table(FILE_NAME, NodeFile)

    def lenders_secrets(self) -> LendersSecretsFile:
        """Read what lenders share."""
        return self.read_secret(self.file.lenders_secrets, LendersSecretsFile)

    def own_keys(self) -> OwnKeysFile:
        """Read the node's own keys."""
        return self.read_secret(self.file.own_keys, OwnKeysFile)

    def identity_signers(self) -> list[Signer]:
        """Give every identity key of the folder: the one in force, and one that is on its way into the rulebook."""
        kept = self.own_keys().identity_key
        found: list[Signer] = [Ed25519Signer(kept)] if kept is not None else []
        found += [signer_in(self.path(name)) for name in IDENTITY_FILES if self.path(name).exists()]
        if not found:
            raise _invalid(f"{self.file.own_keys}: identity_key: missing, and there is no {IDENTITY_FILES[0]}")
        return found


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError:
        raise _invalid(f"{path.name}: no such file, or not readable") from None
    if len(data) > MAX_FILE_BYTES:
        raise _invalid(f"{path.name}: too long")
    return data


def _validated(kind: type[_TableT], value: object, name: str) -> _TableT:
    problem = ""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        problem = _first_problem(error)
    except CreditError as error:
        problem = error.cause
    raise _invalid(f"{name}: {problem}")  # out here, so that it does not refer to an exception with a secret in it


def _validated_json(kind: type[_TableT], data: bytes, name: str) -> _TableT:
    problem = ""
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        problem = _first_problem(error)
    except CreditError as error:
        problem = error.cause
    raise _invalid(f"{name}: {problem}")


def _first_problem(error: ValidationError) -> str:
    problem: Any = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if problem["type"] == "json_invalid":
        return "not JSON"
    return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"


def _invalid(cause: str) -> CreditError:
    return CreditError(Code.SETTINGS_INVALID, cause)
