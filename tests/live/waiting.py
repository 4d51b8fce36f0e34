"""Wait until a change in IAM has reached all servers of Google and AWS, and for nothing else.

Google: "typically takes effect within 2 minutes, potentially 7 minutes or longer",
https://cloud.google.com/iam/docs/access-change-propagation. AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TypeVar

from live.shell import ShellError

T = TypeVar("T")
# What a resource, a grant or an API looks like before a server knows it: names of failures, as `doctor` prints them.
DELAYS = {
    "account-missing",
    "api-disabled",
    "issuer-unreachable",
    "jwt-not-allowed",
    "keys-unknown",
    "not-allowed",
    "not-bound",
    "outbound-identity-off",
    "permission-denied-by-aws",
    "provider-out-of-service",
    "role-not-assumable",
}
# The same in the output of gcloud and aws; and another change of a policy at the same time.
_TEXTS = re.compile(
    r"does not exist|NOT_FOUND|NoSuchEntity|SERVICE_DISABLED|has not been used in project|ConcurrentModification"
    r"|ABORTED|concurrent policy changes|FeatureEnabled",
    re.IGNORECASE,
)
_FORBIDDEN = 403


class Clock:
    """The time and pauses. Tests replace it."""

    def now(self) -> float:
        """Return the seconds since some time in the past."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Pause."""
        time.sleep(seconds)


class Patience:
    """Repeats an action until a change has taken effect.

    Args:
        clock: the clock.
        pause: seconds between attempts. The library remembers a rejection for 10 seconds.
        longest: seconds for one action.
        total: seconds for all actions, so that the access token is still valid at the end.

    Attributes:
        attempts: how many attempts the last action took.
    """

    def __init__(self, clock: Clock, pause: float = 11, longest: float = 450, total: float = 1200) -> None:
        self._clock = clock
        self._pause = pause
        self._longest = longest
        self._left = total
        self.attempts = 0

    def repeat(self, action: Callable[[], T]) -> T:
        """Return what the action returns. Only a failure that a change causes before it takes effect is tried again."""
        self.attempts = 1
        start = self._clock.now()
        while True:
            before = self._clock.now()
            try:
                return action()
            except Exception as error:
                if not is_delay(error) or before - start + self._pause > self._longest or self._pause > self._left:
                    raise
            self._clock.sleep(self._pause)
            self._left -= self._clock.now() - before
            self.attempts += 1


def is_delay(error: Exception) -> bool:
    """Return whether a failure may be one that a change causes before it takes effect."""
    if isinstance(error, ShellError):
        return _TEXTS.search(error.output) is not None
    if getattr(error, "failure", None) in DELAYS or getattr(error, "retryable", False):
        return True
    # Cloud Storage: `code` of a client's error, `status_code` of the reply to a signed URL.
    status = getattr(error, "code", None) or getattr(getattr(error, "response", None), "status_code", None)
    return status == _FORBIDDEN
