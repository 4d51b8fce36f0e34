"""Simulates when 10,000 workers that start within one second refresh their tokens."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from google_auth_botocore._refresh.clock import Moment
from google_auth_botocore._refresh.token import IssuedToken, State, state, with_expiry

_WORKERS, _LIFETIME = 10_000, 3600.0
_FROM, _TO = 12 * 60, 14 * 60  # the observed period, in minutes


def ours(now: float, chance: random.Random) -> float:
    """Return when a token issued now is refreshed by our rule, if the worker sends requests all the time."""
    cached = with_expiry(IssuedToken("token", _LIFETIME, Moment(now, now)), chance.random())
    assert state(cached, cached.refresh_at) is State.ADVISORY
    return cached.refresh_at.monotonic


def google_auth(now: float, _: random.Random) -> float:
    """Return when google.auth refreshes a token issued now: REFRESH_THRESHOLD before it expires."""
    return now + _LIFETIME - 225


def peak_to_mean(next_refresh: Callable[[float, random.Random], float], seed: int = 0) -> float:
    """Return the exchanges of the busiest minute divided by the mean, after the fleet has run for twelve hours."""
    chance = random.Random(seed)
    minutes: Counter[int] = Counter()
    for _ in range(_WORKERS):
        now = chance.random()
        while now < _TO * 60:
            now = next_refresh(now, chance)
            minutes[int(now // 60)] += 1
    counts = [minutes[minute] for minute in range(_FROM, _TO)]
    return max(counts) * len(counts) / sum(counts)
