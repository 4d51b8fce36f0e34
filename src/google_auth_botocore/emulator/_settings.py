"""Settings that can change while the emulator runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Settings:
    """The clock and the lifetimes of tokens. A change takes effect with the next request.

    Attributes:
        clock: returns the time, in seconds since the epoch.
        token_lifetime: lifetime of federated tokens, in seconds.
        max_access_token_lifetime: maximum lifetime of access tokens, in seconds, even if the client requests more. For
            tests that need tokens to expire soon. None: only Google's own maximum.
    """

    clock: Callable[[], float]
    token_lifetime: int = 3600
    max_access_token_lifetime: int | None = None
