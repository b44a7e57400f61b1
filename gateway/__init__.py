"""The hub: routing, policy, rounds and evidence, never a secret of the lenders."""
