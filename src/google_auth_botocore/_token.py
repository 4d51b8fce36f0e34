"""A token, the rule for when to renew it, and the source that many threads share."""

from __future__ import annotations

import copy
import logging
import os
import random
import threading
import time
import weakref
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import NamedTuple, TypeVar

from google_auth_botocore import _clock
from google_auth_botocore._clock import Clock, Moment
from google_auth_botocore._exchange import DEADLINE, ExchangeContext, Request
from google_auth_botocore.exceptions import FederationError, TransientFederationError

ErrorT = TypeVar("ErrorT", bound=Exception)

_LOGGER = logging.getLogger(__name__)

# The advisory window is at most this long, and drawn from its upper half.
_LONGEST_WINDOW = 15 * 60.0
# A failure that another try would not change answers requests for this long: gRPC retries it many times a second.
_FAILURE_REMEMBERED = 10.0
# After a failed background refresh: 1 s, 2 s, 4 s … to a minute, each times a jitter.
_FIRST_BACKOFF, _LONGEST_BACKOFF = 1.0, 60.0


class Token(NamedTuple):
    """A Google token and the moment it ends.

    Attributes:
        value: The bearer token itself.
        expiry: When it ends: an aware datetime in UTC, by this machine's clock.
    """

    value: str
    expiry: datetime

    def __repr__(self) -> str:
        return f"Token(value=<hidden>, expiry={self.expiry!r})"


class State(Enum):
    """What a token is good for."""

    FRESH = "use it"
    ADVISORY = "use it, and renew it"
    EXPIRED = "renew it first"


class Held(NamedTuple):
    """A token in hand and its two moments; never changed, so that it is read without a lock."""

    token: Token
    renew_at: Moment
    ends_at: Moment


class Minted(NamedTuple):
    """What a server has just given: the value, its life in seconds, and when the request for it began."""

    value: str
    life: float
    asked_at: Moment

    def __repr__(self) -> str:
        return f"Minted(value=<hidden>, life={self.life!r}, asked_at={self.asked_at!r})"


def hold(minted: Minted, draw: float) -> Held:
    """Fixes when a new token is to be renewed.

    The advisory window opens between an eighth and a quarter of the life before its end, at most 15 minutes,
    so that workers that started together drift apart.

    Args:
        minted: The token as it came.
        draw: A number drawn uniformly from 0 to 1, once a token.
    """
    window = min(minted.life / 4, _LONGEST_WINDOW) * (1 + draw) / 2
    wall, monotonic = minted.asked_at
    ends_at = Moment(wall + minted.life, monotonic + minted.life)
    renew_at = Moment(ends_at.wall - window, ends_at.monotonic - window)
    return Held(Token(minted.value, _datetime(ends_at.wall)), renew_at, ends_at)


def redated(held: Held, expiry: datetime, now: Moment) -> Held:
    """The same token with another end: what a library that sets `expiry` itself asks for."""
    life = expiry.timestamp() - now.wall
    return hold(Minted(held.token.value, life, now), 1.0)


def state(held: Held | None, now: Moment) -> State:
    """The refresh rule: over as soon as either clock says so."""
    if held is None or now.wall >= held.ends_at.wall or now.monotonic >= held.ends_at.monotonic:
        return State.EXPIRED
    if now.wall >= held.renew_at.wall or now.monotonic >= held.renew_at.monotonic:
        return State.ADVISORY
    return State.FRESH


def _datetime(timestamp: float) -> datetime:
    # Not fromtimestamp: it refuses a time beyond the year 9999 or so differently on each platform.
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=timestamp)


class _Flight:
    """One exchange on its way, and those who wait for it."""

    def __init__(self, context: ExchangeContext) -> None:
        self.context = context
        self.done = threading.Event()
        self.held: Held | None = None
        self.error: Exception | None = None


def _twin(error: ErrorT) -> ErrorT:
    """The same error without its traceback, which belongs to one thread, and keeps all of its stack alive."""
    twin = copy.copy(error).with_traceback(None)  # which tblib, Dask's way to pickle errors, has copies keep
    twin.__cause__ = error.__cause__
    return twin


