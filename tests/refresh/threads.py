"""What a test of one thread has instead of threads, and a request as a client sends it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from core.stand_in import FakeClock

from google_auth_botocore import Credentials


class Threads:
    """Stands in for the module `threading`.

    A thread that is started stands still until the test lets it go on; a wait takes its time of the fake clock.

    Attributes:
        standing: the threads that were started, each as its function and arguments.
        broken: whether no thread can be had.
    """

    Lock = staticmethod(threading.Lock)

    def __init__(self, clock: FakeClock) -> None:
        self.standing: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self.broken = False

        class Event(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                assert timeout is not None, "nobody waits without an end"
                if not self.is_set():
                    clock.advance(timeout)
                return self.is_set()

        self.Event = Event

    def Thread(self, target: Callable[..., object], args: tuple[Any, ...], name: str, daemon: bool) -> Threads:
        assert daemon, "it must not hold up the end of the interpreter"
        assert name == "google-auth-botocore refresh"
        self.standing.append((target, args))
        return self

    def start(self) -> None:
        if self.broken:
            self.standing.clear()
            raise RuntimeError("can't start new thread")

    def run(self) -> None:
        """Lets every thread go on to its end."""
        while self.standing:
            target, arguments = self.standing.pop(0)
            target(*arguments)


def ask(credentials: Credentials, request: Any) -> str:
    """The header that a request gets."""
    headers: dict[str, str] = {}
    credentials.before_request(request, "GET", "https://x", headers)
    return headers["authorization"]
