"""Single flight: callers that need the same token at the same time share one exchange, which a worker thread performs.

    caller                            worker thread
    start an exchange, or join one    AWS keys, Google's STS, IAM Credentials
    wait, at most 31 s                keep the result, wake the callers
    return its result                 deliver the log records that were held back

A caller takes no lock and sets no context variable. An exception that a signal handler raises in it, at whatever line,
reaches its code as it is; the exchange goes on, and its result serves the next call.
"""

from __future__ import annotations

import contextlib
import contextvars
import copy
import functools
import logging
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from google_auth_botocore import _failures, _redaction
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._refresh import exchange_log, workers
from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore._refresh.exchange import (
    DEADLINE,
    Exchange,
    ExchangeContext,
    PromptRequired,
    Request,
    current,
    part_of,
    predecessor,
)
from google_auth_botocore.exceptions import FederationError

_LOGGER = logging.getLogger(__name__)

ErrorT = TypeVar("ErrorT", bound=BaseException)
Result = TypeVar("Result")

# A second more than an exchange may take, so that its own error comes first. Each caller counts from its own start.
_LONGEST_WAIT = DEADLINE + 1
# Waits are cut into pieces, between which an exception gets through that another thread, or Windows's Ctrl-C, raises here.
_PIECE = 0.1
# A thread that was started begins within milliseconds; where none has after so many pieces, its start was interrupted.
_PIECES_TO_BEGIN = 2
# A caller returns once the log records of its exchange are delivered, or else after this: a handler that the caller
# itself runs in, and that has to return first, may hold them up.
_DELIVERY = 0.05
# A piece that takes so much longer means that the whole process stood still.
_SUSPENDED = 30.0
# Of the exchanges for one token, so many may hang at a time while callers wait for one. Beyond that the pauses between two
# double: a server that never ends its reply costs a thread an hour, and not one every half minute.
_MOST_AT_ONCE = 4
_LONGEST_PAUSE = 3600.0


