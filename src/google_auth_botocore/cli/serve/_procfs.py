"""The /proc file system of Linux."""

from __future__ import annotations

import os
from pathlib import Path

PROCESSES = Path("/proc")


def is_usable() -> bool:
    """Return whether /proc exists and belongs to our PID namespace, so that process ids in it are valid for us."""
    try:
        return int((PROCESSES / "self").readlink().name) == os.getpid()
    except (OSError, ValueError):
        return False
