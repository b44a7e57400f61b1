"""Domain types: an object that exists is valid."""
