"""copycat.retrying and copycat.memory: delays, number of retries, and limits of concurrency."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import pytest
from copycat.errors import CopyError, Failure, OutageError, StoppedError
from copycat.memory import MemoryBudget
from copycat.retrying import Retrier


class _Cloud:
    """A fake clock, a stop event that only advances the clock, and scripted responses."""

    def __init__(self, *answers: str, after: str = "fine", over_at: float = math.inf) -> None:
        self.now = 0.0
        self.over_at = over_at
        self.answers = list(answers)
        self.after = after
        self.waits: list[float] = []
        self.requests = 0

    def is_set(self) -> bool:
        return False

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now += seconds
        if self.now >= self.over_at:
            self.after = "fine"
        return False

    def send(self) -> str:
        self.requests += 1
        answer = self.answers.pop(0) if self.answers else self.after
        if answer != "fine":
            raise RuntimeError(answer)
        return answer

    def retrier(self, connections: int = 8) -> Retrier:
        return Retrier("S3", self.classify, self, connections, clock=lambda: self.now)  # type: ignore[arg-type]

    def classify(self, error: Exception) -> Failure | None:
        kind = str(error)
        if kind == "bug":
            return None
        return Failure(
            CopyError(kind),
            transient=kind != "no",
            throttled=kind == "slow",
            retry_after=30 if kind == "slow" else 0,
            tries=5 if kind == "wrong" else None,
        )


def test_an_outage_of_nine_minutes_fails_no_request() -> None:
    cloud = _Cloud(after="away", over_at=540)
    retrier = cloud.retrier()

    assert retrier.call(cloud.send) == "fine"


def test_a_longer_outage_raises_an_outage_error() -> None:
    cloud = _Cloud(after="away")

    with pytest.raises(OutageError, match="S3 has not responded for 10 minutes: away"):
        cloud.retrier().call(cloud.send)
    assert 600 <= cloud.now < 620
    assert cloud.requests < 200


def test_an_outage_after_earlier_successes_is_still_an_outage() -> None:
    cloud = _Cloud("away", "fine", after="away")
    retrier = cloud.retrier()
    retrier.call(cloud.send)

    with pytest.raises(OutageError):
        retrier.call(cloud.send)


def test_a_request_that_always_fails_while_others_succeed_is_abandoned() -> None:
    cloud = _Cloud(after="away")
    retrier = cloud.retrier()

    def send() -> str:
        retrier.call(lambda: "others")
        return cloud.send()

    with pytest.raises(CopyError, match=r"away \(tried 27 times\)") as caught:
        retrier.call(send)
    assert not isinstance(caught.value, OutageError)


def test_invalid_responses_are_retried_only_a_few_times() -> None:
    cloud = _Cloud(after="wrong")

    with pytest.raises(CopyError, match=r"^wrong$"):
        cloud.retrier().call(cloud.send)
    assert cloud.requests == 5


def test_a_permanent_error_is_not_retried() -> None:
    cloud = _Cloud(after="no")

    with pytest.raises(CopyError, match=r"^no$"):
        cloud.retrier().call(cloud.send)
    assert cloud.requests == 1


def test_an_unclassified_exception_is_raised_unchanged() -> None:
    cloud = _Cloud(after="bug")

    with pytest.raises(RuntimeError, match="bug"):
        cloud.retrier().call(cloud.send)
    assert cloud.requests == 1


def test_delays_grow_with_jitter_and_respect_retry_after() -> None:
    cloud = _Cloud(*["away"] * 8, "slow")

    cloud.retrier().call(cloud.send)

    assert all(0.125 * 2**n <= seconds <= 0.25 * 2**n for n, seconds in enumerate(cloud.waits[:5]))
    assert cloud.waits[8] >= 30
    assert len(set(cloud.waits)) == len(cloud.waits)


def test_throttling_halves_the_concurrent_requests_and_success_restores_them() -> None:
    cloud = _Cloud()
    retrier = cloud.retrier(connections=8)
    running: list[int] = [0, 0]
    lock = threading.Lock()

    def send() -> str:
        with lock:
            running[0] += 1
            running[1] = max(running[1], running[0])
        threading.Event().wait(0.05)
        with lock:
            running[0] -= 1
        return "fine"

    def call_from_eight_threads(send: Callable[[], object]) -> None:
        threads = [threading.Thread(target=retrier.call, args=(send,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

    cloud.answers = ["slow", "slow"]
    retrier.call(cloud.send)
    call_from_eight_threads(send)
    # The limit went from 8 to 4 and 2. Each success raises it, and only the fifth allows five requests at once; then
    # three of the eight are left.
    assert running[1] <= 4

    for _ in range(60):
        retrier.call(lambda: "fine")
    all_at_once = threading.Barrier(8, timeout=30)
    call_from_eight_threads(all_at_once.wait)
    assert not all_at_once.broken


def test_a_stop_ends_every_wait() -> None:
    cloud = _Cloud(after="away")
    stop = threading.Event()
    retrier = Retrier("S3", cloud.classify, stop, 1)
    caught: list[BaseException] = []

    def call() -> None:
        try:
            retrier.call(cloud.send)
        except StoppedError as error:
            caught.append(error)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    stop.set()
    for thread in threads:
        thread.join(10)

    assert len(caught) == 3


def test_memory_stays_within_the_budget_and_a_large_request_runs_alone() -> None:
    budget = MemoryBudget(10, threading.Event())
    lock = threading.Lock()
    held: list[int] = []
    peaks: list[list[int]] = []

    def hold(size: int) -> None:
        with budget.reserve(size):
            with lock:
                held.append(size)
                peaks.append(list(held))
            threading.Event().wait(0.005)
            with lock:
                held.remove(size)

    threads = [threading.Thread(target=hold, args=(size,)) for size in (4, 4, 4, 25, 1, 9, 2, 25, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(peaks) == 9
    assert all(sum(peak) <= 10 or peak == [25] for peak in peaks)


def test_a_stop_ends_the_wait_for_memory() -> None:
    stop = threading.Event()
    budget = MemoryBudget(10, stop)
    with budget.reserve(10):
        stop.set()
        with pytest.raises(StoppedError), budget.reserve(1):
            pass
    stop.clear()
    with budget.reserve(10):
        pass
