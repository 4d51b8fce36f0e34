"""Process groups, as terminals and shells with job control use them.

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

from google_auth_botocore.cli.serve import _procfs


class GroupSignalDetector:
    """Detects whether a signal was sent to our whole process group, so that the command already received it.

    A signal does not reveal whether it was sent to a group or to one process. Therefore, an idle probe process in the
    same group blocks all signals. Signals to the group, or to each of its processes, stay pending in the probe, and
    Linux shows pending signals in /proc. The probe exits when its standard input is closed, at the latest when we exit.
    Its command line does not contain our name, so that `pkill -f` does not signal both of us.

    Without a usable /proc, only signals from the keyboard of a terminal are known to reach the group.
    """

    def __init__(self) -> None:
        self._probe = _start_probe()
        self._previous_probe: subprocess.Popen[bytes] | None = None
        self._reported = frozenset[int]()

    def __enter__(self) -> GroupSignalDetector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        _stop_probe(self._previous_probe)
        _stop_probe(self._probe)

    def signals(self) -> frozenset[int]:
        """Return the signals that have reached the group since the last call."""
        if self._probe is None:
            return _KEYBOARD if _in_foreground() else frozenset()
        late = _pending(self._previous_probe) - self._reported
        found = _pending(self._probe)
        _stop_probe(self._previous_probe)
        self._previous_probe = None
        if found:
            # A signal stays pending until the probe exits, so start a new probe. The next call checks the old one again,
            # for signals that arrived in the meantime.
            self._previous_probe, self._reported = self._probe, found
            self._probe = _start_probe()
        known = found | late
        # Either of the two signals discards a pending one of the other.
        return known | _OPPOSITES if known & _OPPOSITES else known


def has_job_control_shell() -> bool:
    """Return whether a shell with job control waits for us at a terminal, and must notice when the command stops."""
    with _terminal() as terminal:
        if terminal is None or signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN:
            return False
        try:
            # Such a shell puts each job into its own process group, and is not in it.
            return os.getpgid(os.getppid()) != os.getpgrp()
        except ProcessLookupError:
            return False


def continue_group(child: int) -> bool:
    """Continue a child that has its own process group. If we are in the foreground, move it there.

    Returns:
        Whether the child has its own process group.
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


# Stop and continue: either signal discards a pending one of the other.
_OPPOSITES = frozenset(getattr(signal, name) for name in ("SIGTSTP", "SIGCONT") if hasattr(signal, name))
# Signals that a terminal sends to its whole foreground process group.
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
    except (OSError, AttributeError):  # there is no terminal, or Windows
        yield None
        return
    try:
        yield terminal
    finally:
        os.close(terminal)


def _start_probe() -> subprocess.Popen[bytes] | None:
    if not _procfs.is_usable():
        return None
    cat = shutil.which("cat")
    idle = [cat] if cat else [sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()"]
    original = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        return subprocess.Popen(  # noqa: S603 - a fixed command
            idle, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", env={}
        )
    except OSError:
        return None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, original)


def _pending(process: subprocess.Popen[bytes] | None) -> frozenset[int]:
    if process is None:
        return frozenset()
    try:
        lines = (
            (_procfs.PROCESSES / str(process.pid) / "status").read_text(encoding="utf-8", errors="replace").splitlines()
        )
    except OSError:
        return frozenset()
    (mask,) = (int(line.split()[1], 16) for line in lines if line.startswith("ShdPnd:"))
    return frozenset(number for number in signal.valid_signals() if mask >> (number - 1) & 1)


def _stop_probe(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        process.kill()
        process.communicate()
