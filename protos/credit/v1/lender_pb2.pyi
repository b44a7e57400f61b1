from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class IdentifierKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IDENTIFIER_KIND_UNSPECIFIED: _ClassVar[IdentifierKind]
    IDENTIFIER_KIND_NATIONAL_ID: _ClassVar[IdentifierKind]
    IDENTIFIER_KIND_PHONE: _ClassVar[IdentifierKind]
    IDENTIFIER_KIND_EMAIL: _ClassVar[IdentifierKind]
IDENTIFIER_KIND_UNSPECIFIED: IdentifierKind
IDENTIFIER_KIND_NATIONAL_ID: IdentifierKind
IDENTIFIER_KIND_PHONE: IdentifierKind
IDENTIFIER_KIND_EMAIL: IdentifierKind

class Identifier(_message.Message):
    __slots__ = ("kind", "text", "country")
    KIND_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    kind: IdentifierKind
    text: str
    country: str
    def __init__(self, kind: _Optional[_Union[IdentifierKind, str]] = ..., text: _Optional[str] = ..., country: _Optional[str] = ...) -> None: ...

class Consent(_message.Message):
    __slots__ = ("families", "issued_at", "expires_at", "maximum_uses", "notice_digest", "notice_language", "evidence_digest")
    FAMILIES_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_USES_FIELD_NUMBER: _ClassVar[int]
    NOTICE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    NOTICE_LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    families: _containers.RepeatedScalarFieldContainer[str]
    issued_at: int
    expires_at: int
    maximum_uses: int
    notice_digest: bytes
    notice_language: str
    evidence_digest: bytes
    def __init__(self, families: _Optional[_Iterable[str]] = ..., issued_at: _Optional[int] = ..., expires_at: _Optional[int] = ..., maximum_uses: _Optional[int] = ..., notice_digest: _Optional[bytes] = ..., notice_language: _Optional[str] = ..., evidence_digest: _Optional[bytes] = ...) -> None: ...

class TravelQuestion(_message.Message):
    __slots__ = ("latitude", "longitude", "time", "payment")
    LATITUDE_FIELD_NUMBER: _ClassVar[int]
    LONGITUDE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    latitude: int
    longitude: int
    time: int
    payment: str
    def __init__(self, latitude: _Optional[int] = ..., longitude: _Optional[int] = ..., time: _Optional[int] = ..., payment: _Optional[str] = ...) -> None: ...

class QueryRequest(_message.Message):
    __slots__ = ("request_id", "identifiers", "purpose", "attributes", "consent", "lifetime_seconds", "staff_id", "travel", "suite")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIERS_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    STAFF_ID_FIELD_NUMBER: _ClassVar[int]
    TRAVEL_FIELD_NUMBER: _ClassVar[int]
    SUITE_FIELD_NUMBER: _ClassVar[int]
    request_id: bytes
    identifiers: _containers.RepeatedCompositeFieldContainer[Identifier]
    purpose: str
    attributes: _containers.RepeatedScalarFieldContainer[str]
    consent: Consent
    lifetime_seconds: int
    staff_id: str
    travel: TravelQuestion
    suite: str
    def __init__(self, request_id: _Optional[bytes] = ..., identifiers: _Optional[_Iterable[_Union[Identifier, _Mapping]]] = ..., purpose: _Optional[str] = ..., attributes: _Optional[_Iterable[str]] = ..., consent: _Optional[_Union[Consent, _Mapping]] = ..., lifetime_seconds: _Optional[int] = ..., staff_id: _Optional[str] = ..., travel: _Optional[_Union[TravelQuestion, _Mapping]] = ..., suite: _Optional[str] = ...) -> None: ...

class AttributeValue(_message.Message):
    __slots__ = ("id", "value", "own", "unit", "currency", "status")
    ID_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    OWN_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    id: str
    value: int
    own: int
    unit: str
    currency: str
    status: str
    def __init__(self, id: _Optional[str] = ..., value: _Optional[int] = ..., own: _Optional[int] = ..., unit: _Optional[str] = ..., currency: _Optional[str] = ..., status: _Optional[str] = ...) -> None: ...

class Match(_message.Message):
    __slots__ = ("national_id", "phone", "email")
    NATIONAL_ID_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    national_id: int
    phone: int
    email: int
    def __init__(self, national_id: _Optional[int] = ..., phone: _Optional[int] = ..., email: _Optional[int] = ...) -> None: ...

