"""An exception that hits a caller while it waits for a token propagates unchanged and has no side effects.

Signal handlers raise such exceptions (time limits of Celery and RQ, Ctrl-C), so do other threads, and debuggers.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
import seams
from variations import few

from core.conftest import Make
from core.frames import is_package_frame, text_in_frames
from core.stand_in import ACCOUNT, FakeClock, FakeGoogle
from google_auth_botocore import Credentials, TransientFederationError

ACTS: dict[str, Callable[[Credentials, FakeGoogle], object]] = {
    "before_request": lambda credentials, request: credentials.before_request(request, "GET", "https://x", {}),
    "refresh": lambda credentials, request: credentials.refresh(request),
    "sign_bytes": lambda credentials, _: credentials.sign_bytes(b"message"),
}


class _Interrupt(BaseException):
    pass


class _Raiser:
    """A debugger that raises an exception in its thread, at the n-th step within the package.

    Attributes:
        raised: The exception; None if there were fewer steps.
    """

    def __init__(self, number: int, *, opcodes: bool) -> None:
        self._left = number
        self._opcodes = opcodes
        self.raised: BaseException | None = None

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not is_package_frame(frame):
            return None
        frame.f_trace = self._step  # Python 3.14 ignores f_trace_opcodes in a frame without it
        frame.f_trace_opcodes, frame.f_trace_lines = self._opcodes, not self._opcodes
        return self._step

    def _step(self, frame: FrameType, event: str, argument: Any) -> Any:
        if self.raised is None and event in ("line", "opcode"):
            self._left -= 1
            if self._left < 0:
                self.raised = _Interrupt()
                raise self.raised
        return self._step

    def run(self, act: Callable[[], object]) -> BaseException | None:
        before = sys.gettrace()
        sys.settrace(self)
        try:
            act()
        except BaseException as error:
            return error
        finally:
            sys.settrace(before)
        return None


def _header(credentials: Credentials, request: FakeGoogle) -> str:
    headers: dict[str, str] = {}
    credentials.before_request(request, "GET", "https://x", headers)
    return headers["authorization"]


@pytest.mark.parametrize("opcodes", [False, True], ids=["at any line", "between any two steps"])
@pytest.mark.parametrize("cached", few([False, True]), ids=["first", "expired"])
@pytest.mark.parametrize("act", few(["before_request", "refresh"]))
def test_it_can_be_raised_anywhere(
    make: Make, request_: FakeGoogle, clock: FakeClock, act: str, cached: bool, opcodes: bool
) -> None:
    number = 0
    while True:
        credentials = make(ACCOUNT)
        if cached:
            credentials.refresh(request_)
            clock.advance(4000)
        raiser = _Raiser(number, opcodes=opcodes)
        error = raiser.run(functools.partial(ACTS[act], credentials, request_))
        assert error is raiser.raised, "another exception arrived, or none"
        if error is None:
            break
        # A signal's exception is raised at the start of a line or when a call returns, but not when before_request itself does.
        text = "" if opcodes else text_in_frames(error)
        assert not any(secret in text for secret in ("Bearer ", "access-", "federated-", "SECRET", "SESSION"))
        assert _header(credentials, request_).startswith("Bearer access-")
        number += 3 if opcodes else 1
    assert number > 20, "the debugger saw nothing"


def test_the_exchange_continues_and_serves_the_next_call(make: Make, request_: FakeGoogle) -> None:
    credentials, reached, goes_on = make(ACCOUNT), threading.Event(), threading.Event()

    def hold(sent: Any) -> Any:
        reached.set()
        assert goes_on.wait(20)
        return request_.default_answer(sent)

    request_.script.append(hold)
    interrupt = _Interrupt()

    def raise_once_it_waits(frame: FrameType, event: str, argument: Any) -> Any:
        if reached.is_set() and is_package_frame(frame):
            raise interrupt
        return raise_once_it_waits

    sys.settrace(raise_once_it_waits)
    try:
        with pytest.raises(_Interrupt) as caught:
            credentials.refresh(request_)
    finally:
        sys.settrace(None)
    assert caught.value is interrupt
    goes_on.set()
    assert _header(credentials, request_).startswith("Bearer access-")
    assert (request_.count("/token"), request_.count(":generateAccessToken")) == (1, 1)


def test_a_finalizer_that_uses_the_credentials_does_not_deadlock(make: Make, request_: FakeGoogle) -> None:
    """A finalizer can run at any allocation, on any thread, even while that thread holds one of our locks."""
    credentials, headers = make(ACCOUNT), list[str]()
    credentials.refresh(request_)
    running = threading.local()

    def finalize() -> None:
        headers.append(_header(credentials.with_quota_project("q"), request_))

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and is_package_frame(frame) and not hasattr(running, "yes"):
            running.yes = True
            try:
                finalize()
            finally:
                del running.yes

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        assert _header(credentials.with_scopes(["more"]), request_).startswith("Bearer access-")
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    assert len(headers) > 50


@pytest.mark.parametrize("between_jobs", [False, True])
@pytest.mark.parametrize("scopes", [None, ["other"]])
def test_a_finalizer_that_needs_a_token_first_does_not_deadlock(
    make: Make, request_: FakeGoogle, scopes: list[str] | None, between_jobs: bool
) -> None:
    """On a caller's thread it gets a token. In an exchange it gets an error, because it would wait for itself.

    On a worker that has not begun its exchange, it performs that one.
    """
    seams.end_idle_threads()
    credentials, outcomes = make(ACCOUNT), list[str]()
    other = credentials.with_scopes(scopes) if scopes else credentials
    running = threading.local()

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        counts = between_jobs or not frame.f_code.co_filename.endswith("workers.py")
        if event == "call" and counts and is_package_frame(frame) and not hasattr(running, "yes"):
            running.yes = True
            try:
                outcomes.append(_header(other, request_))
            except TransientFederationError as error:
                outcomes.append(str(error))
            finally:
                del running.yes

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        assert _header(credentials, request_).startswith("Bearer access-")
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    rejected = set() if between_jobs else {"A token was r"}
    assert {each[:13] for each in outcomes} == {"Bearer access"} | rejected
