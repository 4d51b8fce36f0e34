"""Run the server in the background, until the shell that evaluates its output exits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Sequence

from google_auth_botocore.cli import _standard_streams
from google_auth_botocore.cli.serve import _calling_shell, _procfs

# Seconds between two checks of a process, if the system has no pidfd.
_POLL_INTERVAL = 1.0


def fork_server(listening: socket.socket) -> int:
    """Fork a process in a new session. It keeps no open file of the caller except the socket.

    Returns:
        0 in the new process, and its process id in the old one.
    """
    child = os.fork()
    if child == 0:
        os.setsid()
        _standard_streams.redirect_to_null(0, 1, 2)
        kept = listening.fileno()
        os.closerange(3, kept)
        os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
    return child


class WatchedProcess:
    """A process whose exit can be awaited. With a pidfd, this is reliable even if its id is reused."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._descriptor: int | None = None
        self._exited = False
        try:
            self._descriptor = os.pidfd_open(number)
        except ProcessLookupError:
            self._exited = True
        except (AttributeError, OSError):  # the system has no pidfd
            pass

    async def wait(self) -> None:
        """Return when the process has exited."""
        if self._descriptor is None:
            while not self._exited and _exists(self._number):  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(_POLL_INTERVAL)
            return
        loop = asyncio.get_running_loop()
        exited = loop.create_future()
        loop.add_reader(self._descriptor, exited.set_result, None)
        try:
            await exited
        finally:
            loop.remove_reader(self._descriptor)
            os.close(self._descriptor)


class CallingScript:
    """The shell script that runs the server in the background itself: `eval "$(google-auth-botocore serve &)"`.

    The server must exit with the script, and must close files that the caller may wait for. This form is recognized by
    the subshell of the command substitution, which exits while the server continues. It may exit before or after this
    object is created.

    Args:
        chain: The result of `chain_to_calling_shell`.
    """

    def __init__(self, chain: Sequence[int]) -> None:
        *between, shell = chain
        self._shell = WatchedProcess(shell)
        self._between = [WatchedProcess(each) for each in between]
        if between and os.getppid() != between[0]:  # it has exited in the meantime
            self._between = []

    @classmethod
    def find(cls) -> CallingScript | None:
        """Return the script, or None if there is none. Call this before printing: the script continues after it."""
        chain = _calling_shell.chain_to_calling_shell()
        return cls(chain) if chain else None

    async def wait(self) -> None:
        """Return when the shell has exited. Close the caller's pipes when a process between the shell and us has exited."""
        if self._between:
            exits = [asyncio.ensure_future(each.wait()) for each in self._between]
            try:
                await asyncio.wait(exits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in exits:
                    each.cancel()
        _standard_streams.redirect_to_null(*_inherited_pipes())
        await self._shell.wait()


def _inherited_pipes() -> list[int]:
    """Return the inherited pipes and sockets except standard input. A process at the other end may wait for their closing."""
    found = []
    for each in (_procfs.PROCESSES / "self" / "fd").iterdir():
        number = int(each.name)
        with contextlib.suppress(OSError):
            mode = os.fstat(number).st_mode
            # Files that Python itself opened are not inheritable.
            if number > 0 and os.get_inheritable(number) and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
                found.append(number)
    return found


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to another user
        return True
    return True
