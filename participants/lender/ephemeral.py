"""
A requester's key for one query in the suite `MASKED_SUM`, and the opening of what was hidden under it.

The key derives from the node's own secret and the query's fresh nonce, so that an answer can be opened after a
restart, and nothing but the query has to be kept for it.
"""

from hmac import compare_digest

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from consortium.errors import Code, CreditError
from consortium.hashing import derive
from consortium.labels import Label
from consortium.model.keys import CertifiedKey, KeyType, check_certified_key
from consortium.model.query import SignedQuery
from consortium.model.rounds import RosterEntry, Transcript
from consortium.model.rulebook import Rulebook
from consortium.sums.word_masks import key_of_member, requester_digest, unmasked
from consortium.sums.words import WORD_BYTES, number_of, words_from_bytes
from participants.lender.identity import LenderIdentity, certify_key


def ephemeral_certified(identity: LenderIdentity, nonce: bytes, validity: tuple[int, int]) -> CertifiedKey:
    """Make the key of the query with this nonce, certified for its life: Unix seconds [from, until)."""
    public = _private(identity, nonce).public_key().public_bytes_raw()
    return certify_key(identity.signer, identity.member, KeyType.EPHEMERAL, public, validity)


def open_words(
    query: SignedQuery, transcript: Transcript, rulebook: Rulebook, identity: LenderIdentity, total: bytes
) -> int:
    """
    Take the requester's masks off the hidden sum of a transcript that was checked; gives the packed sum.

    Raises CreditError(TRANSCRIPT_INVALID) where the query was asked under another key, or the roster shows a mask key
    that its member has not certified, PAIR_MISMATCH where a
    contributor hid its number under another one.
    """
    keys = requester_keys(query, transcript, rulebook, identity)
    return number_of(unmasked(words_from_bytes(total, len(total) // WORD_BYTES), keys))


def requester_keys(
    query: SignedQuery, transcript: Transcript, rulebook: Rulebook, identity: LenderIdentity
) -> list[bytes]:
    """
    Give k_i of every member that answered, each held to the digest that the member signed.

    Raises as `open_words`.
    """
    private = _private(identity, query.header.nonce)
    if private.public_key().public_bytes_raw() != query.query_key.key:
        raise CreditError(Code.TRANSCRIPT_INVALID, "asked under a key that is not this node's")
    shown = {entry.member: entry for entry in transcript.roster}
    keys = []
    for first in transcript.round1:
        member, ctx = first.body.contributor, first.body.ctx
        key = key_of_member(private, certified_mask_key(shown[member], rulebook, query.header.issued_at), ctx, member)
        if not compare_digest(requester_digest(ctx, member, key), first.body.requester_digest):
            raise CreditError(Code.PAIR_MISMATCH, f"{member} and the requester")
        keys.append(key)
    return keys


def _private(identity: LenderIdentity, nonce: bytes) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(derive(identity.audit_secret.value, Label.REQUESTER_KEY, nonce))


def certified_mask_key(entry: RosterEntry, rulebook: Rulebook, issued_at: int) -> bytes:
    """Give a member's mask key of the day, checked against its identity key; raises TRANSCRIPT_INVALID."""
    member, certified = rulebook.active_member(entry.member), entry.mask_key
    if certified is None:
        raise CreditError(Code.TRANSCRIPT_INVALID, f"{member.id} has no mask key of the day")
    try:
        check_certified_key(certified, member.id, KeyType.MASK, member.identity_key, issued_at)
    except CreditError as error:
        raise CreditError(Code.TRANSCRIPT_INVALID, f"the mask key shown for {member.id}") from error
    return certified.key
