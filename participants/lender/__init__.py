"""A lender's node: its book, its answers and its questions."""