class QueryReceipt(_message.Message):
    __slots__ = ("index", "leaf_hash", "time_ms")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    LEAF_HASH_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    index: int
    leaf_hash: bytes
    time_ms: int
    def __init__(self, index: _Optional[int] = ..., leaf_hash: _Optional[bytes] = ..., time_ms: _Optional[int] = ...) -> None: ...

class TravelCheck(_message.Message):
    __slots__ = ("contradictions", "own", "answered", "verdict")
    CONTRADICTIONS_FIELD_NUMBER: _ClassVar[int]
    OWN_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    contradictions: int
    own: int
    answered: int
    verdict: str
    def __init__(self, contradictions: _Optional[int] = ..., own: _Optional[int] = ..., answered: _Optional[int] = ..., verdict: _Optional[str] = ...) -> None: ...

class QueryResponse(_message.Message):
    __slots__ = ("request_id", "status", "match", "asked", "answered", "missing", "as_of", "attributes", "receipt", "frozen", "capped", "travel")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MATCH_FIELD_NUMBER: _ClassVar[int]
    ASKED_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    FROZEN_FIELD_NUMBER: _ClassVar[int]
    CAPPED_FIELD_NUMBER: _ClassVar[int]
    TRAVEL_FIELD_NUMBER: _ClassVar[int]
    request_id: bytes
    status: str
    match: Match
    asked: _containers.RepeatedScalarFieldContainer[str]
    answered: _containers.RepeatedScalarFieldContainer[str]
    missing: _containers.RepeatedScalarFieldContainer[str]
    as_of: int
    attributes: _containers.RepeatedCompositeFieldContainer[AttributeValue]
    receipt: QueryReceipt
    frozen: int
    capped: int
    travel: TravelCheck
    def __init__(self, request_id: _Optional[bytes] = ..., status: _Optional[str] = ..., match: _Optional[_Union[Match, _Mapping]] = ..., asked: _Optional[_Iterable[str]] = ..., answered: _Optional[_Iterable[str]] = ..., missing: _Optional[_Iterable[str]] = ..., as_of: _Optional[int] = ..., attributes: _Optional[_Iterable[_Union[AttributeValue, _Mapping]]] = ..., receipt: _Optional[_Union[QueryReceipt, _Mapping]] = ..., frozen: _Optional[int] = ..., capped: _Optional[int] = ..., travel: _Optional[_Union[TravelCheck, _Mapping]] = ...) -> None: ...

class RecordRequest(_message.Message):
    __slots__ = ("kind", "event_json")
    KIND_FIELD_NUMBER: _ClassVar[int]
    EVENT_JSON_FIELD_NUMBER: _ClassVar[int]
    kind: str
    event_json: str
    def __init__(self, kind: _Optional[str] = ..., event_json: _Optional[str] = ...) -> None: ...

