"""Run the command of `serve -- COMMAND`: forward every signal to it exactly once, and return its exit code.

Exit codes are those of a shell: 128 plus the signal number if a signal terminated the command, 127 if it was not found,
126 if it cannot be executed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from google_auth_botocore._redaction import quoted
from google_auth_botocore.cli import _standard_streams
from google_auth_botocore.cli.serve import _job_control, _signals
from google_auth_botocore.cli.serve._daemon_threads import run_in_daemon_thread
from google_auth_botocore.cli.serve._signals import CHILD, Signals

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
# Seconds to wait until a signal that was sent to several processes has reached all of them. timeout(1) sends a signal
# first to its child, and then to the whole process group.
_SETTLE_TIME = 0.1


async def run(command: Sequence[str], environment: Mapping[str, str], signals: Signals) -> int:
    """Run *command* until it exits.

    Args:
        command: The program and its arguments.
        environment: The environment of the command.
        signals: Signals to this process. Those that the command has not received already are forwarded to it.

    Returns:
        The exit code, as a shell reports it.
    """
    signals.watch_children()
    try:
        # The user's own command. Blocking is fine: there are no clients yet. Our signal handlers are reset in the child.
        child = subprocess.Popen(command, env=environment)  # noqa: S603, ASYNC220
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        fix = "Check its name and PATH." if missing else "Pass the path of a program that this user may execute."
        _standard_streams.print_warning(f"Cannot run {quoted(command[0])}: {error.strerror}. {fix}")
        return _NOT_FOUND if missing else _NOT_EXECUTABLE
    if os.name == "nt":
        run_in_daemon_thread(child.wait).add_done_callback(lambda _: signals.put(CHILD))
        while (number := await signals.next()) != CHILD:
            _send(child, number)
        return child.wait()
    # Start this after the command: a signal in between may reach the command twice, but is not lost.
    with _job_control.GroupSignalDetector() as detector:
        while True:
            arrived = {await signals.next()}
            if arrived != {CHILD}:
                await asyncio.sleep(_SETTLE_TIME)
            arrived |= signals.drain()
            _forward(child, arrived - {CHILD}, detector)
            code = await _exit_code(child, signals)
            if code is not None:
                return _signals.exit_code(code)


def _forward(child: subprocess.Popen[bytes], arrived: set[int], detector: _job_control.GroupSignalDetector) -> None:
    if not arrived:
        return
    received = detector.signals()
    if signal.SIGCONT in arrived:
        _job_control.continue_group(child.pid)
    with contextlib.suppress(OSError):
        if os.getpgid(child.pid) != os.getpgrp():  # signals to our group do not reach the command
            received = frozenset({signal.SIGCONT})
    for number in arrived - received:
        _send(child, number)


def _send(child: subprocess.Popen[bytes], number: int) -> None:
    # The command may run as another user, as with sudo. Windows supports few signals.
    with contextlib.suppress(OSError, ValueError):
        child.send_signal(number)


async def _exit_code(child: subprocess.Popen[bytes], signals: Signals) -> int | None:
    """Return the exit code of the child, or None while it runs. If the child was stopped, stop this process too."""
    if not _wait_status(child):
        return child.returncode
    await asyncio.sleep(_SETTLE_TIME)
    # It may have continued in the meantime: a shell continues the whole group, and we may have been stopped as well.
    if _wait_status(child) is not False and child.returncode is None and _job_control.has_job_control_shell():
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signals.catch(signal.SIGTSTP)
    return child.returncode


def _wait_status(child: subprocess.Popen[bytes]) -> bool | None:
    """Return True if the child stopped since the last call, False if it continued or exited, None if neither happened."""
    stopped = None
    while child.returncode is None:
        try:
            process, status = os.waitpid(child.pid, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
        except ChildProcessError:  # reaped by other code
            child.returncode = 0
            return False
        if process == 0:
            return stopped
        stopped = os.WIFSTOPPED(status)
        if not stopped and not os.WIFCONTINUED(status):
            child.returncode = os.waitstatus_to_exitcode(status)
    return False
