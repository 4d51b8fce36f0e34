"""The processors and the memory of this machine or container."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_UNKNOWN_MEMORY = 4 << 30


def usable_cpus(cgroup: Path = _CGROUP) -> int:
    """Return the number of processors that this process may use: its CPU affinity, or the container's limit if that is less."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _read(cgroup / "cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit() and int(period):
        count = min(count, math.ceil(int(quota) / int(period)))
    return max(1, count)


def memory(cgroup: Path = _CGROUP) -> int:
    """Return the memory in bytes: that of the machine, or the container's limit if that is less."""
    sizes = [int(text) for text in (_read(cgroup / "memory.max"),) if text.isdigit()]
    function = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if function.isdigit():
        sizes.append(int(function) << 20)
    try:
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):  # not on Windows
        sizes.append(_UNKNOWN_MEMORY)
    return min(sizes)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
