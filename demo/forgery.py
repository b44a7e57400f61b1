"""A careful forgery for the demonstration: one byte of one line changed, and every digest in the file made to fit."""

import hashlib
import json
import zipfile
from pathlib import Path

from consortium.canonical import canonical_json
from participants.regulator.archive import ENTRIES, PROOF

MARK = b'"query":"'


def change_one_byte(export: Path, target: Path) -> None:
    """
    Copy an export with the last digit of one entry's digest changed, so that it is still well-formed.

    What remains to find it out are the hashes that lead to the signed root, never the file's own digests.
    """
    with zipfile.ZipFile(export) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        files = {name: source.read(name) for name in source.namelist()}
        files[ENTRIES] = _changed(files[ENTRIES])
        proof = json.loads(files[PROOF])
        proof["files"][ENTRIES] = hashlib.sha256(files[ENTRIES]).hexdigest()
        files[PROOF] = canonical_json(proof)
        for name, content in files.items():
            copy.writestr(name, content)


def _changed(lines: bytes) -> bytes:
    place = lines.rindex(MARK) + len(MARK)
    digit = b"1" if lines[place : place + 1] == b"0" else b"0"
    return lines[:place] + digit + lines[place + 1 :]
