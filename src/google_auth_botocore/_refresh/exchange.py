"""One exchange of an AWS identity for a token: its time limit, and how code that runs within it finds that out.

An exchange runs in a context of its own (`contextvars`), in which `current` holds it. What an exchange calls may come
back to us: a transport that carries these credentials calls `before_request`, a log handler asks for a token. Both see
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

# google.auth.transport.Request or a callable like it; None for a transport of our own.
Request = Callable[..., Any] | None


class PromptRequired(Exception):  # noqa: N818 - it asks for something, and nothing has failed
    """The AWS keys need an MFA code, and this thread may not ask the user for it."""


class ExchangeContext:
    """The terms of one exchange, which go along with every call that it makes.

    Args:
        background: No caller waits for the token, so the user is not asked for an MFA code.
        deadline: Latest end, in seconds of the monotonic clock.
        may_prompt: This is the caller's own thread, so the user may be asked for an MFA code.

    Attributes:
        not_before: When the server that rejected the request accepts another one, if that is after the deadline.
        step: The step that it is at, as in `FederationError.step`.
        doing: What it waits for now, for the error of a caller that waits no longer.
        url: Where our own request goes that is being sent now; None between two requests.
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
        """Restart the time limit after the process was suspended; once, because a slow server looks the same."""
        if not self._resumed:
            self._resumed = True
            self.deadline = now + DEADLINE


class Exchange:
    """One exchange, and what became of it.

    Threads change it without a lock, by single operations that the interpreter does as a whole: an exception that a
    signal handler raises in between leaves nothing half done.

    Args:
        owner: Whose AWS identity is exchanged; two objects of one owner wait for the same locks.
        context: Its terms; those of the exchange that it is part of, if it is.
        number: Its place among the exchanges for the same token.
        nested: It is a part of another exchange, whose terms it has.

    Attributes:
        finished: Whether it has ended.
        result: What it brought, once it has ended well.
        error: Why it failed, without its frames, once it has failed.
        records: Log records that are delivered when it has ended.
        delivered: Whether they have been.
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
        """Whether this call is the first one for a role; `dict.setdefault` lets exactly one thread be it."""
        candidate = object() if candidate is None else candidate
        return self._firsts.setdefault(role, candidate) is candidate

    @property
    def begun(self) -> bool:
        """Whether a thread performs it or has done so."""
        return "worker" in self._firsts

    @property
    def successor(self) -> Exchange | None:
        """The exchange that was started after it."""
        return self._firsts.get("successor")

    def overdue(self, now: float) -> bool:
        """Whether it should have ended: one second after its deadline, so that its own error comes first."""
        return now >= self.context.deadline + 1

    def __repr__(self) -> str:
        return f"<exchange, {'finished' if self.finished else self.context.doing}>"


# The exchange that this code is part of. Whatever copies the context meanwhile, such as a task of a transport's own event
# loop, holds it longer: then it has finished, and means nothing any more.
current: ContextVar[Exchange | None] = ContextVar("google_auth_botocore_exchange", default=None)


def part_of(owner: object) -> Exchange | None:
    """The exchange with this owner's AWS identity that this code is part of, or whose log records it handles."""
    exchange = current.get()
    if exchange is None or exchange.owner is not owner or exchange.delivered:
        return None
    return exchange


def predecessor(owner: object, number: int) -> Exchange:
    """Return an exchange that has ended, for the first real one to come after."""
    exchange = Exchange(owner, ExchangeContext(background=False, deadline=-math.inf), number)
    exchange.finished = exchange.delivered = True
    return exchange
