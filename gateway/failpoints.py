"""
Points at which a test makes this process die, as if its power had gone: the only module that knows of them.

A point is armed by writing its name into the file that the environment variable CREDIT_FAILPOINT names. The process
that comes by removes the file and kills itself with SIGKILL. Without the variable, as everywhere but in tests, a
point is one comparison.
"""

import os
import signal
from pathlib import Path

_PATH = os.environ.get("CREDIT_FAILPOINT")


def failpoint(name: str) -> None:
    """Die here if this point is armed."""
    if _PATH is None:
        return
    armed = Path(_PATH)
    if armed.exists() and armed.read_text("ascii") == name:
        armed.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
