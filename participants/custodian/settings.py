"""The settings of a custodian: the folder with `custodian.toml`."""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from participants.settings import Folder, GatewaySettings, MemberName, RulebookFiles, Table, TlsFiles

FILE_NAME = "custodian.toml"


def _one_address(value: object) -> object:
    return {"addresses": [value]} if isinstance(value, str) else value


class CustodianFile(Table):
    """
    `custodian.toml`; paths are relative to its folder. The quota is in elements per member and UTC day.

    `gateway` is a table with the addresses of every replica, as a node has it, or one address alone.
    """

    member: MemberName
    listen: str = "127.0.0.1:7601"
    share: Path = Path("share.json")
    evaluations: Path = Path("evaluations.db")
    rulebooks: Path = Path("rulebooks")
    elements_per_day: int = Field(default=2_000_000, ge=1)
    log_level: str = "INFO"
    rulebook: RulebookFiles
    tls: TlsFiles
    gateway: Annotated[GatewaySettings, BeforeValidator(_one_address)]


class CustodianSettings(Folder):
    """A custodian's folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.file = self.table(FILE_NAME, CustodianFile)
