"""
Receipts as lines of a file: what a member hands to a regulator, one JSON object a line.

Of an answer: `index`, `time_ms`, and in hexadecimal `leaf_hash`, `signature`, `query` (the digest of the signed query)
and `transcript` (the bytes that the answer carried). Of messages: `admission`, `attempt`, `round`, and in hexadecimal
`query`, `signature` and `taken` (the digest of each member's message). Nothing in them is about a person's data; a
transcript holds ciphertexts.
"""

import json
from collections.abc import Mapping
from typing import Any

from consortium.model.receipts import MessageReceipt, Receipt, Round, Subject

ReceiptLine = tuple[Receipt, Subject] | MessageReceipt


def answer_line(receipt: Receipt, subject: Subject) -> bytes:
    """Write the receipt of an answer, with its newline."""
    return _line(
        {
            "index": receipt.index,
            "leaf_hash": receipt.leaf_hash.hex(),
            "time_ms": receipt.time_ms,
            "signature": receipt.signature.hex(),
            "query": subject.query_digest.hex(),
            "transcript": subject.transcript.hex(),
        }
    )


def message_line(receipt: MessageReceipt) -> bytes:
    """Write the receipt of messages, with its newline."""
    of = receipt.round
    return _line(
        {
            "query": of.query.hex(),
            "admission": of.admission,
            "attempt": of.attempt,
            "round": of.number,
            "taken": {member: digest.hex() for member, digest in sorted(receipt.taken.items())},
            "signature": receipt.signature.hex(),
        }
    )


def receipt_from_line(line: bytes) -> ReceiptLine:
    """Parse a line; raises ValueError. Nothing is verified yet."""
    value = json.loads(line)
    try:
        return _messages(value) if "taken" in value else _answer(value)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("no receipt") from error


def _answer(value: Mapping[str, Any]) -> tuple[Receipt, Subject]:
    leaf, signature, query, transcript = (
        _bytes(value, name) for name in ("leaf_hash", "signature", "query", "transcript")
    )
    return Receipt(_number(value, "index"), leaf, _number(value, "time_ms"), signature), Subject(query, transcript)


def _messages(value: Mapping[str, Any]) -> MessageReceipt:
    taken = {str(member): bytes.fromhex(digest) for member, digest in value["taken"].items()}
    of = Round(_bytes(value, "query"), *(_number(value, name) for name in ("admission", "attempt", "round")))
    return MessageReceipt(of, taken, _bytes(value, "signature"))


def _bytes(value: Mapping[str, Any], name: str) -> bytes:
    return bytes.fromhex(value[name])


def _number(value: Mapping[str, Any], name: str) -> int:
    number = value[name]
    if type(number) is not int or not 0 <= number < 1 << 53:
        raise ValueError(name)
    return number


def _line(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"
