"""The threads that perform exchanges: one serves many, it keeps nothing of any, and it ends when there is no more to do."""

from __future__ import annotations

import gc
import os
import sys
import threading
import weakref

import pytest
from core.conftest import Make
from core.stand_in import Answer, FakeGoogle, Sent, until

from google_auth_botocore import _workers
from refresh.threads import ask

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


class Recorder(FakeGoogle):
    """Tells which threads have sent requests through it."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[threading.Thread] = []

    def _google(self, sent: Sent) -> Answer:
        self.threads.append(threading.current_thread())
        return super()._google(sent)


def test_exchanges_one_after_another_share_a_thread(make: Make) -> None:
    request = Recorder()
    for _ in range(20):
        make().refresh(request)
        until(lambda: bool(_workers._idle))
    assert len(set(request.threads)) == 1
    assert threading.main_thread() not in request.threads
    assert request.threads[0].daemon


def test_a_thread_ends_when_there_is_no_more_to_do(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workers, "_LONGEST_WAIT", 0.01)
    request = Recorder()
    make().refresh(request)
    [thread] = request.threads
    thread.join(60)
    assert not thread.is_alive()
    make().refresh(request)
    assert len(set(request.threads)) == 2


def test_an_idle_thread_keeps_nothing_of_an_exchange(make: Make) -> None:
    request = Recorder()
    reference = weakref.ref(request)
    make().refresh(request)
    [thread] = request.threads
    until(lambda: bool(_workers._idle))
    del request
    gc.collect()
    assert reference() is None
    assert thread.is_alive()


def test_a_job_that_was_never_passed_on_is_performed_by_another_thread(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an exception that a signal handler raised between the two steps."""
    request = Recorder()
    make().refresh(request)
    lost = list[object]()
    start = _workers.start
    monkeypatch.setattr(_workers, "start", lambda job: start(job) if lost else lost.append(job))
    assert ask(make(), request).startswith("Bearer ")
    assert len(lost) == 1


@forks
def test_a_fork_finds_no_idle_thread_and_its_child_starts_its_own(make: Make) -> None:
    request = Recorder()
    credentials = make()
    credentials.refresh(request)
    until(lambda: bool(_workers._idle))
    child = os.fork()
    if child == 0:  # pragma: no cover - of another process
        code = 1
        try:
            alone = not _workers._idle
            credentials.refresh(request)
            code = 0 if alone and len(set(request.threads)) == 2 else 2
        finally:
            os._exit(code)
    assert not request.threads[0].is_alive()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@forks
@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 is the first to warn")
@pytest.mark.filterwarnings("error")
def test_a_fork_after_an_exchange_brings_no_warning(make: Make) -> None:
    make().refresh(Recorder())
    until(lambda: bool(_workers._idle))
    if threading.active_count() > 1 + len(_workers._idle):
        pytest.skip("another test has left a thread")
    child = os.fork()
    if child == 0:  # pragma: no cover - of another process
        os._exit(0)
    os.waitpid(child, 0)
