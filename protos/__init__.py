"""Wire definitions."""