class RecordResponse(_message.Message):
    __slots__ = ("journal_size", "journal_head")
    JOURNAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    JOURNAL_HEAD_FIELD_NUMBER: _ClassVar[int]
    journal_size: int
    journal_head: bytes
    def __init__(self, journal_size: _Optional[int] = ..., journal_head: _Optional[bytes] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("member", "rulebook_digest", "rulebook_version", "attached", "book_day", "subjects", "journal_size")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    RULEBOOK_DIGEST_FIELD_NUMBER: _ClassVar[int]
    RULEBOOK_VERSION_FIELD_NUMBER: _ClassVar[int]
    ATTACHED_FIELD_NUMBER: _ClassVar[int]
    BOOK_DAY_FIELD_NUMBER: _ClassVar[int]
    SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    JOURNAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    member: str
    rulebook_digest: bytes
    rulebook_version: int
    attached: _containers.RepeatedScalarFieldContainer[str]
    book_day: int
    subjects: int
    journal_size: int
    def __init__(self, member: _Optional[str] = ..., rulebook_digest: _Optional[bytes] = ..., rulebook_version: _Optional[int] = ..., attached: _Optional[_Iterable[str]] = ..., book_day: _Optional[int] = ..., subjects: _Optional[int] = ..., journal_size: _Optional[int] = ...) -> None: ...

class AssessRequest(_message.Message):
    __slots__ = ("about", "amount", "min_answered", "hold_seconds", "shadow", "incumbent")
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    MIN_ANSWERED_FIELD_NUMBER: _ClassVar[int]
    HOLD_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    INCUMBENT_FIELD_NUMBER: _ClassVar[int]
    about: QueryRequest
    amount: int
    min_answered: int
    hold_seconds: int
    shadow: bool
    incumbent: str
    def __init__(self, about: _Optional[_Union[QueryRequest, _Mapping]] = ..., amount: _Optional[int] = ..., min_answered: _Optional[int] = ..., hold_seconds: _Optional[int] = ..., shadow: bool = ..., incumbent: _Optional[str] = ...) -> None: ...

class AssessReason(_message.Message):
    __slots__ = ("source", "id", "hint", "code", "family", "officer", "applicant")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    OFFICER_FIELD_NUMBER: _ClassVar[int]
    APPLICANT_FIELD_NUMBER: _ClassVar[int]
    source: str
    id: str
    hint: str
    code: str
    family: str
    officer: str
    applicant: str
    def __init__(self, source: _Optional[str] = ..., id: _Optional[str] = ..., hint: _Optional[str] = ..., code: _Optional[str] = ..., family: _Optional[str] = ..., officer: _Optional[str] = ..., applicant: _Optional[str] = ...) -> None: ...

class AssessMatch(_message.Message):
    __slots__ = ("level", "national_id", "phone", "email")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    NATIONAL_ID_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    level: str
    national_id: int
    phone: int
    email: int
    def __init__(self, level: _Optional[str] = ..., national_id: _Optional[int] = ..., phone: _Optional[int] = ..., email: _Optional[int] = ...) -> None: ...

class AssessValue(_message.Message):
    __slots__ = ("id", "title", "unit", "status", "total", "own", "others")
    ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    OWN_FIELD_NUMBER: _ClassVar[int]
    OTHERS_FIELD_NUMBER: _ClassVar[int]
    id: str
    title: str
    unit: str
    status: str
    total: int
    own: int
    others: int
    def __init__(self, id: _Optional[str] = ..., title: _Optional[str] = ..., unit: _Optional[str] = ..., status: _Optional[str] = ..., total: _Optional[int] = ..., own: _Optional[int] = ..., others: _Optional[int] = ...) -> None: ...

class AssessAlone(_message.Message):
    __slots__ = ("decision", "reasons", "score")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    decision: str
    reasons: _containers.RepeatedCompositeFieldContainer[AssessReason]
    score: int
    def __init__(self, decision: _Optional[str] = ..., reasons: _Optional[_Iterable[_Union[AssessReason, _Mapping]]] = ..., score: _Optional[int] = ...) -> None: ...

class AssessLost(_message.Message):
    __slots__ = ("dimension", "code", "points", "officer", "applicant")
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    OFFICER_FIELD_NUMBER: _ClassVar[int]
    APPLICANT_FIELD_NUMBER: _ClassVar[int]
    dimension: str
    code: str
    points: int
    officer: str
    applicant: str
    def __init__(self, dimension: _Optional[str] = ..., code: _Optional[str] = ..., points: _Optional[int] = ..., officer: _Optional[str] = ..., applicant: _Optional[str] = ...) -> None: ...

class AssessDimension(_message.Message):
    __slots__ = ("id", "status", "points", "least", "most", "held", "minimum", "of", "problem")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    LEAST_FIELD_NUMBER: _ClassVar[int]
    MOST_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    id: str
    status: str
    points: int
    least: int
    most: int
    held: int
    minimum: int
    of: int
    problem: str
    def __init__(self, id: _Optional[str] = ..., status: _Optional[str] = ..., points: _Optional[int] = ..., least: _Optional[int] = ..., most: _Optional[int] = ..., held: _Optional[int] = ..., minimum: _Optional[int] = ..., of: _Optional[int] = ..., problem: _Optional[str] = ...) -> None: ...

class AssessScore(_message.Message):
    __slots__ = ("card", "role", "status", "total", "odds", "probability", "dimensions", "lost")
    CARD_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    ODDS_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    card: str
    role: str
    status: str
    total: int
    odds: float
    probability: float
    dimensions: _containers.RepeatedCompositeFieldContainer[AssessDimension]
    lost: _containers.RepeatedCompositeFieldContainer[AssessLost]
    def __init__(self, card: _Optional[str] = ..., role: _Optional[str] = ..., status: _Optional[str] = ..., total: _Optional[int] = ..., odds: _Optional[float] = ..., probability: _Optional[float] = ..., dimensions: _Optional[_Iterable[_Union[AssessDimension, _Mapping]]] = ..., lost: _Optional[_Iterable[_Union[AssessLost, _Mapping]]] = ...) -> None: ...

class AssessTravel(_message.Message):
    __slots__ = ("verdict", "contradictions", "own", "answered")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    CONTRADICTIONS_FIELD_NUMBER: _ClassVar[int]
    OWN_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    verdict: str
    contradictions: int
    own: int
    answered: int
    def __init__(self, verdict: _Optional[str] = ..., contradictions: _Optional[int] = ..., own: _Optional[int] = ..., answered: _Optional[int] = ...) -> None: ...

class AssessVersions(_message.Message):
    __slots__ = ("rulebook", "rulebook_digest", "signals", "scorecards")
    RULEBOOK_FIELD_NUMBER: _ClassVar[int]
    RULEBOOK_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    SCORECARDS_FIELD_NUMBER: _ClassVar[int]
    rulebook: int
    rulebook_digest: str
    signals: int
    scorecards: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, rulebook: _Optional[int] = ..., rulebook_digest: _Optional[str] = ..., signals: _Optional[int] = ..., scorecards: _Optional[_Iterable[str]] = ...) -> None: ...