class SingleFlight(Generic[Result]):
    """The exchanges for one token, one at a time.

    Args:
        perform: Performs an exchange; called on the worker thread.
        ended: Told of each exchange that has ended, unless a newer one has succeeded; on the worker thread, before
            callers are woken.
        clock: Wall and elapsed time.
        owner: Whose AWS identity is exchanged.

    Attributes:
        latest: What the last successful exchange brought.
    """

    def __init__(
        self,
        perform: Callable[[Request, ExchangeContext], Result],
        ended: Callable[[Exchange], None],
        clock: Clock,
        owner: object,
    ) -> None:
        self._perform = perform
        self._ended = ended
        self._clock = clock
        self.owner: object = owner
        self.latest: Result | None = None
        self._latest_number = 0
        self._start_afresh()

    def after_fork(self) -> None:
        """In the child of a fork: the parent's workers are not there."""
        # For a caller that waits on this very thread, which a signal handler has forked: it starts another exchange.
        self._latest_exchange().finished = True
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()  # between workers; callers never take it
        self._last = predecessor(self.owner, self._latest_number)
        self._waiters: deque[Any] = deque()
        self._running: set[Exchange] = set()
        self._started_at = 0.0

    @property
    def waiting(self) -> int:
        """How many callers wait, for tests that let several wait before they go on."""
        return len(self._waiters)

    def new_result(self, request: Request, seen: Result | None, context: ExchangeContext | None = None) -> Result:
        """Join the exchange that runs, or start one, and wait for a result that is not *seen*.

        Args:
            request: The transport.
            seen: What `latest` was when the caller decided that it needs a new one.
            context: The terms of the exchange that this is part of; a new one is then performed on this thread.

        Raises:
            FederationError: The exchange failed, or took too long.
        """
        if context is None:
            self._do_not_wait_for_oneself()
        now = self._clock.monotonic()
        give_up_at = now + _LONGEST_WAIT if context is None else context.deadline + 1
        exchange = self._join_or_start(request, context, seen)
        waiter, pieces = self._register(), 0
        while True:
            latest = self.latest
            if latest is not None and latest is not seen:
                self._await_delivery(exchange)
                return latest
            now = self._clock.monotonic()
            if exchange.finished:
                exchange, pieces = self._try_again(exchange, request, context, seen), 0
            if now >= give_up_at:
                raise self._took_too_long(exchange)
            if exchange.overdue(now):
                exchange = self._join_or_start(request, context, seen)
            if waiter.acquire(timeout=min(_PIECE, give_up_at - now)):
                waiter = self._register()
                continue
            pieces += 1
            if not exchange.begun and pieces >= _PIECES_TO_BEGIN:
                self._thread(exchange, request)()
                pieces = 0
            late = self._clock.monotonic() - now - _PIECE
            if late > _SUSPENDED:
                give_up_at += late
                exchange.context.resume(now + late)

    def start_in_background(self, request: Request, seen: Result | None) -> Exchange | None:
        """Start an exchange that no caller waits for; None if one runs, if too many hang, or if `latest` is not *seen*."""
        last, may_start = self._last_and_whether_another_may_start(most=1)
        if not may_start or self.latest is not seen or sys.is_finalizing():
            return None
        deadline = self._clock.monotonic() + DEADLINE
        return self._start_after(last, request, ExchangeContext(background=True, deadline=deadline))

    def wait(self, exchange: Exchange) -> None:
        """Wait for an exchange's end, at most until it is overdue."""
        while not exchange.finished and not exchange.overdue(self._clock.monotonic()):
            waiter = self._register()
            if not exchange.finished:
                waiter.acquire(timeout=_PIECE)

    # On the caller's thread.

    def _do_not_wait_for_oneself(self) -> None:
        """Raise on the thread that performs an exchange of the same identity, or that delivers its log records."""
        exchange = part_of(self.owner)
        if exchange is None:
            return
        if exchange.finished and exchange.error is not None:
            raise copied(exchange.error)
        raise _failures.error(
            "A token was requested by a part of the very exchange that is to bring one.",
            Facts("exchange", failure="token-requires-itself", transient=True),
        )

    def _try_again(
        self, exchange: Exchange, request: Request, context: ExchangeContext | None, seen: Result | None
    ) -> Exchange:
        """Join or start an exchange that may do better than one that failed; raise its error if none may."""
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
            exchange.error = copied(error)  # what is kept keeps no stack alive
            raise error
        elif exchange.context.may_prompt or not isinstance(error, Exception):
            return self._join_or_start(request, context, seen)  # an interrupt was for another caller
        self._await_delivery(exchange)
        raise copied(error)

    def _join_or_start(
        self, request: Request, context: ExchangeContext | None, seen: Result | None, *, may_prompt: bool = False
    ) -> Exchange:
        last, may_start = self._last_and_whether_another_may_start(most=_MOST_AT_ONCE)
        # Read after `last`: if that one has just brought a result, it is there.
        if not may_start or self.latest is not seen:
            return last
        deadline = self._clock.monotonic() + DEADLINE
        terms = context or ExchangeContext(background=False, deadline=deadline, may_prompt=may_prompt)
        return self._start_after(last, request, terms, nested=context is not None) or self._latest_exchange()

    def _last_and_whether_another_may_start(self, *, most: int) -> tuple[Exchange, bool]:
        """The newest exchange, and whether another one may start beside it and those that hang."""
        last = self._latest_exchange()
        if last.finished:
            return last, True
        now = self._clock.monotonic()
        too_many = len(self._running) - most
        pause = min(DEADLINE * 2 ** min(too_many + 1, 10), _LONGEST_PAUSE) if too_many >= 0 else 0.0
        return last, last.overdue(now) and now >= self._started_at + pause

    def _start_after(
        self, last: Exchange, request: Request, context: ExchangeContext, *, nested: bool = False
    ) -> Exchange | None:
        """Start the exchange that comes after *last*; None if another thread has."""
        exchange = Exchange(self.owner, context, last.number + 1, nested=nested)
        start: Callable[[], object]
        if nested:
            start = functools.partial(self._work, exchange, request)
        elif context.may_prompt:
            start = functools.partial(self._work_here, exchange, request)
        else:
            start = self._thread(exchange, request)
        # All is ready: an exception that strikes between the next two steps costs the next caller a fifth of a second.
        if not last.is_first("successor", exchange):
            return None
        start()
        return exchange

    def _thread(self, exchange: Exchange, request: Request) -> Callable[[], object]:
        """Return what has a thread perform an exchange."""
        job = functools.partial(_context_of(exchange).run, self._work_alone, exchange, request)

        def start() -> None:
            if sys.is_finalizing():  # where Python before 3.12 waits for ever for a thread that never begins
                job()
                return
            try:
                workers.start(job)
            except RuntimeError as error:
                if not str(error).startswith("can't "):  # start new thread: at the interpreter's end, or at a limit
                    raise
                job()

        return start

    def _work_here(self, exchange: Exchange, request: Request) -> None:
        """Perform an exchange on the caller's thread, which may ask the user, and which Ctrl-C reaches."""
        exchange.is_first("raised")  # an interrupt is for this caller alone
        _context_of(exchange).run(self._work_alone, exchange, request)
        error = exchange.error
        if error is not None and not isinstance(error, FederationError):
            exchange.error = copied(error)
            raise error

    def _latest_exchange(self) -> Exchange:
        last = self._last  # an older one for a moment, if two threads write it at once
        while last.successor is not None:
            last = last.successor
        return last

    def _register(self) -> Any:
        """Return a lock that is released when something happens. Each caller has its own: to leave it behind harms no other."""
        waiter = threading.Lock()
        waiter.acquire()
        self._waiters.append(waiter)
        return waiter

    def _await_delivery(self, exchange: Exchange) -> None:
        if exchange.records and not exchange.delivered and current.get() is None:
            waiter = self._register()
            if not exchange.delivered:
                waiter.acquire(timeout=_DELIVERY)

    def _took_too_long(self, exchange: Exchange) -> FederationError:
        context = exchange.context
        return _failures.error(
            f"There is no token after {_LONGEST_WAIT:.0f} s: {context.doing}.",
            Facts(context.step, failure="deadline-exceeded", transient=True),
        )

    # On the worker thread.

    def _work_alone(self, exchange: Exchange, request: Request) -> None:
        """Perform an exchange in a context of its own."""
        if exchange.is_first("worker"):
            exchange_log.watch()
            self._work(exchange, request)
            exchange_log.deliver(exchange)
            self._wake()

    def _work(self, exchange: Exchange, request: Request) -> None:
        exchange.is_first("worker")
        self._last = exchange
        now = self._started_at = self._clock.monotonic()
        with self._lock:
            hanging = sum(each.overdue(now) for each in self._running)
            self._running.add(exchange)
        if hanging and exchange.context.background:
            # Now, because this one may hang, too; a handler that needs a token finds the one that is still valid.
            text = "A refresh of the Google token in the background has not ended after %.0f s. Another one is started; %d still run."
            contextvars.Context().run(exchange_log.warn, _LOGGER, text, _LONGEST_WAIT, hanging)
        handled = sys.exc_info()[1]
        try:
            exchange.result = self._perform(request, exchange.context)
        except BaseException as error:  # noqa: BLE001 - it is the callers' to handle
            exchange.error = without_frames(error, handled)
        del handled
        with self._lock:
            self._running.discard(exchange)
            if exchange.number > self._latest_number:  # else a newer one has brought a result meanwhile
                self._ended(exchange)
                if exchange.error is None:
                    self._latest_number = exchange.number
                    self.latest = exchange.result
        exchange.finished = True
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(IndexError):  # where another worker takes the last one
            for _ in range(len(self._waiters)):
                self._waiters.popleft().release()


