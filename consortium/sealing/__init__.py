"""What travels sealed: payloads for contributors, envelopes for the regulator."""
