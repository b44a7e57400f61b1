"""Noise for statistics: an exact sampler and the accounting of what it costs; knows nothing of messages or people."""
