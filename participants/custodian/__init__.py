"""A custodian: holds one share of the OPRF key and evaluates blinded elements with it; it knows nothing else."""
