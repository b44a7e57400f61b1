"""Signals at the requester: rules over decrypted sums that are data, and the hint that follows from them."""
