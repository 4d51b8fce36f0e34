"""Real signals at random moments of exchanges: each exception propagates, and the next call works."""

from __future__ import annotations

import ctypes
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import FrameType

import pytest

from core.conftest import Make
from core.stand_in import ACCOUNT, Answer, FakeGoogle, Sent
from google_auth_botocore import Credentials, FederationError

KINDS: list[Callable[[], BaseException]] = [
    lambda: TimeoutError("the handler's"),
    lambda: OSError("the handler's"),
    lambda: RuntimeError("the handler's"),
    lambda: ValueError("the handler's"),
    KeyboardInterrupt,
    SystemExit,
    GeneratorExit,
    lambda: FederationError("the handler's"),
]


class _Alarm:
    """Raises an exception with a real SIGALRM some microseconds after `set`."""

    def __init__(self) -> None:
        self.raised: BaseException | None = None
        self._kind = KINDS[0]

    def __enter__(self) -> _Alarm:
        self._before = signal.signal(signal.SIGALRM, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.raised = self._kind()
        raise self.raised

    def set(self, seconds: float, kind: Callable[[], BaseException]) -> None:
        self.raised, self._kind = None, kind
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _act(credentials: Credentials, request: FakeGoogle, which: int) -> None:
    if which == 0:
        credentials.before_request(request, "GET", "https://x", {})
    elif which == 1:
        credentials.refresh(request)
    else:
        credentials.with_scopes(["other"]).refresh(request)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no interval timers")
@pytest.mark.parametrize("hits", [150, pytest.param(5000, marks=pytest.mark.slow)])
def test_signals_at_random_moments(make: Make, hits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = random.Random(hits)
    seen: Counter[str] = Counter()
    request = FakeGoogle()

    def slowly(sent: Sent) -> Answer:
        time.sleep(seed.random() / 2000)
        return request.default_answer(sent)

    credentials = make(ACCOUNT)
    ignored: list[BaseException | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: ignored.append(unraisable.exc_value))
    with _Alarm() as alarm:
        while seen["hit"] < hits:
            if seed.random() < 0.3:
                credentials = make(ACCOUNT)
            credentials.token = None
            request.script.clear()
            request.script.extend([slowly] * 4)
            which = seed.randrange(3)
            caught: BaseException | None = None
            try:
                alarm.set(10 ** seed.uniform(-5, -2.5), seed.choice(KINDS))
                _act(credentials, request, which)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except BaseException as error:
                caught = error
            signal.setitimer(signal.ITIMER_REAL, 0)
            if caught is not None:
                assert caught is alarm.raised, f"another exception arrived: {caught!r}, not {alarm.raised!r}"
                seen["hit"] += 1
            else:
                # In a finalizer or in the callback of a weak reference, Python itself drops an exception.
                assert alarm.raised is None or alarm.raised in ignored, "an exception was swallowed"
            start = time.monotonic()
            headers: dict[str, str] = {}
            credentials.before_request(request, "GET", "https://x", headers)
            assert headers["authorization"].startswith("Bearer access-")
            assert time.monotonic() - start < 15, "the next call waited for something that no thread holds"


def test_an_exception_that_another_thread_raises_arrives_at_once(make: Make, request_: FakeGoogle) -> None:
    """RQ's time limit for threads does this with PyThreadState_SetAsyncExc."""

    class TimeLimit(Exception):
        pass

    credentials, waits, goes_on = make(ACCOUNT), threading.Event(), threading.Event()
    outcome: list[BaseException] = []

    def answer(sent: Sent) -> Answer:
        waits.set()
        assert goes_on.wait(20)
        return request_.default_answer(sent)

    request_.script.append(answer)

    def work() -> None:
        try:
            credentials.refresh(request_)
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert waits.wait(20)
    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(TimeLimit))
    thread.join(20)
    assert [type(error) for error in outcome] == [TimeLimit], "the caller waited for the server"
    goes_on.set()
    credentials.before_request(request_, "GET", "https://x", {})
    assert request_.count(":generateAccessToken") == 1
