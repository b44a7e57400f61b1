"""What every party must agree on byte for byte: no I/O, no clock, randomness only as an argument."""
