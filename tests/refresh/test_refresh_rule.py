"""The refresh rule and the token source, on a fake clock. A background refresh runs when the test lets it."""

from __future__ import annotations

import logging
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import google_auth_httplib2
import httplib2
import pytest
import requests
import seams
from core.conftest import Make
from core.stand_in import ACCOUNT, PROVIDER, Answer, FakeClock, FakeGoogle, Sent, federated
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from seams import IssuedToken, Moment, State, state, with_expiry

from google_auth_botocore import Credentials, FederationError, TransientFederationError
from refresh.threads import (
    PassingTime,
    Threads,
    advisory,
    authorization_header,
    expiry_of,
    finish,
    in_one_thread,
)

lifetimes = st.floats(1, 43200)
draws = st.floats(0, 1)


class TestRule:
    @given(lifetimes, draws)
    def test_window_opens_between_an_eighth_and_a_quarter_before_expiry_at_most_15_minutes(
        self, lifetime: float, draw: float
    ) -> None:
        cached = with_expiry(IssuedToken("t", lifetime, Moment(1e9, 5e3)), draw)
        window = cached.expires_at.monotonic - cached.refresh_at.monotonic
        longest = min(lifetime / 4, 900)
        assert longest / 2 - 1e-6 <= window <= longest + 1e-6
        assert cached.expires_at == Moment(1e9 + lifetime, 5e3 + lifetime)

    @given(lifetimes, draws, st.lists(st.floats(0, 50_000), max_size=20))
    def test_a_token_never_returns_to_an_earlier_state(
        self, lifetime: float, draw: float, moments: list[float]
    ) -> None:
        cached = with_expiry(IssuedToken("t", lifetime, Moment(0.0, 0.0)), draw)
        seen = [state(cached, Moment(at, at)) for at in sorted(moments)]
        order = [State.FRESH, State.ADVISORY, State.EXPIRED]
        assert seen == sorted(seen, key=order.index)
        assert state(cached, Moment(lifetime, lifetime)) is State.EXPIRED
        assert state(cached, Moment(0.0, 0.0)) is State.FRESH

    @given(lifetimes, draws)
    def test_a_token_has_expired_as_soon_as_either_clock_says_so(self, lifetime: float, draw: float) -> None:
        cached = with_expiry(IssuedToken("t", lifetime, Moment(0.0, 0.0)), draw)
        assert state(cached, Moment(lifetime, 0.0)) is State.EXPIRED
        assert state(cached, Moment(0.0, lifetime)) is State.EXPIRED
        assert state(None, Moment(0.0, 0.0)) is State.EXPIRED

    def test_either_clock_opens_the_window_at_its_moment(self) -> None:
        cached = with_expiry(IssuedToken("t", 3600.0, Moment(0.0, 0.0)), 1.0)
        assert cached.refresh_at == Moment(2700.0, 2700.0)
        assert state(cached, Moment(2700.0, 0.0)) is State.ADVISORY
        assert state(cached, Moment(0.0, 2700.0)) is State.ADVISORY
        assert state(cached, Moment(2699.9, 2699.9)) is State.FRESH


