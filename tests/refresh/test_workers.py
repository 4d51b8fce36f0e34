"""Worker threads: one thread performs many exchanges, keeps no reference to any of them, and stops when idle."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref

import pytest
import seams
from core.conftest import Make
from core.stand_in import Answer, FakeGoogle, Sent, wait_until
from variations import few

from refresh.threads import authorization_header

PROGRAM = """
import os, threading, time
from core.stand_in import PROVIDER, FakeGoogle
from google_auth_botocore import Credentials

used = []

class Recorder(FakeGoogle):
    def default_answer(self, sent):
        used.append(threading.current_thread())
        return super().default_answer(sent)

credentials, request = Credentials(PROVIDER), Recorder()
credentials.refresh(request)
child = os.fork()
if child == 0:
    credentials.refresh(request)
    print("child:", len(set(used)), "threads used", flush=True)
    os._exit(0)
os.waitpid(child, 0)
used[0].join(60)
print("parent:", threading.active_count(), "thread left")
"""
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKID",
    "AWS_SECRET_ACCESS_KEY": "SECRET",
    "AWS_REGION": "us-east-1",
    "PYTHONPATH": os.pathsep.join(sys.path),
}

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


class Recorder(FakeGoogle):
    """Records which threads have sent requests through it."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[threading.Thread] = []

    def default_answer(self, sent: Sent) -> Answer:
        self.threads.append(threading.current_thread())
        return super().default_answer(sent)


def test_consecutive_exchanges_share_a_thread(make: Make) -> None:
    request = Recorder()
    for _ in range(20):
        make().refresh(request)
        wait_until(lambda: seams.idle_threads() > 0)
    assert len(set(request.threads)) == 1
    assert threading.main_thread() not in request.threads
    assert request.threads[0].daemon


def test_a_thread_ends_when_there_is_no_more_to_do(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    seams.end_idle_threads_after(monkeypatch, 0.01)
    request = Recorder()
    make().refresh(request)
    [thread] = request.threads
    thread.join(60)
    assert not thread.is_alive()
    make().refresh(request)
    assert len(set(request.threads)) == 2


def test_an_idle_thread_keeps_nothing_of_an_exchange(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    seams.end_idle_threads()
    seams.end_idle_threads_after(monkeypatch, 60)
    request = Recorder()
    reference = weakref.ref(request)
    make().refresh(request)
    [thread] = request.threads
    wait_until(lambda: seams.idle_threads() > 0)
    del request
    gc.collect()
    assert reference() is None
    assert thread.is_alive()
    seams.end_idle_threads()


def test_a_job_that_was_not_handed_over_is_performed_by_another_thread(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal handler can raise an exception between the two steps."""
    request = Recorder()
    make().refresh(request)
    lost = list[object]()
    seams.take_over_start(monkeypatch, lambda start, job: start(job) if lost else lost.append(job))
    assert authorization_header(make(), request).startswith("Bearer ")
    assert len(lost) == 1


@forks
@pytest.mark.parametrize(
    "warnings", few([["-Werror::DeprecationWarning:__main__"], []]), ids=["warnings are errors", ""]
)
def test_idle_threads_stop_before_a_fork_and_the_child_starts_its_own(warnings: list[str]) -> None:
    """Python 3.12 warns about forks with several threads. A separate process has no threads of other tests."""
    command = [sys.executable, *warnings, "-c", PROGRAM]
    done = subprocess.run(command, env=os.environ | KEYS, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "child: 2 threads used\nparent: 1 thread left\n", "")


def test_no_idle_thread_is_left_when_an_interpreter_exits() -> None:
    """A subinterpreter with a thread would abort the process."""
    program = (
        "import atexit, threading\n"
        "atexit.register(lambda: print([each.name for each in threading.enumerate()]))\n"
        "from core.stand_in import PROVIDER, FakeGoogle\n"
        "from core.stand_in import wait_until\n"
        "import seams\n"
        "from google_auth_botocore import Credentials\n"
        "Credentials(PROVIDER).refresh(FakeGoogle())\n"
        "wait_until(seams.idle_threads)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, **KEYS},
    )
    assert done.stdout.strip() == "['MainThread']"
