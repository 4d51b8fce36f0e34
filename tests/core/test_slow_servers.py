"""No caller waits longer than 31 s, whatever a server does. No threads accumulate, and later calls work."""

from __future__ import annotations

import contextlib
import functools
import gzip
import logging
import resource
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any

import google.auth.transport.requests
import google.auth.transport.urllib3
import google_auth_httplib2
import httplib2
import pytest
import requests
import seams
import urllib3
from variations import few

from core.conftest import Make
from core.slow_server import GOOD, RATE, SLOW, FastClock, SlowServer, reply, whole, zeros
from core.stand_in import wait_until
from google_auth_botocore import Credentials, TransientFederationError

# 31 s on the fast clock, and two real seconds for a busy machine.
LONGEST = 31 + 2 * RATE
TRANSPORTS = ("none", "requests", "urllib3", "httplib2", "callable")
USUAL = {
    *((kind, "a header") for kind in ("none", "requests", "callable")),
    ("requests", "a body byte by byte"),
    ("none", "silence"),
    ("urllib3", "a chunked body"),
}
EACH = [
    pytest.param(kind, slow, id=f"{kind}-{slow}", marks=() if (kind, slow) in USUAL else pytest.mark.slow)
    for kind in TRANSPORTS
    for slow in SLOW
]


