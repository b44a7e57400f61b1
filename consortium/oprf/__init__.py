"""The oblivious, verifiable, shared evaluation that turns identifiers into subject keys."""
