"""The keys that a lender's node works with: its identity, its audit secret and its mask keys of the day."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from consortium.errors import Code, CreditError
from consortium.hashing import derive, uint
from consortium.labels import Label
from consortium.model.identifiers import Secret, Silent
from consortium.model.keys import (
    SECONDS_PER_DAY,
    CertifiedKey,
    KeyCertificate,
    KeyType,
    check_certified_key,
    key_digest,
    utc_day,
)
from consortium.model.members import MemberId
from consortium.model.signing import Signer
from consortium.sums.masks import pair_day_key
from consortium.wire.queries import key_certificate_to_bytes

ROTATION_SECONDS = 120
"""Queries that were issued so long after a mask secret was exchanged may still show the key before: longer than any
query waits for its roster, shorter than anybody can use."""


@dataclass(frozen=True, slots=True, repr=False)
class LenderIdentity(Silent):
    """Who a node is; the signer may live elsewhere."""

    member: MemberId
    signer: Signer
    audit_secret: Secret


@dataclass(frozen=True, slots=True, repr=False)
class MaskKey(Silent):
    """A mask key of one UTC day with its certificate."""

    private: X25519PrivateKey
    certified: CertifiedKey


def certify_key(
    signer: Signer, member: MemberId, key_type: KeyType, key: bytes, validity: tuple[int, int]
) -> CertifiedKey:
    """Certify a public key of `member` for the Unix seconds [from, until)."""
    certificate = KeyCertificate(member, key_type, key_digest(key_type, key), *validity)
    raw = key_certificate_to_bytes(certificate)
    return CertifiedKey(key, certificate, raw, signer.sign(Label.KEY_CERTIFICATE, raw))


def new_mask_key(identity: LenderIdentity, private: bytes, day: int) -> MaskKey:
    """Make the mask key of a UTC day from 32 fresh random bytes."""
    key = X25519PrivateKey.from_private_bytes(private)
    validity = (day * SECONDS_PER_DAY, (day + 1) * SECONDS_PER_DAY)
    public = key.public_key().public_bytes_raw()
    return MaskKey(key, certify_key(identity.signer, identity.member, KeyType.MASK, public, validity))


@dataclass(frozen=True, slots=True, repr=False)
class MaskSecret(Silent):
    """What the mask keys of the days derive from, and the Unix second from which on it does."""

    secret: Secret
    since: int


class DerivedMaskKeys(Mapping[int, MaskKey]):
    """
    The mask keys of all days, derived from a secret, so that a restarted node has the same ones.

    The secret is the audit secret, or the newest of those that took its place, `later`, oldest first. A day's key is
    certified when it is first asked for; at most `capacity` are remembered.
    """

    def __init__(self, identity: LenderIdentity, later: Sequence[MaskSecret] = (), capacity: int = 32) -> None:
        self._identity = identity
        self._secrets = (MaskSecret(identity.audit_secret, 0), *later)
        self._capacity = capacity
        self._known: dict[tuple[int, int], MaskKey] = {}

    def __getitem__(self, day: int) -> MaskKey:
        return self._key(len(self._secrets) - 1, day)

    def before(self, issued_at: int) -> Iterator[MaskKey]:
        """
        Give the day's keys that were in force at a query's issue, or a moment before, newest first.

        Nothing that was issued later is answered with them: whoever has a secret that was exchanged gains nothing.
        """
        for number in range(len(self._secrets) - 1, 0, -1):
            if issued_at > self._secrets[number].since + ROTATION_SECONDS:
                return
            yield self._key(number - 1, utc_day(issued_at))

    def _key(self, number: int, day: int) -> MaskKey:
        if (number, day) not in self._known:
            while len(self._known) >= self._capacity:
                self._known.pop(next(iter(self._known)))
            private = derive(self._secrets[number].secret.value, Label.MASK_KEY, uint(day))
            self._known[number, day] = new_mask_key(self._identity, private, day)
        return self._known[number, day]

    def __iter__(self) -> Iterator[int]:
        return (day for _, day in self._known)

    def __len__(self) -> int:
        return len(self._known)


class PairKeys:
    """
    The day keys K_ij of one node towards its peers, derived once each.

    At most `capacity` are remembered; the oldest go first. Not safe for several threads at once.
    """

    def __init__(self, mask_keys: Mapping[int, MaskKey], capacity: int = 4096) -> None:
        self._mask_keys = mask_keys
        self._capacity = capacity
        self._known: dict[tuple[int, bytes, MemberId, bytes, bytes], bytes] = {}

    def own(self, issued_at: int) -> MaskKey:
        """Give the node's mask key of the day of issue; raises CERTIFICATE_INVALID where it has none."""
        key = self._mask_keys.get(utc_day(issued_at))
        if key is None:
            raise CreditError(Code.CERTIFICATE_INVALID, "no mask key for the day of issue")
        return key

    def shown(self, public: bytes, issued_at: int) -> MaskKey:
        """
        Give the own mask key that a roster shows: that of the day, or the one in force a moment before a rotation.

        Raises ROSTER_MISMATCH for any other key, CERTIFICATE_INVALID.
        """
        newest = self.own(issued_at)
        earlier: Iterable[MaskKey] = ()
        if isinstance(self._mask_keys, DerivedMaskKeys):
            earlier = self._mask_keys.before(issued_at)
        for key in (newest, *earlier):
            if key.certified.key == public:
                return key
        raise CreditError(Code.ROSTER_MISMATCH, "another mask key is shown for this member")

    def day_key(self, own: MaskKey, member: MemberId, peer: CertifiedKey, identity_key: bytes, issued_at: int) -> bytes:
        """
        Give K_ij between an own mask key and a peer for the day of issue; a peer's certificate is verified once.

        Raises CERTIFICATE_INVALID, SIGNATURE_INVALID or PUBLIC_KEY_WEAK.
        """
        day = utc_day(issued_at)
        index = (day, own.certified.key, member, identity_key, peer.key)
        if index not in self._known:
            check_certified_key(peer, member, KeyType.MASK, identity_key, issued_at)
            self._remember(index, pair_day_key(own.private, peer.key, day))
        return self._known[index]

    def _remember(self, index: tuple[int, bytes, MemberId, bytes, bytes], key: bytes) -> None:
        while len(self._known) >= self._capacity:
            self._known.pop(next(iter(self._known)))
        self._known[index] = key
