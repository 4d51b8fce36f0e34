"""Find the process that evaluates our output, usually a shell that runs `eval "$(google-auth-botocore serve ...)"`.

It reads the pipe that is our standard output. Processes between it and us, such as the subshell of a command
substitution, may exit at any time, even during the search.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence

from google_auth_botocore.cli.serve import _procfs


def calling_shell() -> int | None:
    """Return the id of the process that evaluates our output, or None if it is unknown.

    If standard output is not a pipe, it is our parent process.
    """
    if not _procfs.is_usable():
        return os.getsid(0)  # not exact, but it outlives the subshell of a command substitution
    return _last_reader(list(_ancestors())) or os.getppid() or None


def chain_to_calling_shell() -> list[int]:
    """Return the ids of the processes between us and the calling shell, starting with our parent, and then the shell.

    Only a shell in our session that is not our parent counts. If there is none, the list is empty. If the list contains
    only the shell, a process between it and us has exited.
    """
    if os.getsid(0) == os.getpid() or not _procfs.is_usable():
        return []
    ancestors = list(_ancestors())
    last = _last_reader(ancestors)
    if last is None or last in ancestors[:1] or _session(last) != os.getsid(0):
        return []
    return ancestors[: ancestors.index(last) + 1] if last in ancestors else [last]


def _last_reader(ancestors: Sequence[int]) -> int | None:
    """Return the process that reads our standard output, directly or through filters such as `grep`.

    Only our ancestors and the processes of our session are considered. A filter, or a logger such as `tee`, reads the
    pipe as its standard input. A process that evaluates the output reads it from another descriptor, or is our ancestor.
    """
    pipe, seen = _stdout_pipe(os.getpid()), set[str]()
    while pipe and pipe not in seen:
        seen.add(pipe)
        filters = []
        for each in (*ancestors, *_processes_in_session()):
            descriptors = _reading_descriptors(each, pipe)
            if descriptors - {0} or (descriptors and each in ancestors):
                return each
            filters += [each] if descriptors else []
        pipe = _stdout_pipe(filters[0]) if filters else None
    return None


def _session(process: int) -> int | None:
    try:
        return os.getsid(process)
    except OSError:
        return None


def _processes_in_session() -> Iterator[int]:
    session = os.getsid(0)
    numbers = (int(each.name) for each in _procfs.PROCESSES.iterdir() if each.name.isdecimal())
    return (each for each in numbers if _session(each) == session)


def _ancestors() -> Iterator[int]:
    process = os.getppid()
    while process > 0:
        yield process
        try:
            # The second field, the program's name in parentheses, may contain any character.
            fields = (_procfs.PROCESSES / str(process) / "stat").read_text(encoding="utf-8", errors="replace")
            process = int(fields.rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return


def _stdout_pipe(process: int) -> str | None:
    """Return the name of the pipe that is the standard output of a process, or None if that is not a pipe."""
    with contextlib.suppress(OSError):
        name = str((_procfs.PROCESSES / str(process) / "fd" / "1").readlink())
        return name if name.startswith("pipe:") else None
    return None


def _reading_descriptors(process: int, pipe: str) -> set[int]:
    """Return the file descriptors that a process has open for reading a pipe."""
    found = set()
    with contextlib.suppress(OSError):
        for each in (_procfs.PROCESSES / str(process) / "fd").iterdir():
            with contextlib.suppress(OSError):
                # The permissions of the link show whether the file was opened for reading.
                if str(each.readlink()) == pipe and each.lstat().st_mode & stat.S_IRUSR:
                    found.add(int(each.name))
    return found
