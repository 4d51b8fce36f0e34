"""A week on a fake clock: up to a million requests, outages of seconds to hours of three services, and a bad network."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timezone

import pytest
from core.conftest import Make
from core.stand_in import ACCOUNT, Answer, FakeClock, FakeGoogle, Sent

from google_auth_botocore import FederationError
from refresh.threads import Threads, authorization_header, expiry_of, fault, silence

WEEK = 7 * 24 * 3600.0
STEPS = {"aws", "exchange", "impersonation"}


@dataclass
class Weather:
    """Outages and other failures, generated from a seed."""

    clock: FakeClock
    random: random.Random
    outages: list[tuple[float, float, str]] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    issued: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        at = self.clock.now + 3600
        while at < self.clock.now + WEEK:
            length = (
                5 * (3 * 3600 / 5) ** self.random.random()
            )  # 5 seconds to 3 hours, evenly distributed on a logarithmic scale
            self.outages.append((at, at + length, self.random.choice(["aws", "sts", "iam"])))
            at += length + self.random.uniform(600, 4 * 3600)

    def down(self) -> str | None:
        """The service that is down now."""
        while self.outages and self.outages[0][1] <= self.clock.now:
            self.outages.pop(0)
        return self.outages[0][2] if self.outages and self.outages[0][0] <= self.clock.now else None

    def answer(self, request: FakeGoogle, sent: Sent) -> Answer:
        side = "sts" if sent.url.endswith("/token") else "iam"
        if self.down() == side:
            return Answer({"error": {"code": 503, "message": "outage", "status": "UNAVAILABLE"}}, 503)
        if self.random.random() < 0.3:
            return self._fault()
        self.issued[side] += 1
        answer = request.default_answer(sent)
        if side == "iam":
            # By the server's clock, which is the fake clock.
            value = {"accessToken": f"access-{len(request.calls)}", "expireTime": _rfc3339(self.clock.now + 3600)}
            return Answer(value)
        return answer

    def _fault(self) -> Answer:
        kind = self.random.choice(["503", "reset", "timeout", "garbage"])
        self.faults[kind] += 1
        return fault(kind, self.clock)


def _rfc3339(moment: float) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("number", "seed"), [(20_000, 1), pytest.param(1_000_000, 1, marks=pytest.mark.slow)], ids=["20,000", "a million"]
)
def test_no_request_fails_while_a_token_is_valid(
    make: Make, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, number: int, seed: int
) -> None:
    background = Threads(clock)
    background.install(monkeypatch)
    monkeypatch.setattr(random, "random", random.Random(seed).random)
    silence(monkeypatch)
    weather = Weather(clock, random.Random(seed))

    class Network(FakeGoogle):
        def __call__(self, *arguments: object, **more: object) -> Answer:
            self.script.append(lambda sent: weather.answer(self, sent))
            return super().__call__(*arguments, **more)  # type: ignore[arg-type]

    network, credentials = Network(), make(ACCOUNT)
    start, seen = clock.now, Counter[str]()
    keyless = False
    while clock.now < start + WEEK:
        clock.advance(WEEK / number)
        down = weather.down()
        if (down == "aws") is not keyless:
            # An incomplete set of keys: the AWS side fails.
            keyless = down == "aws"
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "" if keyless else "SECRET")
        alive = clock.now < expiry_of(credentials)
        calls = len(network.calls)
        seen["requests"] += 1
        try:
            authorization_header(credentials, network)
        except FederationError as error:
            seen["failed while a token was valid"] += alive
            seen["failed while no token could be obtained"] += not alive
            seen["with the wrong error"] += error.step not in STEPS
        seen["waited while a token was valid"] += alive and len(network.calls) > calls
        background.run()

    assert seen["requests"] > number * 0.9  # time also passes in timeouts and pauses
    assert seen["failed while a token was valid"] == 0
    assert seen["waited while a token was valid"] == 0
    assert seen["with the wrong error"] == 0
    assert seen["failed while no token could be obtained"] > 0, "no outage was longer than a window"
    assert min(weather.faults[kind] for kind in ("503", "reset", "timeout", "garbage")) > 10
    # A token is valid for an hour and refreshed 7½ to 15 minutes before it expires: at least 168 a week, and at most 224.
    least = WEEK / 3600
    assert weather.issued["iam"] < least * 60 / 45
    # The server also counts tokens whose reply is lost: 30 % of all replies.
    assert weather.issued["sts"] < least * 60 / 45 * 1.5