def _context_of(exchange: Exchange) -> contextvars.Context:
    """A copy of the caller's context, so that tracing works, in which the exchange is the current one."""
    context = contextvars.copy_context()
    context.run(current.set, exchange)
    return context


def copied(error: ErrorT) -> ErrorT:
    """The same error for another thread, without a traceback, which would keep all of a stack alive."""
    try:
        twin = copy.copy(error)
        # By the base class: a user's class may allow no assignment. Also where tblib, Dask's way to pickle errors, copies
        # the traceback.
        BaseException.with_traceback(twin, None)
        BaseException.__setattr__(twin, "__cause__", error.__cause__)
        if hasattr(twin, "__notes__"):
            BaseException.__setattr__(twin, "__notes__", list(twin.__notes__))
    except Exception:  # noqa: BLE001 - a class of a user's whose errors can't be copied
        return error
    return twin


def without_frames(error: ErrorT, handled: BaseException | None) -> ErrorT:
    """Remove the frames of an exchange, whose locals are keys and tokens: crash reports often hold them.

    Args:
        error: What the exchange raised.
        handled: What this thread was handling before; it is the caller's, and keeps its frames.
    """
    place = traceback.extract_tb(error.__traceback__)[-1:]
    if isinstance(error, FederationError):
        error.__context__ = None  # what the cause leaves out, on purpose
    for each in _redaction.related(error, handled):
        BaseException.with_traceback(each, None)
    with contextlib.suppress(Exception):  # of a class that allows nothing; and before Python 3.11, of any
        if place and not isinstance(error, FederationError) and not hasattr(error, "__notes__"):
            where = f"{place[0].name}, {place[0].filename}:{place[0].lineno}"
            error.add_note(f"It was raised while a token was fetched, in {where}.")
    return error
