"""Weeks on a fake clock, generated from a seed: which error a request gets, and when the next request succeeds."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import seams
from core.conftest import Make
from core.stand_in import ACCOUNT, Answer, FakeClock, Sent
from variations import few

from google_auth_botocore import FederationError
from refresh.test_random_events import START, Google, rejected
from refresh.threads import Threads, authorization_header, expiry_of, fault, silence

WEEK = 7 * 24 * 3600.0
STEP_OF = {"aws": "aws", "sts": "exchange", "iam": "impersonation"}


@dataclass(frozen=True)
class Outage:
    """A period in which a service does not answer or rejects requests."""

    begin: float
    end: float
    side: str
    rejects: bool


def outages(seed: random.Random) -> Iterator[Outage]:
    """Return outages of five seconds to three hours that do not overlap."""
    at = START
    while at < START + WEEK:
        at += seed.uniform(600, 4 * 3600)
        end = at + 5 * (3 * 3600 / 5) ** seed.random()
        yield Outage(at, end, seed.choice(list(STEP_OF)), seed.random() < 0.3)
        at = end


class World(Google):
    """Both services with their outages, and a network on which 30 % of the requests fail."""

    def __init__(self, clock: FakeClock, seed: int) -> None:
        super().__init__(clock)
        self.random = random.Random(seed)
        self.outages = list(outages(self.random))
        self.harm: Counter[str] = Counter()

    def outage(self) -> Outage | None:
        """The current outage, if any."""
        while self.outages and self.outages[0].end <= self.now:
            self.outages.pop(0)
        return self.outages[0] if self.outages and self.outages[0].begin <= self.now else None

    def default_answer(self, sent: Sent) -> Answer:
        outage = self.outage()
        if outage is not None and outage.side == ("sts" if sent.url.endswith("/token") else "iam"):
            return rejected() if outage.rejects else Answer({"error": "unavailable"}, 503)
        if self.random.random() < 0.3:
            harm = self.random.choice(["503", "reset", "timeout", "garbage", "cut off"])
            self.harm[harm] += 1
            return fault(harm, self.clock)
        return super().default_answer(sent)


@pytest.mark.parametrize(
    "own_thread", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["background", "httplib2"]
)
@pytest.mark.parametrize("account", few([ACCOUNT, None]), ids=["impersonating", "direct"])
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_request_fails_only_while_no_token_can_be_obtained_and_says_why(
    make: Make, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, seed: int, account: str | None, own_thread: bool
) -> None:
    threads, world = Threads(clock), World(clock, seed)
    threads.install(monkeypatch)
    seams.share_any_transport(monkeypatch, share=own_thread)
    silence(monkeypatch)
    random.seed(seed)
    credentials = make(account)
    seen: Counter[str] = Counter()
    last_outage, keyless = Outage(0, 0, "", rejects=False), False
    while clock.now < START + WEEK:
        clock.advance(world.random.expovariate(1 / 20))
        outage = world.outage()
        last_outage = outage or last_outage
        if keyless is not (outage is not None and outage.side == "aws"):
            keyless = not keyless
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "" if keyless else "SECRET")
        alive = clock.now < expiry_of(credentials)
        calls, begun = len(world.calls), clock.now
        seen["requests"] += 1
        try:
            value = authorization_header(credentials, world).removeprefix("Bearer ")
        except FederationError as error:
            seen["failed"] += 1
            seen["failed while a token was valid"] += alive
            permanent = last_outage.side == "aws" or last_outage.rejects
            # After an outage, its rejection is remembered for up to ten seconds.
            if begun < last_outage.end + 10:
                seen["failed in an outage"] += 1
                right = error.retryable or (permanent and error.step == STEP_OF[last_outage.side])
            else:  # a failure of the network
                right = error.retryable and error.step in ("exchange", "impersonation")
            seen["failed with another error"] += not right
        else:
            assert alive or len(world.calls) > calls
            # If the transport lets only the caller refresh, the request may take longer than its token is valid.
            assert world.expiries[value] > begun
            if own_thread and alive:
                assert len(world.calls) == calls, "a request waited while a token was valid"
        threads.run()

    assert seen["requests"] > WEEK / 30
    assert seen["failed while a token was valid"] == 0
    assert seen["failed with another error"] == 0
    assert seen["failed"] > 0, "no outage was longer than a window"
    assert seen["failed in an outage"] > 0.95 * seen["failed"]
    assert min(world.harm.values()) > 5
    # The advisory window opens 7½ to 15 minutes before expiry, so there is at most one token per 45 minutes.
    assert world.issued["iam" if account else "sts"] <= WEEK / 2700


@pytest.mark.parametrize(
    "begin", [pytest.param(each, marks=pytest.mark.slow if each % 900 else ()) for each in range(0, 7200, 180)]
)
@pytest.mark.parametrize(
    ("account", "minutes"), [(None, 6.5), (ACCOUNT, 45)], ids=["direct, 6.5 minutes", "impersonating, 45 minutes"]
)
def test_an_outage_of_the_security_token_service_has_no_effect(
    make: Make, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, account: str | None, minutes: float, begin: int
) -> None:
    """At any time: direct access uses its token, and impersonation uses the federated token that it also holds."""
    threads, google = Threads(clock), Google(clock)
    threads.install(monkeypatch)
    silence(monkeypatch)
    random.seed(begin)
    credentials = make(account)
    start = clock.now
    while clock.now < start + 12_000:
        if start + begin < clock.now < start + begin + 60 * minutes:
            google.trouble["sts"] = lambda: Answer({"error": "unavailable"}, 503)
        else:
            google.trouble.clear()
        calls = len(google.calls)
        assert google.expiries[authorization_header(credentials, google).removeprefix("Bearer ")] > google.now
        assert len(google.calls) == calls or clock.now == start, "a request waited"
        threads.run()
        clock.advance(10)
