"""The test run itself: programs that tests start ignore no signal, and no test hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# The signals that nohup, background jobs of a shell and some CI runners ignore.
IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1, signal.SIGALRM)
BLOCKED = (signal.SIGTERM, signal.SIGUSR2)
START = f"""
import os, signal, sys
for number in {[int(number) for number in IGNORED]}:
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {[int(number) for number in BLOCKED]})
os.execv(sys.argv[1], sys.argv[1:])
"""
CHILDREN = """
import multiprocessing, os, signal, subprocess, sys
SHOW = '''
import signal
print([int(n) for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN], signal.pthread_sigmask(0, ()))
'''

def test_a_new_program_ignores_and_blocks_nothing():
    done = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, timeout=60)
    python_ignores = sorted(int(n) for n in (signal.SIGPIPE, signal.SIGXFSZ))
    assert (done.returncode, done.stdout) == (0, f"{python_ignores} set()\\n")

def test_a_failed_program_has_its_exit_code():
    assert subprocess.run([sys.executable, "-c", "raise SystemExit(3)"], timeout=60).returncode == 3

def test_a_signal_that_the_caller_ignores_does_not_end_the_run():
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.raise_signal(number)

def test_a_forked_child_ends_by_SIGTERM():
    import threading
    running = multiprocessing.get_context("fork").Event()
    child = multiprocessing.get_context("fork").Process(target=lambda: (running.set(), threading.Event().wait(60)))
    child.start()
    assert running.wait(60)
    child.terminate()
    child.join(60)
    assert child.exitcode == -signal.SIGTERM
"""
HANGS = """
import threading

def test_that_hangs():
    threading.Event().wait()

def test_after_it():
    pass
"""


def outcome_of(tests: str, tmp_path: Path, *options: str, start: tuple[str, ...] = ()) -> str:
    """Run tests with this project's settings and conftest.py, and return the output of pytest."""
    (tmp_path / "conftest.py").write_text("from conftest_of_project import _dispositions as _dispositions\n")
    (tmp_path / "conftest_of_project.py").write_text((ROOT / "tests" / "conftest.py").read_text(encoding="utf-8"))
    (tmp_path / "test_it.py").write_text(tests)
    command = [*start, sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider"]
    # A new session: signals to its group do not reach the process that runs this test.
    done = subprocess.run(
        [*command, *options, "-W", "ignore:.*fork:DeprecationWarning", f"--rootdir={tmp_path}", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT / "tests"), str(ROOT / "src")))},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        start_new_session=True,
    )
    return done.stdout + done.stderr


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="this platform has no signal masks")
@pytest.mark.parametrize("workers", ["-n0", pytest.param("-n1", marks=pytest.mark.slow)])
def test_programs_that_tests_start_do_not_ignore_signals_that_the_caller_ignores(workers: str, tmp_path: Path) -> None:
    printed = outcome_of(CHILDREN, tmp_path, workers, start=(sys.executable, "-c", START))
    assert "4 passed" in printed, printed


@pytest.mark.slow
def test_a_hanging_test_fails_with_its_stack_and_the_run_continues(tmp_path: Path) -> None:
    printed = outcome_of(HANGS, tmp_path, "-n1", "--timeout=1")
    assert "test_it.py:5:" in printed
    assert "1 failed, 1 passed" in printed, printed


@pytest.mark.slow
def test_a_hanging_test_that_cannot_be_interrupted_ends_its_process(tmp_path: Path) -> None:
    printed = outcome_of(HANGS, tmp_path, "-n0", "--timeout=0", "-o", "faulthandler_timeout=1")
    assert "in test_that_hangs" in printed
    assert "passed" not in printed
