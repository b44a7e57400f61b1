"""Trees, chains and checkpoints: the mathematics of evidence."""
