"""Linux's /proc, where it shows the processes that we know by the same numbers."""

from __future__ import annotations

import os
from pathlib import Path

PROCESSES = Path("/proc")


def shows_us() -> bool:
    """Return whether /proc is there, and of our own PID namespace."""
    try:
        return int((PROCESSES / "self").readlink().name) == os.getpid()
    except (OSError, ValueError):
        return False
