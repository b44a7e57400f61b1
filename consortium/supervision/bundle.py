"""
What a member shows to an inspection: the reveal of its contribution, and the part of its book that it came from.

A bundle is a signed document (`Bundle`) and, behind it, all links of the journal, 64 bytes each. It travels sealed for
the regulator alone:

    plain  = length of the signed part (8 bytes) || signed part || links
    sealed = HPKE(regulator's key; info = hash(order), content key) || AES-256-GCM(content key; plain)

One content key seals one bundle. The gateway that carries it sees its length, which grows with the journal.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import Field

from consortium.errors import Code, CreditError
from consortium.hashing import Randomness, transcript_hash, uint
from consortium.labels import Label
from consortium.membership.signed import MAX_SIGNED_BYTES, open_document, sign_document
from consortium.model.document import Bytes, Document, Id, Key32
from consortium.model.identifiers import PLACES
from consortium.model.signing import Signer
from consortium.sealing import hpke
from consortium.sealing.payload import MATERIAL_BYTES
from consortium.silent import Silent
from consortium.supervision.documents import MAXIMUM_SEALED_BYTES
from consortium.transparency.books import BookRoot
from consortium.transparency.journal import LINK_BYTES, JournalHead

KEY_BYTES = 32
SEALED_KEY_BYTES = KEY_BYTES + hpke.OVERHEAD_BYTES
LENGTH_BYTES = 8
NONCE = bytes(12)  # a key seals one bundle
MAXIMUM_PATH = 64
MAXIMUM_CELLS = 4_096


class _Shown(Silent, Document):
    """A part of a bundle; it does not print."""


class ShownLeaf(_Shown):
    """A leaf of the day's tree with its place and its RFC 6962 inclusion path."""

    index: int = Field(ge=0)
    leaf: Bytes
    path: tuple[Key32, ...] = Field(max_length=MAXIMUM_PATH)


class ShownPlace(_Shown):
    """
    What the book has under one of a query's three tags.

    `file` comes with its own leaf; without a file, `leaves` are the neighbours between which it would stand. `entries`
    are the subject's changes in the journal up to the contribution. `proven` says that the query proved the subject's
    key, without which a held file is no match.
    """

    proven: bool
    opening: Key32
    file: Bytes | None
    leaves: tuple[ShownLeaf, ...] = Field(max_length=2)
    entries: tuple[Bytes, ...]


class ShownBook(_Shown):
    """A book's day, size, root and salt digest, and where the journal before it ended."""

    day: int = Field(ge=0)
    size: int = Field(ge=0)
    root: Key32
    salt_digest: Key32
    previous_size: int = Field(ge=0)
    previous_head: Key32

    @property
    def published(self) -> BookRoot:
        """The part that is a root."""
        return BookRoot(self.day, self.size, self.root, self.salt_digest)

    @property
    def previous(self) -> JournalHead:
        """Where the journal before ended."""
        return JournalHead(self.previous_size, self.previous_head)


class ShownTravel(_Shown):
    """
    A travel table opened: its key, the number of each cell (a byte each), and what opens this one header's query.

    `payload` opens the sealed payload. `opened` has for each place that matched a file what opens its holder part, and
    nothing for the others.
    """

    key: Key32
    numbers: Bytes = Field(max_length=MAXIMUM_CELLS)
    payload: Bytes = Field(min_length=MATERIAL_BYTES, max_length=MATERIAL_BYTES)
    opened: tuple[Bytes, ...] = Field(min_length=PLACES, max_length=PLACES)


