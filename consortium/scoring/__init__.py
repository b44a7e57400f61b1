"""From the decrypted sums to a score with its reasons: the requester's part of a scorecard, without I/O or clock."""
