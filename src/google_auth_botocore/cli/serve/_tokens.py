"""The tokens that are handed out: by scope and by audience, with over five minutes to live whenever there are such."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import lru_cache

from google_auth_botocore import ConfigurationError, Credentials, FederationError, IDTokenCredentials, Token
from google_auth_botocore.cli.serve._http import Reply, document, text
from google_auth_botocore.cli.serve._metadata import AccessToken, Wanted

# Five minutes, and the way to the client: many renew a token that has less.
_ENOUGH = 5 * 60.0 + 10
# Where no token lives much longer than that, the next one is not better than the one in hand.
_WORTH_IT = _ENOUGH + 30
# A client waits three seconds for a metadata server. A token that lives is handed out before.
_PATIENCE = 2.0
_AFTER_FAILURE = 10.0
# Sets of scopes, and audiences: more are served, but one that was not asked for lately is exchanged for anew.
_KEPT = 64


class Tokens:
    """All tokens of one identity.

    Args:
        credentials: The identity.
        tell: Says why there is no token, once for each reason: clients keep it to themselves.
        clock: Gives the time in seconds since the epoch.
    """

    def __init__(
        self, credentials: Credentials, tell: Callable[[str], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._credentials = credentials
        self._tell = lru_cache(_KEPT)(tell)
        self._clock = clock
        self._source = lru_cache(_KEPT)(self._make_source)

    def reply(self, wanted: Wanted) -> Reply:
        """The answer of a metadata server: a token, or why there is none. Blocks until it is there."""
        try:
            value, expiry = self._source(wanted).token()
        except (ConfigurationError, FederationError) as error:
            self._tell(str(error))
            return text(_status(error), str(error))
        except Exception as error:  # noqa: BLE001 - a client waits for an answer
            # What its text may hold is not known.
            return text(500, f"This metadata server failed: {type(error).__name__}.")
        if isinstance(wanted, AccessToken):
            left = max(0, int(expiry.timestamp() - self._clock()))
            return document({"access_token": value, "expires_in": left, "token_type": "Bearer"})
        return text(200, value)

    def _make_source(self, wanted: Wanted) -> _Source:
        if not isinstance(wanted, AccessToken):
            audience, include_email = wanted
            return _Source(IDTokenCredentials(self._credentials, audience, include_email=include_email), self._clock)
        scoped = self._credentials.with_scopes(wanted.scopes) if wanted.scopes else self._credentials
        return _Source(scoped, self._clock)


class _Source:
    """One token, renewed ahead of the credentials' own time where that comes too late for clients."""

    def __init__(self, credentials: Credentials | IDTokenCredentials, clock: Callable[[], float]) -> None:
        self._credentials = credentials
        self._clock = clock
        self._not_before = 0.0
        self._renewal: threading.Thread | None = None

    def token(self) -> Token:
        """The one in hand, or a new one. One caller at a time."""
        before = self._credentials.token
        token = self._credentials.get_token()
        if token.value != before:
            self._rate(token)
        if self._left(token) > _ENOUGH or self._clock() < self._not_before or self._renewing():
            return token
        self._renewal = threading.Thread(target=self._renew, daemon=True)
        self._renewal.start()
        self._renewal.join(_PATIENCE)
        return self._credentials.get_token()

    def _renew(self) -> None:
        try:
            self._credentials.refresh(None)
        except FederationError:  # the one in hand is good for another while
            self._not_before = self._clock() + _AFTER_FAILURE
        else:
            self._rate(self._credentials.get_token())

    def _rate(self, new: Token) -> None:
        left = self._left(new)
        self._not_before = self._clock() + (left / 2 if left <= _WORTH_IT else 0.0)

    def _renewing(self) -> bool:
        return self._renewal is not None and self._renewal.is_alive()

    def _left(self, token: Token) -> float:
        return token.expiry.timestamp() - self._clock()


def _status(error: ConfigurationError | FederationError) -> int:
    """Clients retry 503, and give up at once on the others."""
    if isinstance(error, ConfigurationError):  # no ID token without a service account; a scope that can't be one
        return 404
    if error.retryable:
        return 503
    return 404 if error.status_code == 404 else 403
