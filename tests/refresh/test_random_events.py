"""Random events in any order over days: outages, rejections, clock changes, hanging threads and forks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import format_datetime

import hypothesis
import pytest
import seams
from core.stand_in import (
    ACCOUNT,
    PROVIDER,
    Answer,
    FakeClock,
    FakeGoogle,
    Sent,
    federated,
    impersonated,
    verify_subject_token,
)
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from google_auth_botocore import Credentials, FederationError
from refresh.threads import Threads, authorization_header, silence

START = 1_800_000_000.0
HOUR = 3600.0
moments = st.sampled_from([None, 0.0, 0.5, 12.0, 31.0, 600.0, 2500.0, 4000.0])
KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "SECRET", "AWS_REGION": "us-east-1"}


class Google(FakeGoogle):
    """Both services with a correct clock, tokens that expire and can be revoked, and AWS's check of the date.

    Attributes:
        trouble: what each service answers with instead of its usual reply, by name.
        hiccups: how many requests fail before the next one that does not.
        issued: how many tokens each service has issued.
        ends: by token, when it ends by the clock of the server.
    """

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.begin = clock.monotonic()
        self.trouble: dict[str, Callable[[], Answer]] = {}
        self.hiccups = 0
        self.issued: Counter[str] = Counter()
        self.ends: dict[str, float] = {}

    @property
    def now(self) -> float:
        return START + self.clock.monotonic() - self.begin

    def default_answer(self, sent: Sent) -> Answer:
        service = "sts" if sent.url.endswith("/token") else "iam"
        if self.hiccups:
            self.hiccups -= 1
            raise ConnectionResetError
        if service in self.trouble:
            return self.trouble[service]()
        now = datetime.fromtimestamp(self.now, timezone.utc)
        date = {"Date": format_datetime(now, usegmt=True)}
        if service == "sts":
            headers = verify_subject_token(sent.form["subject_token"], PROVIDER, {"AKID": "SECRET"}.__getitem__)
            signed = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%S%z").timestamp()
            if abs(signed - self.now) > 300:
                text = "Signature expired: x" if signed < self.now else "Signature not yet current: x"
                reason = f"Received invalid AWS response of type SignatureDoesNotMatch with error message: {text}"
                return Answer({"error": "invalid_grant", "error_description": reason}, 400, date)
        elif self.ends.get(sent.headers["authorization"].removeprefix("Bearer "), 0.0) <= self.now:
            return Answer({"error": {"code": 401, "message": "x", "status": "UNAUTHENTICATED"}}, 401, date)
        self.issued[service] += 1
        value = f"{service}-{len(self.calls)}"
        self.ends[value] = self.now + HOUR
        if service == "sts":
            return federated(value)
        end = datetime.fromtimestamp(int(self.now) + HOUR, timezone.utc)
        return Answer(impersonated(value, f"{end:%Y-%m-%dT%H:%M:%SZ}").data, headers=date)


def down() -> Answer:
    return Answer({"error": "unavailable"}, 503)


def reset() -> Answer:
    raise ConnectionResetError


def rejected() -> Answer:
    return Answer({"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}}, 403)


class Machine(RuleBasedStateMachine):
    """Two clients with different scopes and their copies, compared with a model of the allowed results."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.clock = FakeClock(now=START)
        self.threads, self.google = Threads(self.clock), Google(self.clock)
        seams.use_clock(self.patch, self.clock)
        seams.share_any_transport(self.patch)
        self.threads.install(self.patch)
        silence(self.patch)
        for name, value in KEYS.items():
            self.patch.setenv(name, value)
        self.credentials: list[Credentials] = []
        # What may cost a token more than time does.
        self.explicit = self.clock_set = self.revoked = self.late = 0
        self.rejected_at = -HOUR
        self.hung = False
        # When each token came, by both clocks of this machine.
        self.came: dict[str, tuple[float, float]] = {}

    @initialize()
    def two_clients(self) -> None:
        first = Credentials(PROVIDER, ACCOUNT)
        self.credentials = [first, first.with_scopes(["other"])]
        self.a_request_is_sent(0, 0.0)

    def teardown(self) -> None:
        self.patch.undo()

    def alive(self, token: str | None) -> bool:
        if token is None:
            return False
        wall, monotonic = self.came[token]
        return self.clock.time() < wall + HOUR - 1 and self.clock.monotonic() < monotonic + HOUR - 1

    def note(self) -> None:
        """Record when each new token was issued."""
        for credentials in self.credentials:
            if credentials.token is not None:
                self.came.setdefault(credentials.token, (self.clock.time(), self.clock.monotonic()))

    def time_passes(self, seconds: float | None) -> None:
        """Let time pass; None means until the advisory window of the first client's token has opened."""
        if seconds is None:
            token = self.credentials[0].token
            opens = 0.0 if token is None else self.came[token][1] + HOUR - 450
            seconds = max(0.0, opens - self.clock.monotonic())
        self.clock.advance(seconds)

    @rule(service=st.sampled_from(["sts", "iam"]), trouble=st.sampled_from([down, reset, rejected]))
    def a_service_fails(self, service: str, trouble: Callable[[], Answer]) -> None:
        self.google.trouble = {service: trouble}

    @rule(hiccups=st.integers(0, 3))
    def the_services_recover(self, hiccups: int) -> None:
        self.google.trouble = {}
        # An exchange whose thread begins when its time is over makes one attempt only.
        self.google.hiccups = 0 if self.threads.paused else hiccups

    @rule(hours=st.sampled_from([-5, -1, 0, 3]))
    def the_clock_is_set(self, hours: int) -> None:
        self.clock.now = self.google.now + hours * HOUR
        self.clock_set += 1

    @rule(event=st.sampled_from(["revoked", "forked", "copied"]))
    def something_happens(self, event: str) -> None:
        if event == "revoked":
            self.google.ends = {value: end for value, end in self.google.ends.items() if value.startswith("iam")}
            self.revoked += 1
        elif event == "copied":
            self.credentials[2:] = [self.credentials[0].with_quota_project("q")]
        else:  # and goes on in the child
            self.threads.paused.clear()
            seams.become_the_child_of_a_fork()
            self.rejected_at = -HOUR

    @precondition(lambda self: self.threads.paused)
    @rule()
    def threads_go_on(self) -> None:
        self.late += self.threads.replaced()
        while self.threads.paused:
            self.threads.paused.pop(0)()
            self.note()

    @precondition(lambda self: self.threads.paused)
    @rule()
    def a_thread_hangs_for_ever(self) -> None:
        self.threads.hang()
        self.hung = True

    @rule(which=st.integers(0, 2), seconds=moments)
    def a_request_is_sent(self, which: int, seconds: float | None) -> None:
        self.time_passes(seconds)
        credentials = self.credentials[min(which, len(self.credentials) - 1)]
        before, calls = credentials.token, len(self.google.calls)
        alive = self.alive(before)
        try:
            value = authorization_header(credentials, self.google).removeprefix("Bearer ")
        except FederationError as error:
            assert not alive, "a request failed while a token was valid"
            self.why(error)
            return
        finally:
            self.note()
        assert self.google.ends[value] > self.google.now, "an expired token was used"
        if alive:
            assert value == before
            assert len(self.google.calls) == calls, "a request waited while a token was valid"

    @rule(which=st.integers(0, 1))
    def a_refresh_is_asked_for(self, which: int) -> None:
        credentials, before = self.credentials[which], self.credentials[which].token
        self.explicit += 1
        try:
            credentials.refresh(self.google)
        except FederationError as error:
            assert credentials.token == before
            assert self.google.trouble or self.hung, "nothing was wrong"
            self.why(error)
        else:
            assert credentials.token != before
        finally:
            self.note()

    def why(self, error: FederationError) -> None:
        """Check that an error has a current cause, or a rejection within the last ten seconds."""
        if self.hung and "it has not begun" in str(error):
            return  # who comes at the moment at which a thread begins to hang waits for that one to the end
        trouble = self.google.trouble.values()
        if error.retryable:
            assert set(trouble) & {down, reset}
        else:
            assert error.status_code == 403
            assert rejected in trouble or self.clock.monotonic() < self.rejected_at + 10
            if rejected in trouble:
                self.rejected_at = self.clock.monotonic()

    @invariant()
    def copies_share_their_token(self) -> None:
        assert len({credentials.token for credentials in self.credentials}) <= 2

    @invariant()
    def no_more_is_exchanged_than_time_and_events_ask_for(self) -> None:
        elapsed, extra = self.clock.monotonic() - self.google.begin, 1 + self.clock_set
        assert self.google.issued["iam"] <= 2 * (extra + elapsed // 2700) + self.explicit + self.late
        assert self.google.issued["sts"] <= extra + elapsed // 2700 + self.revoked


def run(examples: int) -> None:
    settings = hypothesis.settings(max_examples=examples, stateful_step_count=60)
    run_state_machine_as_test(Machine, settings=settings)


def test_days_with_all_that_can_go_wrong() -> None:
    run(40)


@pytest.mark.slow
def test_many_more_of_them() -> None:
    run(200)
