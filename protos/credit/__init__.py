"""Wire definitions of the credit gateway."""