class AssessReceipt(_message.Message):
    __slots__ = ("index", "leaf_hash", "time")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    LEAF_HASH_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    index: int
    leaf_hash: str
    time: int
    def __init__(self, index: _Optional[int] = ..., leaf_hash: _Optional[str] = ..., time: _Optional[int] = ...) -> None: ...

class AssessNotice(_message.Message):
    __slots__ = ("source", "dispute_contact")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DISPUTE_CONTACT_FIELD_NUMBER: _ClassVar[int]
    source: str
    dispute_contact: str
    def __init__(self, source: _Optional[str] = ..., dispute_contact: _Optional[str] = ...) -> None: ...

class AssessResponse(_message.Message):
    __slots__ = ("request_id", "attempt", "assessed_at", "purpose", "amount", "shadow", "incumbent", "decision", "situation", "failure", "match", "asked", "answered", "missing", "as_of", "frozen", "capped", "attributes", "alone", "reasons", "undecided", "versions", "receipt", "notice", "pending_id", "scores", "travel")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    ASSESSED_AT_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    INCUMBENT_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SITUATION_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    MATCH_FIELD_NUMBER: _ClassVar[int]
    ASKED_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    FROZEN_FIELD_NUMBER: _ClassVar[int]
    CAPPED_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    ALONE_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    UNDECIDED_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    PENDING_ID_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    TRAVEL_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    attempt: int
    assessed_at: int
    purpose: str
    amount: int
    shadow: bool
    incumbent: str
    decision: str
    situation: str
    failure: str
    match: AssessMatch
    asked: _containers.RepeatedScalarFieldContainer[str]
    answered: _containers.RepeatedScalarFieldContainer[str]
    missing: _containers.RepeatedScalarFieldContainer[str]
    as_of: int
    frozen: int
    capped: int
    attributes: _containers.RepeatedCompositeFieldContainer[AssessValue]
    alone: AssessAlone
    reasons: _containers.RepeatedCompositeFieldContainer[AssessReason]
    undecided: _containers.RepeatedScalarFieldContainer[str]
    versions: AssessVersions
    receipt: AssessReceipt
    notice: AssessNotice
    pending_id: str
    scores: _containers.RepeatedCompositeFieldContainer[AssessScore]
    travel: AssessTravel
    def __init__(self, request_id: _Optional[str] = ..., attempt: _Optional[int] = ..., assessed_at: _Optional[int] = ..., purpose: _Optional[str] = ..., amount: _Optional[int] = ..., shadow: bool = ..., incumbent: _Optional[str] = ..., decision: _Optional[str] = ..., situation: _Optional[str] = ..., failure: _Optional[str] = ..., match: _Optional[_Union[AssessMatch, _Mapping]] = ..., asked: _Optional[_Iterable[str]] = ..., answered: _Optional[_Iterable[str]] = ..., missing: _Optional[_Iterable[str]] = ..., as_of: _Optional[int] = ..., frozen: _Optional[int] = ..., capped: _Optional[int] = ..., attributes: _Optional[_Iterable[_Union[AssessValue, _Mapping]]] = ..., alone: _Optional[_Union[AssessAlone, _Mapping]] = ..., reasons: _Optional[_Iterable[_Union[AssessReason, _Mapping]]] = ..., undecided: _Optional[_Iterable[str]] = ..., versions: _Optional[_Union[AssessVersions, _Mapping]] = ..., receipt: _Optional[_Union[AssessReceipt, _Mapping]] = ..., notice: _Optional[_Union[AssessNotice, _Mapping]] = ..., pending_id: _Optional[str] = ..., scores: _Optional[_Iterable[_Union[AssessScore, _Mapping]]] = ..., travel: _Optional[_Union[AssessTravel, _Mapping]] = ...) -> None: ...
