"""The process that evaluates what we print: a shell, as a rule, at the other end of the pipe that is our standard output.

Processes between it and us, like the subshell of a command substitution, may end at any moment, also while we look.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence

from google_auth_botocore.cli.serve import _proc


def evaluator() -> int | None:
    """Return the process that evaluates what we print; None if that is not known.

    If standard output is no pipe, it is our parent.
    """
    if not _proc.shows_us():
        return os.getsid(0)  # less exact, but it outlives the subshell of a command substitution
    return _last_reader(list(_ancestors())) or os.getppid() or None


def distant_evaluator() -> list[int]:
    """Return the process that evaluates what we print, if it did not start us itself, after those between it and us.

    It is one of our session. If it is the only one in the list, a process between it and us has ended. The list is empty
    if there is no such process.
    """
    if os.getsid(0) == os.getpid() or not _proc.shows_us():
        return []
    ancestors = list(_ancestors())
    last = _last_reader(ancestors)
    if last is None or last in ancestors[:1] or _session(last) != os.getsid(0):
        return []
    return ancestors[: ancestors.index(last) + 1] if last in ancestors else [last]


def _last_reader(ancestors: Sequence[int]) -> int | None:
    """Return the process that reads our standard output, also through others like `grep`.

    It is one of our ancestors or of our session. A filter, or a log like `tee`, reads a pipe as its standard input; a
    program that evaluates what it reads has another file for that, or is our ancestor.
    """
    pipe, seen = _output(os.getpid()), set[str]()
    while pipe and pipe not in seen:
        seen.add(pipe)
        filters = []
        for each in (*ancestors, *_of_our_session()):
            numbers = _readings(each, pipe)
            if numbers - {0} or (numbers and each in ancestors):
                return each
            filters += [each] if numbers else []
        pipe = _output(filters[0]) if filters else None
    return None


def _session(process: int) -> int | None:
    try:
        return os.getsid(process)
    except OSError:
        return None


def _of_our_session() -> Iterator[int]:
    session = os.getsid(0)
    numbers = (int(each.name) for each in _proc.PROCESSES.iterdir() if each.name.isdecimal())
    return (each for each in numbers if _session(each) == session)


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


def _output(process: int) -> str | None:
    """Return the name of the pipe that is the standard output of a process."""
    with contextlib.suppress(OSError):
        name = str((_proc.PROCESSES / str(process) / "fd" / "1").readlink())
        return name if name.startswith("pipe:") else None
    return None


def _readings(process: int, pipe: str) -> set[int]:
    """Return the file descriptors with which a process reads a pipe."""
    found = set()
    with contextlib.suppress(OSError):
        for each in (_proc.PROCESSES / str(process) / "fd").iterdir():
            with contextlib.suppress(OSError):
                # The permissions of the link are how the file was opened.
                if str(each.readlink()) == pipe and each.lstat().st_mode & stat.S_IRUSR:
                    found.add(int(each.name))
    return found
