"""The one error catalogue: stable codes, the status each maps to, and a public message that says what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The canonical gRPC status names; the transport maps them one to one."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    UNAVAILABLE = "UNAVAILABLE"
    DATA_LOSS = "DATA_LOSS"
    INTERNAL = "INTERNAL"


class Code(StrEnum):
    """Stable names of everything that can go wrong; they never change meaning."""

    # input
    MALFORMED = "MALFORMED"
    IDENTIFIER_MALFORMED = "IDENTIFIER_MALFORMED"
    IDENTIFIER_CHECKSUM = "IDENTIFIER_CHECKSUM"
    IDENTIFIER_UNSUPPORTED = "IDENTIFIER_UNSUPPORTED"
    ATTRIBUTE_UNKNOWN = "ATTRIBUTE_UNKNOWN"
    ATTRIBUTES_DO_NOT_FIT = "ATTRIBUTES_DO_NOT_FIT"
    PLACE_INVALID = "PLACE_INVALID"
    LIST_INVALID = "LIST_INVALID"
    LIST_OVERLAPS = "LIST_OVERLAPS"
    JOB_UNKNOWN = "JOB_UNKNOWN"
    # permission
    PURPOSE_NOT_ALLOWED = "PURPOSE_NOT_ALLOWED"
    FAMILY_NOT_ALLOWED = "FAMILY_NOT_ALLOWED"
    SUITE_NOT_ALLOWED = "SUITE_NOT_ALLOWED"
    TIER_NOT_CONTRIBUTED = "TIER_NOT_CONTRIBUTED"
    MEMBER_NOT_ACTIVE = "MEMBER_NOT_ACTIVE"
    CONSENT_MISSING = "CONSENT_MISSING"
    CONSENT_EXPIRED = "CONSENT_EXPIRED"
    CONSENT_FOREIGN = "CONSENT_FOREIGN"
    CONSENT_MISMATCH = "CONSENT_MISMATCH"
    CONSENT_USED_UP = "CONSENT_USED_UP"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    PAYMENT_INVALID = "PAYMENT_INVALID"
    PAYMENT_REUSED = "PAYMENT_REUSED"
    TRAVEL_TOO_OFTEN = "TRAVEL_TOO_OFTEN"
    # statistics
    STATISTIC_UNKNOWN = "STATISTIC_UNKNOWN"
    STATISTIC_UNBOUNDED = "STATISTIC_UNBOUNDED"
    STATISTIC_NOT_ALLOWED = "STATISTIC_NOT_ALLOWED"
    STATISTIC_BUDGET_SPENT = "STATISTIC_BUDGET_SPENT"
    STATISTIC_CLOSED = "STATISTIC_CLOSED"
    STATISTIC_NO_BASIS = "STATISTIC_NO_BASIS"
    # keys and signatures
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    CERTIFICATE_INVALID = "CERTIFICATE_INVALID"
    PUBLIC_KEY_WEAK = "PUBLIC_KEY_WEAK"
    PROOF_INVALID = "PROOF_INVALID"
    SHARE_KEYS_INCONSISTENT = "SHARE_KEYS_INCONSISTENT"
    TOO_FEW_HOLDERS = "TOO_FEW_HOLDERS"
    COUNTER_GAP = "COUNTER_GAP"
    RULEBOOK_INVALID = "RULEBOOK_INVALID"
    RULEBOOK_MISMATCH = "RULEBOOK_MISMATCH"
    VERSION_UNSUPPORTED = "VERSION_UNSUPPORTED"
    # membership
    RULEBOOK_ROLLBACK = "RULEBOOK_ROLLBACK"
    RULEBOOK_FORK = "RULEBOOK_FORK"
    RULEBOOK_FROZEN = "RULEBOOK_FROZEN"
    TRANSITION_ILLEGAL = "TRANSITION_ILLEGAL"
    CLOCK_OFF = "CLOCK_OFF"
    FINGERPRINT_MISTYPED = "FINGERPRINT_MISTYPED"
    FINGERPRINT_MISMATCH = "FINGERPRINT_MISMATCH"
    MEMBER_ID_CONFUSABLE = "MEMBER_ID_CONFUSABLE"
    KEY_REUSED = "KEY_REUSED"
    APPLICATION_INVALID = "APPLICATION_INVALID"
    APPLICATION_REPLAYED = "APPLICATION_REPLAYED"
    PROPOSAL_INVALID = "PROPOSAL_INVALID"
    VOTE_INVALID = "VOTE_INVALID"
    VOTE_REPEATED = "VOTE_REPEATED"
    NOTICE_INVALID = "NOTICE_INVALID"
    SECRETS_MISMATCH = "SECRETS_MISMATCH"
    REPORT_MISSING = "REPORT_MISSING"
    # key ceremony
    CEREMONY_INVALID = "CEREMONY_INVALID"
    CEREMONY_OTHER = "CEREMONY_OTHER"
    CEREMONY_FAULT = "CEREMONY_FAULT"
    CEREMONY_UNFINISHED = "CEREMONY_UNFINISHED"
    # the life of a query
    QUERY_EXPIRED = "QUERY_EXPIRED"
    QUERY_NOT_YET_VALID = "QUERY_NOT_YET_VALID"
    PAYLOAD_INVALID = "PAYLOAD_INVALID"
    ENVELOPE_MISMATCH = "ENVELOPE_MISMATCH"
    ROSTER_MISMATCH = "ROSTER_MISMATCH"
    TOO_FEW_CONTRIBUTORS = "TOO_FEW_CONTRIBUTORS"
    DIFFERENCING = "DIFFERENCING"
    CONFLICT = "CONFLICT"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    UNREACHABLE = "UNREACHABLE"
    NOT_ATTACHED = "NOT_ATTACHED"
    DEADLINE = "DEADLINE"
    OVERLOADED = "OVERLOADED"
    DRAINING = "DRAINING"
    CTX_REPLAYED = "CTX_REPLAYED"
    CTX_UNKNOWN = "CTX_UNKNOWN"
    ALREADY_RELEASED = "ALREADY_RELEASED"
    PAIR_MISMATCH = "PAIR_MISMATCH"
    CIPHERTEXT_INVALID = "CIPHERTEXT_INVALID"
    TRANSCRIPT_INVALID = "TRANSCRIPT_INVALID"
    SUM_INVALID = "SUM_INVALID"
    RESTORED_FROM_BACKUP = "RESTORED_FROM_BACKUP"
    EARLIER_TAGS_MISSING = "EARLIER_TAGS_MISSING"
    BOOK_BEHIND = "BOOK_BEHIND"
    REVEAL_INVALID = "REVEAL_INVALID"
    REVEAL_LIMIT = "REVEAL_LIMIT"
    HISTORY_GONE = "HISTORY_GONE"
    OBFUSCATOR_REUSED = "OBFUSCATOR_REUSED"
    PAD_REUSED = "PAD_REUSED"
    # books
    MAPPING_INVALID = "MAPPING_INVALID"
    SOURCE_UNREADABLE = "SOURCE_UNREADABLE"
    SOURCE_LOST = "SOURCE_LOST"
    ROWS_REFUSED = "ROWS_REFUSED"
    RECORD_INVALID = "RECORD_INVALID"
    STORAGE_FULL = "STORAGE_FULL"
    STORAGE_SCHEMA = "STORAGE_SCHEMA"
    STORAGE_BUSY = "STORAGE_BUSY"
    WORKERS_LOST = "WORKERS_LOST"
    STORAGE_BROKEN = "STORAGE_BROKEN"
    JOURNAL_BROKEN = "JOURNAL_BROKEN"
    TREE_PROOF_INVALID = "TREE_PROOF_INVALID"
    # the log
    CHECKPOINT_INVALID = "CHECKPOINT_INVALID"
    POLICY_INVALID = "POLICY_INVALID"
    QUORUM_MISSING = "QUORUM_MISSING"
    ROLE_NOT_ALLOWED = "ROLE_NOT_ALLOWED"
    ENTRY_INVALID = "ENTRY_INVALID"
    LOG_BEHIND = "LOG_BEHIND"
    LOG_FORKED = "LOG_FORKED"
    LOG_GUARD_LOST = "LOG_GUARD_LOST"
    LOG_DAMAGED = "LOG_DAMAGED"
    EXPORT_INVALID = "EXPORT_INVALID"
    EXPORT_UNDECIDED = "EXPORT_UNDECIDED"
    ORDER_INVALID = "ORDER_INVALID"
    FILING_INVALID = "FILING_INVALID"
    BODY_HELD = "BODY_HELD"
    # scorecards
    SCORECARD_INVALID = "SCORECARD_INVALID"
    SCORECARD_NOT_EFFECTIVE = "SCORECARD_NOT_EFFECTIVE"
    SCORECARD_IN_PART = "SCORECARD_IN_PART"
    SAMPLE_INVALID = "SAMPLE_INVALID"
    # ourselves
    PASSPHRASE_NEEDED = "PASSPHRASE_NEEDED"  # noqa: S105  the name of a code
    PASSPHRASE_WRONG = "PASSPHRASE_WRONG"  # noqa: S105  the name of a code
    PASSPHRASE_WEAK = "PASSPHRASE_WEAK"  # noqa: S105  the name of a code
    KEY_FILE_DAMAGED = "KEY_FILE_DAMAGED"
    SETTINGS_INVALID = "SETTINGS_INVALID"
    INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """What a code means to the outside: its status and the message that says what to do."""

    status: Status
    message: str


class CreditError(Exception):
    """
    The root of everything this project raises on purpose.

    `code` is stable; `cause` tells a member which check failed. Neither ever holds an identifier, a key, a tag
    or a number of a person.
    """

    def __init__(self, code: Code, cause: str = "") -> None:
        super().__init__(code, cause)
        self.code = code
        self.cause = cause

    def __str__(self) -> str:
        entry = CATALOGUE[self.code]
        return f"[{self.code}] {entry.message}" + (f" Cause: {self.cause}." if self.cause else "")

    @property
    def status(self) -> Status:
        """The gRPC status that the code maps to."""
        return CATALOGUE[self.code].status


def _entry(status: Status, message: str) -> CatalogueEntry:
    return CatalogueEntry(status, message)


_BAD = Status.INVALID_ARGUMENT
_DENIED = Status.PERMISSION_DENIED
_STATE = Status.FAILED_PRECONDITION
_AUTH = Status.UNAUTHENTICATED
_LOSS = Status.DATA_LOSS
_SPENT = Status.RESOURCE_EXHAUSTED
_DOWN = Status.UNAVAILABLE
_TWICE = Status.ALREADY_EXISTS

CATALOGUE: dict[Code, CatalogueEntry] = {
    Code.MALFORMED: _entry(_BAD, "The message cannot be read. Build it with this version's .proto files."),
    Code.IDENTIFIER_MALFORMED: _entry(_BAD, "The identifier has not the form of its kind. Correct it at the source."),
    Code.IDENTIFIER_CHECKSUM: _entry(
        _BAD, "The identifier fails its own check digit. Correct the typing error at the source."
    ),
    Code.IDENTIFIER_UNSUPPORTED: _entry(
        _BAD, "This kind of identifier or country is not supported. Use one that `docs/attributes.md` lists."
    ),
    Code.ATTRIBUTE_UNKNOWN: _entry(
        _BAD, "The rulebook has no such attribute. Ask for one of its catalogue (`docs/attributes.md`)."
    ),
    Code.ATTRIBUTES_DO_NOT_FIT: _entry(_BAD, "The attributes do not fit one answer. Ask for fewer in one query."),
    Code.PLACE_INVALID: _entry(
        _BAD, "The place or its time is out of range. Give degrees of WGS84 and a time that has passed, not long ago."
    ),
    Code.PURPOSE_NOT_ALLOWED: _entry(
        _DENIED, "This purpose may not ask for that attribute. Leave it out or ask under its own purpose."
    ),
    Code.FAMILY_NOT_ALLOWED: _entry(
        _DENIED, "This family of attributes is not allowed. Leave it out, or have the jurisdiction profile allow it."
    ),
    Code.SUITE_NOT_ALLOWED: _entry(
        _DENIED, "The rulebook does not allow this suite. Name one of its suites, or none to take its first."
    ),
    Code.TIER_NOT_CONTRIBUTED: _entry(
        _DENIED, "You may ask only for tiers that you contribute to. Ask for less, or contribute the tier."
    ),
    Code.MEMBER_NOT_ACTIVE: _entry(
        _DENIED, "The caller is no active member. Ask the sponsor about the membership's status."
    ),
    Code.CONSENT_MISSING: _entry(_DENIED, "The purpose needs a consent record. Capture one and attach it."),
    Code.CONSENT_EXPIRED: _entry(_DENIED, "The consent record is not valid at this time. Capture a new one."),
    Code.CONSENT_FOREIGN: _entry(
        _DENIED, "The consent record was given by another subject. Attach this subject's own."
    ),
    Code.CONSENT_MISMATCH: _entry(
        _DENIED, "The consent record does not cover this purpose, family or requester. Capture one that does."
    ),
    Code.CONSENT_USED_UP: _entry(_DENIED, "The consent record has no use left. Capture a new one."),
    Code.QUOTA_EXCEEDED: _entry(_SPENT, "The quota is used up. Wait for the next period, or ask for more."),
    Code.PAYMENT_INVALID: _entry(
        _DENIED,
        "A travel check needs the requester's signed reference of the payment it is for. Sign one and ask again.",
    ),
    Code.PAYMENT_REUSED: _entry(
        _TWICE, "This payment reference has served another travel check. Repeat that one, or name another payment."
    ),
    Code.TRAVEL_TOO_OFTEN: _entry(
        _SPENT, "This person's travel was checked as often as the rulebook allows. Ask later, or without the check."
    ),
    Code.STATISTIC_UNKNOWN: _entry(_BAD, "The rulebook in force has no such statistic. `statistics list` shows them."),
    Code.STATISTIC_UNBOUNDED: _entry(
        _BAD, "Nothing bounds what one unit adds to this statistic. Give its template a bound and the cells it touches."
    ),
    Code.STATISTIC_NOT_ALLOWED: _entry(
        _DENIED, "The rulebook does not let this role ask for this statistic. `statistics list` shows who may."
    ),
    Code.STATISTIC_BUDGET_SPENT: _entry(
        _SPENT, "The privacy budget of this period is spent. Ask in the next period, or use what was released."
    ),
    Code.STATISTIC_CLOSED: _entry(
        _STATE, "This exchange of a statistic was given up, and nothing is released for it. Ask anew."
    ),
    Code.STATISTIC_NO_BASIS: _entry(
        _STATE, "This lender has not what the statistic is computed from. The cause says what it has to run or load."
    ),
    Code.SIGNATURE_INVALID: _entry(_AUTH, "A signature does not fit its message. Check the key and send again."),
    Code.CERTIFICATE_INVALID: _entry(
        _AUTH, "A key certificate is not valid now or not from that member. Renew the day's keys."
    ),
    Code.PUBLIC_KEY_WEAK: _entry(
        _BAD, "The public key fails its checks. Make a new one with this project's key generation."
    ),
    Code.PROOF_INVALID: _entry(
        _LOSS, "A key holder's proof is wrong. Nothing of its answer was used: tell the operator."
    ),
    Code.SHARE_KEYS_INCONSISTENT: _entry(
        _STATE, "The share keys do not belong to one key. Refuse this rulebook and tell its approvers."
    ),
    Code.TOO_FEW_HOLDERS: _entry(
        _DOWN, "Fewer key holders answered than the threshold. Try again when more are online."
    ),
    Code.COUNTER_GAP: _entry(
        _STATE, "The message counter is not the next one. Messages were lost or repeated: compare counters."
    ),
    Code.RULEBOOK_INVALID: _entry(_STATE, "The rulebook fails verification. Keep the one you trust."),
    Code.RULEBOOK_MISMATCH: _entry(
        _STATE, "The message belongs to another rulebook version or epoch. Fetch the newest and ask again."
    ),
    Code.RULEBOOK_ROLLBACK: _entry(
        _STATE, "An older rulebook was offered than one already seen. Keep the newer one and ask who offers the old."
    ),
    Code.RULEBOOK_FORK: _entry(
        _LOSS,
        "Two rulebooks of one version exist. Stop, keep both as evidence and compare fingerprints with the others.",
    ),
    Code.RULEBOOK_FROZEN: _entry(
        _STATE, "A newer rulebook exists or none was heard of for too long. Fetch it from another replica or a member."
    ),
    Code.TRANSITION_ILLEGAL: _entry(
        _STATE, "The new rulebook changes what may not change in this way. Refuse it and build the change anew."
    ),
    Code.CLOCK_OFF: _entry(
        _STATE, "This clock and the signed time differ by too much. Set the clock (NTP) and repeat."
    ),
    Code.FINGERPRINT_MISTYPED: _entry(
        _BAD, "The words are no fingerprint: a word is unknown or the check fails. Compare them with the source again."
    ),
    Code.FINGERPRINT_MISMATCH: _entry(
        _STATE, "The fingerprint is not that of this rulebook. Do not go on: call whoever gave it to you."
    ),
    Code.MEMBER_ID_CONFUSABLE: _entry(_BAD, "The member id looks like another one's. Choose an id that does not."),
    Code.KEY_REUSED: _entry(_BAD, "The key is or was used by a member before. Make a new one."),
    Code.APPLICATION_INVALID: _entry(_BAD, "The application is not valid. Correct the named field and sign it anew."),
    Code.APPLICATION_REPLAYED: _entry(
        _TWICE, "This application was handed in before or has expired. Make a new one with `apply`."
    ),
    Code.PROPOSAL_INVALID: _entry(
        _STATE, "The proposal does not fit the rulebook in force. Build it anew on the newest version."
    ),
    Code.VOTE_INVALID: _entry(
        _DENIED, "The vote does not count: see the cause. Vote on the proposal as it stands now."
    ),
    Code.VOTE_REPEATED: _entry(_TWICE, "This approver has voted on the proposal. The first vote stands."),
    Code.NOTICE_INVALID: _entry(_STATE, "The notice does not hold: see the cause. Nothing was changed."),
    Code.SECRETS_MISMATCH: _entry(
        _LOSS, "The lenders' secrets are not those of the rulebook's fingerprint. Do not use them: tell the approvers."
    ),
    Code.REPORT_MISSING: _entry(
        _STATE, "There is no conformance report of this member. It makes one with `credit-participant conformance`."
    ),
    Code.CEREMONY_INVALID: _entry(_BAD, "The ceremony's plan is not valid. Correct the named part."),
    Code.CEREMONY_OTHER: _entry(
        _STATE, "The message belongs to another ceremony, round or party. Fetch the ceremony's plan anew."
    ),
    Code.CEREMONY_FAULT: _entry(
        _LOSS, "The ceremony was aborted for the fault of the named party. Keep the transcript; begin a new attempt."
    ),
    Code.CEREMONY_UNFINISHED: _entry(_STATE, "The ceremony is not finished. `ceremony status` says who is waited for."),
    Code.VERSION_UNSUPPORTED: _entry(
        _STATE,
        "The other side speaks no version that this one speaks. Upgrade the older of the two (`docs/running.md`).",
    ),
    Code.QUERY_EXPIRED: _entry(Status.DEADLINE_EXCEEDED, "The query has expired. Ask again."),
    Code.QUERY_NOT_YET_VALID: _entry(
        _STATE, "The query is dated in the future. Set the requester's clock and ask again."
    ),
    Code.PAYLOAD_INVALID: _entry(
        _BAD, "The sealed payload does not open under its header. Seal header and payload together."
    ),
    Code.LIST_INVALID: _entry(
        _BAD, "The list is not what its header says. Build rows, order and digests from one list, each person once."
    ),
    Code.LIST_OVERLAPS: _entry(
        _STATE,
        "The list shares some people, but not all, with an earlier list of this member within the window. Ask about "
        "the same list again, or about people that none of its lists has.",
    ),
    Code.JOB_UNKNOWN: _entry(_STATE, "This job is not known here, or has ended. Begin it, or resume it, by its list."),
    Code.ENVELOPE_MISMATCH: _entry(
        _BAD, "Envelope or commitment is not the one that the payload gives. Build them from one `rho`."
    ),
    Code.ROSTER_MISMATCH: _entry(
        _STATE, "The roster is not that of the rulebook. Refused: tell the regulator if it repeats."
    ),
    Code.TOO_FEW_CONTRIBUTORS: _entry(
        _STATE, "Too few members can answer to keep each number hidden. Try again when more are online."
    ),
    Code.DIFFERENCING: _entry(
        _STATE,
        "Another set of members answered for this subject within the window. Repeat when the missing member is back.",
    ),
    Code.CONFLICT: _entry(
        _STATE, "The identifiers were asked about separately before. Ask again by the strongest one alone."
    ),
    Code.REQUEST_ID_REUSED: _entry(
        _TWICE, "This request id was used for another query. Choose a new one for a new question."
    ),
    Code.UNREACHABLE: _entry(
        _DOWN, "The other side cannot be reached. Check that it runs, its address and the network; then repeat."
    ),
    Code.NOT_ATTACHED: _entry(
        _DOWN, "This node is connected to no gateway. It reconnects by itself: repeat with the same request id."
    ),
    Code.DEADLINE: _entry(Status.DEADLINE_EXCEEDED, "There was no answer in time. Ask again with the same request id."),
    Code.OVERLOADED: _entry(_SPENT, "Too many requests are open. Try again with back-off."),
    Code.DRAINING: _entry(_DOWN, "This replica is stopping. Ask another one, or this one again in a moment."),
    Code.CTX_REPLAYED: _entry(_TWICE, "This exchange was answered before with other content. Nothing new is released."),
    Code.CTX_UNKNOWN: _entry(_STATE, "There was no first round for this exchange. Start with round one."),
    Code.ALREADY_RELEASED: _entry(
        _TWICE,
        "The correction of this exchange was already released for another set. Nothing new is released.",
    ),
    Code.PAIR_MISMATCH: _entry(_STATE, "Two members do not hold the same pair key. The next attempt leaves them out."),
    Code.CIPHERTEXT_INVALID: _entry(
        _BAD, "A ciphertext or vector is out of range or has another length. The contribution was not used."
    ),
    Code.TRANSCRIPT_INVALID: _entry(
        _LOSS, "The answer does not follow from its signed parts. Do not use it; keep it as evidence."
    ),
    Code.SUM_INVALID: _entry(_LOSS, "The decrypted sum breaks its guard bits. Do not use it; open a dispute."),
    Code.RESTORED_FROM_BACKUP: _entry(
        _STATE, "This node was restored from a backup. It releases nothing until one ledger window has passed: wait."
    ),
    Code.EARLIER_TAGS_MISSING: _entry(
        _STATE,
        "The key's generation changed lately, and the query lacks the tags of the one before. Bring the asking node up "
        "to date and ask again.",
    ),
    Code.BOOK_BEHIND: _entry(
        _STATE,
        "This lender has no book under the generation of the key in force. It has to run "
        "`credit-participant book retokenise`.",
    ),
    Code.REVEAL_INVALID: _entry(
        _STATE, "The reveal does not reproduce the signed messages. The contribution was not what it claims."
    ),
    Code.REVEAL_LIMIT: _entry(
        _DENIED,
        "One more reveal for this subject and window would isolate a member. Wait for the next window.",
    ),
    Code.HISTORY_GONE: _entry(
        _STATE, "What the book was then is no longer kept, or not by this version. Tell the regulator why."
    ),
    Code.OBFUSCATOR_REUSED: _entry(_STATE, "An obfuscator is good for one encryption. Take a new one."),
    Code.PAD_REUSED: _entry(_STATE, "A pad is good for one travel table. Take a new one."),
    Code.MAPPING_INVALID: _entry(_BAD, "The mapping file is not valid. Correct the named key."),
    Code.SOURCE_UNREADABLE: _entry(
        _BAD, "The source cannot be opened. Check the path or address, the format and the permission."
    ),
    Code.SOURCE_LOST: _entry(
        _DOWN, "The source broke off half way: nothing was loaded. Repeat when the source is back."
    ),
    Code.ROWS_REFUSED: _entry(
        _BAD,
        "Too many rows were refused: nothing is loaded from such a source. See the report; correct rows or mapping.",
    ),
    Code.RECORD_INVALID: _entry(_BAD, "The record is not valid. Correct the named field."),
    Code.STORAGE_FULL: _entry(_SPENT, "The disk is full. Nothing was recorded: make room and repeat the command."),
    Code.STORAGE_SCHEMA: _entry(
        _STATE, "The data was written by another version. Run the upgrade that `docs/running.md` describes."
    ),
    Code.STORAGE_BUSY: _entry(
        _DOWN, "Another process is changing the book. Nothing was recorded: try again when it is done."
    ),
    Code.WORKERS_LOST: _entry(
        _DOWN, "Worker processes died, or the cluster is gone. What was done is kept: see their memory, then repeat."
    ),
    Code.STORAGE_BROKEN: _entry(_LOSS, "The database cannot be read or written. Stop the node and keep its files."),
    Code.TREE_PROOF_INVALID: _entry(
        _LOSS, "The proof does not lead to the root. Do not rely on it; keep it as evidence."
    ),
    Code.CHECKPOINT_INVALID: _entry(
        _LOSS, "The checkpoint cannot be read or is not signed by whom it should. Do not rely on it; keep it."
    ),
    Code.POLICY_INVALID: _entry(_BAD, "The policy of logs and witnesses is not valid. Correct the named line."),
    Code.QUORUM_MISSING: _entry(
        _STATE, "Too few witnesses have cosigned the checkpoint. Wait for them, or ask them why they do not."
    ),
    Code.ROLE_NOT_ALLOWED: _entry(_DENIED, "The caller's role may not do this. Ask whoever has the role."),
    Code.ENTRY_INVALID: _entry(_BAD, "The entry is of no published kind or has not its form. Nothing was appended."),
    Code.LOG_BEHIND: _entry(
        _STATE,
        "The log is shorter than it was before, or than was claimed: restored from a backup? Do not serve from it; "
        "see `docs/audit.md`.",
    ),
    Code.LOG_FORKED: _entry(
        _LOSS, "The log has another history than one that was signed before. Stop, and keep both as evidence."
    ),
    Code.LOG_GUARD_LOST: _entry(
        _STATE, "The guard of the newest checkpoint is missing. Check that it is mounted; see `docs/audit.md`."
    ),
    Code.LOG_DAMAGED: _entry(_LOSS, "The log's stored bytes do not fit their hashes. Stop, and keep its files."),
    Code.EXPORT_INVALID: _entry(_LOSS, "The export fails its checks. Do not rely on it; keep it as evidence."),
    Code.EXPORT_UNDECIDED: _entry(_STATE, "The export can neither be confirmed nor refuted: see what is missing."),
    Code.ORDER_INVALID: _entry(_BAD, "The order cannot be carried out: see its entries, members and signatures."),
    Code.FILING_INVALID: _entry(
        _STATE, "The document does not fit what is in the log. See the cause; make it anew on what is there."
    ),
    Code.BODY_HELD: _entry(_STATE, "A legal hold keeps this body. Release the hold first, by an order of both."),
    Code.JOURNAL_BROKEN: _entry(_LOSS, "The journal's hash chain is broken. Stop the node and keep its files."),
    Code.SCORECARD_INVALID: _entry(
        _BAD, "The scorecard is not valid. `credit-participant scorecard check` says every problem and what to do."
    ),
    Code.SCORECARD_NOT_EFFECTIVE: _entry(
        _STATE, "The scorecard is not in effect at this time. Ask with the one that is (`scorecard show`)."
    ),
    Code.SCORECARD_IN_PART: _entry(
        _BAD, "A dimension of a scorecard is asked for as a whole. Ask for all of its slots, or for none."
    ),
    Code.SAMPLE_INVALID: _entry(
        _BAD, "The sample cannot be used for a scorecard. Correct what the cause names, or take a larger sample."
    ),
    Code.PASSPHRASE_NEEDED: _entry(
        _STATE, "The key files are under a passphrase. Name a file with it in CREDIT_PASSPHRASE_FILE."
    ),
    Code.PASSPHRASE_WRONG: _entry(
        _DENIED, "The passphrase does not open the key ring of this folder. Give the right one; nothing was changed."
    ),
    Code.PASSPHRASE_WEAK: _entry(_BAD, "The passphrase is too short or too long. Take a few random words."),
    Code.KEY_FILE_DAMAGED: _entry(
        _LOSS, "A key file is damaged or belongs to another folder. Put it back from a back-up with its key ring."
    ),
    Code.SETTINGS_INVALID: _entry(_BAD, "A setting is unknown or out of bounds. Correct the named setting."),
    Code.INTERNAL: _entry(Status.INTERNAL, "Something unexpected happened. Report the id to the operator."),
}
