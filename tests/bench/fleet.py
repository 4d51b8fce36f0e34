"""A fleet in virtual time: ten thousand workers that started in one second, and when each refreshes its token."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from google_auth_botocore._refresh.clock import Moment
from google_auth_botocore._refresh.token import IssuedToken, State, state, with_expiry

_WORKERS, _LIFE = 10_000, 3600.0
_FROM, _TO = 12 * 60, 14 * 60  # minutes that are looked at


def ours(now: float, chance: random.Random) -> float:
    """When a token that is requested now is refreshed: the real rule, for a worker that sends requests all the time."""
    cached = with_expiry(IssuedToken("token", _LIFE, Moment(now, now)), chance.random())
    assert state(cached, cached.refresh_at) is State.ADVISORY
    return cached.refresh_at.monotonic


def google_auth(now: float, _: random.Random) -> float:
    """As google.auth has it: REFRESH_THRESHOLD before the end."""
    return now + _LIFE - 225


def peak_to_mean(renewal: Callable[[float, random.Random], float], seed: int = 0) -> float:
    """The busiest minute's exchanges over the mean, once the fleet has run for twelve hours."""
    chance = random.Random(seed)
    minutes: Counter[int] = Counter()
    for _ in range(_WORKERS):
        now = chance.random()
        while now < _TO * 60:
            now = renewal(now, chance)
            minutes[int(now // 60)] += 1
    counts = [minutes[minute] for minute in range(_FROM, _TO)]
    return max(counts) * len(counts) / sum(counts)
