"""The base class of `Credentials` and `IDTokenCredentials`: google-auth's interface, on a token source that copies share."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from datetime import datetime, timezone
from typing import Any, TypeVar

from google.auth import credentials as google_credentials

from google_auth_botocore import _settings
from google_auth_botocore._refresh.clock import Clock, Moment
from google_auth_botocore._refresh.exchange import Request, current, part_of
from google_auth_botocore._refresh.token import Token, with_new_expiry
from google_auth_botocore._refresh.token_source import TokenSource

Self = TypeVar("Self", bound="SourceCredentials")


class SourceCredentials(google_credentials.CredentialsWithQuotaProject):
    """Credentials whose token is in a source that copies and threads share, not in the object itself."""

    # Tests replace this with a fake clock.
    _clock: Clock = time
    _source: TokenSource

    def __init__(self, source: TokenSource) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # google-auth has no types here
        self._source = source  # after the base class has set `token` and `expiry`, which copies share

    def before_request(
        self,
        request: Request,
        method: str,  # noqa: ARG002 - google-auth's signature
        url: str,
        headers: MutableMapping[str, str],
    ) -> None:
        """Put a valid token into the headers of a request.

        While there is a valid token, it takes no lock and does not wait. In the token's advisory window, which is the last
        7.5 to 15 minutes of a token that is valid for an hour, it starts a refresh in the background. If that fails, a warning
        is logged. A caller waits for the background refresh only if its transport is not one of google-auth's, because two
        threads may not share it.

        Args:
            request: google.auth.transport.Request or a callable like it, to fetch the token. None: this package's own transport.
            method: Not used.
            url: URL of the request.
            headers: The headers of the request, which this method changes; see `apply`.

        Raises:
            FederationError: There is no valid token, and none could be fetched.
        """
        if current.get() is not None and self._is_our_own(url):
            return
        source = self._source
        cached = source.cached
        clock = self._clock
        # `TokenSource.get` decides the same, and more. Here it is one line, because it runs before every request.
        if cached is None or clock.time() >= cached.refresh_at.wall or clock.monotonic() >= cached.refresh_at.monotonic:
            cached = source.get(request)
        try:
            self.apply(headers, cached.value)
        except BaseException as error:  # noqa: BLE001 - raised again
            del headers  # it may contain the token, and so may the frames below this one
            raise error.with_traceback(None)  # noqa: B904 - the same error

    def refresh(self, request: Request = None) -> None:
        """Fetch a new token even if the current one is valid. Concurrent calls share one exchange.

        Args:
            request: google.auth.transport.Request or a callable like it. None: this package's own transport.

        Raises:
            FederationError: The token could not be fetched. The current token, if there is one, is kept.
        """
        exchange = part_of(self._source.owner)
        if exchange is None or exchange.context.url is None:
            self._source.refresh(request)

    def _is_our_own(self, url: str) -> bool:
        """Return whether a request is the one that fetches the token, sent with a transport that uses these credentials."""
        exchange = part_of(self._source.owner)
        return exchange is not None and exchange.context.url == url

    def get_token(self) -> Token:
        """Return a valid token, for code that requires a token instead of the object.

        Returns:
            `(value, expiry)`, the expiry an aware datetime in UTC.

        Raises:
            FederationError: There is no valid token, and none could be fetched.
        """
        cached = self._source.get(None)
        try:
            return Token(cached.value, cached.expiry)
        except BaseException as error:  # noqa: BLE001 - raised again
            raise error.with_traceback(None)  # noqa: B904 - the same error, without frames that hold the token

    def apply(self, headers: MutableMapping[str, str], token: str | None = None) -> None:
        """Set the `authorization` header, and `x-goog-user-project` if there is a quota project.

        If there is no token, the `authorization` header is not changed.

        Args:
            headers: The headers of a request, which this method changes.
            token: Another token to send. None: the current one.
        """
        value = token or self.token
        if value is not None:
            headers["authorization"] = "Bearer " + value
        if self._quota_project_id is not None:
            headers["x-goog-user-project"] = self._quota_project_id

    @property
    def token(self) -> str | None:
        """The current token. None before the first one. Setting it to None drops it, for all copies that share it."""
        cached = self._source.cached
        return None if cached is None else cached.value

    @token.setter
    def token(self, value: None) -> None:
        if value is not None:
            raise AttributeError("The token comes from Google and cannot be set; None drops the current one.")
        if "_source" in self.__dict__:
            self._source.cached = None

    @property
    def expiry(self) -> datetime | None:
        """When the token expires: naive and in UTC, as in google-auth. None before the first token."""
        cached = self._source.cached
        return None if cached is None else cached.expiry.replace(tzinfo=None)

    @expiry.setter
    def expiry(self, value: datetime | None) -> None:
        cached = None if value is None else self._source.cached
        if cached is not None and value is not None:
            aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
            self._source.cached = with_new_expiry(cached, aware, Moment.now(self._clock))

    def with_quota_project(self: Self, quota_project_id: str | None) -> Self:
        """Return a copy that charges quota and billing to another project. None: to no project that is named.

        Raises:
            ConfigurationError: The project is invalid.
        """
        return self._copy(_quota_project_id=_settings.quota_project_id(quota_project_id))

    def _copy(self: Self, **changes: Any) -> Self:
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__, **changes)
        return copy

    def __copy__(self: Self) -> Self:
        return self._copy()

    def __deepcopy__(self: Self, memo: object) -> Self:
        return self._copy()

    def __dask_tokenize__(self) -> tuple[str, str]:
        """Return a key that a refresh does not change, so that Dask finds its results again."""
        return type(self).__qualname__, repr(self)
