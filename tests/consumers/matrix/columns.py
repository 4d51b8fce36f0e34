"""The columns of the table. Each function simulates an event and returns the text of the cell."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from functools import partial

from consumers.matrix.harness import LIFETIME, Consumer, Harness

# Seconds after expiry at which every library sees that a token has expired. Some round to seconds.
_PAST = 10
# Parts of our error messages during an outage, and for a denied impersonation with its fix.
_DOWN = ("Google's ", " could not provide a")
_DENIED = (
    "Google's ",
    " rejected the request for a",
    "Permission 'iam.serviceAccounts.getAccessToken' denied",
    "gcloud iam service-accounts add-iam-policy-",
)

Column = Callable[[Harness, type[Consumer]], str]


@contextlib.contextmanager
def _client(harness: Harness, consumer: type[Consumer]) -> Iterator[Consumer]:
    client = consumer(harness.credentials, harness)
    try:
        yield client
    finally:
        client.close()


def call(harness: Harness, consumer: type[Consumer]) -> str:
    """Two calls use one token."""
    with _client(harness, consumer) as client:
        client.call()
        client.call()
    assert harness.tokens.rejected == 0
    return "works" + _cost(harness.exchanges)


def expired(harness: Harness, consumer: type[Consumer]) -> str:
    """The token expires between two calls."""
    with _client(harness, consumer) as client:
        before = _call_until_expiry(harness, client)
        old = set(harness.tokens.accepted)
        client.call()
    assert harness.tokens.accepted[-1] not in old
    return ("refreshed, seen after a 401" if harness.tokens.rejected else "refreshed") + _cost(
        harness.exchanges - before
    )


def revoked(harness: Harness, consumer: type[Consumer]) -> str:
    """The token is revoked between two calls."""
    with _client(harness, consumer) as client:
        client.call()
        harness.tokens.revoke()
        before = harness.exchanges
        try:
            client.call()
            return "replaced" + _cost(harness.exchanges - before)
        except Exception as error:
            expected = consumer.caught or type(error)
        own, scoped = harness.credentials, harness.credentials.with_scopes(consumer.scopes)
        for credentials, fix in ((own, "refresh()"), (scoped, "scoped refresh()")):
            credentials.refresh(None)
            try:
                client.call()
                return f"{expected.__name__} until {fix}"
            except expected:
                pass
    return f"{expected.__name__} until expiry"


def _outage(harness: Harness, consumer: type[Consumer], remaining: float) -> str:
    """Google is down before, during and after a background refresh. The token is valid for the remaining seconds."""
    harness.set_clock_back(LIFETIME - remaining)
    with _client(harness, consumer) as client:
        client.call()
        tokens = set(harness.tokens.accepted)
        harness.catch_up()
        start = harness.clock.now
        time.sleep(client.keeps)
        with harness.outage():
            try:
                client.call()
                waited = harness.clock.now - start
                attempted = bool(harness.threads.paused)
                harness.threads.run()
                client.call()
            except Exception as error:
                return _error_text(error, *_DOWN) + _time(harness.clock.now - start)
    assert (set(harness.tokens.accepted), harness.tokens.rejected) == (tokens, 0)
    if waited:
        return "calls wait" + _time(waited)
    return "no effect" if attempted else "no request"


# 440 s before expiry, our advisory window (at least 450 s) is open, but no library refreshes by itself. At 100 s, some do.
outage = partial(_outage, remaining=440)
late_outage = partial(_outage, remaining=100)


def denied(harness: Harness, consumer: type[Consumer]) -> str:
    """The token expires after the right to impersonate the service account was removed."""
    with _client(harness, consumer) as client:
        before, start = _call_until_expiry(harness, client), harness.clock.now
        harness.remove_binding()
        try:
            client.call()
            text = "no effect"
        except Exception as error:
            text = _error_text(error, *_DENIED)
        return text + _cost(harness.exchanges - before) + _time(harness.clock.now - start)


def _call_until_expiry(harness: Harness, client: Consumer) -> int:
    """Make the first call and let its token expire. Return the number of exchanges so far."""
    harness.set_clock_back(LIFETIME - client.keeps if client.keeps else LIFETIME + _PAST)
    client.call()
    exchanges = harness.exchanges
    harness.catch_up()
    if client.keeps:
        time.sleep(client.keeps)
        harness.clock.advance(client.keeps + _PAST)
    return exchanges


def _cost(exchanges: int) -> str:
    return "" if exchanges == 1 else f", {exchanges} exchanges"


def _time(seconds: float) -> str:
    """Return a time in minutes, rounded up to half minutes, because it contains random jitter."""
    whole, half = divmod(math.ceil(round(seconds) / 30), 2)
    return f", {whole or ''}{'½' * half} min" if seconds else ""


def _error_text(error: BaseException, *parts: str) -> str:
    """Return where a user finds our message, which contains all these parts."""

    def ours(value: object) -> bool:
        return all(part in str(value) for part in parts)

    name = type(error).__name__
    if ours(error):
        return "our error" if type(error).__module__.startswith("google_auth_botocore") else f"our message in {name}"
    seen: BaseException | None = error
    while seen is not None:
        for place in ("__cause__", "__context__"):
            if ours(getattr(seen, place)):
                return f"our message in {place} of {name}"
        seen = seen.__cause__ or seen.__context__
    return f"cause lost: {name}"
