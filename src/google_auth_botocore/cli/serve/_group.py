"""What a terminal and a shell with job control see: process groups.

https://www.gnu.org/software/libc/manual/html_node/Job-Control.html
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from types import TracebackType

from google_auth_botocore.cli.serve import _proc


class Witness:
    """Tells a signal to our whole process group, which the command got with us, from one that was sent to us alone.

    Nothing in a signal says to whom it was sent. Therefore a process in the same group blocks all signals and does
    nothing: what was sent to the group, or to each of its processes, is pending there, as Linux shows in /proc. It ends
    with us, when its standard input does. It must not be found by our name: `pkill -f` would make a group of us two.

    Where /proc does not show it, only the signals of a terminal's keys are known to reach the group.
    """

    def __init__(self) -> None:
        self._current = _start()
        self._before: subprocess.Popen[bytes] | None = None
        self._told = frozenset[int]()

    def __enter__(self) -> Witness:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        _end(self._before)
        _end(self._current)

    def signals(self) -> frozenset[int]:
        """Return the signals that have reached the group since the last call."""
        if self._current is None:
            return _KEYBOARD if _in_foreground() else frozenset()
        late = _pending(self._before) - self._told
        found = _pending(self._current)
        _end(self._before)
        self._before = None
        if found:
            # A pending signal stays so until the process ends. The old one is asked once more, for what came meanwhile.
            self._before, self._told = self._current, found
            self._current = _start()
        known = found | late
        # Each of the two takes a pending one of the other away.
        return known | _OPPOSITES if known & _OPPOSITES else known


def has_shell() -> bool:
    """Return whether a shell with job control waits for us at a terminal: it is to be told that a command stops."""
    with _terminal() as terminal:
        if terminal is None or signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN:
            return False
        try:
            # Such a shell makes a group of each of its jobs, and is in none of them.
            return os.getpgid(os.getppid()) != os.getpgrp()
        except ProcessLookupError:
            return False


def goes_on(child: int) -> bool:
    """Let a child go on that has a process group of its own, in the foreground if that is where we are.

    Returns:
        Whether it has one.
    """
    group = os.getpgid(child)
    if group == os.getpgrp():
        return False
    with _terminal() as terminal, contextlib.suppress(OSError):
        if terminal is not None and os.tcgetpgrp(terminal) == os.getpgrp():
            os.tcsetpgrp(terminal, group)
    with contextlib.suppress(OSError):
        os.killpg(group, signal.SIGCONT)
    return True


# A process that is stopped, and goes on.
_OPPOSITES = frozenset(getattr(signal, name) for name in ("SIGTSTP", "SIGCONT") if hasattr(signal, name))
# What a terminal sends to every process of its foreground group.
_KEYBOARD = frozenset(
    getattr(signal, name) for name in ("SIGINT", "SIGQUIT", "SIGTSTP", "SIGWINCH") if hasattr(signal, name)
)


def _in_foreground() -> bool:
    with _terminal() as terminal:
        try:
            return terminal is not None and os.tcgetpgrp(terminal) == os.getpgrp()
        except OSError:
            return False


@contextlib.contextmanager
def _terminal() -> Iterator[int | None]:
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except (OSError, AttributeError):  # there is none, or no such thing
        yield None
        return
    try:
        yield terminal
    finally:
        os.close(terminal)


def _start() -> subprocess.Popen[bytes] | None:
    if not _proc.shows_us():
        return None
    cat = shutil.which("cat")
    idle = [cat] if cat else [sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()"]
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        return subprocess.Popen(  # noqa: S603 - what it is stands above
            idle, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", env={}
        )
    except OSError:
        return None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)


def _pending(process: subprocess.Popen[bytes] | None) -> frozenset[int]:
    if process is None:
        return frozenset()
    try:
        lines = (
            (_proc.PROCESSES / str(process.pid) / "status").read_text(encoding="utf-8", errors="replace").splitlines()
        )
    except OSError:
        return frozenset()
    (mask,) = (int(line.split()[1], 16) for line in lines if line.startswith("ShdPnd:"))
    return frozenset(number for number in signal.valid_signals() if mask >> (number - 1) & 1)


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        process.kill()
        process.communicate()
