"""The tokens that the server issues, by scopes and by audience: valid for over five minutes whenever possible."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from functools import lru_cache

from google_auth_botocore import ConfigurationError, Credentials, FederationError, IDTokenCredentials, Token
from google_auth_botocore.cli.serve._changes import etag
from google_auth_botocore.cli.serve._http import Reply, json_reply, text_reply
from google_auth_botocore.cli.serve._metadata import AccessTokenRequest, TokenRequest

# Seconds. Many clients refresh a token that expires within five minutes; 10 s allow for the transfer.
_MIN_LIFETIME = 5 * 60.0 + 10
# If new tokens are valid for less than this, a new one is hardly better than the current one.
_MIN_USEFUL_LIFETIME = _MIN_LIFETIME + 30
# A client waits three seconds for a metadata server. It gets the current token before that, if that is still valid.
_MAX_WAIT = 2.0
# Seconds after a failed refresh before the next.
_RETRY_DELAY = 10.0
# Scope sets and audiences whose tokens are cached. The least recently used one is dropped.
_CACHE_SIZE = 64


class Tokens:
    """The tokens of one identity.

    Args:
        credentials: The credentials of the identity.
        warn: Called once for each distinct error. Many clients do not show the errors that the server returns.
        clock: Returns the time in seconds since the epoch.
    """

    def __init__(
        self, credentials: Credentials, warn: Callable[[str], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._credentials = credentials
        self._warn = lru_cache(_CACHE_SIZE)(warn)
        self._clock = clock
        self._source = lru_cache(_CACHE_SIZE)(self._make_source)

    def reply(self, request: TokenRequest) -> Reply:
        """Return the reply to a request: the token or an error. Blocks during a token exchange."""
        try:
            value, expiry = self._source(request).token()
        except (ConfigurationError, FederationError) as error:
            # No warning without a service account: gcloud also requests an ID token when it only needs an access token.
            if isinstance(request, AccessTokenRequest) or self._credentials.service_account_email is not None:
                self._warn(str(error))
            return text_reply(_status(error), str(error))
        except Exception as error:  # noqa: BLE001 - the client waits for a reply
            # Not the text of the error: it may contain a secret.
            return text_reply(500, f"This metadata server failed: {type(error).__name__}.")
        if isinstance(request, AccessTokenRequest):
            expires_in = max(0, int(expiry.timestamp() - self._clock()))
            reply = json_reply({"access_token": value, "expires_in": expires_in, "token_type": "Bearer"})
        else:
            reply = text_reply(200, value)
        return reply._replace(etag=etag(value))

    def expiry(self) -> datetime | None:
        """Return when the current access token expires, in UTC, or None if there is no valid one. Makes no call."""
        naive = self._credentials.expiry
        expiry = naive and naive.replace(tzinfo=timezone.utc)
        return expiry if expiry and expiry.timestamp() > self._clock() else None

    def _make_source(self, request: TokenRequest) -> _TokenSource:
        if not isinstance(request, AccessTokenRequest):
            audience, include_email = request
            return _TokenSource(
                IDTokenCredentials(self._credentials, audience, include_email=include_email), self._clock
            )
        scoped = self._credentials.with_scopes(request.scopes) if request.scopes else self._credentials
        return _TokenSource(scoped, self._clock)


class _TokenSource:
    """The token of one set of credentials, refreshed earlier than the credentials do by themselves.

    Many clients refresh a token that expires within five minutes. Credentials may do so later than that.
    """

    def __init__(self, credentials: Credentials | IDTokenCredentials, clock: Callable[[], float]) -> None:
        self._credentials = credentials
        self._clock = clock
        self._no_refresh_before = 0.0
        self._refresh_thread: threading.Thread | None = None

    def token(self) -> Token:
        """Return the current token or a new one. The server calls this in one thread at a time."""
        before = self._credentials.token
        token = self._credentials.get_token()
        if token.value != before:
            self._schedule(token)
        if self._remaining(token) > _MIN_LIFETIME or self._clock() < self._no_refresh_before or self._is_refreshing():
            return token
        self._refresh_thread = threading.Thread(target=self._refresh, daemon=True)
        self._refresh_thread.start()
        self._refresh_thread.join(_MAX_WAIT)
        return self._credentials.get_token()

    def _refresh(self) -> None:
        try:
            self._credentials.refresh(None)
        except FederationError:  # the current token is still valid
            self._no_refresh_before = self._clock() + _RETRY_DELAY
        else:
            self._schedule(self._credentials.get_token())

    def _schedule(self, new: Token) -> None:
        """Set the earliest time of the next refresh."""
        remaining = self._remaining(new)
        self._no_refresh_before = self._clock() + (remaining / 2 if remaining <= _MIN_USEFUL_LIFETIME else 0.0)

    def _is_refreshing(self) -> bool:
        return self._refresh_thread is not None and self._refresh_thread.is_alive()

    def _remaining(self, token: Token) -> float:
        return token.expiry.timestamp() - self._clock()


def _status(error: ConfigurationError | FederationError) -> int:
    """Return the HTTP status for an error. Clients retry a 503, but no other."""
    if isinstance(error, ConfigurationError):  # an ID token without a service account, or an invalid scope
        return 404
    if error.retryable:
        return 503
    return 404 if error.status_code == 404 else 403