class TestAdvisory:
    @pytest.fixture(name="credentials")
    def _credentials(self, make: Make, request_: FakeGoogle, background: Threads, clock: FakeClock) -> Credentials:
        credentials = make()
        assert advisory(credentials, request_, clock) == "Bearer federated-1"
        return credentials

    def test_a_fresh_token_is_used_and_no_refresh_starts(
        self, make: Make, request_: FakeGoogle, background: Threads, clock: FakeClock
    ) -> None:
        credentials = make()
        authorization_header(credentials, request_)
        clock.advance(3600 - 901)
        assert authorization_header(credentials, request_) == "Bearer federated-1"
        assert (len(request_.calls), background.paused) == (1, [])

    def test_the_token_is_used_at_once_while_one_refresh_runs(
        self, credentials: Credentials, request_: FakeGoogle, background: Threads
    ) -> None:
        for _ in range(100):
            assert authorization_header(credentials, request_) == "Bearer federated-1"
        assert (len(request_.calls), len(background.paused)) == (1, 1)
        background.run()
        assert authorization_header(credentials, request_) == "Bearer federated-2"
        assert len(request_.calls) == 2

    def test_a_failure_is_one_warning_backs_off_and_is_followed_by_success(
        self,
        credentials: Credentials,
        request_: FakeGoogle,
        background: Threads,
        clock: FakeClock,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        request_.script.extend([Answer({"error": "invalid_target"}, 400)] * 2)
        tries: list[float] = []
        while len(tries) < 3:
            assert authorization_header(credentials, request_) == "Bearer federated-1"
            if background.paused:
                tries.append(clock.monotonic())
                background.run()
            clock.advance(0.1)
        assert [record.levelname for record in caplog.records if "could not be refreshed" in record.message] == [
            "WARNING"
        ] * 2
        assert 0.5 <= tries[1] - tries[0] <= 1.2
        assert 1.0 <= tries[2] - tries[1] <= 2.2
        assert authorization_header(credentials, request_) == "Bearer federated-4"
        assert len(request_.calls) == 4

    def test_the_warning_says_how_long_the_token_is_valid_when_the_next_attempt_is_and_why(
        self,
        credentials: Credentials,
        request_: FakeGoogle,
        background: Threads,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(random, "uniform", lambda _, most: most)
        warning = (
            "The Google token could not be refreshed in the background. It is valid until {}; the next attempt is in 1 s. "
            "Google's Security Token Service rejected the request for a federated token for "
        )
        request_.script.append(Answer({"error": "invalid_target"}, 400))
        authorization_header(credentials, request_)
        background.run()
        assert caplog.messages[-1].startswith(warning.format("09:00:00 UTC"))

    def test_the_warning_is_right_for_a_token_that_was_dropped_during_its_refresh(
        self, credentials: Credentials, request_: FakeGoogle, background: Threads, caplog: pytest.LogCaptureFixture
    ) -> None:
        request_.script.append(Answer({"error": "invalid_target"}, 400))
        authorization_header(credentials, request_)
        credentials.token = None
        background.run()
        assert "It was dropped; the next attempt is in" in caplog.messages[-1]

    @pytest.mark.parametrize("transient", [False, True])
    def test_a_caller_that_waited_for_a_rejected_background_refresh_starts_an_exchange_itself(
        self,
        credentials: Credentials,
        request_: FakeGoogle,
        background: Threads,
        clock: FakeClock,
        transient: bool,
    ) -> None:
        """A caller can do more than the background, such as prompt the user. But an outage affects both."""
        clock.advance(395)
        authorization_header(credentials, request_)
        clock.advance(5)
        no = Answer({}, 503, {"Retry-After": "100"}) if transient else Answer({"error": "invalid_target"}, 400)
        request_.script.append(no)
        if transient:
            with pytest.raises(TransientFederationError):
                authorization_header(credentials, request_)
        else:
            assert authorization_header(credentials, request_) == "Bearer federated-3"
        assert len(request_.calls) == 3 - transient

    def test_a_refresh_whose_thread_starts_late_retries_like_any_other(
        self, credentials: Credentials, request_: FakeGoogle, background: Threads, clock: FakeClock
    ) -> None:
        clock.advance(370)
        authorization_header(credentials, request_)
        clock.advance(30.5)
        request_.script += [Answer({}, 503)] * 2
        assert authorization_header(credentials, request_) == "Bearer federated-4"
        assert background.paused == []

    def test_a_refresh_whose_thread_never_starts_is_abandoned_a_second_after_its_deadline(
        self, credentials: Credentials, request_: FakeGoogle, background: Threads, clock: FakeClock
    ) -> None:
        for seconds, standing in ((0, 1), (30.9, 1), (0.1, 2)):
            clock.advance(seconds)
            assert authorization_header(credentials, request_) == "Bearer federated-1"
            assert len(background.paused) == standing

    def test_a_longer_retry_after_than_the_tokens_lifetime_becomes_half_of_that_lifetime(
        self,
        credentials: Credentials,
        request_: FakeGoogle,
        background: Threads,
        clock: FakeClock,
    ) -> None:
        request_.script.append(Answer({}, 429, {"Retry-After": "600"}))
        authorization_header(credentials, request_)
        background.run()
        for seconds, standing in ((199, 0), (1, 1)):
            clock.advance(seconds)
            assert authorization_header(credentials, request_) == "Bearer federated-1"
            assert len(background.paused) == standing

    def test_a_federated_token_is_refreshed_during_the_call_that_still_uses_it(
        self,
        make: Make,
        request_: FakeGoogle,
        background: Threads,
        clock: FakeClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """It uses the transport of that call, and always starts in the last 15 minutes, whatever the windows of other tokens."""
        monkeypatch.setattr(random, "random", lambda: 0.0)
        credentials = make(ACCOUNT)
        credentials.refresh(request_)
        clock.advance(3600 - 901)
        credentials.refresh(request_)
        assert (request_.count("/token"), background.paused) == (1, [])
        clock.advance(2)
        credentials.refresh(request_)
        assert (request_.count("/token"), len(background.paused)) == (1, 1)
        background.run()
        assert request_.count("/token") == 2
        credentials.refresh(request_)
        assert (request_.count("/token"), background.paused) == (2, [])

    def test_a_rejected_background_refresh_is_not_remembered_for_callers(
        self, credentials: Credentials, request_: FakeGoogle, background: Threads, clock: FakeClock
    ) -> None:
        request_.script.append(Answer({"error": "invalid_target"}, 400))
        authorization_header(credentials, request_)
        background.run()
        clock.advance(400)
        assert authorization_header(credentials, request_) == "Bearer federated-3"

    def test_if_no_thread_can_be_started_the_caller_refreshes_the_token(
        self, credentials: Credentials, request_: FakeGoogle, background: Threads, clock: FakeClock
    ) -> None:
        background.broken = True
        assert authorization_header(credentials, request_) == "Bearer federated-1"
        assert authorization_header(credentials, request_) == "Bearer federated-2"
        clock.advance(3600)
        assert authorization_header(credentials, request_) == "Bearer federated-3"
        assert len(request_.calls) == 3

    def test_if_no_thread_can_be_started_a_failed_refresh_is_only_a_warning(
        self,
        credentials: Credentials,
        request_: FakeGoogle,
        background: Threads,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        background.broken = True
        request_.script.append(Answer({"error": "invalid_target"}, 400))
        assert authorization_header(credentials, request_) == "Bearer federated-1"
        assert [record.levelname for record in caplog.records] == ["WARNING"]

    def test_an_outage_shorter_than_the_window_has_no_effect(
        self, credentials: Credentials, request_: FakeGoogle, background: Threads, clock: FakeClock
    ) -> None:
        request_.script.extend([ConnectionError("down")] * 1000)
        end = clock.now + 390
        while clock.now < end:
            assert authorization_header(credentials, request_) == "Bearer federated-1"
            background.run()
            clock.advance(1)
        request_.script.clear()
        clock.advance(60)
        assert authorization_header(credentials, request_).startswith("Bearer federated-")

    def test_httplib2_is_refreshed_in_the_background_on_separate_connections(
        self,
        make: Make,
        request_: FakeGoogle,
        background: Threads,
        clock: FakeClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """httplib2 mixes up the replies of two threads that share a connection. A failure is only a warning here, too."""
        used: list[httplib2.Http] = []

        class Rejecting(httplib2.Http):  # type: ignore[misc]  # httplib2 has no types
            def request(self, *_: Any, **__: Any) -> Any:
                used.append(self)
                return httplib2.Response({"status": "400"}), b'{"error": "invalid_target"}'

        seams.share_by_kind(monkeypatch)
        credentials, http = make(), Rejecting()
        http.connections["of the caller"] = connection = object()
        credentials.refresh(request_)
        clock.advance(3600 - 400)
        assert authorization_header(credentials, google_auth_httplib2.Request(http)) == "Bearer federated-1"
        assert (used, len(background.paused)) == ([], 1)
        background.run()
        assert authorization_header(credentials, google_auth_httplib2.Request(http)) == "Bearer federated-1"
        [other] = used
        assert other is not http
        assert other.connections is not http.connections
        assert http.connections == {"of the caller": connection}

    def test_the_caller_waits_while_its_plain_callable_is_used_in_the_background(
        self,
        make: Make,
        request_: FakeGoogle,
        background: Threads,
        clock: FakeClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The callable may not be thread-safe. A failure is only a warning here, too."""
        seams.share_by_kind(monkeypatch)
        credentials = make()
        advisory(credentials, request_, clock)
        request_.script.append(Answer({"error": "invalid_target"}, 400))
        assert authorization_header(credentials, request_) == "Bearer federated-1"
        assert (len(request_.calls), background.paused) == (2, [])
        clock.advance(2)
        assert authorization_header(credentials, request_) == "Bearer federated-1"
        assert authorization_header(credentials, request_) == "Bearer federated-3"
        assert len(request_.calls) == 3


class TestClock:
    SKEWED = "Received invalid AWS response of type SignatureDoesNotMatch with error message: Signature expired: x"
    YOUNG = (
        "Received invalid AWS response of type SignatureDoesNotMatch with error message: Signature not yet current: x"
    )

    @pytest.mark.parametrize("hours", [-5, 3])
    def test_a_clock_that_is_hours_wrong_is_measured_once_and_again_after_its_correction(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, hours: int
    ) -> None:
        def dated(sent: Sent) -> str:
            return sent.form["subject_token"].split("x-amz-date%22%2C%22value%22%3A%22")[1][:16]

        def rejection(date: str, text: str) -> Answer:
            return Answer({"error": "invalid_grant", "error_description": text}, 400, {"Date": date})

        clock.now += 3600 * hours
        credentials = make()
        request_.script.append(rejection("Fri, 15 Jan 2027 08:00:00 GMT", self.SKEWED if hours < 0 else self.YOUNG))
        credentials.refresh(request_)
        credentials.refresh(request_)
        assert [dated(sent) for sent in request_.calls[1:]] == ["20270115T080000Z"] * 2
        lifetime = credentials.get_token().expiry.timestamp() - clock.now
        assert lifetime == 3600
        clock.now -= 3600 * hours
        request_.script.append(rejection("Fri, 15 Jan 2027 08:00:00 GMT", self.YOUNG if hours < 0 else self.SKEWED))
        credentials.refresh(request_)
        assert dated(request_.calls[-1]) == "20270115T080000Z"
        assert len(request_.calls) == 5

    def test_a_rejection_without_a_date_is_an_error(self, make: Make, request_: FakeGoogle) -> None:
        request_.script.append(Answer({"error": "invalid_grant", "error_description": self.SKEWED}, 400))
        with pytest.raises(FederationError) as caught:
            make().refresh(request_)
        assert caught.value.failure == "clock-skew"
        assert len(request_.calls) == 1


class TestServers:
    def test_a_federated_token_that_iam_rejects_is_replaced_once(self, make: Make, request_: FakeGoogle) -> None:
        credentials = make(ACCOUNT)
        credentials.refresh(request_)
        request_.script.append(Answer({"error": {"code": 401, "message": "x", "status": "UNAUTHENTICATED"}}, 401))
        credentials.refresh(request_)
        assert [sent.url.rsplit("/", 1)[1].split(":")[-1] for sent in request_.calls] == [
            "token",
            "generateAccessToken",
            "generateAccessToken",
            "token",
            "generateAccessToken",
        ]
        request_.script.extend(
            [
                Answer({"error": {"code": 401, "status": "UNAUTHENTICATED"}}, 401),
                federated("federated-x"),
                Answer({"error": {"code": 401, "status": "UNAUTHENTICATED"}}, 401),
            ]
        )
        with pytest.raises(FederationError) as caught:
            credentials.refresh(request_)
        assert caught.value.status_code == 401
        credentials.refresh(request_)

    @pytest.mark.parametrize("clocks", ["now", "elapsed"])
    def test_a_federated_token_that_expires_within_a_minute_by_either_clock_is_not_used(
        self, make: Make, request_: FakeGoogle, background: Threads, clock: FakeClock, clocks: str
    ) -> None:
        credentials = make(ACCOUNT)
        credentials.refresh(request_)
        setattr(clock, clocks, getattr(clock, clocks) + 3600 - 59)
        credentials.refresh(request_)
        assert (request_.count("/token"), request_.count(":generateAccessToken")) == (2, 2)
        assert background.paused == []

    def test_refresh_calls_each_server_again_whatever_its_last_reply_was(
        self, make: Make, request_: FakeGoogle
    ) -> None:
        credentials, no = make(ACCOUNT), Answer({"error": "invalid_target"}, 400)
        request_.script.extend([no, no])
        for asked in (1, 2):
            with pytest.raises(FederationError, match="invalid_target"):
                credentials.refresh(request_)
            assert len(request_.calls) == asked
        credentials.refresh(request_)
        wrong = Answer({"error": {"code": 401, "message": "x", "status": "UNAUTHENTICATED"}}, 401)
        request_.script.extend([wrong, no, wrong])
        for asked in (6, 9):
            if asked == 6:
                with pytest.raises(FederationError, match="invalid_target"):
                    credentials.refresh(request_)
            else:
                credentials.refresh(request_)
            assert len(request_.calls) == asked

    def test_one_deadline_applies_to_all_calls_even_if_iam_rejects_the_federated_token(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        def late(_: Sent) -> Answer:
            clock.advance(9)
            return Answer({"error": {"code": 401, "message": "x", "status": "UNAUTHENTICATED"}}, 401)

        credentials = make(ACCOUNT)
        credentials.refresh(request_)
        start = clock.monotonic()
        request_.script.extend([late, *[Answer({}, 503)] * 100])
        with pytest.raises(TransientFederationError):
            credentials.refresh(request_)
        assert clock.monotonic() - start <= 30

    def test_a_retry_after_beyond_the_deadline_is_an_error_at_once(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        request_.script.append(Answer({"error": "quota_exceeded"}, 429, {"Retry-After": "600"}))
        with pytest.raises(TransientFederationError):
            make().refresh(request_)
        assert clock.slept == []

    def test_retry_after_may_be_a_date(self, make: Make, request_: FakeGoogle, clock: FakeClock) -> None:
        headers = {"Retry-After": "Fri, 15 Jan 2027 08:00:09 GMT", "Date": "Fri, 15 Jan 2027 08:00:00 GMT"}
        request_.script.append(Answer({}, 503, headers))
        make().refresh(request_)
        assert clock.slept == [9.0]

    def test_one_attempt_takes_at_most_10_seconds_and_all_attempts_30(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        def hang(sent: Sent) -> Answer:
            assert isinstance(sent.timeout, float)
            clock.advance(sent.timeout)
            raise TimeoutError

        request_.script.extend([hang] * 100)
        start = clock.monotonic()
        with pytest.raises(TransientFederationError):
            make(ACCOUNT).refresh(request_)
        assert clock.monotonic() - start <= 31
        assert max(sent.timeout for sent in request_.calls) == 10.0  # type: ignore[type-var]

    def test_a_rejection_is_remembered_for_ten_seconds(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        credentials = make()
        request_.script.append(Answer({"error": "invalid_target"}, 400))
        for seconds in (0, 5, 4.9):
            clock.advance(seconds)
            with pytest.raises(FederationError, match="invalid_target"):
                authorization_header(credentials, request_)
        assert len(request_.calls) == 1
        clock.advance(0.2)
        assert authorization_header(credentials, request_) == "Bearer federated-2"

    def test_missing_aws_keys_are_not_remembered(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        credentials = make()
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "")
        with pytest.raises(FederationError) as caught:
            authorization_header(credentials, request_)
        assert (caught.value.step, caught.value.retryable) == ("aws", False)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
        assert authorization_header(credentials, request_) == "Bearer federated-1"

    def test_a_mistake_on_this_machine_is_not_remembered(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        credentials = make()
        request_.script.append(requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support."))
        with pytest.raises(FederationError) as caught:
            authorization_header(credentials, request_)
        assert (caught.value.reason, caught.value.retryable) == ("InvalidProxy", False)
        assert authorization_header(credentials, request_) == "Bearer federated-2"
        assert len(request_.calls) == 2

    def test_an_exception_of_unknown_origin_is_not_remembered(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        """It is not translated either, and the request is not repeated."""
        credentials, error = make(), LookupError("of a plug-in")
        request_.script.append(error)
        with pytest.raises(LookupError) as caught:
            authorization_header(credentials, request_)
        assert caught.value is error
        assert authorization_header(credentials, request_) == "Bearer federated-2"
        assert len(request_.calls) == 2


class TestThreads:
    def test_512_threads_with_an_expired_token_make_one_call_to_each_server(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        credentials = make(ACCOUNT)
        authorization_header(credentials, request_)
        clock.advance(3600)
        request_.calls.clear()
        together = threading.Barrier(512)

        def work(_: int) -> str:
            together.wait(60)
            return authorization_header(credentials, request_)

        with ThreadPoolExecutor(512) as pool:
            assert len(set(pool.map(work, range(512)))) == 1
        assert (request_.count("/token"), request_.count(":generateAccessToken")) == (1, 1)

    def test_an_exchange_that_hung_while_the_process_was_suspended_is_replaced(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its late result is discarded, because there is a newer one."""
        credentials, passing = make(), PassingTime(clock, monkeypatch)
        frozen, thawed = threading.Event(), threading.Event()

        def hang(_: Sent) -> Answer:
            frozen.set()
            assert thawed.wait(60)
            return federated("late")

        request_.script.append(hang)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(credentials.refresh, request_)
            assert frozen.wait(60)
            passing.suspended(31)
            assert authorization_header(credentials, request_) == "Bearer federated-2"
            thawed.set()
            first.result(60)
        finish()
        assert credentials.token == "federated-2"

    def test_an_interrupt_reaches_only_one_caller(self, make: Make, request_: FakeGoogle) -> None:
        credentials, error = make(), KeyboardInterrupt()

        def interrupt(_: Sent) -> Answer:
            raise error

        request_.script.append(interrupt)
        with pytest.raises(KeyboardInterrupt) as caught:
            credentials.refresh(request_)
        assert caught.value is error
        assert authorization_header(credentials, request_) == "Bearer federated-2"


class Machine(RuleBasedStateMachine):
    """Days of requests, refreshes, outages and copies in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.clock = FakeClock()
        self.background = in_one_thread(self.patch, self.clock)
        logging.getLogger("google_auth_botocore").setLevel(logging.CRITICAL)
        self.request = FakeGoogle()
        self.credentials = [Credentials(PROVIDER)]
        self.up = True
        self.good_until = 0.0

    def teardown(self) -> None:
        logging.getLogger("google_auth_botocore").setLevel(logging.NOTSET)
        self.patch.undo()

    def server(self, sent: Sent) -> Answer:
        if not self.up:
            return Answer({"error": "unavailable"}, 503)
        self.good_until = self.clock.now + 3600
        return self.request.default_answer(sent)

    def _armed(self) -> FakeGoogle:
        self.request.script.clear()
        self.request.script.extend([self.server] * 1000)
        return self.request

    @rule(seconds=st.sampled_from([0.5, 30.0, 600.0, 2000.0, 5000.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def outage_begins_or_ends(self) -> None:
        self.up = not self.up

    @rule()
    def background_runs(self) -> None:
        self._armed()
        self.background.run()

    @rule(data=st.data())
    def request_is_sent(self, data: st.DataObject) -> None:
        credentials = data.draw(st.sampled_from(self.credentials))
        alive, calls = self.clock.now < self.good_until, len(self.request.calls)
        error = None
        try:
            authorization_header(credentials, self._armed())
        except FederationError as raised:
            error = raised
        if error is not None:
            assert not alive, "a request failed while a token was valid"
            assert not self.up
            assert error.retryable
            return
        assert alive or self.up
        if alive:
            assert len(self.request.calls) == calls, "a request waited while a token was valid"
        assert self.clock.now < expiry_of(credentials)

    @rule(data=st.data())
    def refreshed(self, data: st.DataObject) -> None:
        credentials = data.draw(st.sampled_from(self.credentials))
        before = credentials.token
        try:
            credentials.refresh(self._armed())
        except FederationError:
            assert not self.up
            assert credentials.token == before
        else:
            assert credentials.token != before

    @precondition(lambda self: len(self.credentials) < 4)
    @rule()
    def copied(self) -> None:
        self.credentials.append(self.credentials[0].with_quota_project(f"q{len(self.credentials)}"))

    @invariant()
    def copies_share_one_token(self) -> None:
        assert len({credentials.token for credentials in self.credentials}) == 1


TestMachine = Machine.TestCase
