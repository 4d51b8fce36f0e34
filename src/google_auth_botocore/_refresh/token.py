"""A token, and the rule for when to refresh it."""

from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import NamedTuple

from google_auth_botocore._refresh.clock import Moment

# Longest advisory window, in seconds; the one of a token is drawn from the upper half.
_LONGEST_WINDOW = 15 * 60.0


class Token(NamedTuple):
    """A Google token and when it expires.

    Attributes:
        value: The bearer token itself.
        expiry: When it expires: an aware datetime in UTC, by this machine's clock.
    """

    value: str
    expiry: datetime

    def __repr__(self) -> str:
        return f"Token(value=<hidden>, expiry={self.expiry!r})"


# Its public path, which pickles of it name.
Token.__module__ = "google_auth_botocore"


class State(Enum):
    """What to do with a token."""

    FRESH = "use it"
    ADVISORY = "use it, and refresh it in the background"
    EXPIRED = "wait for a new one"


class IssuedToken:
    """A token as a server has just issued it.

    No tuple, as is `CachedToken`: crash reports print the elements of a tuple, and of an object its `repr`.

    Args:
        value: The bearer token itself.
        lifetime: Seconds from *requested_at* to its expiry.
        requested_at: When the request for it began.
    """

    __slots__ = ("lifetime", "requested_at", "value")

    def __init__(self, value: str, lifetime: float, requested_at: Moment) -> None:
        self.value: str = value
        self.lifetime: float = lifetime
        self.requested_at: Moment = requested_at

    def __repr__(self) -> str:
        return f"IssuedToken(value=<hidden>, lifetime={self.lifetime!r}, requested_at={self.requested_at!r})"


class CachedToken:
    """A token and the two moments that decide its use; never changed, so that it is read without a lock.

        issued                                          refresh_at        expires_at
        |-- fresh: use it ------------------------------|-- advisory: ----|-- expired:
                                                         use it, refresh   wait for
                                                         in the background a new one

    Args:
        value: The bearer token itself.
        refresh_at: When its advisory window opens.
        expires_at: When it expires.
    """

    __slots__ = ("expires_at", "refresh_at", "value")

    def __init__(self, value: str, refresh_at: Moment, expires_at: Moment) -> None:
        self.value: str = value
        self.refresh_at: Moment = refresh_at
        self.expires_at: Moment = expires_at

    @property
    def expiry(self) -> datetime:
        """When it expires, as an aware datetime in UTC."""
        # Not fromtimestamp: what it does with a time beyond the year 9999 differs from platform to platform.
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=self.expires_at.wall)

    def __repr__(self) -> str:
        return f"CachedToken(value=<hidden>, refresh_at={self.refresh_at!r}, expires_at={self.expires_at!r})"


def with_expiry(issued: IssuedToken, draw: float) -> CachedToken:
    """Return the token with its expiry and its advisory window.

    The window opens between an eighth and a quarter of the lifetime before the expiry, at most 15 minutes, so that
    workers that started together drift apart.

    Args:
        issued: The token as it came.
        draw: A number drawn uniformly from 0 to 1, once for each token.
    """
    window = min(issued.lifetime / 4, _LONGEST_WINDOW) * (1 + draw) / 2
    expires_at = issued.requested_at.after(issued.lifetime)
    return CachedToken(issued.value, expires_at.after(-window), expires_at)


def with_new_expiry(cached: CachedToken, expiry: datetime, now: Moment) -> CachedToken:
    """Return the same token with another expiry, for a library that assigns `expiry` itself."""
    lifetime = expiry.timestamp() - now.wall
    return with_expiry(IssuedToken(cached.value, lifetime, now), 1.0)


def state(cached: CachedToken | None, now: Moment) -> State:
    """The refresh rule: a moment has come as soon as either clock says so."""
    if cached is None or now.reached(cached.expires_at):
        return State.EXPIRED
    return State.ADVISORY if now.reached(cached.refresh_at) else State.FRESH
