"""A server in the background, and the end of it: that of the process which evaluates the variables."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Sequence

from google_auth_botocore.cli import _streams
from google_auth_botocore.cli.serve import _evaluator, _proc

# Seconds between two looks at a process, where the system does not tell when it ends.
_LOOK = 1.0


def detach(listening: socket.socket) -> int:
    """Fork a process that no terminal's signal reaches and that holds no file of the caller but the socket.

    Returns:
        0 in the new process, and its id in the old one.
    """
    child = os.fork()
    if child == 0:
        os.setsid()
        _streams.discard(0, 1, 2)
        kept = listening.fileno()
        os.closerange(3, kept)
        os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
    return child


class Process:
    """A process whose end can be awaited. It is known for certain from now on, also if its id is used again."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._watched: int | None = None
        self._ended = False
        try:
            self._watched = os.pidfd_open(number)
        except ProcessLookupError:
            self._ended = True
        except (AttributeError, OSError):  # no such call on this system
            pass

    async def end(self) -> None:
        """Return once it has ended."""
        if self._watched is None:
            while not self._ended and _exists(self._number):  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(_LOOK)
            return
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        loop.add_reader(self._watched, ended.set_result, None)
        try:
            await ended
        finally:
            loop.remove_reader(self._watched)
            os.close(self._watched)


class Script:
    """What a shell evaluates us for, if it runs us in the background itself: `eval "$(google-auth-botocore serve &)"`.

    The server must end with it and keep nothing open that its caller may wait for. The sign of this form is that a process
    between the shell and us ends while we go on: the subshell of the command substitution. It may have ended before we
    look, or end later.

    Args:
        line: The processes between the shell and us, if none of them has ended, and the shell.
    """

    def __init__(self, line: Sequence[int]) -> None:
        *between, shell = line
        self._shell = Process(shell)
        self._between = [Process(each) for each in between]
        if between and os.getppid() != between[0]:  # it has ended meanwhile
            self._between = []

    @classmethod
    def found(cls) -> Script | None:
        """Return the script that we may have to end with. Call this before anything is printed: what reads goes on then."""
        line = _evaluator.distant_evaluator()
        return cls(line) if line else None

    async def end(self) -> None:
        """Let go of the caller's files once a process between the shell and us has ended; return once the shell has."""
        if self._between:
            ends = [asyncio.ensure_future(each.end()) for each in self._between]
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in ends:
                    each.cancel()
        _streams.discard(*_inherited())
        await self._shell.end()


def _inherited() -> list[int]:
    """Return the pipes and sockets, at whose other ends others may wait, that we have inherited, except standard input."""
    found = []
    for each in (_proc.PROCESSES / "self" / "fd").iterdir():
        number = int(each.name)
        with contextlib.suppress(OSError):
            mode = os.fstat(number).st_mode
            # What Python opens by itself is not inheritable.
            if number > 0 and os.get_inheritable(number) and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
                found.append(number)
    return found


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True
