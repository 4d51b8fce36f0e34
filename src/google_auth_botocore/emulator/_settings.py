"""Settings that can change while the emulator runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


def system_time() -> float:
    """Return the system's time. `time.time` is looked up for each call, because freezegun replaces it."""
    return time.time()


@dataclass
class Settings:
    """The clock and the lifetimes of tokens. A change takes effect with the next request.

    Attributes:
        clock: returns the time, in seconds since the epoch.
        token_lifetime: lifetime of federated tokens, in seconds.
        max_access_token_lifetime: maximum lifetime of access tokens, in seconds, even if the client requests more. For
            tests that need tokens to expire soon. None: only Google's own maximum.
        ready: whether `/healthz` returns 200. A program that prepares more after the start sets it to False until then.
    """

    clock: Callable[[], float]
    token_lifetime: int = 3600
    max_access_token_lifetime: int | None = None
    ready: bool = True
