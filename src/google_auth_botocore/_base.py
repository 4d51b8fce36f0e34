"""What `Credentials` and `IDTokenCredentials` have in common: google-auth's contract over a shared token source."""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import datetime, timezone
from typing import Any, TypeVar

from google.auth import credentials as google_credentials

from google_auth_botocore import _clock, _config, _quiet, _token
from google_auth_botocore._token import Request, TokenSource

Self = TypeVar("Self", bound="SourceCredentials")


class SourceCredentials(google_credentials.CredentialsWithQuotaProject):
    """Credentials whose token lies in a source that copies and threads share; never in the object itself."""

    # Where tests put theirs.
    _clock: _clock.Clock = _clock.SystemClock()
    _source: TokenSource

    def __init__(self, source: TokenSource) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # google-auth has no types here
        self._source = source  # after the base class has set `token` and `expiry`, which others share

    def before_request(
        self,
        request: Request,
        method: str,  # noqa: ARG002 - google-auth's signature
        url: str,  # noqa: ARG002 - as above
        headers: MutableMapping[str, str],
    ) -> None:
        """Puts a token that lives into the headers of a request.

        Takes no lock and waits for nobody while there is one. In its advisory window, the last 7 to 15 minutes of an
        hour, a refresh runs in the background meanwhile; when it fails, a warning is logged.

        Raises:
            FederationError: There is no token, and none could be had.
        """
        if _quiet.at_work.get():
            return  # our own request, sent with a transport that carries these credentials
        source = self._source
        held = source.held
        clock = self._clock
        if held is None or clock.time() >= held.renew_at.wall or clock.monotonic() >= held.renew_at.monotonic:
            held = source.current(request)
        self.apply(headers, held.token.value)

    def refresh(self, request: Request = None) -> None:
        """Fetch a new token even if the current one is valid. Concurrent calls share one exchange.

        Args:
            request: google.auth.transport.Request or a callable like it. None: this package's own transport.

        Raises:
            FederationError: None could be had. The token in hand, if there is one, is still there.
        """
        if not _quiet.at_work.get():
            self._source.renewed(request)

    def apply(self, headers: MutableMapping[str, str], token: str | None = None) -> None:
        """Writes the `authorization` header, and `x-goog-user-project` where there is a quota project.

        Without a token, neither given nor in hand, the first is left as it is.
        """
        value = token or self.token
        if value is not None:
            headers["authorization"] = "Bearer " + value
        if self._quota_project_id is not None:
            headers["x-goog-user-project"] = self._quota_project_id

    @property
    def token(self) -> str | None:
        """The token in hand, None before the first. Setting None forgets it, for every copy that shares it."""
        held = self._source.held
        return None if held is None else held.token.value

    @token.setter
    def token(self, value: None) -> None:
        if value is not None:
            raise AttributeError("The token comes from Google and can't be set; None forgets the one in hand.")
        if "_source" in self.__dict__:
            self._source.held = None

    @property
    def expiry(self) -> datetime | None:
        """When the token ends: naive, in UTC, as google-auth has it. None before the first token."""
        held = self._source.held
        return None if held is None else held.token.expiry.replace(tzinfo=None)

    @expiry.setter
    def expiry(self, value: datetime | None) -> None:
        held = None if value is None else self._source.held
        if held is not None and value is not None:
            aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
            self._source.held = _token.redated(held, aware, _clock.read(self._clock))

    def with_quota_project(self: Self, quota_project_id: str | None) -> Self:
        """A copy that charges another project."""
        return self._copy(_quota_project_id=_config.quota_project_id(quota_project_id))

    def _copy(self: Self, **changes: Any) -> Self:
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__, **changes)
        return copy

    def __copy__(self: Self) -> Self:
        return self._copy()

    def __deepcopy__(self: Self, memo: object) -> Self:
        return self._copy()

    def __dask_tokenize__(self) -> tuple[str, str]:
        """The same before and after a refresh, so that Dask finds its results again."""
        return type(self).__qualname__, repr(self)
