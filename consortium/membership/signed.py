"""
Signed documents: 64 bytes of Ed25519 signature, then the canonical JSON that it is over, under the document's label.

Every document of membership is one: applications, proposals, votes, notices, sightings, sealed secrets. What is
hashed and bound by others is the body, so that a second signature over the same body changes nothing.
"""

from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError

from consortium.canonical import parse_canonical
from consortium.errors import Code, CreditError
from consortium.hashing import transcript_hash
from consortium.labels import Label
from consortium.model.document import Document
from consortium.model.rulebook import first_problem
from consortium.model.signing import SIGNATURE_BYTES, Signer, verify_signature

MAX_SIGNED_BYTES = 2**22

T = TypeVar("T", bound=Document)


def sign_document(signer: Signer, label: Label, document: Document) -> bytes:
    """Sign a document; gives the bytes that travel."""
    body = document.to_bytes()
    return signer.sign(label, body) + body


def body_of(signed: bytes) -> bytes:
    """Take the signature off; raises CreditError(MALFORMED) for bytes that are too short or over the limit."""
    if not SIGNATURE_BYTES < len(signed) <= MAX_SIGNED_BYTES:
        raise CreditError(Code.MALFORMED, "a signed document of this length")
    return signed[SIGNATURE_BYTES:]


def document_digest(label: Label, signed: bytes) -> bytes:
    """Digest the body of a signed document, 32 bytes: what votes and rulebooks name it by."""
    return transcript_hash(Label.SIGNED_DOCUMENT, label.value, body_of(signed))


def parse_document(form: type[T], body: bytes, code: Code) -> T:
    """Parse canonical bytes into a document; raises CreditError(code), trusts nobody."""
    try:
        return form.model_validate(parse_canonical(body))
    except ValidationError as error:
        raise CreditError(code, first_problem(error)) from None
    except CreditError as error:
        raise CreditError(code, error.cause) from error


def open_document(form: type[T], signed: bytes, label: Label, key_of: Callable[[T], bytes], code: Code) -> T:
    """
    Parse a signed document and verify it by the key that `key_of` finds for it.

    Raises CreditError(MALFORMED), (code) for a bad body, (SIGNATURE_INVALID), and what `key_of` raises.
    """
    body = body_of(signed)
    document = parse_document(form, body, code)
    verify_signature(key_of(document), signed[:SIGNATURE_BYTES], label, body)
    return document
