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
from refresh.threads import authorization_header, in_one_thread, silence

START = 1_800_000_000.0
HOUR = 3600.0
moments = st.sampled_from([None, 0.0, 0.5, 12.0, 31.0, 600.0, 2500.0, 4000.0])


class Google(FakeGoogle):
    """Both services with a correct clock, tokens that expire and can be revoked, and AWS's check of the date.

    Attributes:
        trouble: what replaces the usual reply of each service, by its name.
        lost: how many of the next requests fail, because their connection is lost.
        issued: how many tokens each service has issued.
        expiries: when each token expires, by the server's clock.
    """

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.begin = clock.monotonic()
        self.trouble: dict[str, Callable[[], Answer]] = {}
        self.lost = 0
        self.issued: Counter[str] = Counter()
        self.expiries: dict[str, float] = {}

    @property
    def now(self) -> float:
        return START + self.clock.monotonic() - self.begin

    def default_answer(self, sent: Sent) -> Answer:
        service = "sts" if sent.url.endswith("/token") else "iam"
        if self.lost:
            self.lost -= 1
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
        elif self.expiries.get(sent.headers["authorization"].removeprefix("Bearer "), 0.0) <= self.now:
            return Answer({"error": {"code": 401, "message": "x", "status": "UNAUTHENTICATED"}}, 401, date)
        self.issued[service] += 1
        value = f"{service}-{len(self.calls)}"
        self.expiries[value] = self.now + HOUR
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
        self.threads, self.google = in_one_thread(self.patch, self.clock), Google(self.clock)
        silence(self.patch)
        self.credentials: list[Credentials] = []
        # Events that may cause an exchange, and how often they happened.
        self.explicit = self.clock_set = self.revoked = self.late = 0
        self.rejected_at = -HOUR
        self.hung = False
        # When each token was issued, by both clocks of this machine.
        self.issued_at: dict[str, tuple[float, float]] = {}

    @initialize()
    def two_clients(self) -> None:
        first = Credentials(PROVIDER, ACCOUNT)
        self.credentials = [first, first.with_scopes(["other"])]
        self.a_request_is_sent(0, 0.0)

    def teardown(self) -> None:
        self.patch.undo()

    def is_valid(self, token: str | None) -> bool:
        if token is None:
            return False
        wall, monotonic = self.issued_at[token]
        return self.clock.time() < wall + HOUR - 1 and self.clock.monotonic() < monotonic + HOUR - 1

    def record_issued(self) -> None:
        """Record when each new token was issued."""
        for credentials in self.credentials:
            if credentials.token is not None:
                self.issued_at.setdefault(credentials.token, (self.clock.time(), self.clock.monotonic()))

    def time_passes(self, seconds: float | None) -> None:
        """Let time pass; None means until the advisory window of the first client's token has opened."""
        if seconds is None:
            token = self.credentials[0].token
            opens = 0.0 if token is None else self.issued_at[token][1] + HOUR - 450
            seconds = max(0.0, opens - self.clock.monotonic())
        self.clock.advance(seconds)

    @rule(service=st.sampled_from(["sts", "iam"]), trouble=st.sampled_from([down, reset, rejected]))
    def a_service_fails(self, service: str, trouble: Callable[[], Answer]) -> None:
        self.google.trouble = {service: trouble}

    @rule(lost=st.integers(0, 3))
    def the_services_recover(self, lost: int) -> None:
        self.google.trouble = {}
        self.google.lost = lost

    @rule(hours=st.sampled_from([-5, -1, 0, 3]))
    def the_clock_is_set(self, hours: int) -> None:
        self.clock.now = self.google.now + hours * HOUR
        self.clock_set += 1

    @rule(event=st.sampled_from(["revoked", "forked", "copied"]))
    def a_token_is_revoked_or_the_process_forks_or_a_client_is_copied(self, event: str) -> None:
        if event == "revoked":
            self.google.expiries = {
                value: end for value, end in self.google.expiries.items() if value.startswith("iam")
            }
            self.revoked += 1
        elif event == "copied":
            self.credentials[2:] = [self.credentials[0].with_quota_project("q")]
        else:  # forked: the test continues in the child
            self.threads.paused.clear()
            seams.become_the_child_of_a_fork()
            self.rejected_at = -HOUR

    @precondition(lambda self: self.threads.paused)
    @rule()
    def threads_continue(self) -> None:
        self.late += self.threads.replaced()
        while self.threads.paused:
            self.threads.paused.pop(0)()
            self.record_issued()

    @precondition(lambda self: self.threads.paused)
    @rule()
    def a_thread_hangs_forever(self) -> None:
        self.threads.hang()
        self.hung = True

    @rule(which=st.integers(0, 2), seconds=moments)
    def a_request_is_sent(self, which: int, seconds: float | None) -> None:
        self.time_passes(seconds)
        credentials = self.credentials[min(which, len(self.credentials) - 1)]
        before, calls = credentials.token, len(self.google.calls)
        valid = self.is_valid(before)
        try:
            value = authorization_header(credentials, self.google).removeprefix("Bearer ")
        except FederationError as error:
            assert not valid, "a request failed while a token was valid"
            self.check_cause(error)
            return
        finally:
            self.record_issued()
        assert self.google.expiries[value] > self.google.now, "an expired token was used"
        if valid:
            assert value == before
            assert len(self.google.calls) == calls, "a request waited while a token was valid"

    @rule(which=st.integers(0, 1))
    def a_refresh_is_requested(self, which: int) -> None:
        credentials, before = self.credentials[which], self.credentials[which].token
        self.explicit += 1
        try:
            credentials.refresh(self.google)
        except FederationError as error:
            assert credentials.token == before
            assert self.google.trouble or self.hung, "no service failed, and no thread hung"
            self.check_cause(error)
        else:
            assert credentials.token != before
        finally:
            self.record_issued()

    def check_cause(self, error: FederationError) -> None:
        """Check that an error has a current cause, or a rejection within the last ten seconds."""
        if self.hung and "the exchange has not begun" in str(error):
            return  # a caller that joins a thread as it begins to hang waits until its own deadline
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
    def there_are_no_more_exchanges_than_time_and_events_require(self) -> None:
        elapsed, extra = self.clock.monotonic() - self.google.begin, 1 + self.clock_set
        assert self.google.issued["iam"] <= 2 * (extra + elapsed // 2700) + self.explicit + self.late
        assert self.google.issued["sts"] <= extra + elapsed // 2700 + self.revoked


def run(examples: int) -> None:
    settings = hypothesis.settings(max_examples=examples, stateful_step_count=60)
    run_state_machine_as_test(Machine, settings=settings)


def test_random_events_over_days() -> None:
    run(40)


@pytest.mark.slow
def test_many_more_random_events() -> None:
    run(200)
