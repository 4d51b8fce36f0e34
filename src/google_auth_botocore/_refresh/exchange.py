"""One exchange of an AWS identity for a token: its state, its deadline, and how code that runs within it recognises it.

An exchange runs in its own context (`contextvars`), in which `current` holds it. Code that an exchange calls may call
the credentials again: a transport that carries them calls `before_request`, a log handler requests a token. Both see
the exchange that they are part of, and do not wait for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google_auth_botocore.exceptions import FederationError

# Longest time that one exchange may take, in seconds, AWS included.
DEADLINE = 30.0

# google.auth.transport.Request or a callable like it; None for this package's own transport.
Request = Callable[..., Any] | None


class PromptRequired(Exception):  # noqa: N818 - a request to the caller, not a failure
    """The AWS keys require an MFA code, and this thread may not prompt the user for it."""


@dataclass(eq=False, kw_only=True, slots=True)
class ExchangeContext:
    """The terms of one exchange, and its current step. Every function that the exchange calls receives this object.

    Args:
        background: Whether no caller waits for the token. Then the user is not prompted for an MFA code.
        deadline: When the exchange must have finished, in seconds of the monotonic clock.
        may_prompt: Whether this is the caller's own thread, so that the user may be prompted for an MFA code.

    Attributes:
        not_before: When the server accepts another request, in seconds of the monotonic clock. Set only if that is after the
            deadline.
        step: The current step, as in `FederationError.step`.
        doing: What the exchange is waiting for: a clause for the error of a caller that stops waiting.
        failed: The error of the last attempt at the current step, for a caller that stops waiting during the next one: looking a
            host name up has no timeout. None: no attempt failed, or Google replied.
        url: The endpoint of the request to Google that is being sent. None: no request is being sent.
        sender: Sends the requests to Google. The first request creates it. It holds secrets and the caller's transport, so it
            is dropped as soon as the exchange has finished.
        awaits: Another exchange whose result this one waits for, if that one has not finished.
        locked: The base identity that this exchange has locked. Exchanges of all owners with this `base` wait for it.
    """

    background: bool
    deadline: float
    may_prompt: bool = False
    not_before: float = 0.0
    step: str = "aws"
    doing: str = "the exchange has not begun"
    failed: FederationError | None = field(default=None, repr=False)
    url: str | None = None
    sender: Any = field(default=None, repr=False)
    awaits: Exchange | None = field(default=None, repr=False)
    locked: object = None
    _resumed: bool = False

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
        number: Its position in the sequence of exchanges for the same token.
        nested: Whether it is part of another exchange.
        finished: Whether it has succeeded or failed. True for the placeholder that precedes the first real exchange.

    Attributes:
        result: The token, after a success.
        error: Why it failed, without its frames, after a failure.
        records: Log records, which are delivered after it has finished.
        delivered: Whether the log records have been delivered.
    """

    __slots__ = (
        "_firsts",
        "context",
        "delivered",
        "error",
        "finished",
        "nested",
        "number",
        "owner",
        "records",
        "result",
    )

    def __init__(
        self, owner: object, context: ExchangeContext, number: int, *, nested: bool = False, finished: bool = False
    ) -> None:
        self.owner: object = owner
        self.context: ExchangeContext = context
        self.number: int = number
        self.nested: bool = nested
        self.finished: bool = finished
        self.result: Any = None
        self.error: BaseException | None = None
        self.records: list[logging.LogRecord] = []
        self.delivered: bool = finished
        self._firsts: dict[str, Any] = {}

    def is_first(self, role: str, candidate: object = None) -> bool:
        """Return whether this call is the first one for a role. `dict.setdefault` is atomic: exactly one thread wins.

        Args:
            role: "worker": performs the exchange. "successor": starts the next exchange, which is the candidate. "raised":
                raises the exchange's own error, of which other callers raise copies.
            candidate: What is kept for the role, if this call is the first one.
        """
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
        """Return whether it should have finished: one second after its deadline, so that it can report its own error first."""
        return now >= self.context.deadline + 1

    def __repr__(self) -> str:
        return f"<exchange, {'finished' if self.finished else self.context.doing}>"


# The exchange that this code is part of. A copy of the context, such as that of a task in a transport's event loop, may keep a
# finished exchange. It then has no effect.
current: ContextVar[Exchange | None] = ContextVar("google_auth_botocore_exchange", default=None)


def part_of(owner: object) -> Exchange | None:
    """Return the exchange that this code is part of, or whose log records it handles, if one of this owner would wait for it."""
    exchange = current.get()
    if exchange is None or exchange.delivered:
        return None
    locked = exchange.context.locked
    waits = exchange.owner is owner or (locked is not None and locked is getattr(owner, "base", None))
    return exchange if waits else None
