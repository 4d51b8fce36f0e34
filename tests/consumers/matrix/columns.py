"""What happens to a library's token, and what comes of it: each function is a column, and its answer a cell."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from functools import partial

from consumers.matrix.world import LIFE, Consumer, World

# So many seconds past its end a token is over by every clock; some libraries know whole seconds alone.
_PAST = 10
# What our errors say of Google while it is down; and of a refusal, along with what to do about it.
_DOWN = ("Google's ", " could not provide a")
_REFUSED = (
    "Google's ",
    " rejected the request for a",
    "Permission 'iam.serviceAccounts.getAccessToken' denied",
    "gcloud iam service-accounts add-iam-policy-",
)

Column = Callable[[World, type[Consumer]], str]


@contextlib.contextmanager
def _client(world: World, consumer: type[Consumer]) -> Iterator[Consumer]:
    client = consumer(world.credentials, world)
    try:
        yield client
    finally:
        client.close()


def job(world: World, consumer: type[Consumer]) -> str:
    """Two jobs, with one token."""
    with _client(world, consumer) as client:
        client.job()
        client.job()
    assert world.doors.refused == 0
    return "works" + _cost(world.exchanges)


def refresh(world: World, consumer: type[Consumer]) -> str:
    """The token ends between two jobs."""
    with _client(world, consumer) as client:
        before = _first(world, client)
        ended = set(world.doors.admitted)
        client.job()
    assert world.doors.admitted[-1] not in ended
    return ("renewed, seen after a 401" if world.doors.refused else "renewed") + _cost(world.exchanges - before)


def refused(world: World, consumer: type[Consumer]) -> str:
    """The token is revoked between two jobs."""
    with _client(world, consumer) as client:
        client.job()
        world.doors.revoke()
        before = world.exchanges
        try:
            client.job()
            return "replaced" + _cost(world.exchanges - before)
        except Exception as error:
            refusal = consumer.caught or type(error)
        mine, scoped = world.credentials, world.credentials.with_scopes(consumer.scopes)
        for credentials, done in ((mine, "user refreshes"), (scoped, "user refreshes its scopes")):
            credentials.refresh(None)
            try:
                client.job()
                return f"{refusal.__name__}, {done}"
            except refusal:
                pass
    return f"{refusal.__name__} to its end"


def _outage(world: World, consumer: type[Consumer], left: float) -> str:
    """Google's side is down before, during and after a refresh in the background; the token has so many seconds left."""
    world.run_late(LIFE - left)
    with _client(world, consumer) as client:
        client.job()
        world.catch_up()
        start = world.clock.now
        time.sleep(client.keeps)
        with world.outage():
            try:
                client.job()
                waited = world.clock.now - start
                asked = bool(world.threads.standing)
                world.threads.run()
                client.job()
            except Exception as error:
                return _shown(error, *_DOWN) + _time(world.clock.now - start)
    assert (len(set(world.doors.admitted)), world.doors.refused) == (1, 0)
    if waited:
        return "calls wait" + _time(waited)
    return "unnoticed" if asked else "unasked"


# Less than any advisory window of ours is long, and more than any library keeps clear of; then the other way round.
outage = partial(_outage, left=440)
late_outage = partial(_outage, left=100)


def failure(world: World, consumer: type[Consumer]) -> str:
    """The token ends, and the service account may not be impersonated any more."""
    with _client(world, consumer) as client:
        before, start = _first(world, client), world.clock.now
        world.take_grant_away()
        try:
            client.job()
            shown = "unnoticed"
        except Exception as error:
            shown = _shown(error, *_REFUSED)
        return shown + _cost(world.exchanges - before) + _time(world.clock.now - start)


def _first(world: World, client: Consumer) -> int:
    """Does the first job and lets its token end; gives how often Google was asked until then."""
    world.run_late(LIFE - client.keeps if client.keeps else LIFE + _PAST)
    client.job()
    asked = world.exchanges
    world.catch_up()
    if client.keeps:
        time.sleep(client.keeps)
        world.clock.advance(client.keeps + _PAST)
    return asked


def _cost(exchanges: int) -> str:
    return "" if exchanges == 1 else f", {exchanges} exchanges"


def _time(seconds: float) -> str:
    """In minutes, up to the next half one, for parts of it are drawn."""
    whole, half = divmod(math.ceil(round(seconds) / 30), 2)
    return f", {whole or ''}{'½' * half} min" if seconds else ""


def _shown(error: BaseException, *parts: str) -> str:
    """Where a user finds our sentence, with all its parts."""

    def ours(shown: object) -> bool:
        return all(part in str(shown) for part in parts)

    name = type(error).__name__
    if ours(error):
        return "our error" if type(error).__module__.startswith("google_auth_botocore") else f"our message in {name}"
    seen: BaseException | None = error
    while seen is not None:
        for place in ("__cause__", "__context__"):
            if ours(getattr(seen, place)):
                return f"our message in {place} of {name}"
        seen = seen.__cause__ or seen.__context__
    return f"lost: {name}"
