"""One exchange of an AWS identity for a token: its state, its deadline, and how code that runs within it recognises it.

An exchange runs in its own context (`contextvars`), in which `current` holds it. Code that an exchange calls may call
the credentials again: a transport that carries them calls `before_request`, a log handler requests a token. Both see
the exchange that they are part of, and do not wait for it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

# Longest time that one exchange may take, in seconds, AWS included.
DEADLINE = 30.0

# google.auth.transport.Request or a callable like it; None for this package's own transport.
Request = Callable[..., Any] | None


class PromptRequired(Exception):  # noqa: N818 - a request to the caller, not a failure
    """The AWS keys need an MFA code, and this thread may not ask the user for it."""


class ExchangeContext:
    """The terms of one exchange, which every call that it makes receives.

    Args:
        background: No caller waits for the token, so the user is not asked for an MFA code.
        deadline: When the exchange must have finished, in seconds of the monotonic clock.
        may_prompt: This is the caller's own thread, so the user may be asked for an MFA code.

    Attributes:
        not_before: When the server that rejected the request accepts another one, if that is after the deadline.
        step: The current step, as in `FederationError.step`.
        doing: What the exchange waits for, for the error of a caller that stops waiting.
        url: The endpoint of the request to Google that is being sent; None between two requests.
    """

    def __init__(self, *, background: bool, deadline: float, may_prompt: bool = False) -> None:
        self.background: bool = background
        self.deadline: float = deadline
        self.may_prompt: bool = may_prompt
        self.not_before: float = 0.0
        self.step: str = "aws"
        self.doing: str = "it has not begun"
        self.url: str | None = None
        self._resumed: bool = False

    def resume(self, now: float) -> None:
        """Extend the deadline after the process was suspended. Only once, because a slow server looks the same."""
        if not self._resumed:
            self._resumed = True
            self.deadline = now + DEADLINE


class Exchange:
    """One exchange and its outcome.

    Threads change it without a lock, by single atomic operations: an exception that a signal handler raises between two
    of them leaves nothing half done.

    Args:
        owner: The object whose AWS identity is exchanged. Exchanges of one owner wait for the same locks.
        context: The terms of the exchange. A nested exchange has those of the exchange that it is part of.
        number: Its position among the exchanges for the same token.
        nested: Whether it is part of another exchange.

    Attributes:
        finished: Whether it has succeeded or failed.
        result: The token, after a success.
        error: Why it failed, without its frames, after a failure.
        records: Log records that are delivered after it has finished.
        delivered: Whether they have been delivered.
    """

    def __init__(self, owner: object, context: ExchangeContext, number: int, *, nested: bool = False) -> None:
        self.owner: object = owner
        self.context: ExchangeContext = context
        self.number: int = number
        self.nested: bool = nested
        self.finished: bool = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.records: list[logging.LogRecord] = []
        self.delivered: bool = False
        self._firsts: dict[str, Any] = {}

    def is_first(self, role: str, candidate: object = None) -> bool:
        """Return whether this call is the first one for a role. `dict.setdefault` is atomic: exactly one thread wins."""
        candidate = object() if candidate is None else candidate
        return self._firsts.setdefault(role, candidate) is candidate

    @property
    def begun(self) -> bool:
        """Whether a thread has begun to perform it."""
        return "worker" in self._firsts

    def newest(self) -> Exchange:
        """Return the last of the exchanges that were started after this one, or this one."""
        exchange = self
        while "successor" in exchange._firsts:
            exchange = exchange._firsts["successor"]
        return exchange

    def overdue(self, now: float) -> bool:
        """Return whether it should have finished: one second after its deadline, so that its own error comes first."""
        return now >= self.context.deadline + 1

    def __repr__(self) -> str:
        return f"<exchange, {'finished' if self.finished else self.context.doing}>"


# The exchange that this code is part of. A copy of the context, such as the one of a task in a transport's event loop, may
# keep it longer. A finished exchange has no effect.
current: ContextVar[Exchange | None] = ContextVar("google_auth_botocore_exchange", default=None)


def part_of(owner: object) -> Exchange | None:
    """Return the exchange of this owner's AWS identity that this code is part of, or whose log records it handles."""
    exchange = current.get()
    if exchange is None or exchange.owner is not owner or exchange.delivered:
        return None
    return exchange


def predecessor(owner: object, number: int) -> Exchange:
    """Return a finished exchange, which the first real one succeeds."""
    exchange = Exchange(owner, ExchangeContext(background=False, deadline=-math.inf), number)
    exchange.finished = exchange.delivered = True
    return exchange
