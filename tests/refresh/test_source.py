"""What threads that share a token see of its renewal: real threads, held up where a test says so, in virtual time."""

from __future__ import annotations

import copyreg
import gc
import itertools
import random
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from types import FrameType
from typing import Any

import pytest
from core.conftest import Make
from core.stand_in import ACCOUNT, Answer, FakeClock, FakeGoogle, Sent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from google_auth_botocore import Credentials, FederationError, TransientFederationError, _aws, _federation
from google_auth_botocore._clock import Moment
from google_auth_botocore._exchange import ExchangeContext
from google_auth_botocore._token import Minted, State, TokenSource, _Flight, hold, redated, state
from refresh.threads import ask

PATIENCE = 60
AWS_REFUSAL = "Received invalid AWS response of type {} with error message: {}"
UNAVAILABLE = Answer({"error": "unavailable"}, 503)


class Gate:
    """Holds a server's answer back until it is opened.

    Attributes:
        thread: the one that was held up.
        answer: what comes in place of the server's own.
    """

    def __init__(self, request: FakeGoogle) -> None:
        self._reached, self._open = threading.Event(), threading.Event()
        self._request = request
        self.thread: threading.Thread | None = None
        self.answer: Answer | None = None
        request.script.append(self._answer)

    def _answer(self, sent: Sent) -> Answer:
        self.thread = threading.current_thread()
        self._reached.set()
        assert self._open.wait(PATIENCE)
        return self.answer or self._request._google(sent)

    def reached(self) -> None:
        assert self._reached.wait(PATIENCE)

    def open(self) -> None:
        self._open.set()
        assert self.thread is not None
        if self.thread.name == "google-auth-botocore refresh":
            self.thread.join(PATIENCE)


def waits_for(source: TokenSource, threads: int) -> None:
    """Returns when so many threads wait for the flight on its way."""
    flight = source._flight
    assert flight is not None
    while len(flight.done._cond._waiters) < threads:  # type: ignore[attr-defined]
        assert not flight.done.is_set()


def advisory(credentials: Credentials, request: FakeGoogle, clock: FakeClock) -> str:
    """Brings the token that the credentials get now into its advisory window, and gives its header."""
    header = ask(credentials, request)
    clock.advance(3600 - 400)
    return header


