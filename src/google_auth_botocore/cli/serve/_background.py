"""A server in the background, and the end of it: that of the process which evaluates the variables."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Iterator

from google_auth_botocore.cli import _streams
from google_auth_botocore.cli.serve import _proc

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


def evaluator() -> int | None:
    """Return the process that evaluates what we print: a shell, as a rule; None if that is not known.

    It is the ancestor that reads the pipe which is our standard output, or that of a process between us, like a
    subshell or `grep`. If standard output is no pipe, it is our parent.
    """
    if not _proc.shows_us():
        return os.getsid(0)  # less exact, but it outlives the subshell of a command substitution
    pipes = {_pipe(os.getpid())} - {None}
    for ancestor in _ancestors():
        if any(_reads(ancestor, pipe) for pipe in pipes if pipe):
            return ancestor
        pipes.add(_pipe(ancestor))
    return os.getppid() or None


def foster_parent() -> int | None:
    """Return the process that evaluates what we print, if a subshell has started us and has ended: `eval "$(… &)"`."""
    session = os.getsid(0)
    pipe = _pipe(os.getpid()) if _proc.shows_us() else None
    # The subshell was of our session, and what adopts its processes is not.
    if pipe is None or session == os.getpid() or _session(os.getppid()) == session:
        return None
    return next((each for each in _all() if _session(each) == session and _reads(each, pipe)), None)


async def end_of(process: int) -> None:
    """Return once a process has ended."""
    try:
        watched = os.pidfd_open(process)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):  # no such call on this system
        while _exists(process):  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(_LOOK)
        return
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    try:
        loop.add_reader(watched, ended.set_result, None)
        await ended
    finally:
        loop.remove_reader(watched)
        os.close(watched)


def _session(process: int) -> int | None:
    try:
        return os.getsid(process)
    except OSError:
        return None


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True


def _all() -> Iterator[int]:
    return (int(each.name) for each in _proc.PROCESSES.iterdir() if each.name.isdecimal())


def _ancestors() -> Iterator[int]:
    process = os.getppid()
    while process > 0:
        yield process
        try:
            # The name, in parentheses, may hold anything.
            fields = (_proc.PROCESSES / str(process) / "stat").read_text(encoding="utf-8", errors="replace")
            process = int(fields.rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return


def _pipe(process: int) -> str | None:
    """Return the name of the pipe that is the standard output of a process."""
    with contextlib.suppress(OSError):
        name = str((_proc.PROCESSES / str(process) / "fd" / "1").readlink())
        return name if name.startswith("pipe:") else None
    return None


def _reads(process: int, pipe: str) -> bool:
    with contextlib.suppress(OSError):
        for each in (_proc.PROCESSES / str(process) / "fd").iterdir():
            with contextlib.suppress(OSError):
                # The permissions of the link are how the file was opened.
                if str(each.readlink()) == pipe and each.lstat().st_mode & stat.S_IRUSR:
                    return True
    return False
