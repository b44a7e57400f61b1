"""Packed numbers, masks and Paillier: the mathematics of one released sum."""
