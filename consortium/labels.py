"""The domain-separation labels: every hash, key derivation and signature of the protocol names one of these."""

from enum import Enum


class Label(bytes, Enum):
    """One purpose of a hash, a derived key, a stream or a signature; the value is what gets hashed."""

    # identifiers
    PRE_HASH = b"credit/v1/pre-hash"
    SUBJECT_TAG = b"credit/v1/subject-tag"
    EVALUATION_REQUEST = b"credit/v1/evaluation-request"
    # queries
    HEADER = b"credit/v1/header"
    PAYLOAD_KEY = b"credit/v1/payload-key"
    SUBJECT_PROOF = b"credit/v1/subject-proof"
    HOLDER_PART = b"credit/v1/holder-part"
    ENVELOPE_EPHEMERAL = b"credit/v1/envelope-ephemeral"
    TAGS_SALT = b"credit/v1/tags-salt"
    TAGS_COMMITMENT = b"credit/v1/tags-commitment"
    QUESTION = b"credit/v1/question"
    STAFF = b"credit/v1/staff"
    SIGNED_QUERY = b"credit/v1/signed-query"
    CONSENT = b"credit/v1/consent"
    CONSENT_SUBJECT = b"credit/v1/consent-subject"
    KEY_CERTIFICATE = b"credit/v1/key-certificate"
    KEY_DIGEST = b"credit/v1/key-digest"
    ROW_LIST = b"credit/v1/row-list"
    # sums
    ROSTER = b"credit/v1/roster"
    CTX = b"credit/v1/ctx"
    MASK_KEY = b"credit/v1/mask-key"
    PAIR_DAY = b"credit/v1/pair-day"
    PAIR_CTX = b"credit/v1/pair-ctx"
    PAIR_DIGEST = b"credit/v1/pair-digest"
    MASK_STREAM = b"credit/v1/mask-stream"
    CTX_SEED = b"credit/v1/ctx-seed"
    SEED_BLIND = b"credit/v1/seed/b"
    SEED_COMMIT = b"credit/v1/seed/commit"
    BLIND_STREAM = b"credit/v1/blind-stream"
    CONTRIBUTION = b"credit/v1/contribution"
    ROUND1 = b"credit/v1/round-1"
    ROUND2 = b"credit/v1/round-2"
    LEDGER_OPENING = b"credit/v1/ledger-opening"
    PAILLIER_BASE = b"credit/v1/paillier-base"
    OBFUSCATOR = b"credit/v1/obfuscator"
    # books
    DAY_SALT = b"credit/v1/book/day-salt"
    BOOK_SALT_DIGEST = b"credit/v1/book/salt-digest"
    BOOK_OPENING = b"credit/v1/book/opening"
    BOOK_POSITION = b"credit/v1/book/position"
    BOOK_FILE = b"credit/v1/book/file"
    JOURNAL_START = b"credit/v1/journal/start"
    JOURNAL_EVENT = b"credit/v1/journal/event"
    JOURNAL_ENTRY = b"credit/v1/journal/entry"
    REVEAL_RECORD = b"credit/v1/reveal-record"
    # log
    RECEIPT = b"credit/v1/receipt"
    BODY = b"credit/v1/body"
    # membership
    RULEBOOK = b"credit/v1/rulebook"
