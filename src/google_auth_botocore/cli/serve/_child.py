"""A command that is run beside the server: it gets the signals, and its end is ours.

Exit codes are a shell's: 128 and the number of the signal that ended it, 127 where there is no such command, 126
where it can't be run.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from google_auth_botocore.cli.serve._threads import in_thread

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
# What a terminal sends to every process of its foreground group by itself.
_OF_THE_KEYBOARD = {getattr(signal, name, None) for name in ("SIGINT", "SIGQUIT")}
_SIGNALS = [
    getattr(signal, name)
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGBREAK")
    if hasattr(signal, name)
]


def signals() -> asyncio.Queue[int]:
    """The signals that come from now on; those that whoever started us has us ignore, as nohup does, do not."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[int] = asyncio.Queue()
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            # Not add_signal_handler, which Windows lacks.
            signal.signal(number, lambda which, _: loop.call_soon_threadsafe(arrived.put_nowait, which))
    return arrived


def default_signals() -> None:
    """Lets the next signal end the process at once."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


async def run(command: Sequence[str], environment: Mapping[str, str], arriving: asyncio.Queue[int]) -> int:
    """Runs *command* to its end.

    Args:
        command: The program and its arguments.
        environment: All of its variables.
        arriving: Signals, which are passed on.

    Returns:
        The exit code, as a shell gives it.
    """
    try:
        # What the user asked for, and nobody is served before it runs. A signal handler of ours is none in the child.
        child = subprocess.Popen(command, env=environment)  # noqa: S603, ASYNC220
    except OSError as error:
        print(f"google-auth-botocore: {command[0]}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
    passing = asyncio.create_task(_pass_on(arriving, child))
    code = await in_thread(child.wait)
    passing.cancel()
    return code if code >= 0 else 128 - code


async def _pass_on(arriving: asyncio.Queue[int], child: subprocess.Popen[bytes]) -> None:
    while True:
        number = await arriving.get()
        # Twice would be too often: to many programs the second one means to end at once.
        if number in _OF_THE_KEYBOARD and _at_the_terminal():
            continue
        # Another user's it may have become, as sudo does; and Windows has few signals to send.
        with contextlib.suppress(OSError, ValueError):
            child.send_signal(number)


def _at_the_terminal() -> bool:
    """Whether what is typed there reaches our process group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except (OSError, AttributeError):  # there is none, or no such thing
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)
