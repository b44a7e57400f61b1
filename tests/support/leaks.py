"""Searching text and bytes for secrets in every form in which they could slip out."""

import base64
from collections.abc import Iterable


def forms(secret: bytes | str | int) -> list[bytes]:
    """Every form of a secret worth searching for: raw, hex, base64, repr, decimal."""
    if isinstance(secret, int):
        return [str(secret).encode(), f"{secret:x}".encode()]
    if isinstance(secret, str):
        return [secret.encode(), base64.b64encode(secret.encode()).rstrip(b"=")[:-1]]
    number = str(int.from_bytes(secret, "big")).encode()
    encoded = base64.b64encode(secret).rstrip(b"=")[:-1], base64.urlsafe_b64encode(secret).rstrip(b"=")[:-1]
    return [secret, secret.hex().encode(), secret.hex().upper().encode(), repr(secret)[2:-1].encode(), number, *encoded]


def leaks(haystack: bytes, secrets: Iterable[tuple[str, bytes | str | int]]) -> list[str]:
    """Name the secrets that occur in any form."""
    return [name for name, secret in secrets if any(form in haystack for form in forms(secret))]
