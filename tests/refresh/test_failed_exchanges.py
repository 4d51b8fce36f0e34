"""Exchanges that fail, hang or finish late, and callers that join them at an unfortunate moment."""

from __future__ import annotations

import dataclasses
import gc
import logging
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import seams
from core.conftest import Make
from core.stand_in import ACCOUNT, Answer, FakeClock, FakeGoogle, Sent, federated, wait_until

from google_auth_botocore import Credentials, TransientFederationError
from refresh.gates import PATIENCE, Gate, HangingWaits, wait_for_callers
from refresh.threads import PassingTime, Threads, advisory, authorization_header, finish, loggers


class SignalError(Exception):
    """An exception of a signal handler, like Celery's SoftTimeLimitExceeded."""


class TestRaces:
    """Events between two lines of a caller."""

    def test_a_token_that_arrives_while_a_request_looks_at_the_old_one_is_used(
        self,
        make: Make,
        request_: FakeGoogle,
        background: Threads,
        clock: FakeClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """No second exchange starts."""
        credentials = make()
        authorization_header(credentials, request_)
        clock.advance(3600)
        self._refresh_at_the_next_look(credentials, request_, monkeypatch)
        assert authorization_header(credentials, request_) == "Bearer federated-2"
        assert len(request_.calls) == 2

    def test_no_refresh_starts_in_the_background_if_one_ends_while_a_request_looks_at_the_old_token(
        self,
        make: Make,
        request_: FakeGoogle,
        background: Threads,
        clock: FakeClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        credentials = make()
        advisory(credentials, request_, clock)
        self._refresh_at_the_next_look(credentials, request_, monkeypatch)
        authorization_header(credentials, request_)
        assert (len(request_.calls), background.paused) == (2, [])

    def _refresh_at_the_next_look(
        self, credentials: Credentials, request: FakeGoogle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seams.at_next_reading(monkeypatch, lambda: credentials.refresh(request))


class TestLate:
    """An exchange finishes after a newer one, or after its token has expired."""

    def test_a_rejection_is_not_remembered(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        credentials, late, passing = make(), Gate(request_), PassingTime(clock, monkeypatch)
        late.answer = Answer({"error": "invalid_target"}, 400)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(authorization_header, credentials, request_)
            late.reached()
            passing.suspended(31)
            assert authorization_header(credentials, request_) == "Bearer federated-2"
        late.open()
        credentials.token = None  # as a library may after a 401
        assert authorization_header(credentials, request_) == "Bearer federated-3"

    def test_a_failure_in_the_background_is_not_a_warning(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """There already is a new token, so the failure does not matter."""
        credentials = make()
        advisory(credentials, request_, clock)
        late = Gate(request_)
        late.answer = Answer({"error": "invalid_target"}, 400)
        authorization_header(credentials, request_)
        late.reached()
        clock.advance(31)
        credentials.refresh(request_)
        caplog.clear()
        late.open()
        assert caplog.messages == []

    def test_a_token_that_has_expired_in_the_meantime_is_not_used(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The lifetime counts from the request, which was sent before the process was suspended."""
        credentials, late, passing = make(), Gate(request_), PassingTime(clock, monkeypatch)
        late.answer, newer = federated("expired", 3600), Gate(request_)
        with ThreadPoolExecutor(1) as pool:
            caller = pool.submit(authorization_header, credentials, request_)
            late.reached()
            passing.suspended(4000)
            newer.release()
            late.open()
            assert caller.result(PATIENCE) == "Bearer federated-2"


class TestFailures:
    @pytest.mark.parametrize("fails", ["/token", ":generateAccessToken"])
    def test_a_failure_in_the_background_is_one_warning_in_every_step(
        self,
        make: Make,
        request_: FakeGoogle,
        background: Threads,
        clock: FakeClock,
        caplog: pytest.LogCaptureFixture,
        fails: str,
    ) -> None:
        credentials = make(ACCOUNT)
        advisory(credentials, request_, clock)
        clock.advance(390)  # the federated token is about to expire, too
        if fails == ":generateAccessToken":
            request_.script.append(request_.default_answer)
        request_.script.append(Answer({"error": {"code": 403, "message": "x", "status": "PERMISSION_DENIED"}}, 403))
        authorization_header(credentials, request_)
        background.run()
        assert fails in request_.calls[-1].url
        assert [record.levelname for record in caplog.records] == ["WARNING"]

    @pytest.mark.parametrize("error", [LookupError("of a plug-in"), KeyboardInterrupt()], ids=repr)
    def test_a_foreign_exception_keeps_no_stack_alive(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, error: BaseException
    ) -> None:
        class Local:
            """An object on the stack of a caller."""

        def raise_it(_: Sent) -> Answer:
            raise type(error)(*error.args)

        credentials = make()

        def fail() -> weakref.ref[Local]:
            local = Local()
            request_.script.append(raise_it)
            try:
                authorization_header(credentials, request_)
            except type(error):
                return weakref.ref(local)
            raise AssertionError

        reference = fail()
        finish()
        gc.collect()
        assert reference() is None

    def test_a_log_handler_does_not_receive_the_callers_exception(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        """The handler uses the credentials and gets a record of the failed exchange."""
        credentials, foreign = make(), LookupError("of a plug-in")
        logger, seen = logging.getLogger("google_auth_botocore"), list[BaseException]()

        class Shipping(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                try:
                    authorization_header(credentials, request_)
                except Exception as error:
                    seen.append(error)

        def raise_it(_: Sent) -> Answer:
            logging.getLogger("google_auth_botocore").warning("a record of the exchange")
            raise foreign

        request_.script.append(raise_it)
        handler = Shipping()
        logger.addHandler(handler)
        try:
            with pytest.raises(LookupError) as caught:
                authorization_header(credentials, request_)
            finish()
        finally:
            logger.removeHandler(handler)
        assert seen, "the handler got no record"
        assert caught.value is foreign

    def test_the_error_of_a_caller_that_waited_31_seconds_names_the_exchange_that_hangs(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        credentials, gate = make(), Gate(request_)
        started = list[object]()

        def first_alone(start: Callable[[Any], None], job: Any) -> None:
            """Start a job; only the first one begins."""
            if not started:
                start(job)
            started.append(job)

        seams.take_over_start(monkeypatch, first_alone)
        seams.take_over_waits(monkeypatch, HangingWaits(clock, gate))
        with pytest.raises(TransientFederationError) as caught:
            credentials.refresh(request_)
        gate.open()
        assert "https://sts.googleapis.com/v1/token" in str(caught.value)
        assert caught.value.step == "exchange"


class TestNoThread:
    """No thread can be started, so the caller performs the exchange itself."""

    @pytest.fixture(autouse=True)
    def _broken(self, background: Threads) -> None:
        background.broken = True

    def test_a_caller_that_handles_another_exception_gets_a_token(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        """Python makes that exception the context of the error about the thread."""
        credentials = make()
        try:
            raise LookupError("of the caller")
        except LookupError:
            assert authorization_header(credentials, request_) == "Bearer federated-1"


class TestPrompt:
    """The keys need an MFA code, for which the thread of one caller prompts the user."""

    @pytest.fixture(name="prompt")
    def _prompt(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """The events at the prompt, in order: exceptions and functions."""
        script: list[Any] = []

        def prompting(context: seams.ExchangeContext) -> None:
            if not context.may_prompt:
                raise seams.PromptRequired
            if script:
                script.pop(0)()

        seams.before_signing(monkeypatch, prompting)
        return script

    def test_an_exception_that_the_caller_is_handling_keeps_its_traceback(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, prompt: list[Any]
    ) -> None:
        """It becomes the context of an exception at the prompt, but is not part of the exchange."""

        def fail() -> None:
            raise LookupError("of a plug-in")

        credentials = make()
        prompt.append(fail)
        tracebacks = list[object]()
        try:
            raise ValueError("of the caller")
        except ValueError as handled:
            tracebacks.append(handled.__traceback__)
            with pytest.raises(LookupError):
                authorization_header(credentials, request_)
            tracebacks.append(handled.__traceback__)
        assert tracebacks[1] is tracebacks[0] is not None

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, SignalError])
    def test_an_interrupt_reaches_the_caller_that_prompted_the_user(
        self,
        make: Make,
        request_: FakeGoogle,
        clock: FakeClock,
        prompt: list[Any],
        kind: type[BaseException],
    ) -> None:
        """Another caller that waits for the exchange prompts again."""
        credentials, interrupt = make(), kind()
        prompting = list[threading.Thread]()
        outcomes = dict[threading.Thread, str | BaseException]()
        arrived = threading.Event()

        class Slow(logging.Handler):
            """Delays the prompting thread after its exchange until the other caller has reacted."""

            def emit(self, record: logging.LogRecord) -> None:
                arrived.wait(2)

        def interrupted() -> None:
            prompting.append(threading.current_thread())
            wait_for_callers(credentials, 1)
            logging.getLogger("google_auth_botocore").warning("a record of the exchange")
            raise interrupt

        def call() -> None:
            try:
                outcomes[threading.current_thread()] = authorization_header(credentials, request_)
            except BaseException as error:
                outcomes[threading.current_thread()] = error
            arrived.set()

        prompt.append(interrupted)
        logger, handler = logging.getLogger("google_auth_botocore"), Slow()
        logger.addHandler(handler)
        try:
            callers = [threading.Thread(target=call) for _ in range(2)]
            for caller in callers:
                caller.start()
            for caller in callers:
                caller.join(PATIENCE)
        finally:
            logger.removeHandler(handler)
        [hit] = prompting
        [other] = [caller for caller in callers if caller is not hit]
        assert outcomes[hit] is interrupt
        assert outcomes[other] == "Bearer federated-1"


class TestSuspension:
    def test_no_second_exchange_starts_after_a_suspension_of_the_caller_and_its_exchange(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The exchange gets another 30 s, and so does the caller."""
        credentials, gate, passing = make(), Gate(request_), PassingTime(clock, monkeypatch)
        with ThreadPoolExecutor(1) as pool:
            caller = pool.submit(authorization_header, credentials, request_)
            gate.reached()
            passing.suspended(600)
            reads = passing.reads
            wait_until(lambda: caller.done() or passing.reads > reads + 10)
            gate.open()
            assert caller.result(PATIENCE) == "Bearer federated-1"
        assert len(request_.calls) == 1


@dataclasses.dataclass(frozen=True)
class FrozenError(Exception):
    """An exception whose class allows no assignment."""

    number: int


class TestForeign:
    """Exceptions of any class from a user's transport."""

    def test_an_exception_that_allows_no_assignment_reaches_the_caller_at_once(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        raised = FrozenError(1)

        def fail(_: Sent) -> Answer:
            raise raised

        request_.script.append(fail)
        credentials = make()
        with pytest.raises(FrozenError) as caught:
            credentials.refresh(request_)
        assert caught.value is raised
        assert authorization_header(credentials, request_) == "Bearer federated-2"

    def test_neither_an_exception_nor_those_attached_to_it_have_frames_of_the_exchange(
        self, make: Make, request_: FakeGoogle, clock: FakeClock
    ) -> None:
        """This includes its cause and exceptions in its attributes."""

        def raised(kind: type[Exception], secret: str) -> Exception:
            try:
                raise kind
            except kind as error:
                return error

        class WrapperError(Exception):
            def __init__(self, *parts: object) -> None:
                super().__init__(*parts)
                self.kept = [raised(LookupError, "kept-secret")]

        def fail(sent: Sent) -> Answer:
            raise WrapperError("failed", [raised(ValueError, "part-secret")]) from raised(KeyError, "cause-secret")

        request_.script.append(fail)
        with pytest.raises(WrapperError) as caught:
            make().refresh(request_)
        [part], [kept] = caught.value.args[1], caught.value.kept
        cause = caught.value.__cause__
        assert cause is not None
        assert [each.__traceback__ for each in (part, kept, cause)] == [None] * 3


def test_a_log_filter_that_raises_ends_no_exchange(
    make: Make, request_: FakeGoogle, clock: FakeClock, background: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise LookupError("broken")

    monkeypatch.setattr(logging, "raiseExceptions", False)
    credentials = make()
    advisory(credentials, request_, clock)
    request_.script.append(Answer({"error": "invalid_target"}, 400))
    [logger] = [each for each in loggers() if each.name.endswith("token_source")]
    broken = Broken()
    logger.filters.insert(0, broken)
    try:
        authorization_header(credentials, request_)
        background.run()
    finally:
        logger.removeFilter(broken)
    clock.advance(60)
    authorization_header(credentials, request_)
    background.run()
    assert credentials.token == "federated-3"
