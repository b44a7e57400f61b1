"""Whole lists of people at once: what a lender asks of its book for a block of rows, and its own lists and outputs."""
