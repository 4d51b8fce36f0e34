"""Single flight: callers that need the same token at the same time share one exchange, which a worker thread performs.

    caller                            worker thread
    start an exchange, or join one    AWS keys, Google's STS, IAM Credentials
    wait, at most 31 s                keep the result, wake the callers
    return its result                 deliver the log records that were held back

A caller takes no lock and sets no context variable. An exception that a signal handler raises in it, at any line,
propagates unchanged. The exchange continues, and its result serves the next call.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import logging
import math
import sys
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from google_auth_botocore import _failures
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._refresh import exchange_log, workers
from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore._refresh.errors import copied, without_frames
from google_auth_botocore._refresh.exchange import (
    DEADLINE,
    Exchange,
    ExchangeContext,
    PromptRequired,
    Request,
    current,
    part_of,
)
from google_auth_botocore.exceptions import FederationError

_LOGGER = logging.getLogger(__name__)

Result = TypeVar("Result")

# One second more than an exchange may take, so that its own error comes first. Each caller counts from its own start.
_LONGEST_WAIT = DEADLINE + 1
# Seconds. A wait is divided into pieces, so that an exception that another thread, or Ctrl-C on Windows, raises in the caller
# takes effect between two of them.
_PIECE = 0.1
# A thread begins its job within milliseconds. If it has not begun after this many pieces, its start was interrupted.
_PIECES_TO_BEGIN = 2
# Seconds that a caller waits for the delivery of its exchange's log records. The handler may be waiting for this caller.
_DELIVERY = 0.05
# If a piece takes this many seconds longer, the whole process was suspended.
_SUSPENDED = 30.0
# Python's messages if no thread can be started: during shutdown or at a limit, and in an isolated subinterpreter.
_NO_THREAD = ("can't ", "daemon threads are disabled", "thread is not supported")
# This many exchanges for one token may hang at a time while callers wait. After that, the pause before each further one
# doubles: a server that never finishes a reply then costs one thread an hour, instead of one every half minute.
_MOST_AT_ONCE = 4
_LONGEST_PAUSE = 3600.0
# The context of the placeholder that precedes the first real exchange. Nothing changes it.
_NO_CONTEXT = ExchangeContext(background=False, deadline=-math.inf)


class SingleFlight(Generic[Result]):
    """The exchanges for one token, one at a time.

    Args:
        perform: Performs an exchange. Called on the worker thread.
        clock: Wall and elapsed time.
        owner: The object whose AWS identity is exchanged.
        finished: Receives each exchange that has finished, unless a newer one has succeeded. Called on the worker thread,
            before callers are woken.

    Attributes:
        latest: The result of the last successful exchange. It stays when `TokenSource.cached` is dropped or changed: it only
            tells whether an exchange has succeeded since a caller read it.
    """

    # A back end keeps one of these for each of its users.
    __slots__ = (
        "_clock",
        "_finished",
        "_last",
        "_latest_number",
        "_lock",
        "_perform",
        "_running",
        "_started_at",
        "_waiters",
        "latest",
        "owner",
    )

    def __init__(
        self,
        perform: Callable[[Request, ExchangeContext], Result],
        clock: Clock,
        owner: object,
        finished: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._perform = perform
        self._clock = clock
        self.owner: object = owner
        self._finished = finished
        self.latest: Result | None = None
        self._latest_number = 0
        self._start_afresh()

    def after_fork(self) -> None:
        """In the child of a fork: the parent's workers do not exist."""
        # If a signal handler forked on a thread that waits here, that thread starts another exchange in the child. If a log handler
        # forked on the worker, the child is not a part of the exchange.
        last = self._last.newest()
        last.finished = last.delivered = True
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()  # between workers; callers never take it
        self._last = Exchange(self.owner, _NO_CONTEXT, self._latest_number, finished=True)
        self._waiters: list[Any] = []
        self._running: tuple[Exchange, ...] = ()
        self._started_at = 0.0

    @property
    def waiting(self) -> int:
        """How many callers are waiting. Tests use it to continue only when all callers are."""
        return len(self._waiters)

    def new_result(self, request: Request, seen: Result | None, context: ExchangeContext | None = None) -> Result:
        """Join the running exchange, or start one, and wait for a result other than *seen*.

        Args:
            request: The transport.
            seen: The value of `latest` when the caller decided that it needs a new one.
            context: The terms of the exchange that this is part of. A new exchange is then performed on this thread.

        Raises:
            FederationError: The exchange failed, or took too long.
        """
        surrounding = part_of(self.owner) if context is None else None
        if surrounding is not None:
            raise _would_wait_for_itself(surrounding)
        now = self._clock.monotonic()
        give_up_at = now + _LONGEST_WAIT if context is None else context.deadline + 1
        exchange = self._join_or_start(request, context, seen)
        waiter, pieces = self._register(), 0
        while True:
            latest = self.latest
            if latest is not None and latest is not seen:
                if exchange.records:
                    self._await_delivery(exchange)
                return latest
            now = self._clock.monotonic()
            if exchange.finished:
                exchange, pieces = self._try_again(exchange, request, context, seen), 0
            if now >= give_up_at:
                raise _took_too_long(exchange)
            if exchange.overdue(now):
                exchange = self._join_or_start(request, context, seen)
            if waiter.acquire(timeout=min(_PIECE, give_up_at - now)):
                waiter = self._register()
                continue
            pieces += 1
            if not exchange.begun and pieces >= _PIECES_TO_BEGIN:
                _start_on_worker(self._job(exchange, request))
                pieces = 0
            give_up_at += self._time_suspended(now, exchange)

    def start_in_background(self, request: Request, seen: Result | None) -> Exchange | None:
        """Start an exchange that no caller waits for. Return None if one runs, too many hang, or `latest` is not *seen*."""
        last = self._last.newest()
        may_start = last.finished or self._may_start_beside(last, most=1)
        if not may_start or self.latest is not seen or sys.is_finalizing():
            return None
        deadline = self._clock.monotonic() + DEADLINE
        return self._start_after(last, request, ExchangeContext(background=True, deadline=deadline))

    def wait(self, exchange: Exchange) -> None:
        """Wait until an exchange has finished, or is overdue."""
        while not exchange.finished and not exchange.overdue(self._clock.monotonic()):
            waiter = self._register()
            if not exchange.finished:
                waiter.acquire(timeout=_PIECE)

    # On the caller's thread.

    def _time_suspended(self, start: float, exchange: Exchange) -> float:
        """Return for how many seconds the process was suspended in a piece of waiting. If it was, extend the exchange's deadline."""
        late = self._clock.monotonic() - start - _PIECE
        if late <= _SUSPENDED:
            return 0.0
        exchange.context.resume(start + late)
        return late

    def _try_again(
        self, exchange: Exchange, request: Request, context: ExchangeContext | None, seen: Result | None
    ) -> Exchange:
        """Join or start an exchange that may succeed after one that failed. If none may, raise its error."""
        error = exchange.error
        if isinstance(error, PromptRequired) and context is None:
            return self._join_or_start(request, context, seen, may_prompt=True)
        if isinstance(error, FederationError):
            restricted = exchange.context.background and not error.retryable
            if restricted and (context is None or not context.background):
                return self._join_or_start(request, context, seen)
        elif error is None:
            return self._join_or_start(request, context, seen)
        elif exchange.is_first("raised"):
            self._await_delivery(exchange)
            exchange.error = copied(error)  # the error that is kept keeps no stack alive
            raise error
        elif exchange.context.may_prompt or not isinstance(error, Exception):
            return self._join_or_start(request, context, seen)  # the interrupt was for another caller
        self._await_delivery(exchange)
        raise copied(error)

    def _join_or_start(
        self, request: Request, context: ExchangeContext | None, seen: Result | None, *, may_prompt: bool = False
    ) -> Exchange:
        last = self._last.newest()
        # `latest` is read after `last`: if that exchange has just succeeded, its result is there.
        may_start = last.finished or self._may_start_beside(last, most=_MOST_AT_ONCE)
        if not may_start or self.latest is not seen:
            if context is not None:
                context.awaits = last
            return last
        nested = context is not None
        if context is None:
            deadline = self._clock.monotonic() + DEADLINE
            context = ExchangeContext(background=False, deadline=deadline, may_prompt=may_prompt)
        started = self._start_after(last, request, context, nested=nested)
        if started is None:
            started = context.awaits = self._last.newest()
        return started

    def _may_start_beside(self, last: Exchange, *, most: int) -> bool:
        """Return whether another exchange may start although the newest one runs: it and others hang, but not too many."""
        now = self._clock.monotonic()
        too_many = len(self._running) - most
        pause = min(DEADLINE * 2 ** min(too_many + 1, 10), _LONGEST_PAUSE) if too_many >= 0 else 0.0
        return last.overdue(now) and now >= self._started_at + pause

    def _start_after(
        self, last: Exchange, request: Request, context: ExchangeContext, *, nested: bool = False
    ) -> Exchange | None:
        """Start the exchange that follows *last*. Return None if another thread has started it."""
        exchange = Exchange(self.owner, context, last.number + 1, nested=nested)
        job = None if nested else self._job(exchange, request)
        # Everything is ready: an exception between the next two steps costs the next caller a fifth of a second.
        if not last.is_first("successor", exchange):
            return None
        if job is None:
            exchange.is_first("worker")
            self._perform_and_keep(exchange, request)
        elif context.may_prompt:
            self._perform_here(exchange, job)
        else:
            _start_on_worker(job)
        return exchange

    def _job(self, exchange: Exchange, request: Request) -> Callable[[], object]:
        """Return the work of an exchange, which runs in a copy of this caller's context, so that tracing works."""
        context = contextvars.copy_context()
        context.run(current.set, exchange)
        return functools.partial(context.run, self._work, exchange, request)

    def _perform_here(self, exchange: Exchange, job: Callable[[], object]) -> None:
        """Perform an exchange on the caller's thread, which may prompt the user, and which Ctrl-C reaches."""
        exchange.is_first("raised")  # an interrupt is for this caller alone
        job()
        error = exchange.error
        if error is not None and not isinstance(error, FederationError):
            exchange.error = copied(error)
            raise error

    def _register(self) -> Any:
        """Return a lock that is released when an exchange finishes. Each caller has its own, which it may abandon."""
        waiter = threading.Lock()
        waiter.acquire()
        self._waiters.append(waiter)
        return waiter

    def _await_delivery(self, exchange: Exchange) -> None:
        if exchange.records and not exchange.delivered and current.get() is None:
            waiter = self._register()
            if not exchange.delivered:
                waiter.acquire(timeout=_DELIVERY)

    # On the worker thread.

    def _work(self, exchange: Exchange, request: Request) -> None:
        """Perform an exchange, unless another thread has begun to, and deliver its log records."""
        if exchange.is_first("worker"):
            exchange_log.watch()
            self._perform_and_keep(exchange, request)
            if exchange.records:
                exchange_log.deliver(exchange)
                self._wake()
            exchange.delivered = True

    def _perform_and_keep(self, exchange: Exchange, request: Request) -> None:
        self._last = exchange
        now = self._started_at = self._clock.monotonic()
        if exchange.context.background and not exchange.nested:
            # Its thread may have begun late. A caller that joins it then gets an exchange of full length.
            exchange.context.deadline = now + DEADLINE
        with self._lock:
            hanging = sum(each.overdue(now) for each in self._running) if exchange.context.background else 0
            self._running = (*self._running, exchange)
        if hanging:
            # Logged now, because this exchange may hang, too. A handler that needs a token finds the one that is still valid.
            text = "A background refresh of the Google token has not finished after %.0f s. Another one starts; %d still run."
            contextvars.Context().run(exchange_log.warn, _LOGGER, text, _LONGEST_WAIT, hanging)
        handled = sys.exc_info()[1]
        try:
            exchange.result = self._perform(request, exchange.context)
        except BaseException as error:  # noqa: BLE001 - the callers raise it
            exchange.error = without_frames(error, handled)
        del handled
        if not exchange.nested:
            exchange.context.sender = None
        with self._lock:
            running = list(self._running)
            if exchange in running:  # not in the child of a fork on this thread
                running.remove(exchange)
            self._running = tuple(running)  # not a list, which takes 100 bytes for each user of a back end
            if exchange.number > self._latest_number:  # otherwise a newer exchange has succeeded meanwhile
                if self._finished is not None:
                    self._finished(exchange)
                if exchange.error is None:
                    self._latest_number = exchange.number
                    self.latest = exchange.result
        exchange.finished = True
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(IndexError):  # another worker has taken the last one
            for _ in range(len(self._waiters)):
                self._waiters.pop(0).release()


def _start_on_worker(job: Callable[[], object]) -> None:
    """Have a worker thread do a job, or do it here if no thread can be started."""
    if not sys.is_finalizing():  # during shutdown, Python before 3.12 waits forever for a thread that never begins
        try:
            workers.start(job)
        except RuntimeError as error:
            if not str(error).startswith(_NO_THREAD):
                raise
        else:
            return
    job()


def _would_wait_for_itself(exchange: Exchange) -> BaseException:
    """Return the error for a thread that performs an exchange, or delivers its log records, and requests a token."""
    if exchange.finished and exchange.error is not None:
        return copied(exchange.error)
    return _failures.error(
        "A token was requested by a part of the very exchange that fetches it.",
        Facts("exchange", failure="token-requires-itself", transient=True),
    )


def _took_too_long(exchange: Exchange) -> FederationError:
    awaits = exchange.context.awaits
    context = exchange.context if awaits is None or awaits.finished else awaits.context
    if (failed := context.failed) is not None:
        return copied(failed)
    return _failures.error(
        f"There is no token after {_LONGEST_WAIT:.0f} s: {context.doing}.",
        Facts(context.step, failure="deadline-exceeded", transient=True),
    )
