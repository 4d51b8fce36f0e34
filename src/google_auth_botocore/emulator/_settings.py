"""What can be turned while the emulator runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Settings:
    """The clock and the lifetimes of tokens; a change holds from the next request on.

    Attributes:
        clock: gives the time, in seconds since the epoch.
        token_lifetime: how long federated tokens live, in seconds.
        max_access_token_lifetime: caps the life of every token that generateAccessToken hands out, in seconds,
            whatever was asked for: a sandbox of short-lived tokens. None: no cap but Google's own.
    """

    clock: Callable[[], float]
    token_lifetime: int = 3600
    max_access_token_lifetime: int | None = None
