"""Real threads that a test stops while a server answers, and callers that wait for them."""

from __future__ import annotations

import threading
from typing import Any

import seams
from core.stand_in import Answer, FakeClock, FakeGoogle, Sent, wait_until

from google_auth_botocore import Credentials
from refresh.threads import workers

PATIENCE = 60


class Gate:
    """Holds a server's answer back until it is opened.

    Attributes:
        thread: The worker that waits for the answer.
        answer: What arrives in the place of the server's own.
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
        return self.answer or self._request.default_answer(sent)

    def reached(self) -> None:
        assert self._reached.wait(PATIENCE)

    def is_open(self) -> bool:
        return self._open.is_set()

    def release(self) -> None:
        """Let the answer through."""
        self._open.set()

    def open(self) -> None:
        """Let the answer through and wait until the exchange has finished."""
        self.release()
        wait_until(lambda: self.thread not in workers())


class HangingWaits:
    """Replaces the module `threading`: real workers, which hang, and callers that wait on the fake clock.

    Args:
        clock: The fake clock.
        gate: Where the first worker hangs.
    """

    def __init__(self, clock: FakeClock, gate: Gate) -> None:
        self._clock, self._gate = clock, gate

    def Lock(self) -> Any:
        clock, gate = self._clock, self._gate

        class Lock:
            def __init__(self) -> None:
                lock = threading.Lock()
                self.release, self._acquire = lock.release, lock.acquire

            def __enter__(self) -> bool:
                return self._acquire()

            def __exit__(self, *_: object) -> None:
                self.release()

            def acquire(self, timeout: float = -1) -> bool:
                if timeout >= 0:
                    gate.reached()
                    clock.advance(timeout)
                return self._acquire(blocking=False)

        return Lock()


def wait_for_callers(credentials: Credentials, callers: int) -> None:
    """Wait until this many callers wait for the running exchange."""
    wait_until(lambda: seams.callers_waiting(credentials) >= callers)
