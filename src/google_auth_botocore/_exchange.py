"""The terms on which one token is fetched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Longest time that one exchange may take, in seconds, AWS included: no caller waits much longer for a token.
DEADLINE = 30.0

# google.auth.transport.Request or a callable like it; None for a transport of our own.
Request = Callable[..., Any] | None


class PromptRequired(Exception):  # noqa: N818 - a request to the caller, not a failure
    """The AWS keys need an MFA code, and this exchange may not ask the user for one.

    The caller's own thread catches it and runs the exchange again with `may_prompt=True`.
    """


class ExchangeContext:
    """The terms of one exchange, which go along with every call that it makes.

    Args:
        background: No caller waits for the token, so the user is not asked for an MFA code.
        deadline: Latest end, in seconds of the monotonic clock.
        may_prompt: The user may be asked for an MFA code: the exchange runs on the thread of the caller who waits for it.

    Attributes:
        not_before: When the server that rejected the request accepts another one, if that is after the deadline.
    """

    def __init__(self, *, background: bool, deadline: float, may_prompt: bool = False) -> None:
        self.background = background
        self.deadline: float = deadline
        self.may_prompt = may_prompt
        self.not_before: float = 0.0
        self._resumed = False

    def resume(self, now: float) -> None:
        """Restart the time limit after the process was suspended; once, because a slow server looks the same."""
        if not self._resumed:
            self._resumed = True
            self.deadline = now + DEADLINE
