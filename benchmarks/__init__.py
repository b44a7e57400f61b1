"""Measurements against peers, each table from one run."""
