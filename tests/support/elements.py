"""Encodings that are no group elements, by what is wrong with them."""

from consortium.oprf import group

FIELD_PRIME = 2**255 - 19
GOOD = group.scale_base(7)

BAD_ELEMENTS = {
    "identity": group.IDENTITY,
    "negative": bytes([GOOD[0] ^ 1]) + GOOD[1:],
    "not reduced": (FIELD_PRIME + 2).to_bytes(32, "little"),
    "high bit": GOOD[:31] + bytes([GOOD[31] | 0x80]),
    "not on the curve": bytes.fromhex("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371"),
    "too short": GOOD[:31],
    "too long": GOOD + b"\0",
    "empty": b"",
}
"""The unencodable one is of RFC 9496, appendix A.2; the identity is an element, but never a valid one here."""
