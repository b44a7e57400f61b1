"""The transparency log over the gateway's entries: one sequence, checkpoints, and a guard outside the data."""