class Bundle(_Shown):
    """
    The signed part. `order` names the order that is answered, `statement` the newest statement that this agrees with.

    `value` is X_i in hexadecimal; `journal_size` and `journal_head` are those of the contribution's commitment. `rho`
    and `tags` are the query's: they rebuild its envelope byte for byte, so that whoever has the bundle can check all.
    `travel` is there where the query has a travel check, `requester_key` instead of the obfuscator's seed in the suite
    `MASKED_SUM`.
    """

    consortium: Id
    member: Id
    order: Key32
    ctx: Key32
    statement: int = Field(ge=1)
    value: str = Field(pattern="^(0|[1-9a-f][0-9a-f]{0,2047})$")
    seed: Key32
    obfuscator_seed: Key32 | None = Field(default=None, exclude_if=lambda value: value is None)
    pair_keys: dict[Id, Key32] = Field(max_length=1024)
    book: ShownBook
    journal_size: int = Field(ge=0)
    journal_head: Key32
    salt: Key32
    rho: Key32
    tags: tuple[Key32, ...] = Field(min_length=PLACES, max_length=PLACES)
    places: tuple[ShownPlace, ...] = Field(min_length=PLACES, max_length=PLACES)
    links: int = Field(ge=0)
    links_digest: Key32
    travel: ShownTravel | None = Field(default=None, exclude_if=lambda value: value is None)
    requester_key: Key32 | None = Field(default=None, exclude_if=lambda value: value is None)


@dataclass(frozen=True, slots=True, repr=False)
class Shown(Silent):
    """A bundle as it was opened: its parsed part and the journal's links."""

    bundle: Bundle
    links: tuple[bytes, ...]


def links_digest(links: Sequence[bytes]) -> bytes:
    """Bind the links to the signed part, 32 bytes."""
    return transcript_hash(Label.INSPECTION_LINKS, b"".join(links))


def seal_bundle(signer: Signer, bundle: Bundle, links: Sequence[bytes], regulator_key: bytes, rng: Randomness) -> bytes:
    """Sign a bundle and seal it for the regulator; raises CreditError(MALFORMED) for one that is too long."""
    signed = sign_document(signer, Label.INSPECTION_BUNDLE, bundle)
    plain = uint(len(signed), LENGTH_BYTES) + signed + b"".join(links)
    if len(signed) > MAX_SIGNED_BYTES or len(plain) > MAXIMUM_SEALED_BYTES - 1024:
        raise CreditError(Code.MALFORMED, "a book or journal too long to be shown in one bundle")
    key = rng(KEY_BYTES)
    sealed_key = hpke.seal(regulator_key, _info(bundle.order), key, rng(KEY_BYTES))
    return sealed_key + AESGCM(key).encrypt(NONCE, plain, bundle.order)


def open_bundle(private: X25519PrivateKey, order: bytes, sealed: bytes) -> bytes:
    """
    Open a bundle with the regulator's key: gives its plain bytes, to be read and kept as evidence.

    Raises CreditError(PAYLOAD_INVALID) where it was sealed for another key or order.
    """
    key = hpke.open_sealed(private, _info(order), sealed[:SEALED_KEY_BYTES])
    try:
        return AESGCM(key).decrypt(NONCE, sealed[SEALED_KEY_BYTES:], order)
    except (InvalidTag, ValueError) as error:
        raise CreditError(Code.PAYLOAD_INVALID, "the bundle does not open") from error


def read_bundle(plain: bytes, identity_key: bytes) -> Shown:
    """
    Parse a bundle's plain bytes and verify its member's signature.

    Raises CreditError(REVEAL_INVALID) for another form or other links, (MALFORMED) or (SIGNATURE_INVALID).
    """
    end = LENGTH_BYTES + int.from_bytes(plain[:LENGTH_BYTES], "big")
    signed, links = plain[LENGTH_BYTES:end], plain[end:]
    bundle = open_document(Bundle, signed, Label.INSPECTION_BUNDLE, lambda _: identity_key, Code.REVEAL_INVALID)
    cut = tuple(links[at : at + LINK_BYTES] for at in range(0, len(links), LINK_BYTES))
    if len(cut) != bundle.links or links_digest(cut) != bundle.links_digest:
        raise CreditError(Code.REVEAL_INVALID, "other links of the journal than were signed")
    return Shown(bundle, cut)


def _info(order: bytes) -> bytes:
    return transcript_hash(Label.INSPECTION_SEALED, order)
