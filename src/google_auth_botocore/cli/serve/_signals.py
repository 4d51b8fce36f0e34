"""Receive signals in the event loop, and handle the special duties of process 1."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable

# Signals that stop a server without a command.
TERMINATING = frozenset(
    getattr(signal, name)
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGBREAK")
    if hasattr(signal, name)
)
# A child process has exited, stopped or continued. Windows has no such signal: a thread reports the exit there.
CHILD = int(getattr(signal, "SIGCHLD", 0))
# Never forwarded: signals that cannot be caught, signals about this process itself, and signals that stop a background
# process that uses the terminal.
_NOT_FORWARDED = frozenset(
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
# Forwarded to the command.
FORWARDED = frozenset(signal.valid_signals() - _NOT_FORWARDED) if CHILD else TERMINATING


class Signals:
    """Receives signals from now on, except those that the parent process made us ignore, as nohup does.

    Args:
        numbers: The signals to receive.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[int] = asyncio.Queue()
        self._numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
        for number in self._numbers:
            self.catch(number)

    def catch(self, number: int) -> None:
        """Receive a signal, even if the parent process made us ignore it."""
        if number not in self._numbers:
            self._numbers.append(number)
        # Not add_signal_handler: Windows does not support it.
        signal.signal(number, lambda which, _: self._loop.call_soon_threadsafe(self._arrived.put_nowait, which))

    def watch_children(self) -> None:
        """Receive SIGCHLD, even if the parent process made us ignore it: the exit code of a child would be lost."""
        if hasattr(signal, "SIGCHLD"):
            self.catch(signal.SIGCHLD)

    def put(self, number: int) -> None:
        """Add a signal as if it had arrived."""
        self._arrived.put_nowait(number)

    async def next(self) -> int:
        """Wait for the next signal, and return it."""
        return await self._arrived.get()

    def drain(self) -> set[int]:
        """Return all signals that have already arrived."""
        found = set()
        while not self._arrived.empty():
            found.add(self._arrived.get_nowait())
        return found

    def restore_defaults(self) -> None:
        """Make the next signal terminate the process at once."""
        for number in self._numbers:
            signal.signal(number, _terminate)


def restore_default(number: int) -> None:
    """Restore the default action of a signal that the parent process made us ignore."""
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


def _terminate(number: int, _: object) -> None:
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def exit_code(code: int) -> int:
    """Return an exit code as a shell does: 128 plus the signal number if a signal terminated the process."""
    return code if code >= 0 else 128 - code


def fork_if_process_1() -> None:
    """If this is process 1, continue in a child process. Process 1 waits for the child and exits with its exit code.

    The kernel ignores signals to process 1 of a container if it does not handle them, and makes it the parent of all
    orphaned processes. Here it forwards signals and reaps those processes, so that no other code needs to do so.
    """
    if not hasattr(os, "fork") or os.getpid() != 1:
        return
    awaited = FORWARDED | {signal.SIGCHLD}
    original = signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, original)
        return
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    while True:
        number = signal.sigwait(awaited)
        if number != signal.SIGCHLD:
            os.kill(child, number)
            continue
        code = _reap(child)
        if code is not None:
            os._exit(exit_code(code))


def _reap(child: int) -> int | None:
    """Reap all exited processes, and return the exit code of *child* if it is one of them."""
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
