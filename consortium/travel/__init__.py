"""Impossible travel: the earth in whole numbers, what speeds allow, and the oblivious choice of a tile's cell."""
