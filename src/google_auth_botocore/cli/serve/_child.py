"""A command that runs beside the server: it gets every signal once, and its end is ours.

Exit codes are a shell's: 128 and the number of the signal that ended it, 127 if there is no such command, 126 if it
can't be run.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from google_auth_botocore.cli import _streams
from google_auth_botocore.cli.serve import _group, _signals
from google_auth_botocore.cli.serve._signals import CHILD, Signals
from google_auth_botocore.cli.serve._threads import in_thread

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
# Seconds in which a signal that was sent to several processes one after the other has reached all of them. `timeout`
# sends one to its child and then to the whole group.
_SETTLED = 0.1


async def run(command: Sequence[str], environment: Mapping[str, str], signals: Signals) -> int:
    """Run *command* to its end.

    Args:
        command: The program and its arguments.
        environment: All of its variables.
        signals: Signals to us, of which the command gets those that have not reached it already.

    Returns:
        The exit code, as a shell gives it.
    """
    signals.watch_children()
    try:
        # What the user asked for; no client is served before it runs. In the child no signal handler of ours is set.
        child = subprocess.Popen(command, env=environment)  # noqa: S603, ASYNC220
    except OSError as error:
        _streams.warn(f"{command[0]}: {error.strerror}")
        return _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
    if os.name == "nt":
        in_thread(child.wait).add_done_callback(lambda _: signals.put(CHILD))
        while (number := await signals.next()) != CHILD:
            _send(child, number)
        return child.wait()
    # After the command: a signal that comes between the two reaches it twice at worst, and is not lost.
    with _group.Witness() as witness:
        while True:
            arrived = {await signals.next()}
            if arrived != {CHILD}:
                await asyncio.sleep(_SETTLED)
            arrived |= signals.rest()
            _pass_on(child, arrived - {CHILD}, witness)
            code = await _code(child, signals)
            if code is not None:
                return _signals.exit_code(code)


def _pass_on(child: subprocess.Popen[bytes], arrived: set[int], witness: _group.Witness) -> None:
    if not arrived:
        return
    known = witness.signals()
    if signal.SIGCONT in arrived:
        _group.goes_on(child.pid)
    with contextlib.suppress(OSError):
        if os.getpgid(child.pid) != os.getpgrp():  # what is sent to our group does not reach the command
            known = frozenset({signal.SIGCONT})
    for number in arrived - known:
        _send(child, number)


def _send(child: subprocess.Popen[bytes], number: int) -> None:
    # It may have become another user's, as sudo does; and Windows has few signals to send.
    with contextlib.suppress(OSError, ValueError):
        child.send_signal(number)


async def _code(child: subprocess.Popen[bytes], signals: Signals) -> int | None:
    """Return the exit code of the child if it has ended; if it has stopped, stop until we are told to go on."""
    if not _changed(child):
        return child.returncode
    await asyncio.sleep(_SETTLED)
    # Meanwhile it may have gone on: a shell sends that to the whole group, and we were stopped, too.
    if _changed(child) is not False and child.returncode is None and _group.has_shell():
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signals.catch(signal.SIGTSTP)
    return child.returncode


def _changed(child: subprocess.Popen[bytes]) -> bool | None:
    """Return True if the child has stopped since the last call, False if it has gone on or ended, None if neither."""
    stopped = None
    while child.returncode is None:
        try:
            process, status = os.waitpid(child.pid, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
        except ChildProcessError:  # reaped by code that is not ours
            child.returncode = 0
            return False
        if process == 0:
            return stopped
        stopped = os.WIFSTOPPED(status)
        if not stopped and not os.WIFCONTINUED(status):
            child.returncode = os.waitstatus_to_exitcode(status)
    return False
