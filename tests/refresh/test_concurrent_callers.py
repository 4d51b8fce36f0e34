"""Concurrent callers that share a token: real threads, which tests can stop at a server, with a fake clock."""

from __future__ import annotations

import copyreg
import gc
import itertools
import random
import socket
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from types import FrameType
from typing import Any

import pytest
import seams
from core.conftest import Make
from core.stand_in import ACCOUNT, Answer, FakeClock, FakeGoogle, Sent, federated, wait_until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from seams import IssuedToken, Moment, State, state, with_expiry, with_new_expiry

from google_auth_botocore import FederationError, TransientFederationError
from refresh.gates import PATIENCE, Gate, HangingWaits, wait_for_callers
from refresh.threads import PassingTime, Threads, advisory, authorization_header, finish, workers

AWS_REJECTION = "Received invalid AWS response of type {} with error message: {}"
UNAVAILABLE = Answer({"error": "unavailable"}, 503)


class TestFresh:
    def test_a_request_takes_no_lock_and_calls_only_the_clock(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        credentials = make(ACCOUNT, quota_project_id="q")
        authorization_header(credentials, request_)
        called: set[str] = set()

        def profile(frame: FrameType, event: str, argument: Any) -> None:
            called.add(frame.f_code.co_name if event == "call" else getattr(argument, "__qualname__", ""))

        with seams.hold_the_lock(credentials):  # a second `with` would hang
            sys.setprofile(profile)
            try:
                credentials.before_request(request_, "GET", "https://x", {})
            finally:
                sys.setprofile(None)
        ours = {"before_request", "apply", "time", "monotonic", "token"}
        assert called - {"", "ContextVar.get", "setprofile"} <= ours

    def test_the_start_of_the_window_is_drawn_once_for_each_token(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        draws: list[float] = []

        def draw() -> float:
            draws.append(0.5)
            return 0.5

        monkeypatch.setattr(random, "random", draw)
        credentials = make()
        for _ in range(100):
            authorization_header(credentials, request_)
            clock.advance(20)
        assert draws == [0.5]


class TestAdvisory:
    def test_no_request_waits_or_makes_a_network_call_while_a_server_hangs(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """All requests finish before the exchange, which one worker performs."""
        credentials = make(ACCOUNT)
        header = advisory(credentials, request_, clock)
        clock.advance(390)  # the federated token is about to expire, too
        signed_by: set[threading.Thread] = set()
        seams.before_signing(monkeypatch, lambda _: signed_by.add(threading.current_thread()))
        gate, together = Gate(request_), threading.Barrier(32)

        def work(_: int) -> set[str]:
            together.wait(PATIENCE)
            return {authorization_header(credentials, request_) for _ in range(50)}

        with ThreadPoolExecutor(32) as pool:
            assert set().union(*pool.map(work, range(32))) == {header}
        gate.reached()
        assert len(request_.calls) == 3
        gate.open()
        assert signed_by == {gate.thread}
        assert authorization_header(credentials, request_) != header
        assert (request_.count("/token"), request_.count(":generateAccessToken")) == (2, 2)

    def test_refresh_joins_the_exchange_that_runs_in_the_background(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        credentials = make()
        header = advisory(credentials, request_, clock)
        gate = Gate(request_)
        assert authorization_header(credentials, request_) == header
        gate.reached()
        with ThreadPoolExecutor(1) as pool:
            refreshed = pool.submit(credentials.refresh, request_)
            wait_for_callers(credentials, 1)
            gate.open()
            refreshed.result(PATIENCE)
        assert credentials.token == "federated-2"
        assert len(request_.calls) == 2

    def test_a_background_refresh_that_hangs_is_replaced_after_a_minute(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        credentials = make()
        header = advisory(credentials, request_, clock)
        first, second = Gate(request_), Gate(request_)
        authorization_header(credentials, request_)
        first.reached()
        clock.advance(59.9)
        assert authorization_header(credentials, request_) == header
        assert len(workers()) == 1
        clock.advance(0.1)
        assert authorization_header(credentials, request_) == header
        second.reached()
        second.open()
        assert credentials.token == "federated-3"
        assert caplog.messages == [
            "A background refresh of the Google token has not finished after 31 s. Another one starts; 1 still run."
        ]
        first.open()
        assert credentials.token == "federated-3", "a late result is dropped if there is a newer one"

    def test_a_server_that_hangs_forever_costs_few_threads(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        """The pause between two attempts doubles."""
        credentials, opened = make(), threading.Event()

        def hang(sent: Sent) -> Answer:
            assert opened.wait(PATIENCE)
            return request_.default_answer(sent)

        request_.script.append(federated("first", 43_200))
        authorization_header(credentials, request_)
        clock.advance(43_200 - 450)
        request_.script.extend([hang] * 20)
        start, begun = clock.monotonic(), list[float]()
        for _ in range(440):
            assert authorization_header(credentials, request_) == "Bearer first"
            wait_until(lambda: len(request_.calls) == 1 + len(workers()))
            begun += [clock.monotonic() - start] * (len(workers()) - len(begun))
            clock.advance(1)
        opened.set()
        finish()
        assert begun == [0, 60, 180, 420]

    def test_the_log_has_only_the_class_of_a_foreign_error(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The text can contain secrets."""
        credentials = make()
        header = advisory(credentials, request_, clock)
        request_.script.append(LookupError("a secret"))
        assert authorization_header(credentials, request_) == header
        finish()
        assert "LookupError" in caplog.text
        assert "a secret" not in caplog.text

    def test_no_request_starts_an_exchange_between_a_failure_and_its_back_off(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        """Requests are sent between all steps that the worker performs after the reply."""
        credentials = make()
        header = advisory(credentials, request_, clock)
        gate, headers = Gate(request_), list[str]()
        gate.answer = Answer({"error": "invalid_target"}, 400)

        def profile(frame: FrameType, event: str, argument: Any) -> None:
            if gate.is_open() and "google_auth_botocore" in frame.f_code.co_filename:
                sys.setprofile(None)
                headers.append(authorization_header(credentials, request_))
                sys.setprofile(profile)

        seams.end_idle_threads()  # the profile is a new thread's
        threading.setprofile(profile)
        try:
            authorization_header(credentials, request_)
        finally:
            threading.setprofile(None)
        gate.reached()
        gate.open()
        assert len(headers) > 50
        assert set(headers) == {header}
        assert len(request_.calls) == 2

    def test_a_plain_callable_is_not_used_by_two_threads_at_once(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The caller that owns the transport waits. Others use the token, each with its own transport."""
        seams.share_by_kind(monkeypatch)
        credentials = make()
        header = advisory(credentials, request_, clock)
        gate = Gate(request_)
        with ThreadPoolExecutor(1) as pool:
            owner = pool.submit(authorization_header, credentials, request_)
            gate.reached()
            assert authorization_header(credentials, FakeGoogle()) == header
            wait_for_callers(credentials, 1)
            assert not owner.done()
            gate.open()
            assert owner.result(PATIENCE) == header
        assert credentials.token == "federated-2"

    def test_a_caller_waits_for_a_hanging_plain_callable_until_the_deadline(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seams.share_by_kind(monkeypatch)
        credentials = make()
        header = advisory(credentials, request_, clock)
        gate = Gate(request_)
        with ThreadPoolExecutor(1) as pool:
            owner = pool.submit(authorization_header, credentials, request_)
            gate.reached()
            clock.advance(31)
            assert owner.result(PATIENCE) == header
        gate.open()

    def test_a_copy_with_other_scopes_is_refreshed_separately(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        credentials = make(ACCOUNT)
        header = advisory(credentials, request_, clock)
        other = credentials.with_scopes(["other"])
        own = authorization_header(other, request_)
        assert own != header
        assert authorization_header(other, request_) == own
        assert authorization_header(credentials.with_quota_project("q"), request_) == header


class TestExpired:
    def test_clients_with_different_scopes_share_the_running_exchange(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        credentials = make(ACCOUNT)
        clients = [credentials.with_scopes([scope]) for scope in ("a", "b", "c")]
        gate = Gate(request_)
        with ThreadPoolExecutor(3) as pool:
            tokens = [pool.submit(authorization_header, client, request_) for client in clients]
            gate.reached()
            wait_until(lambda: seams.exchanges_waiting(credentials) >= 2)
            gate.open()
            assert len({token.result(PATIENCE) for token in tokens}) == 3
        assert (request_.count("/token"), request_.count(":generateAccessToken")) == (1, 3)

    def test_a_caller_replaces_an_exchange_that_hangs_after_its_deadline(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        credentials, gate, passing = make(), Gate(request_), PassingTime(clock, monkeypatch)
        with ThreadPoolExecutor(2) as pool:
            pool.submit(authorization_header, credentials, request_)
            gate.reached()
            passing.seconds(5)
            caller = pool.submit(authorization_header, credentials, request_)
            wait_for_callers(credentials, 2)
            passing.seconds(25.9)
            assert not caller.done()
            assert len(request_.calls) == 1
            clock.advance(0.1)
            assert caller.result(PATIENCE) == "Bearer federated-2"
        gate.open()
        assert credentials.token == "federated-2"
        assert len(request_.calls) == 2

    def test_a_late_result_is_used_if_there_is_no_newer_one(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        credentials, late, newer = make(), Gate(request_), Gate(request_)
        late.answer, passing = federated("late"), PassingTime(clock, monkeypatch)
        with ThreadPoolExecutor(2) as pool:
            pool.submit(authorization_header, credentials, request_)
            late.reached()
            passing.seconds(5)
            caller = pool.submit(authorization_header, credentials, request_)
            wait_for_callers(credentials, 2)
            passing.seconds(26)
            newer.reached()
            late.open()
            assert caller.result(PATIENCE) == "Bearer late"
            newer.open()
        assert credentials.token == "federated-2", "the newer exchange has it"

    def test_each_caller_gets_the_cause_too(self, make: Make, request_: FakeGoogle, clock: FakeClock) -> None:
        """Even if the failure is remembered."""
        credentials, untrusted = make(), ConnectionError("CERTIFICATE_VERIFY_FAILED")
        request_.script.append(untrusted)
        for _ in range(2):
            with pytest.raises(FederationError) as caught:
                authorization_header(credentials, request_)
            assert caught.value.__cause__ is untrusted
        assert len(request_.calls) == 1

    @pytest.mark.parametrize("joined_after", [1.0, 20.0, 30.9])
    def test_no_caller_waits_longer_than_31_seconds_from_its_own_start(
        self,
        make: Make,
        request_: FakeGoogle,
        clock: FakeClock,
        monkeypatch: pytest.MonkeyPatch,
        joined_after: float,
    ) -> None:
        """Even if the exchange that it joins hangs, and so does the replacement."""
        credentials = make()
        header = advisory(credentials, request_, clock)
        first, second = Gate(request_), Gate(request_)
        assert authorization_header(credentials, request_) == header
        first.reached()
        clock.advance(joined_after)
        seams.take_over_waits(monkeypatch, HangingWaits(clock, first))
        start = clock.monotonic()
        with pytest.raises(TransientFederationError, match="after 31 s") as caught:
            credentials.refresh(request_)
        assert clock.monotonic() - start == pytest.approx(31)
        assert caught.value.failure == "deadline-exceeded"
        second.reached()
        second.open()
        first.open()
        assert credentials.token == "federated-3"
        assert len(request_.calls) == 3

    def test_the_error_of_a_caller_that_waited_too_long_says_what_hangs(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        credentials, gate, start = make(), Gate(request_), clock.monotonic()
        seams.take_over_waits(monkeypatch, HangingWaits(clock, gate))
        with pytest.raises(TransientFederationError) as caught:
            credentials.refresh(request_)
        assert clock.monotonic() - start == pytest.approx(31)
        gate.open()
        finish()
        assert str(caught.value).partition("\nMore: ")[0] == (
            "There is no token after 31 s: Google's Security Token Service at https://sts.googleapis.com/v1/token has not replied. "
            "The exchange continues in the background, and the next call gets its token."
        )
        assert caught.value.step == "exchange"

    def test_the_error_of_a_caller_that_waited_too_long_says_why_the_last_attempt_failed(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request_.script.append(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        credentials, gate = make(), Gate(request_)
        seams.take_over_waits(monkeypatch, HangingWaits(clock, gate))
        with pytest.raises(TransientFederationError, match="could not be reached") as caught:
            credentials.refresh(request_)
        assert caught.value.failure == "name-not-resolved"
        gate.open()
        finish()
        assert credentials.token == "federated-2"

    @pytest.mark.parametrize("reduced", [False, True], ids=["as it is", "as tblib pickles errors"])
    def test_a_remembered_failure_keeps_no_stack_alive(
        self, make: Make, request_: FakeGoogle, monkeypatch: pytest.MonkeyPatch, reduced: bool
    ) -> None:
        class Local:
            """An object on the stack of a caller."""

        def reduce(error: FederationError) -> tuple[Callable[..., Any], tuple[Any, ...]]:
            usual: Any = error.__reduce__()
            (make, arguments, state), traceback = usual, error.__traceback__

            def again() -> FederationError:
                made = make(*arguments).with_traceback(traceback)
                made.__dict__.update(state)
                return made  # type: ignore[no-any-return]

            return again, ()

        if reduced:
            monkeypatch.setitem(copyreg.dispatch_table, FederationError, reduce)
        else:
            monkeypatch.delitem(copyreg.dispatch_table, FederationError, raising=False)
        credentials = make()

        def fail() -> weakref.ref[Local]:
            local = Local()
            request_.script.append(Answer({"error": "invalid_target"}, 400))
            try:
                authorization_header(credentials, request_)
            except FederationError:
                return weakref.ref(local)
            raise AssertionError

        gc.collect()
        gc.disable()
        try:
            assert fail()() is None
        finally:
            gc.enable()
        with pytest.raises(FederationError, match="invalid_target"):  # it is remembered nevertheless
            authorization_header(credentials, request_)

    def test_an_interrupt_on_the_worker_is_raised_in_one_caller_and_the_others_retry(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        credentials, interrupt = make(), KeyboardInterrupt()

        def raise_it(_: Sent) -> Answer:
            wait_for_callers(credentials, 8)
            raise interrupt

        def outcome(_: int) -> str | BaseException:
            try:
                return authorization_header(credentials, request_)
            except BaseException as error:
                return error

        request_.script.append(raise_it)
        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(outcome, range(8)))
        assert [each for each in outcomes if isinstance(each, BaseException)] == [interrupt]
        assert outcomes.count("Bearer federated-2") == 7
        assert len(request_.calls) == 2

    def test_a_foreign_exception_reaches_every_caller_and_the_object_itself_reaches_one(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        """If two threads raised the same object, they would mix up its traceback."""
        credentials, foreign = make(), LookupError("of a plug-in")

        def raise_it(_: Sent) -> Answer:
            wait_for_callers(credentials, 8)
            raise foreign

        def outcome(_: int) -> Exception:
            with pytest.raises(LookupError) as caught:
                authorization_header(credentials, request_)
            return caught.value

        request_.script.append(raise_it)
        with ThreadPoolExecutor(8) as pool:
            errors = list(pool.map(outcome, range(8)))
        assert len({id(each) for each in errors}) == 8
        assert sum(each is foreign for each in errors) == 1
        assert {str(each) for each in errors} == {"of a plug-in"}
        assert len(request_.calls) == 1

    def test_calls_succeed_as_soon_as_the_servers_recover(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        """A transient failure is not remembered."""
        credentials = make(ACCOUNT)
        request_.script.extend([UNAVAILABLE] * 100)
        with pytest.raises(FederationError) as caught:
            authorization_header(credentials, request_)
        assert caught.value.retryable
        request_.script.clear()
        clock.advance(0.1)
        assert authorization_header(credentials, request_).startswith("Bearer access-")


class TestAws:
    def test_keys_that_expire_during_an_exchange_are_resolved_again_once(
        self, make: Make, request_: FakeGoogle
    ) -> None:
        expired = Answer(
            {"error": "invalid_grant", "error_description": AWS_REJECTION.format("ExpiredToken", "It is expired")}, 400
        )
        request_.script.append(expired)
        credentials = make()
        credentials.refresh(request_)
        assert len(request_.calls) == 2
        request_.script.extend([expired] * 10)
        with pytest.raises(FederationError) as caught:
            credentials.refresh(request_)
        assert caught.value.aws_reason == "ExpiredToken"
        assert len(request_.calls) == 4

    def test_a_wrong_clock_and_expired_keys_are_corrected_in_one_refresh(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        """Each is corrected once. If a server reports the same problem again, it becomes an error."""
        expired = Answer(
            {"error": "invalid_grant", "error_description": AWS_REJECTION.format("ExpiredToken", "It is expired")}, 400
        )
        skewed = Answer(
            {
                "error": "invalid_grant",
                "error_description": AWS_REJECTION.format("SignatureDoesNotMatch", "Signature expired: x"),
            },
            400,
            {"Date": "Fri, 15 Jan 2027 13:00:00 GMT"},
        )
        request_.script.extend([skewed, expired])
        credentials = make()
        credentials.refresh(request_)
        assert len(request_.calls) == 3
        assert "20270115T130000Z" in request_.calls[-1].form["subject_token"]
        request_.script.extend([skewed, expired, skewed])
        with pytest.raises(FederationError, match="Signature expired"):
            credentials.refresh(request_)


@pytest.fixture(name="inline")
def _inline(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> None:
    """Let the caller perform the exchange itself, so that time passes in only one thread."""
    Threads(clock).install(monkeypatch)


@pytest.mark.usefixtures("inline")
class TestSuspension:
    """The process was suspended during an attempt, and the server has dropped the connection."""

    @pytest.mark.parametrize("stands", [40.0, 3600.0])
    def test_the_deadline_starts_again_for_all_remaining_calls(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, stands: float
    ) -> None:
        def suspended(_: Sent) -> Answer:
            clock.advance(stands)
            raise ConnectionResetError

        request_.script.extend([suspended, request_.default_answer, UNAVAILABLE, UNAVAILABLE])
        credentials = make(ACCOUNT)
        credentials.refresh(request_)
        assert (request_.count("/token"), request_.count(":generateAccessToken")) == (2, 3)
        assert {sent.timeout for sent in request_.calls} == {10.0}

    def test_the_deadline_starts_again_only_once(self, make: Make, request_: FakeGoogle, clock: FakeClock) -> None:
        """A server that repeatedly replies too late does not count as a suspension."""

        def slow(_: Sent) -> Answer:
            clock.advance(40)
            return UNAVAILABLE

        request_.script.extend([slow] * 20)
        with pytest.raises(FederationError):
            make().refresh(request_)
        assert len(request_.calls) <= 2


@pytest.mark.usefixtures("inline")
class TestRetries:
    answers = st.one_of(
        st.builds(lambda status, after: (status, after), st.sampled_from([408, 429, 500, 503]), st.none()),
        st.builds(lambda status, after: (status, after), st.sampled_from([429, 503]), st.integers(0, 40)),
        st.just((None, None)),
    )

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(script=st.lists(answers, max_size=40), hangs=st.floats(0, 10))
    def test_they_respect_retry_after_and_stop_at_the_deadline(
        self, make: Make, clock: FakeClock, script: list[tuple[int | None, int | None]], hangs: float
    ) -> None:
        request, ends, told = FakeGoogle(), list[float](), list[int | None]()

        def bad(status: int | None, after: int | None) -> Callable[[Sent], Answer]:
            def answer(sent: Sent) -> Answer:
                assert isinstance(sent.timeout, float)
                clock.advance(min(hangs, sent.timeout))
                ends.append(clock.monotonic())
                told.append(after)
                if status is None:
                    raise TimeoutError
                return Answer({}, status, {} if after is None else {"Retry-After": str(after)})

            return answer

        request.script.extend(bad(*each) for each in script)
        start = clock.monotonic()
        clock.slept.clear()
        error = None
        try:
            make().refresh(request)
        except TransientFederationError as raised:
            error = raised
        assert len(request.calls) == len(ends) + (error is None)
        assert error is not None or len(ends) == len(script)
        assert clock.monotonic() - start <= 31
        for slept, after in zip(clock.slept, told, strict=False):
            assert slept >= (after or 0)


class TestRetryAfterTheDeadline:
    """A server whose Retry-After exceeds the deadline."""

    @pytest.fixture(name="busy")
    def _busy(self, request_: FakeGoogle) -> None:
        request_.script.extend([Answer({"error": "quota_exceeded"}, 429, {"Retry-After": "120"})] * 100)

    def test_the_background_waits_for_that_time(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The pause is limited by the token's lifetime: the nearer the expiry, the sooner the next attempt."""
        credentials = make()
        header = advisory(credentials, request_, clock)
        end = clock.monotonic() + 399
        request_.script.extend([Answer({"error": "quota_exceeded"}, 429, {"Retry-After": "120"})] * 100)
        tries = [clock.monotonic()]
        while clock.monotonic() < end:
            assert authorization_header(credentials, request_) == header
            finish()
            if len(request_.calls) > len(tries):
                tries.append(clock.monotonic())
            clock.advance(1)
        pauses = [after - before for before, after in itertools.pairwise(tries[1:])]
        assert 119 <= pauses[0] <= 121
        assert 119 <= pauses[1] <= 121
        assert len(pauses) <= 12

    @pytest.mark.usefixtures("busy")
    def test_requests_get_its_rejection_for_ten_seconds(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        """All of gRPC's attempts would come too soon. `refresh()` still makes a call."""
        credentials = make()
        for _ in range(20):
            with pytest.raises(TransientFederationError):
                authorization_header(credentials, request_)
        assert len(request_.calls) == 1
        with pytest.raises(TransientFederationError):
            credentials.refresh(request_)
        assert len(request_.calls) == 2
        request_.script.clear()
        clock.advance(10)
        assert authorization_header(credentials, request_) == "Bearer federated-3"


class TestExpirySetByALibrary:
    """Some libraries assign `expiry` to force a refresh or to keep a token."""

    def test_an_expiry_in_the_past_causes_a_refresh(self, make: Make, request_: FakeGoogle) -> None:
        credentials = make()
        credentials.refresh(request_)
        credentials.expiry = datetime(2020, 1, 1)
        assert authorization_header(credentials, request_) == "Bearer federated-2"

    @given(lifetime=st.floats(-1e6, 1e6))
    def test_an_expiry_also_moves_the_window(self, lifetime: float) -> None:
        now = Moment(0.0, 1e3)
        cached = with_expiry(IssuedToken("t", 3600, now), 0.0)
        moved = with_new_expiry(cached, datetime.fromtimestamp(now.wall + lifetime, timezone.utc), now)
        assert moved.value == "t"
        assert moved.expires_at.wall == pytest.approx(now.wall + lifetime, abs=1e-3)
        if lifetime > 1:
            assert state(moved, now) is State.FRESH
            window = moved.expires_at.wall - moved.refresh_at.wall
            assert window == pytest.approx(min(lifetime / 4, 900), abs=1e-3), "the maximum length"
            assert state(moved, Moment(now.wall + lifetime + 1e-3, now.monotonic)) is State.EXPIRED
        elif lifetime < -1:
            assert state(moved, now) is State.EXPIRED

    def test_none_for_the_token_drops_it_for_every_copy(self, make: Make, request_: FakeGoogle) -> None:
        credentials = make()
        credentials.refresh(request_)
        copied = credentials.with_quota_project("q")
        credentials.token = None
        assert copied.token is None
        assert authorization_header(copied, request_) == "Bearer federated-2" == f"Bearer {credentials.token}"
