"""The form in which rulebook versions lie in a folder: names and bytes; who reads and writes them is elsewhere."""

import json
from collections.abc import Mapping

from consortium.errors import Code, CreditError
from consortium.model.members import MemberId, check_member_id
from consortium.model.signing import SIGNATURE_BYTES


def document_name(version: int) -> str:
    """Give the file name of a version's exact bytes."""
    return f"rulebook-{version:06d}.json"


def signatures_name(version: int) -> str:
    """Give the file name of a version's signatures."""
    return f"rulebook-{version:06d}.signatures.json"


def signatures_to_text(signatures: Mapping[MemberId, bytes]) -> str:
    """Write signatures as a JSON object from member to hexadecimal digits."""
    return json.dumps({member: signature.hex() for member, signature in sorted(signatures.items())}, indent=2) + "\n"


def signatures_from_text(text: str) -> dict[MemberId, bytes]:
    """Read signatures; raises CreditError(RULEBOOK_INVALID), also for a signer that occurs twice."""
    try:
        pairs = json.loads(text, object_pairs_hook=tuple)
        signatures = {check_member_id(member): bytes.fromhex(value) for member, value in pairs}
    except (ValueError, TypeError, RecursionError, CreditError) as error:
        raise CreditError(Code.RULEBOOK_INVALID, "the signatures cannot be read") from error
    if (
        not isinstance(pairs, tuple)
        or len(signatures) != len(pairs)
        or any(len(value) != SIGNATURE_BYTES for value in signatures.values())
    ):
        raise CreditError(Code.RULEBOOK_INVALID, "a signer occurs twice, or a signature has another length")
    return signatures
