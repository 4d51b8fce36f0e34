"""The source of one token, which every thread shares, and every copy of the credentials that needs the same one."""

from __future__ import annotations

import logging
import os
import random
import time
import weakref
from collections.abc import Callable

from google_auth_botocore._refresh import clock as refresh_clock
from google_auth_botocore._refresh import exchange_log
from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore._refresh.exchange import Exchange, ExchangeContext, Request
from google_auth_botocore._refresh.single_flight import SingleFlight, copied
from google_auth_botocore._refresh.token import CachedToken, IssuedToken, State, state, with_expiry
from google_auth_botocore.exceptions import FederationError, TransientFederationError

_LOGGER = logging.getLogger(__name__)

# An error of Google or AWS that another try would not change is raised again for this long: gRPC tries many times a second.
_REJECTION_REMEMBERED = 10.0
# After a failed background refresh: 1 s, 2 s, 4 s ... to a minute, each times a jitter.
_FIRST_BACKOFF, _LONGEST_BACKOFF = 1.0, 60.0


class TokenSource:
    """One token, fetched when it is needed and refreshed before it expires.

    Args:
        fetch: Fetches a new token, or raises FederationError.
        shareable: Tells whether a worker may use a transport while the caller goes on.
        clock: Wall and elapsed time.
        owner: Whose AWS identity it is.
        full_window: The advisory window is not drawn but as long as possible, so that a token with which others are
            obtained is never younger in its window than they are in theirs.

    Attributes:
        cached: The token in hand; read without a lock. The credentials' `token` and `expiry` may change it.
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
        self._flight = SingleFlight(self._new_token, self._ended, clock, owner)
        _SOURCES.add(self)

    def after_fork(self) -> None:
        """In the child of a fork: no worker and no failure of the parent."""
        self._rejected = None
        self._flight.after_fork()

    def get(
        self, request: Request, *, min_lifetime: float = 0.0, context: ExchangeContext | None = None
    ) -> CachedToken:
        """Return a valid token.

        Makes no network call while there is one; in its advisory window it also starts a refresh in the background.

        Args:
            request: The transport.
            min_lifetime: Seconds for which it must still be valid.
            context: The terms of the exchange that needs it, if one does.

        Raises:
            FederationError: No token could be fetched, or Google or AWS rejected the last attempt some seconds ago.
        """
        latest = self._flight.latest
        cached, now = self.cached, refresh_clock.read(self._clock)
        if cached is None or state(cached, now.after(min_lifetime)) is State.EXPIRED:
            rejected = self._rejected
            if context is None and rejected is not None and now.monotonic < rejected[1]:
                raise copied(rejected[0])
            return self._flight.new_result(request, latest, context)
        if state(cached, now) is State.ADVISORY and now.monotonic >= self._not_before:
            self._refresh_in_background(request, latest)
        return cached

    def refresh(self, request: Request) -> CachedToken:
        """Fetch a new token even if the current one is valid. Concurrent calls share one exchange.

        Raises:
            FederationError: The token could not be fetched.
        """
        return self._flight.new_result(request, self._flight.latest)

    def replace(self, request: Request, rejected: CachedToken, context: ExchangeContext) -> CachedToken:
        """Return another token than the one that a server has just rejected.

        Raises:
            FederationError: It could not be fetched.
        """
        latest, cached = self._flight.latest, self.cached
        if cached is not None and cached is not rejected:
            return cached
        return self._flight.new_result(request, latest, context)

    def _refresh_in_background(self, request: Request, latest: CachedToken | None) -> None:
        exchange = self._flight.start_in_background(request, latest)
        if exchange is not None and not self._shareable(request):
            self._flight.wait(exchange)

    # On the worker thread.

    def _new_token(self, request: Request, context: ExchangeContext) -> CachedToken:
        if context.background:
            time.sleep(0)  # lets the request that started this thread go on first: it is sent some milliseconds sooner
        draw = 1.0 if self._full_window else random.random()  # noqa: S311 - spreads load, hides nothing
        for _ in range(2):
            cached = with_expiry(self._fetch(request, context), draw)
            if state(cached, refresh_clock.read(self._clock)) is not State.EXPIRED:
                return cached
        raise TransientFederationError(
            "The token expired before it arrived: this process was suspended.", step=context.step
        )

    def _ended(self, exchange: Exchange) -> None:
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
        if self.cached is not None:  # what the server requests, as far as the token's lifetime allows
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
    """Whether a server has said something that it would say again; not so what failed on this machine."""
    if error.retryable:
        return context.not_before > 0.0
    return error.status_code is not None or error.reason == "CERTIFICATE_VERIFY_FAILED"


_SOURCES: weakref.WeakSet[TokenSource] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for source in list(_SOURCES):
        source.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork_in_child)
