"""A token, and the rule for when to refresh it.

An access token of one hour, whose advisory window opens at a moment that is drawn once for each token:

    issued                           45:00          52:30          60:00
    |--------------------------------|--------------|--------------|------------>
                                     earliest       latest         expires_at
                                     refresh_at     refresh_at

    FRESH      until refresh_at: use it
    ADVISORY   from refresh_at to expires_at: use it, and start one refresh in the background
    EXPIRED    from expires_at: every caller waits for one exchange

The window is an eighth to a quarter of the lifetime, and at most 15 minutes. If a refresh in it fails, the next attempt
follows after 1 s, then 2 s, 4 s ... up to a minute, and the token is used until it expires.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import NamedTuple

from google_auth_botocore._refresh.clock import Moment

# Longest advisory window, in seconds. The window of a token is between half of it and all of it.
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


# Its public path. Pickles refer to the class by this path.
Token.__module__ = "google_auth_botocore"


class State(Enum):
    """What to do with a token."""

    FRESH = "use it"
    ADVISORY = "use it, and refresh it in the background"
    EXPIRED = "wait for a new one"


@dataclass(eq=False, slots=True)
class IssuedToken:
    """A token as a server has just issued it.

    This class and `CachedToken` are not tuples: crash reports print the elements of a tuple, but only the `repr` of an object.

    Args:
        value: The bearer token itself.
        lifetime: Seconds from *requested_at* to its expiry.
        requested_at: When the request for the token was sent.
    """

    value: str = field(repr=False)
    lifetime: float
    requested_at: Moment


@dataclass(eq=False, slots=True)
class CachedToken:
    """A token and the two moments that determine its state. It never changes, so it is read without a lock.

    Args:
        value: The bearer token itself.
        refresh_at: When its advisory window opens.
        expires_at: When it expires.
    """

    value: str = field(repr=False)
    refresh_at: Moment
    expires_at: Moment

    @property
    def expiry(self) -> datetime:
        """When it expires, as an aware datetime in UTC."""
        # Not fromtimestamp, whose behaviour beyond the year 9999 depends on the platform.
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=self.expires_at.wall)


def with_expiry(issued: IssuedToken, draw: float) -> CachedToken:
    """Return the token with its expiry and its advisory window.

    The length of the window is random, between an eighth and a quarter of the lifetime and at most 15 minutes, so that workers
    that started together refresh at different times.

    Args:
        issued: The token as the server issued it.
        draw: A number drawn uniformly from 0 to 1, once for each token.
    """
    window = min(issued.lifetime / 4, _LONGEST_WINDOW) * (1 + draw) / 2
    wall, monotonic = issued.requested_at.wall + issued.lifetime, issued.requested_at.monotonic + issued.lifetime
    return CachedToken(issued.value, Moment(wall - window, monotonic - window), Moment(wall, monotonic))


def with_new_expiry(cached: CachedToken, expiry: datetime, now: Moment) -> CachedToken:
    """Return the same token with another expiry, for libraries that assign `expiry`."""
    lifetime = expiry.timestamp() - now.wall
    return with_expiry(IssuedToken(cached.value, lifetime, now), 1.0)


def state(cached: CachedToken | None, now: Moment) -> State:
    """Return the state of a token at a moment. It has changed as soon as it has changed by either clock."""
    if cached is None or now.reached(cached.expires_at):
        return State.EXPIRED
    return State.ADVISORY if now.reached(cached.refresh_at) else State.FRESH