@pytest.fixture(name="fast", autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[FastClock]:
    clock = FastClock()
    seams.use_clock(monkeypatch, clock)
    yield clock
    wait_until(lambda: not _threads())


def _plain(session: requests.Session, url: str, method: str, body: bytes, headers: dict[str, str]) -> Any:
    return google.auth.transport.requests.Request(session)(url, method, body, headers)


@pytest.fixture(name="transport")
def _transport(request: pytest.FixtureRequest) -> Iterator[Any]:
    with requests.Session() as session, urllib3.PoolManager() as pool:
        http = httplib2.Http()
        yield {
            "none": None,
            "requests": google.auth.transport.requests.Request(session),
            "urllib3": google.auth.transport.urllib3.Request(pool),
            "httplib2": google_auth_httplib2.Request(http),
            "callable": functools.partial(_plain, session),
        }[request.param]
        http.close()


def _threads() -> int:
    return sum(thread.name == "google-auth-botocore exchange" for thread in threading.enumerate())


@pytest.mark.parametrize(("transport", "slow"), EACH, indirect=["transport"])
def test_three_callers_wait_31_seconds_and_the_next_gets_a_token(make: Make, slow: str, transport: Any) -> None:
    with SlowServer(SLOW[slow]) as server, ThreadPoolExecutor(3) as pool:
        credentials = make(token_url=server.url)

        def wait(delay: float) -> float:
            time.sleep(delay / RATE)
            start = seams.clock_of(credentials).monotonic()
            with pytest.raises(TransientFederationError):
                credentials.refresh(transport)
            waited: float = seams.clock_of(credentials).monotonic() - start
            return waited

        assert max(pool.map(wait, [0, 5, 25])) < LONGEST
        server.script = whole(reply())
        # On a busy machine, the exchange that the last caller did not wait for may still read an old reply.
        with contextlib.suppress(TransientFederationError):
            credentials.refresh(transport)
        credentials.refresh(transport)
        assert credentials.token == "federated-good"


@pytest.mark.parametrize(
    "slow", ["a header", *(pytest.param(each, marks=pytest.mark.slow) for each in ("a body byte by byte", "silence"))]
)
def test_a_slow_server_does_not_accumulate_threads_in_the_advisory_window(
    make: Make, fast: FastClock, slow: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = _threads()
    with SlowServer(whole(reply())) as server, requests.Session() as session:
        request = google.auth.transport.requests.Request(session)
        credentials = make(token_url=server.url)
        credentials.refresh(request)
        server.script = SLOW[slow]
        credentials.expiry = datetime.fromtimestamp(fast.time() + 1000, timezone.utc)
        fast.skip(770)  # into the last quarter of the lifetime
        end = fast.monotonic() + 200
        waits = []
        while fast.monotonic() < end:
            start = time.monotonic()
            credentials.before_request(request, "GET", "https://x", {})
            waits.append(time.monotonic() - start)
            time.sleep(0.01)
        assert sorted(waits)[len(waits) // 2] < 0.1, "requests waited"
        assert _threads() - before <= 4
        assert any(record.levelno == logging.WARNING for record in caplog.records)


def test_callers_of_a_server_that_never_ends_its_headers_cost_few_threads(make: Make) -> None:
    before = _threads()
    with SlowServer(SLOW["a header"]) as server, ThreadPoolExecutor(8) as pool:
        credentials = make(token_url=server.url)

        def wait(_: int) -> None:
            with pytest.raises(TransientFederationError):
                credentials.refresh(None)

        for _ in range(3):
            list(pool.map(wait, range(8)))
        assert _threads() - before <= 5


@pytest.mark.parametrize(
    "script",
    [
        whole(reply(b" " * 2**20 + GOOD)),
        whole(reply(gzip.compress(b" " * 2**20 + GOOD), "Content-Encoding: gzip")),
        functools.partial(zeros, "gzip"),
        functools.partial(zeros, "deflate"),
        functools.partial(zeros, "br"),
        functools.partial(zeros, "gzip, gzip"),
    ],
    ids=["plain", "gzip", "1 GiB gzip", "1 GiB deflate", "1 GiB brotli", "twice"],
)
@pytest.mark.parametrize("debug", few([True, False]))
@pytest.mark.parametrize("kind", few(["requests", "urllib3", "httplib2"]))
def test_a_reply_of_more_than_a_mebibyte_is_an_error_and_costs_no_memory(
    make: Make, script: Callable[[], Iterator[bytes]], kind: str, debug: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if debug:  # google-auth then reads a reply itself, for a log record
        monkeypatch.setenv("GOOGLE_SDK_PYTHON_LOGGING_SCOPE", "google")
        monkeypatch.setattr(logging.getLogger("google"), "level", logging.DEBUG)
        logging.getLogger("google").manager._clear_cache()  # type: ignore[attr-defined]
    with SlowServer(script) as server, requests.Session() as session, urllib3.PoolManager() as pool:
        request = {
            "requests": google.auth.transport.requests.Request(session),
            "urllib3": google.auth.transport.urllib3.Request(pool),
            "httplib2": google_auth_httplib2.Request(httplib2.Http()),
        }[kind]
        credentials = make(token_url=server.url)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(TransientFederationError):
            credentials.refresh(request)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024
        server.script = whole(reply())
        # On a busy machine, the exchange that the first call did not wait for may still read an old reply.
        with contextlib.suppress(TransientFederationError):
            credentials.refresh(request)
        credentials.refresh(request)
        assert credentials.token == "federated-good"


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
def test_a_reply_that_is_compressed_without_a_request_is_read(make: Make, encoding: str) -> None:
    with SlowServer(whole(reply(gzip.compress(GOOD), f"Content-Encoding: {encoding}"))) as server:
        credentials = make(token_url=server.url)
        credentials.refresh(None)
        assert credentials.token == "federated-good"


def test_a_caller_is_told_what_its_exchange_waits_for(make: Make) -> None:
    with SlowServer(SLOW["interim replies"]) as server:
        credentials: Credentials = make(token_url=server.url)
        with pytest.raises(TransientFederationError) as caught:
            credentials.refresh(None)
        assert caught.value.step == "exchange"
        assert server.url in str(caught.value)


def test_callers_whose_exchanges_wait_for_the_same_federated_token_are_told_what_hangs(make: Make) -> None:
    with SlowServer(SLOW["headers"]) as server, ThreadPoolExecutor(2) as pool:
        credentials: Credentials = make("app@p.iam.gserviceaccount.com", token_url=server.url)
        first = pool.submit(credentials.refresh)
        wait_until(lambda: server.connections > 0)
        second = pool.submit(credentials.with_scopes(["x"]).refresh)
        for each in (first, second):
            error = each.exception()
            assert isinstance(error, TransientFederationError)
            assert error.step == "exchange"
            assert server.url in str(error)
