"""The process of one contestant: reads one call per line and prints the measurement.

Started as `python -m bench.worker NAME URL…`. A call is a JSON array of a method's name and its arguments.
"""

from __future__ import annotations

import gc
import json
import logging
import multiprocessing
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from google.auth.transport.requests import Request

from bench.contestants import Urls, build, for_tenant, for_user

# A request that takes longer than this, in seconds, counts as one that waited.
_WAITED = 0.1


class _Request(Request):
    """A transport that records which threads have used it."""

    def __init__(self) -> None:
        super().__init__()
        self.used = threading.local()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.used.now = True
        return super().__call__(*args, **kwargs)  # type: ignore[no-untyped-call]  # google-auth has no types here


class Worker:
    """Measures one contestant."""

    def __init__(self, name: str, *urls: str) -> None:
        self._name, self._urls = name, Urls(*urls)
        self._request = _Request()
        self._credentials: Any = None

    def build(self, impersonate: bool) -> None:
        self._credentials = build(self._name, self._urls, impersonate=impersonate)

    def start(self, impersonate: bool) -> None:
        """Build the credentials and get a first token."""
        self.build(impersonate)
        self._token(self._credentials)

    def use(self) -> str:
        """Return the name of the error that a request raises, or an empty string."""
        try:
            self._token(self._credentials)
        except Exception as error:
            return type(error).__name__
        return ""

    def threads(self, count: int) -> int:
        """Start this many threads, which send a request at the same time; return how many fail."""
        barrier = threading.Barrier(count)
        failed: list[bool] = []

        def work() -> None:
            barrier.wait(60)
            failed.append(bool(self.use()))

        _together(work, count)
        return sum(failed)

    def refreshes(self, count: int) -> list[float]:
        """Return the CPU seconds of each of this many refreshes."""
        seconds = []
        for _ in range(count):
            start = time.process_time()
            self._credentials.refresh(self._request)
            seconds.append(time.process_time() - start)
        return seconds

    def copies(self, count: int) -> None:
        """Let this many clients each create a scoped copy and send a request."""
        for number in range(count):
            self._token(self._credentials.with_scopes([f"https://www.googleapis.com/auth/scope{number}"]))

    def carries_token(self) -> bool:
        """Return whether the pickled credentials contain the token."""
        return str(self._credentials.token).encode() in pickle.dumps(self._credentials)

    def tasks(self, count: int) -> None:
        """Run this many tasks in two processes. Each receives the pickled credentials and sends a request."""
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
            list(pool.map(_send, [self._credentials] * count, timeout=300))

    def unpickle(self, count: int) -> None:
        """Unpickle this many copies, each of which sends a request."""
        pickled = pickle.dumps(self._credentials)
        kept = []
        for _ in range(count):
            kept.append(pickle.loads(pickled))
            self._token(kept[-1])

    def users(self, count: int) -> None:
        """Send a request for each of this many Workspace users, as a back end does that acts for the user of each request."""
        for number in range(count):
            self._token(for_user(self._name, self._urls, self._credentials, f"user{number}@example.com"))

    def tenants(self, count: int) -> tuple[float, float]:
        """Return the bytes and seconds that each of this many further tenants takes."""
        kept = [for_tenant(self._name, self._urls, 0)]
        self._token(kept[0])
        before, start = _memory(), time.perf_counter()
        for number in range(1, count + 1):
            kept.append(for_tenant(self._name, self._urls, number))
            self._token(kept[-1])
        seconds = time.perf_counter() - start
        return (_memory() - before) / count, seconds / count

    def hot(self, count: int) -> float:
        """Return the nanoseconds of one `before_request` with a fresh token."""
        before_request, request = self._credentials.before_request, self._request
        url, headers = "https://storage.googleapis.com/", dict[str, str]()
        start = time.perf_counter_ns()
        for _ in range(count):
            before_request(request, "GET", url, headers)
        return (time.perf_counter_ns() - start) / count

    def requests(self, seconds: float, threads: int, pause: float, until_new: bool) -> dict[str, Any]:
        """Send requests for some time, or until they carry a new token, and return figures about them."""
        durations: list[float] = []
        waited: list[bool] = []
        failed: list[bool] = []
        end = time.monotonic() + seconds
        old = self._credentials.token

        def work() -> None:
            while time.monotonic() < end:
                self._request.used.now = False
                start = time.perf_counter()
                error, token = "", old
                try:
                    token = self._token(self._credentials)
                except Exception as caught:
                    error = type(caught).__name__
                durations.append(time.perf_counter() - start)
                waited.append(self._request.used.now or durations[-1] > _WAITED)
                failed.append(bool(error))
                if until_new and token != old:
                    return
                time.sleep(pause)

        _together(work, threads)
        durations.sort()
        return {
            "refreshed": self._credentials.token != old,
            "requests": len(durations),
            "failed": sum(failed),
            "waited": sum(waited),
            "p50_ms": 1000 * durations[len(durations) // 2],
            "p999_ms": 1000 * durations[min(len(durations) - 1, int(len(durations) * 0.999))],
        }

    def _token(self, credentials: Any) -> str:
        """Get a token for a request as a client library does, and return it."""
        if not hasattr(credentials, "before_request"):
            credentials.refresh(self._request)
            return str(credentials.token)
        headers: dict[str, str] = {}
        credentials.before_request(self._request, "GET", "https://storage.googleapis.com/", headers)
        return headers["authorization"].removeprefix("Bearer ")


def _send(credentials: Any) -> None:
    """Send a request with a copy of the credentials. This is a task in another process."""
    credentials.before_request(Request(), "GET", "https://storage.googleapis.com/", {})


def _memory() -> int:
    """Return the resident memory of this process, in bytes, as Linux reports it."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _together(work: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout, sys.stderr
    logging.disable(logging.WARNING)
    worker = Worker(*sys.argv[1:])
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        try:
            answer = [getattr(worker, method)(*arguments), None]
        except Exception as caught:
            answer = [None, f"{type(caught).__name__}: {caught}"]
        print(json.dumps(answer), file=answers, flush=True)
