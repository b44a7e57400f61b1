"""Databases of a participant; the only place with SQL."""
