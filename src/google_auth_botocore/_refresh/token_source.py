"""The source of one token. All threads share it, and all copies of the credentials that need the same token."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

from google_auth_botocore import _failures
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._refresh import backoff, exchange_log, forks
from google_auth_botocore._refresh.clock import Clock, Moment
from google_auth_botocore._refresh.errors import copied
from google_auth_botocore._refresh.exchange import Exchange, ExchangeContext, Request
from google_auth_botocore._refresh.single_flight import SingleFlight
from google_auth_botocore._refresh.token import CachedToken, IssuedToken, State, state, with_expiry
from google_auth_botocore.exceptions import FederationError

_LOGGER = logging.getLogger(__name__)

# Seconds for which a permanent error from Google or AWS is raised again without a new exchange, because gRPC retries many times
# a second.
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
        full_window: Whether the advisory window has its full length instead of a random one. This is for the federated token,
            with which other tokens are obtained: it is then refreshed before they are.

    Attributes:
        cached: The current token, read without a lock. The credentials' `token` and `expiry` may change it.
    """

    __slots__ = (
        "__weakref__",
        "_clock",
        "_failures",
        "_fetch",
        "_flight",
        "_full_window",
        "_not_before",
        "_rejected",
        "_shareable",
        "cached",
        "owner",
    )

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
        forks.watch(self)

    def after_fork(self) -> None:
        """In the child of a fork: forget the parent's workers and failures."""
        self._rejected = None
        self._flight.after_fork()

    def get(
        self, request: Request, *, min_lifetime: float = 0.0, context: ExchangeContext | None = None
    ) -> CachedToken:
        """Return a valid token.

        If there is one, this makes no network call. In the token's advisory window it also starts a refresh in the background.

        Args:
            request: The transport.
            min_lifetime: Seconds for which the token must still be valid.
            context: The terms of the exchange that needs the token, if this is part of one.

        Raises:
            FederationError: No token could be fetched, or Google or AWS rejected the last attempt less than 10 seconds ago.
        """
        # In this order: `new_result` then counts an exchange that succeeds between the two reads as newer, and starts no other.
        latest, cached = self._flight.latest, self.cached
        if cached is not None:
            now = Moment.now(self._clock)
            if state(cached, now.after(min_lifetime)) is not State.EXPIRED:
                if state(cached, now) is State.ADVISORY and now.monotonic >= self._not_before:
                    self._refresh_in_background(request, latest)
                return cached
        rejected = self._rejected
        if context is None and rejected is not None and self._clock.monotonic() < rejected[1]:
            raise copied(rejected[0])
        return self._flight.new_result(request, latest, context)

    def refresh(
        self, request: Request, *, rejected: CachedToken | None = None, context: ExchangeContext | None = None
    ) -> CachedToken:
        """Fetch a new token even if the current one is valid. Concurrent calls share one exchange.

        Args:
            request: The transport.
            rejected: The token that a server has just rejected. If the current token is already another one, that is returned.
            context: The terms of the exchange that needs the token, if this is part of one.

        Raises:
            FederationError: The token could not be fetched.
        """
        latest, cached = self._flight.latest, self.cached  # in this order; see `get`
        if rejected is not None and cached is not None and cached is not rejected:
            return cached
        return self._flight.new_result(request, latest, context)

    def _refresh_in_background(self, request: Request, latest: CachedToken | None) -> None:
        exchange = self._flight.start_in_background(request, latest)
        if exchange is not None and not self._shareable(request):
            self._flight.wait(exchange)

    # On the worker thread.

    def _fetch_valid(self, request: Request, context: ExchangeContext) -> CachedToken:
        """Fetch a token. Fetch another one if it has expired meanwhile, because the process was suspended."""
        if context.background:
            # Let the caller that started this thread continue first. Its request is sent milliseconds earlier.
            time.sleep(0)
        draw = 1.0 if self._full_window else random.random()  # noqa: S311 - spreads load, hides nothing
        for _ in range(2):
            cached = with_expiry(self._fetch(request, context), draw)
            expires_at = cached.expires_at
            if self._clock.time() < expires_at.wall and self._clock.monotonic() < expires_at.monotonic:
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
        pause = backoff.pause(self._failures, _FIRST_BACKOFF, _LONGEST_BACKOFF)
        if (
            self.cached is not None
        ):  # the server may request a longer pause, up to half the time until the token expires
            pause = max(pause, min(context.not_before - now, (self.cached.expires_at.monotonic - now) / 2))
        self._not_before = now + pause

    def _warn(self, error: BaseException) -> None:
        cached = self.cached
        exchange_log.warn(
            _LOGGER,
            "The Google token could not be refreshed in the background. %s; the next attempt is in %.0f s. %s",
            "It was dropped" if cached is None else f"It is valid until {cached.expiry:%H:%M:%S} UTC",
            max(0.0, self._not_before - self._clock.monotonic()),
            error if isinstance(error, FederationError) else type(error).__name__,
        )


def _remembered(error: FederationError, context: ExchangeContext) -> bool:
    """Return whether a server rejected the request and would reject it again. Failures on this machine are not remembered."""
    if error.retryable:
        return context.not_before > 0.0
    return error.status_code is not None or error.reason == "CERTIFICATE_VERIFY_FAILED"
