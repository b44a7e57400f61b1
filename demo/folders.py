"""Folders of lenders' nodes to try the command line with; `python -m demo.folders OUT` writes one for each of five."""

import argparse
import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from consortium.custody import KeyHolder
from consortium.labels import Label
from consortium.model.members import MemberId
from consortium.model.rulebook import HolderKey, rulebook_digest
from consortium.oprf.sharing import KeyShare
from demo.consortium import Foundation, Terms, found
from participants.insecure_local_holders import share_secret
from participants.settings import FILE_NAME

LENDERS = ("lender-one", "lender-two", "lender-three", "lender-four", "lender-five")

_SETTINGS = """\
# A node for trying things out. Paths are relative to this folder.
member = "{member}"

[rulebook]
file = "rulebook.json"
signatures = "rulebook-signatures.json"
fingerprint = "{fingerprint}"
"""
_HOLDER = """
[holders.{member}]
insecure_local_share = "{file}"   # development only: see README.txt
"""
_README = """\
This folder is INSECURE and for development only.

The files INSECURE-share-*.json are the shares of all key holders. Whoever holds the threshold of them can turn every
identifier into its subject key alone, without quota and without trace. In operation each share lies with its holder,
and no lender ever sees one. All other secret files are as a real node has them.
"""


def write_node_folder(foundation: Foundation, lender: MemberId, folder: Path) -> None:
    """Write a lender's node folder (mode 0700, its files 0600); the folder must not exist yet."""
    folder.mkdir(mode=0o700, parents=True)
    rulebook = foundation.rulebook
    signatures = _signatures(foundation)
    _write(folder / "rulebook.json", rulebook.raw)
    _write_json(folder / "rulebook-signatures.json", {"signatures": signatures})
    _write_json(folder / "lenders-secrets.json", _lenders_secrets(foundation))
    _write_json(folder / "own-keys.json", _own_keys(foundation, lender))
    text = _SETTINGS.format(member=lender, fingerprint=rulebook_digest(rulebook.raw).hex())
    for holder in rulebook.document.oprf.holders:
        file = f"INSECURE-share-{holder.index}.json"
        _write_json(folder / file, _share(foundation.holders[holder.index], holder, rulebook.document.oprf.generation))
        text += _HOLDER.format(member=holder.member, file=file)
    _write(folder / FILE_NAME, text.encode())
    _write(folder / "README.txt", _README.encode())


def _signatures(foundation: Foundation) -> dict[str, str]:
    rulebook = foundation.rulebook
    approvers = rulebook.document.approvers.members
    return {name: foundation.keys[name].signer.sign(Label.RULEBOOK, rulebook.raw).hex() for name in approvers}


def _lenders_secrets(foundation: Foundation) -> dict[str, str | int]:
    shared = foundation.secrets
    return {
        "generation": shared.generation,
        "pre_hash_secret": shared.pre_hash_secret.hex(),
        "tag_key": shared.tag_key.hex(),
        "epoch": shared.epoch,
        "sealing_key": shared.sealing_key.hex(),
    }


def _own_keys(foundation: Foundation, lender: MemberId) -> dict[str, str]:
    identity_key = foundation.keys[lender].signer._key.private_bytes_raw()  # noqa: SLF001  the folder is where it goes
    return {
        "identity_key": identity_key.hex(),
        "audit_secret": foundation.rng(32).hex(),
        "book_secret": foundation.rng(32).hex(),
    }


def _share(keeper: KeyHolder, holder: HolderKey, generation: int) -> dict[str, str | int]:
    share: KeyShare = keeper._share  # noqa: SLF001  development only, as the file's name says
    return {"holder": holder.index, "generation": generation, "secret": share_secret(share).hex()}


def _write_json(path: Path, value: Mapping[str, object]) -> None:
    _write(path, json.dumps(value, indent=2).encode() + b"\n")


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(data)


def main() -> None:
    """Found a consortium of five lenders and write their folders."""
    parser = argparse.ArgumentParser(prog="python -m demo.folders", description=main.__doc__)
    parser.add_argument("out", type=Path, help="where to make the folders")
    out: Path = parser.parse_args().out
    foundation = found(LENDERS, int(time.time()), secrets.token_bytes, Terms())
    for lender in LENDERS:
        write_node_folder(foundation, lender, out / lender)
        print(f"wrote {out / lender}: INSECURE, for development only")


if __name__ == "__main__":
    main()
