"""Whole lists of people in one job: how a lender answers for them block by block, and how it asks."""
