"""A participant's way to the gateway and to key holders: bytes out, bytes in; raw records cannot reach this package."""
