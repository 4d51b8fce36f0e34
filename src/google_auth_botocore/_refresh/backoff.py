"""The pauses between attempts at the same work: they double, and have jitter, so that workers drift apart."""

import random


def pause(failures: int, first: float, longest: float) -> float:
    """Return the seconds before the next attempt: up to *first* after one failure, 2 * *first* after two ... up to *longest*."""
    return min(first * 2.0 ** min(failures - 1, 10), longest) * random.uniform(0.5, 1.0)  # noqa: S311 - hides nothing
