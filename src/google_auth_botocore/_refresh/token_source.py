"""The source of one token. All threads share it, and all copies of the credentials that need the same token."""

from __future__ import annotations

import logging
import os
import random
import time
import weakref
from collections.abc import Callable

from google_auth_botocore import _failures
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._refresh import exchange_log
from google_auth_botocore._refresh.clock import Clock, Moment
from google_auth_botocore._refresh.errors import copied
from google_auth_botocore._refresh.exchange import Exchange, ExchangeContext, Request
from google_auth_botocore._refresh.single_flight import SingleFlight
from google_auth_botocore._refresh.token import CachedToken, IssuedToken, State, state, with_expiry
from google_auth_botocore.exceptions import FederationError

_LOGGER = logging.getLogger(__name__)

# Seconds for which a permanent error from Google or AWS is raised again without a new exchange: gRPC retries many times a
# second.
_REJECTION_REMEMBERED = 10.0
# Seconds from a failed background refresh to the next: 1, 2, 4 ... up to 60, each with jitter.
_FIRST_BACKOFF, _LONGEST_BACKOFF = 1.0, 60.0


class TokenSource:
    """One token, fetched when it is needed and refreshed before it expires.

    Args:
        fetch: Fetches a new token, or raises FederationError.
        shareable: Returns whether a worker may use a transport while the caller continues.
        clock: Wall and elapsed time.
        owner: The object whose AWS identity is exchanged.
        full_window: Whether the advisory window is as long as possible instead of drawn. The federated token, with which
            other tokens are obtained, is then refreshed before they are.

    Attributes:
        cached: The current token, read without a lock. The credentials' `token` and `expiry` may change it.
    """

    def __init__(
        self,
        fetch: Callable[[Request, ExchangeContext], IssuedToken],
        shareable: Callable[[Request], bool],
        clock: Clock,
        owner: object,
        *,
        full_window: bool,
    ) -> None:
        self._fetch = fetch
        self._shareable = shareable
        self._clock = clock
        self.owner: object = owner
        self._full_window = full_window
        self.cached: CachedToken | None = None
        self._failures: int = 0
        self._not_before: float = 0.0
        self._rejected: tuple[FederationError, float] | None = None
        self._flight = SingleFlight(self._fetch_valid, clock, owner, self._finished)
        _SOURCES.add(self)

    def after_fork(self) -> None:
        """In the child of a fork: forget the parent's workers and failures."""
        self._rejected = None
        self._flight.after_fork()

    def get(
        self, request: Request, *, min_lifetime: float = 0.0, context: ExchangeContext | None = None
    ) -> CachedToken:
        """Return a valid token.

        It makes no network call if there is one. In the token's advisory window it also starts a refresh in the background.

        Args:
            request: The transport.
            min_lifetime: Seconds for which the token must still be valid.
            context: The terms of the exchange that needs the token, if this is part of one.

        Raises:
            FederationError: No token could be fetched, or Google or AWS rejected the last attempt some seconds ago.
        """
        latest = self._flight.latest
        cached, now = self.cached, Moment.now(self._clock)
        if cached is None or state(cached, now.after(min_lifetime)) is State.EXPIRED:
            rejected = self._rejected
            if context is None and rejected is not None and now.monotonic < rejected[1]:
                raise copied(rejected[0])
            return self._flight.new_result(request, latest, context)
        if state(cached, now) is State.ADVISORY and now.monotonic >= self._not_before:
            self._refresh_in_background(request, latest)
        return cached

    def refresh(
        self, request: Request, *, rejected: CachedToken | None = None, context: ExchangeContext | None = None
    ) -> CachedToken:
        """Fetch a new token even if the current one is valid. Concurrent calls share one exchange.

        Args:
            request: The transport.
            rejected: The token that a server has just rejected. If the current token is another one, it is returned.
            context: The terms of the exchange that needs the token, if this is part of one.

        Raises:
            FederationError: The token could not be fetched.
        """
        latest, cached = self._flight.latest, self.cached
        if rejected is not None and cached is not None and cached is not rejected:
            return cached
        return self._flight.new_result(request, latest, context)

    def _refresh_in_background(self, request: Request, latest: CachedToken | None) -> None:
        exchange = self._flight.start_in_background(request, latest)
        if exchange is not None and not self._shareable(request):
            self._flight.wait(exchange)

    # On the worker thread.

    def _fetch_valid(self, request: Request, context: ExchangeContext) -> CachedToken:
        if context.background:
            time.sleep(
                0
            )  # let the caller that started this thread continue first: its request is sent milliseconds earlier
        draw = 1.0 if self._full_window else random.random()  # noqa: S311 - spreads load, hides nothing
        for _ in range(2):
            cached = with_expiry(self._fetch(request, context), draw)
            if not Moment.now(self._clock).reached(cached.expires_at):
                return cached
        raise _failures.error(
            "The token expired before it arrived: this process was suspended.",
            Facts(context.step, failure="process-suspended", transient=True),
        )

    def _finished(self, exchange: Exchange) -> None:
        context, error = exchange.context, exchange.error
        if error is None:
            self.cached, self._rejected = exchange.result, None
            self._failures, self._not_before = 0, 0.0
        elif context.background:
            self._back_off(context)
            if not exchange.nested:
                self._warn(error)
        elif isinstance(error, FederationError) and _remembered(error, context):
            until = self._clock.monotonic() + _REJECTION_REMEMBERED
            self._rejected = error, min(until, context.not_before) if error.retryable else until

    def _back_off(self, context: ExchangeContext) -> None:
        self._failures += 1
        now = self._clock.monotonic()
        longest = min(_FIRST_BACKOFF * 2 ** (self._failures - 1), _LONGEST_BACKOFF)
        pause = longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing
        if self.cached is not None:  # the server may request a longer pause, which the token's lifetime limits
            pause = max(pause, min(context.not_before - now, (self.cached.expires_at.monotonic - now) / 2))
        self._not_before = now + pause

    def _warn(self, error: BaseException) -> None:
        cached = self.cached
        exchange_log.warn(
            _LOGGER,
            "The Google token could not be refreshed in the background. It is valid until %s; the next attempt is in %.0f s. %s",
            "it is needed" if cached is None else f"{cached.expiry:%H:%M:%S} UTC",
            max(0.0, self._not_before - self._clock.monotonic()),
            error if isinstance(error, FederationError) else type(error).__name__,
        )


def _remembered(error: FederationError, context: ExchangeContext) -> bool:
    """Return whether a server rejected the request and would again. Failures on this machine are not remembered."""
    if error.retryable:
        return context.not_before > 0.0
    return error.status_code is not None or error.reason == "CERTIFICATE_VERIFY_FAILED"


_SOURCES: weakref.WeakSet[TokenSource] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for source in list(_SOURCES):
        source.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork_in_child)
