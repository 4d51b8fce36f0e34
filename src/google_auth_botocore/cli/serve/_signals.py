"""Signals as events of the loop, and the process with the id 1, to which other rules apply."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable

# What ends a server that runs alone.
ENDING = frozenset(
    getattr(signal, name)
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGBREAK")
    if hasattr(signal, name)
)
# A child has ended, stopped or gone on; on Windows, where no signal says so, a thread does.
CHILD = int(getattr(signal, "SIGCHLD", 0))
# What no program catches, what says something about this process alone, and what stops one that uses a terminal
# from the background, as it should.
_OWN = frozenset(
    getattr(signal, name, None)
    for name in (
        "SIGKILL",
        "SIGSTOP",
        "SIGCHLD",
        "SIGPIPE",
        "SIGSEGV",
        "SIGBUS",
        "SIGFPE",
        "SIGILL",
        "SIGTTIN",
        "SIGTTOU",
    )
)
# What a command gets.
FORWARDED = frozenset(signal.valid_signals() - _OWN) if CHILD else ENDING


class Signals:
    """The signals that arrive from now on, except those that our parent process had us ignore, as nohup does.

    Args:
        numbers: Which signals.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[int] = asyncio.Queue()
        self._numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
        for number in self._numbers:
            self.catch(number)

    def catch(self, number: int) -> None:
        """Catch a signal, also if our parent process had us ignore it."""
        if number not in self._numbers:
            self._numbers.append(number)
        # Not add_signal_handler, which Windows lacks.
        signal.signal(number, lambda which, _: self._loop.call_soon_threadsafe(self._arrived.put_nowait, which))

    def watch_children(self) -> None:
        """Catch the signal of a child, too, which is ignored at most by mistake: its exit code would be lost."""
        if hasattr(signal, "SIGCHLD"):
            self.catch(signal.SIGCHLD)

    def put(self, number: int) -> None:
        """Let a signal arrive."""
        self._arrived.put_nowait(number)

    async def next(self) -> int:
        """Return the next signal, once it has arrived."""
        return await self._arrived.get()

    def rest(self) -> set[int]:
        """Return all signals that have arrived."""
        found = set()
        while not self._arrived.empty():
            found.add(self._arrived.get_nowait())
        return found

    def release(self) -> None:
        """Let the next signal end the process at once."""
        for number in self._numbers:
            signal.signal(number, _end)


def heed(number: int) -> None:
    """Give a signal that our parent process had us ignore its usual effect."""
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


def _end(number: int, _: object) -> None:
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def exit_code(code: int) -> int:
    """Return an exit code as a shell gives it: for a process that a signal has ended, 128 and its number."""
    return code if code >= 0 else 128 - code


def leave_process_1() -> None:
    """Go on in a child process if this is process 1, which waits for it and ends with its exit code.

    The system protects process 1 of a container from signals that it does not handle, and gives it every process whose
    parent has ended. It passes signals on and reaps those processes here, so that nothing else needs to know about it.
    """
    if not hasattr(os, "fork") or os.getpid() != 1:
        return
    awaited = FORWARDED | {signal.SIGCHLD}
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)
        return
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    while True:
        number = signal.sigwait(awaited)
        if number != signal.SIGCHLD:
            os.kill(child, number)
            continue
        code = _reaped(child)
        if code is not None:
            os._exit(exit_code(code))


def _reaped(child: int) -> int | None:
    """Reap every process that has ended, and return the exit code of *child* if it is one of them."""
    code = None
    while True:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if process == 0:
            return code
        if process == child:
            code = os.waitstatus_to_exitcode(status)
