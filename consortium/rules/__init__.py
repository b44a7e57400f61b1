"""Rules that more than one party applies to the same message; each raises, none returns a bool."""
