"""A lender's node: its book, its answers and its questions."""

from participants.lender.node import LenderNode

__all__ = ["LenderNode"]
