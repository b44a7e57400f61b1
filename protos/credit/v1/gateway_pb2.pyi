from protos.credit.v1 import keys_pb2 as _keys_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AskRequest(_message.Message):
    __slots__ = ("request_id", "query")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    request_id: bytes
    query: bytes
    def __init__(self, request_id: _Optional[bytes] = ..., query: _Optional[bytes] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("index", "leaf_hash", "time_ms", "signature")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    LEAF_HASH_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    index: int
    leaf_hash: bytes
    time_ms: int
    signature: bytes
    def __init__(self, index: _Optional[int] = ..., leaf_hash: _Optional[bytes] = ..., time_ms: _Optional[int] = ..., signature: _Optional[bytes] = ...) -> None: ...

class AskResponse(_message.Message):
    __slots__ = ("request_id", "transcript", "receipt", "travel_tables")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    TRAVEL_TABLES_FIELD_NUMBER: _ClassVar[int]
    request_id: bytes
    transcript: bytes
    receipt: Receipt
    travel_tables: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, request_id: _Optional[bytes] = ..., transcript: _Optional[bytes] = ..., receipt: _Optional[_Union[Receipt, _Mapping]] = ..., travel_tables: _Optional[_Iterable[bytes]] = ...) -> None: ...

class AttachRequest(_message.Message):
    __slots__ = ("hello", "answer", "mask_keys")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    MASK_KEYS_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    answer: CallAnswer
    mask_keys: MaskKeys
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., answer: _Optional[_Union[CallAnswer, _Mapping]] = ..., mask_keys: _Optional[_Union[MaskKeys, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("mask_keys", "rulebook_digest", "last_counter", "version", "protocol", "oldest_protocol", "statistics")
    MASK_KEYS_FIELD_NUMBER: _ClassVar[int]
    RULEBOOK_DIGEST_FIELD_NUMBER: _ClassVar[int]
    LAST_COUNTER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    OLDEST_PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    STATISTICS_FIELD_NUMBER: _ClassVar[int]
    mask_keys: _containers.RepeatedCompositeFieldContainer[_keys_pb2.CertifiedKey]
    rulebook_digest: bytes
    last_counter: int
    version: str
    protocol: int
    oldest_protocol: int
    statistics: bool
    def __init__(self, mask_keys: _Optional[_Iterable[_Union[_keys_pb2.CertifiedKey, _Mapping]]] = ..., rulebook_digest: _Optional[bytes] = ..., last_counter: _Optional[int] = ..., version: _Optional[str] = ..., protocol: _Optional[int] = ..., oldest_protocol: _Optional[int] = ..., statistics: bool = ...) -> None: ...

class MaskKeys(_message.Message):
    __slots__ = ("mask_keys",)
    MASK_KEYS_FIELD_NUMBER: _ClassVar[int]
    mask_keys: _containers.RepeatedCompositeFieldContainer[_keys_pb2.CertifiedKey]
    def __init__(self, mask_keys: _Optional[_Iterable[_Union[_keys_pb2.CertifiedKey, _Mapping]]] = ...) -> None: ...

class CallAnswer(_message.Message):
    __slots__ = ("call", "answer", "refusal")
    CALL_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    call: int
    answer: bytes
    refusal: Refusal
    def __init__(self, call: _Optional[int] = ..., answer: _Optional[bytes] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("code", "cause")
    CODE_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    code: str
    cause: str
    def __init__(self, code: _Optional[str] = ..., cause: _Optional[str] = ...) -> None: ...

class AttachResponse(_message.Message):
    __slots__ = ("welcome", "round1", "round2", "drain", "statistic", "statistic_correction", "receipts")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    ROUND1_FIELD_NUMBER: _ClassVar[int]
    ROUND2_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    STATISTIC_FIELD_NUMBER: _ClassVar[int]
    STATISTIC_CORRECTION_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    round1: Round1Call
    round2: Round2Call
    drain: Drain
    statistic: StatisticCall
    statistic_correction: StatisticCall
    receipts: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., round1: _Optional[_Union[Round1Call, _Mapping]] = ..., round2: _Optional[_Union[Round2Call, _Mapping]] = ..., drain: _Optional[_Union[Drain, _Mapping]] = ..., statistic: _Optional[_Union[StatisticCall, _Mapping]] = ..., statistic_correction: _Optional[_Union[StatisticCall, _Mapping]] = ..., receipts: _Optional[_Iterable[bytes]] = ...) -> None: ...

class TakenMessage(_message.Message):
    __slots__ = ("member", "digest")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    member: str
    digest: bytes
    def __init__(self, member: _Optional[str] = ..., digest: _Optional[bytes] = ...) -> None: ...

class MessageReceipt(_message.Message):
    __slots__ = ("query", "admission", "attempt", "round", "taken", "signature")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    ADMISSION_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    query: bytes
    admission: int
    attempt: int
    round: int
    taken: _containers.RepeatedCompositeFieldContainer[TakenMessage]
    signature: bytes
    def __init__(self, query: _Optional[bytes] = ..., admission: _Optional[int] = ..., attempt: _Optional[int] = ..., round: _Optional[int] = ..., taken: _Optional[_Iterable[_Union[TakenMessage, _Mapping]]] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("rulebook_digest", "time_ms", "last_counter", "protocol")
    RULEBOOK_DIGEST_FIELD_NUMBER: _ClassVar[int]
    TIME_MS_FIELD_NUMBER: _ClassVar[int]
    LAST_COUNTER_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    rulebook_digest: bytes
    time_ms: int
    last_counter: int
    protocol: int
    def __init__(self, rulebook_digest: _Optional[bytes] = ..., time_ms: _Optional[int] = ..., last_counter: _Optional[int] = ..., protocol: _Optional[int] = ...) -> None: ...

class Round1Call(_message.Message):
    __slots__ = ("call", "request")
    CALL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    call: int
    request: bytes
    def __init__(self, call: _Optional[int] = ..., request: _Optional[bytes] = ...) -> None: ...

class Round2Call(_message.Message):
    __slots__ = ("call", "request")
    CALL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    call: int
    request: bytes
    def __init__(self, call: _Optional[int] = ..., request: _Optional[bytes] = ...) -> None: ...

class StatisticCall(_message.Message):
    __slots__ = ("call", "request")
    CALL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    call: int
    request: bytes
    def __init__(self, call: _Optional[int] = ..., request: _Optional[bytes] = ...) -> None: ...

class Drain(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetRulebookRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SignedRulebook(_message.Message):
    __slots__ = ("document", "signatures")
    class SignaturesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bytes
        def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    document: bytes
    signatures: _containers.ScalarMap[str, bytes]
    def __init__(self, document: _Optional[bytes] = ..., signatures: _Optional[_Mapping[str, bytes]] = ...) -> None: ...

class GetRulebookResponse(_message.Message):
    __slots__ = ("rulebook",)
    RULEBOOK_FIELD_NUMBER: _ClassVar[int]
    rulebook: SignedRulebook
    def __init__(self, rulebook: _Optional[_Union[SignedRulebook, _Mapping]] = ...) -> None: ...

class WatchRulebookRequest(_message.Message):
    __slots__ = ("after_version",)
    AFTER_VERSION_FIELD_NUMBER: _ClassVar[int]
    after_version: int
    def __init__(self, after_version: _Optional[int] = ...) -> None: ...

class WatchRulebookResponse(_message.Message):
    __slots__ = ("rulebook",)
    RULEBOOK_FIELD_NUMBER: _ClassVar[int]
    rulebook: SignedRulebook
    def __init__(self, rulebook: _Optional[_Union[SignedRulebook, _Mapping]] = ...) -> None: ...

class EvaluateRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: bytes
    def __init__(self, request: _Optional[bytes] = ...) -> None: ...

class EvaluateResponse(_message.Message):
    __slots__ = ("answer",)
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    answer: bytes
    def __init__(self, answer: _Optional[bytes] = ...) -> None: ...