class TestFresh:
    def test_a_request_takes_no_lock_and_calls_nothing_but_the_clock(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        credentials = make(ACCOUNT, quota_project_id="q")
        ask(credentials, request_)
        called: set[str] = set()

        def profile(frame: FrameType, event: str, argument: Any) -> None:
            called.add(frame.f_code.co_name if event == "call" else getattr(argument, "__qualname__", ""))

        with credentials._source._lock:  # whoever took it would hang
            sys.setprofile(profile)
            try:
                credentials.before_request(request_, "GET", "https://x", {})
            finally:
                sys.setprofile(None)
        ours = {"before_request", "apply", "time", "monotonic", "token"}
        assert called - {"", "ContextVar.get", "setprofile"} <= ours

    def test_the_window_is_drawn_once_a_token(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        draws: list[float] = []

        def draw() -> float:
            draws.append(0.5)
            return 0.5

        monkeypatch.setattr(random, "random", draw)
        credentials = make()
        for _ in range(100):
            ask(credentials, request_)
            clock.advance(20)
        assert draws == [0.5]


class TestAdvisory:
    def test_no_request_waits_or_asks_anybody_while_the_servers_hang(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They all end before the exchange does, which one thread of our own makes alone."""
        credentials = make(ACCOUNT)
        header = advisory(credentials, request_, clock)
        clock.advance(390)  # the federated token is over, too
        asked_aws: set[threading.Thread] = set()
        signer = _aws.AwsIdentity.signer

        def seen(self: _aws.AwsIdentity, *arguments: Any, **more: Any) -> Any:
            asked_aws.add(threading.current_thread())
            return signer(self, *arguments, **more)

        monkeypatch.setattr(_aws.AwsIdentity, "signer", seen)
        gate, together = Gate(request_), threading.Barrier(32)

        def work(_: int) -> set[str]:
            together.wait(PATIENCE)
            return {ask(credentials, request_) for _ in range(50)}

        with ThreadPoolExecutor(32) as pool:
            assert set().union(*pool.map(work, range(32))) == {header}
        gate.reached()
        assert len(request_.calls) == 3
        gate.open()
        assert asked_aws == {gate.thread}
        assert ask(credentials, request_) != header
        assert (request_.count("/token"), request_.count(":generateAccessToken")) == (2, 2)

    def test_a_refresh_that_is_asked_for_meanwhile_takes_the_result_of_the_one_in_the_background(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        credentials = make()
        header = advisory(credentials, request_, clock)
        gate = Gate(request_)
        assert ask(credentials, request_) == header
        gate.reached()
        with ThreadPoolExecutor(1) as pool:
            refreshed = pool.submit(credentials.refresh, request_)
            waits_for(credentials._source, 1)
            gate.open()
            refreshed.result(PATIENCE)
        assert credentials.token == "federated-2"
        assert len(request_.calls) == 2

    def test_a_background_refresh_that_hangs_for_good_is_replaced_after_the_deadline(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        credentials = make()
        header = advisory(credentials, request_, clock)
        first, second = Gate(request_), Gate(request_)
        ask(credentials, request_)
        first.reached()
        clock.advance(30)
        assert ask(credentials, request_) == header
        assert len(request_.calls) == 2
        clock.advance(1)
        assert ask(credentials, request_) == header
        second.reached()
        second.open()
        assert credentials.token == "federated-3"
        first.open()
        assert credentials.token == "federated-3", "a late result is dropped"

    def test_of_an_error_that_is_none_of_ours_the_log_has_no_more_than_the_name(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Nobody has looked what its text holds."""

        def fail(_: object, __: ExchangeContext) -> Minted:
            raise LookupError("a secret")

        credentials = make()
        header = advisory(credentials, request_, clock)
        credentials._source._mint = fail
        credentials._source._in_background = lambda _: False
        assert ask(credentials, request_) == header
        assert "LookupError" in caplog.text
        assert "a secret" not in caplog.text

    def test_no_request_slips_in_between_a_failure_and_its_back_off(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        credentials = make()
        header = advisory(credentials, request_, clock)
        gate = Gate(request_)
        ask(credentials, request_)
        gate.reached()
        gate.answer = Answer({"error": "invalid_target"}, 400)
        flight = credentials._source._flight
        assert flight is not None
        headers: list[str] = []
        monkeypatch.setattr(flight.done, "set", lambda: headers.append(ask(credentials, request_)))
        gate.open()
        assert headers == [header]
        assert credentials._source._flight is None
        assert len(request_.calls) == 2

    def test_a_copy_with_other_scopes_is_renewed_by_itself(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        credentials = make(ACCOUNT)
        header = advisory(credentials, request_, clock)
        other = credentials.with_scopes(["other"])
        renewed = ask(other, request_)
        assert renewed != header
        assert ask(other, request_) == renewed
        assert ask(credentials.with_quota_project("q"), request_) == header


class TestExpired:
    def test_clients_of_different_scopes_share_the_exchange_that_is_on_its_way(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        credentials = make(ACCOUNT)
        clients = [credentials.with_scopes([scope]) for scope in ("a", "b", "c")]
        federated = credentials._federation._federated(credentials._settings, (_federation._IAM_SCOPE,))
        gate = Gate(request_)
        with ThreadPoolExecutor(3) as pool:
            tokens = [pool.submit(ask, client, request_) for client in clients]
            gate.reached()
            waits_for(federated, 2)
            gate.open()
            assert len({token.result(PATIENCE) for token in tokens}) == 3
        assert (request_.count("/token"), request_.count(":generateAccessToken")) == (1, 3)

    def test_who_waits_for_a_flight_that_died_takes_it_over_after_the_deadline(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        credentials, gate, start = make(), Gate(request_), clock.monotonic()
        with ThreadPoolExecutor(1) as pool:
            dead = pool.submit(ask, credentials, request_)
            gate.reached()
            flight = credentials._source._flight
            assert flight is not None
            monkeypatch.setattr(flight.done, "wait", clock.advance)  # in vain
            assert ask(credentials, request_) == "Bearer federated-2"
            assert clock.monotonic() - start == 31
            gate.open()
            dead.result(PATIENCE)
        assert credentials.token == "federated-2"

    def test_each_gets_the_cause_too(self, make: Make, request_: FakeGoogle) -> None:
        """Of a failure that is remembered, that is."""
        credentials, untrusted = make(), ConnectionError("CERTIFICATE_VERIFY_FAILED")
        request_.script.append(untrusted)
        for _ in range(2):
            with pytest.raises(FederationError) as caught:
                ask(credentials, request_)
            assert caught.value.__cause__ is untrusted
        assert len(request_.calls) == 1

    def test_nobody_waits_for_a_third_who_hangs(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each would take the flight over from the one before, and hang like him: sixty threads for half an hour."""
        credentials, start = make(), clock.monotonic()

        def others(*_: object, **__: object) -> tuple[_Flight, bool]:
            flight = _Flight(ExchangeContext(background=False, deadline=clock.monotonic() + 30))
            monkeypatch.setattr(flight.done, "wait", clock.advance)  # in vain
            return flight, False

        monkeypatch.setattr(TokenSource, "_board", others)
        with pytest.raises(TransientFederationError) as caught:
            ask(credentials, request_)
        assert caught.value.step == "exchange"
        assert str(caught.value) == (
            "Another thread has asked for a token for more than 30 s, and has got no answer. "
            "Check the network, and that the transport passed to refresh() has a timeout."
        )
        assert clock.monotonic() - start == 62

    @pytest.mark.parametrize("reduced", [False, True], ids=["as it is", "as tblib pickles errors"])
    def test_a_failure_keeps_nobodys_stack_alive(
        self, make: Make, request_: FakeGoogle, monkeypatch: pytest.MonkeyPatch, reduced: bool
    ) -> None:
        class Local:
            """What a caller has on its stack."""

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
                ask(credentials, request_)
            except FederationError:
                return weakref.ref(local)
            raise AssertionError

        gc.collect()
        gc.disable()
        try:
            assert fail()() is None
        finally:
            gc.enable()
        with pytest.raises(FederationError, match="invalid_target"):  # it is remembered all the same
            ask(credentials, request_)

    def test_who_waits_for_a_thread_that_is_interrupted_tries_himself(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        credentials = make()
        with ThreadPoolExecutor(1) as pool:
            waiting = []

            def interrupt(_: Sent) -> Answer:
                waiting.append(pool.submit(ask, credentials, request_))
                waits_for(credentials._source, 1)
                raise KeyboardInterrupt

            request_.script.append(interrupt)
            with pytest.raises(KeyboardInterrupt):
                ask(credentials, request_)
            assert waiting[0].result(PATIENCE) == "Bearer federated-2"

    def test_a_failure_ends_when_the_servers_recover(self, make: Make, request_: FakeGoogle, clock: FakeClock) -> None:
        """Transient, it is remembered by nobody; permanent, for ten seconds."""
        credentials = make(ACCOUNT)
        request_.script.extend([UNAVAILABLE] * 100)
        with pytest.raises(FederationError) as caught:
            ask(credentials, request_)
        assert caught.value.retryable
        request_.script.clear()
        clock.advance(0.1)
        assert ask(credentials, request_).startswith("Bearer access-")


class TestAws:
    def test_keys_that_expire_on_the_way_are_resolved_again_once(self, make: Make, request_: FakeGoogle) -> None:
        expired = Answer(
            {"error": "invalid_grant", "error_description": AWS_REFUSAL.format("ExpiredToken", "It is expired")}, 400
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

    def test_a_clock_that_is_off_and_keys_that_expired_are_one_refresh(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        """Each is put right once; a server that goes on with either is believed no more."""
        expired = Answer(
            {"error": "invalid_grant", "error_description": AWS_REFUSAL.format("ExpiredToken", "It is expired")}, 400
        )
        skewed = Answer(
            {
                "error": "invalid_grant",
                "error_description": AWS_REFUSAL.format("SignatureDoesNotMatch", "Signature expired: x"),
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


class TestSuspension:
    """The process stood still in the middle of an attempt, and the server has dropped the connection."""

    @pytest.mark.parametrize("stands", [40.0, 3600.0])
    def test_its_time_begins_anew_for_all_that_a_token_takes(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, stands: float
    ) -> None:
        def suspended(_: Sent) -> Answer:
            clock.advance(stands)
            raise ConnectionResetError

        request_.script.extend([suspended, request_._google, UNAVAILABLE, UNAVAILABLE])
        credentials = make(ACCOUNT)
        credentials.refresh(request_)
        assert (request_.count("/token"), request_.count(":generateAccessToken")) == (2, 3)
        assert {sent.timeout for sent in request_.calls} == {10.0}

    def test_once(self, make: Make, request_: FakeGoogle, clock: FakeClock) -> None:
        """A server that answers too late again and again is no suspension."""

        def slow(_: Sent) -> Answer:
            clock.advance(40)
            return UNAVAILABLE

        request_.script.extend([slow] * 20)
        with pytest.raises(FederationError):
            make().refresh(request_)
        assert len(request_.calls) <= 2


class TestRetries:
    answers = st.one_of(
        st.builds(lambda status, after: (status, after), st.sampled_from([408, 429, 500, 503]), st.none()),
        st.builds(lambda status, after: (status, after), st.sampled_from([429, 503]), st.integers(0, 40)),
        st.just((None, None)),
    )

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(script=st.lists(answers, max_size=40), hangs=st.floats(0, 10))
    def test_they_wait_as_they_are_told_and_end_with_the_deadline(
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
    """A server that asks for more time than there is."""

    @pytest.fixture(name="busy")
    def _busy(self, request_: FakeGoogle) -> None:
        request_.script.extend([Answer({"error": "quota_exceeded"}, 429, {"Retry-After": "120"})] * 100)

    def test_the_background_gives_it_that_time(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As far as the token's life allows: the nearer its end, the sooner the next try."""
        credentials = make()
        header = advisory(credentials, request_, clock)
        end = clock.monotonic() + 399
        request_.script.extend([Answer({"error": "quota_exceeded"}, 429, {"Retry-After": "120"})] * 100)
        tries = [clock.monotonic()]
        while clock.monotonic() < end:
            assert ask(credentials, request_) == header
            for thread in threading.enumerate():
                if thread.name == "google-auth-botocore refresh":
                    thread.join(PATIENCE)
            if len(request_.calls) > len(tries):
                tries.append(clock.monotonic())
            clock.advance(1)
        pauses = [after - before for before, after in itertools.pairwise(tries[1:])]
        assert 119 <= pauses[0] <= 121
        assert 119 <= pauses[1] <= 121
        assert len(pauses) <= 12

    @pytest.mark.usefixtures("busy")
    def test_requests_are_answered_with_its_refusal_for_ten_seconds(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        """Each of gRPC's many tries would come too soon; an explicit refresh is made all the same."""
        credentials = make()
        for _ in range(20):
            with pytest.raises(TransientFederationError):
                ask(credentials, request_)
        assert len(request_.calls) == 1
        with pytest.raises(TransientFederationError):
            credentials.refresh(request_)
        assert len(request_.calls) == 2
        request_.script.clear()
        clock.advance(10)
        assert ask(credentials, request_) == "Bearer federated-3"


class TestExpirySetByALibrary:
    """Some assign `expiry` to have a token renewed, or kept."""

    def test_in_the_past_it_has_the_token_renewed(self, make: Make, request_: FakeGoogle) -> None:
        credentials = make()
        credentials.refresh(request_)
        credentials.expiry = datetime(2020, 1, 1)
        assert ask(credentials, request_) == "Bearer federated-2"

    @given(life=st.floats(-1e6, 1e6))
    def test_it_moves_the_end_and_the_window(self, life: float) -> None:
        now = Moment(0.0, 1e3)
        held = hold(Minted("t", 3600, now), 0.0)
        moved = redated(held, datetime.fromtimestamp(now.wall + life, timezone.utc), now)
        assert moved.token.value == "t"
        assert moved.ends_at.wall == pytest.approx(now.wall + life, abs=1e-3)
        if life > 1:
            assert state(moved, now) is State.FRESH
            window = moved.ends_at.wall - moved.renew_at.wall
            assert window == pytest.approx(min(life / 4, 900), abs=1e-3), "as long as one can be"
            assert state(moved, Moment(now.wall + life + 1e-3, now.monotonic)) is State.EXPIRED
        elif life < -1:
            assert state(moved, now) is State.EXPIRED

    def test_none_for_the_token_forgets_it_for_every_copy(self, make: Make, request_: FakeGoogle) -> None:
        credentials = make()
        credentials.refresh(request_)
        copied = credentials.with_quota_project("q")
        credentials.token = None
        assert copied.token is None
        assert ask(copied, request_) == "Bearer federated-2" == f"Bearer {credentials.token}"


def test_no_thread_outlives_its_refresh(
    make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def counted(self: threading.Thread) -> None:
        started.append(self)
        start(self)

    monkeypatch.setattr(threading.Thread, "start", counted)
    credentials = make()
    for number in range(1, 6):
        advisory(credentials, request_, clock)
        assert len(started) == number - 1
        ask(credentials, request_)
        started[-1].join(PATIENCE)
        assert not started[-1].is_alive()
        assert len(request_.calls) == number + 1
