"""Keys at rest and in use."""