def _ahead_in_vain(flight: _Flight) -> bool:
    """Whether a flight failed that was not allowed all that a caller is, such as asking for an MFA code."""
    error = flight.error
    return flight.context.background and isinstance(error, FederationError) and not error.retryable


class TokenSource:
    """One token, shared by every thread and every copy that wants the same one.

    Args:
        mint: Brings a new token, or raises FederationError.
        in_background: Tells whether a request object may be used from a second thread.
        clock: Wall and elapsed time.
        widest: The advisory window is not drawn: it is as long as one can be, so that a token from which others are
            had is never younger in it than they are in theirs.
    """

    def __init__(
        self,
        mint: Callable[[Request, ExchangeContext], Minted],
        in_background: Callable[[Request], bool],
        clock: Clock,
        *,
        widest: bool,
    ) -> None:
        self._mint = mint
        self._in_background = in_background
        self._clock = clock
        self._widest = widest
        self.held: Held | None = None
        self._failures = 0
        self._not_before = 0.0
        self._start_afresh()
        _SOURCES.add(self)

    def _start_afresh(self) -> None:
        """Forgets who was at work: at the start, and in the child of a fork, where nobody is."""
        self._lock = threading.Lock()
        self._flight: _Flight | None = None
        self._refused: tuple[FederationError, float] | None = None

    def current(self, request: Request) -> Held:
        """A token that lives, for a request that is about to be sent.

        Returns at once while one is in hand; in its advisory window that also starts a refresh in the background.

        Raises:
            FederationError: No token could be had, or none until a few seconds ago.
        """
        held = self.held
        now = _clock.read(self._clock)
        good_for = state(held, now)
        if held is None or good_for is State.EXPIRED:
            return self._renew(request, held, remember=True)
        if good_for is State.ADVISORY:
            self._renew_ahead(request, held, now.monotonic)
        return held

    def renewed(self, request: Request) -> Held:
        """A token newer than the one in hand now; calls that overlap share one exchange.

        Raises:
            FederationError: None could be had.
        """
        return self._renew(request, self.held, remember=False)

    def replaced(self, request: Request, context: ExchangeContext, seen: Held) -> Held:
        """A token other than *seen*, which a server has just refused.

        Raises:
            FederationError: None could be had.
        """
        return self._renew(request, seen, context, remember=False)

    def with_life(self, request: Request, context: ExchangeContext, seconds: float) -> Held:
        """A token that lives for at least so long; for a call that only needs it now.

        In its advisory window a refresh in the background is started, too, so that the next call finds a new one.

        Raises:
            FederationError: None could be had.
        """
        held = self.held
        now = _clock.read(self._clock)
        later = Moment(now.wall + seconds, now.monotonic + seconds)
        if held is None or state(held, later) is State.EXPIRED:
            return self._renew(request, held, context, remember=False)
        if state(held, now) is State.ADVISORY:
            self._renew_ahead(request, held, now.monotonic)
        return held

    def _renew(
        self, request: Request, seen: Held | None, context: ExchangeContext | None = None, *, remember: bool
    ) -> Held:
        flight, leads = self._board(seen, context, remember=remember)
        overdue = 0
        while flight is not None and not leads:
            # The deadline of the flight, not of the wait: whoever comes late to a flight that died with a
            # suspended process takes it over at once.
            overdue += not flight.done.wait(max(0.0, flight.context.deadline + 1 - self._clock.monotonic()))
            if overdue > 1:  # the next to take it over would get no further
                raise TransientFederationError(
                    f"Another thread has asked for a token for more than {DEADLINE:.0f} s, and has got no answer.",
                    step="exchange",
                    hint="Check the network, and that the transport passed to refresh() has a timeout.",
                )
            if flight.error is not None and not _ahead_in_vain(flight):
                raise _twin(flight.error)
            if flight.held is not None:
                return flight.held
            flight, leads = self._board(seen, context, remember=remember)
        if flight is None:
            return self.held or self._renew(request, None, context, remember=remember)
        return self._lead(flight, request)

    def _board(
        self, seen: Held | None, context: ExchangeContext | None, *, remember: bool
    ) -> tuple[_Flight | None, bool]:
        """The flight to wait for or to lead; none if there is a newer token already."""
        with self._lock:
            if self.held is not seen and self.held is not None:
                return None, False
            now = self._clock.monotonic()
            if remember and self._refused is not None:
                error, until = self._refused
                if now < until:
                    raise _twin(error)
            if self._flight is not None and not self._overdue(self._flight, now):
                return self._flight, False
            self._flight = _Flight(
                context or ExchangeContext(background=False, deadline=now + DEADLINE, may_prompt=True)
            )
            return self._flight, True

    @staticmethod
    def _overdue(flight: _Flight, now: float) -> bool:
        # One second more than the exchange itself may take, so that its own error arrives first.
        return now >= flight.context.deadline + 1

    def _lead(self, flight: _Flight, request: Request) -> Held:
        try:
            draw = 1.0 if self._widest else random.random()  # noqa: S311 - spreads load, hides nothing
            held = hold(self._mint(request, flight.context), draw)
        except BaseException as error:
            self._land(flight, None, error)
            raise
        self._land(flight, held, None)
        return held

    def _land(self, flight: _Flight, held: Held | None, error: BaseException | None) -> None:
        with self._lock:
            flight.held = held
            # An interrupt is for the thread it hit; the others try again.
            flight.error = _twin(error) if isinstance(error, Exception) else None
            if self._flight is flight:  # else it was taken over, and its late result is dropped
                self._flight = None
                if held is not None:
                    self.held, self._refused = held, None
                    self._failures, self._not_before = 0, 0.0
                elif flight.context.background and flight.error is not None:
                    self._back_off(flight.context)
                elif isinstance(flight.error, FederationError):
                    until = self._clock.monotonic() + _FAILURE_REMEMBERED
                    until = min(until, flight.context.not_before) if flight.error.retryable else until
                    self._refused = flight.error, until
        flight.done.set()

    def _back_off(self, context: ExchangeContext) -> None:
        self._failures += 1
        now = self._clock.monotonic()
        longest = min(_FIRST_BACKOFF * 2 ** (self._failures - 1), _LONGEST_BACKOFF)
        pause = longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing
        if self.held is not None:  # what the server asks for, as far as the token's life allows
            pause = max(pause, min(context.not_before - now, (self.held.ends_at.monotonic - now) / 2))
        self._not_before = now + pause

    def _renew_ahead(self, request: Request, held: Held, now: float) -> None:
        if now < self._not_before:
            return
        with self._lock:
            busy = self._flight is not None and not self._overdue(self._flight, now)
            if busy or self.held is not held or now < self._not_before:
                return
            flight = self._flight = _Flight(ExchangeContext(background=True, deadline=now + DEADLINE))
        if not self._in_background(request):
            self._try(flight, request)
            return
        try:
            threading.Thread(
                target=self._yield_and_try,
                args=(flight, request),
                name="google-auth-botocore refresh",
                daemon=True,  # an exchange never holds up the end of the interpreter
            ).start()
        except RuntimeError:  # no thread can be had: the interpreter ends, or a limit is reached
            self._land(flight, None, None)

    def _yield_and_try(self, flight: _Flight, request: Request) -> None:
        # Lets the request that started this thread go on first: it is sent some milliseconds sooner.
        time.sleep(0)
        self._try(flight, request)

    def _try(self, flight: _Flight, request: Request) -> None:
        try:
            self._lead(flight, request)
        except Exception as error:  # noqa: BLE001 - a background thread has nobody to raise to
            held = self.held
            _LOGGER.warning(
                "The Google token could not be renewed ahead of its end; it is used until %s, and the next try is in %.0f s. %s",
                "then" if held is None else f"{held.token.expiry:%H:%M:%S} UTC",
                max(0.0, self._not_before - self._clock.monotonic()),
                error if isinstance(error, FederationError) else type(error).__name__,
            )


_SOURCES: weakref.WeakSet[TokenSource] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for source in list(_SOURCES):
        source._start_afresh()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork_in_child)
