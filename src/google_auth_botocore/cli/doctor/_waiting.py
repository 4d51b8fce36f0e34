"""Say what the command waits for: on a terminal, in one line that is erased when the wait is over."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple, TextIO

from google_auth_botocore.cli.doctor._screen import columns, printable

# Seconds. A shorter wait is not shown.
_PATIENCE = 0.5
_INTERVAL = 0.5
# Seconds. The same for a log, in which a line stays.
_PATIENCE_IN_A_LOG = 5.0


class _Wait(NamedTuple):
    """Something that the command waits for, since when, and for how long at most (None: without a known limit)."""

    what: str
    since: float
    until: float | None


class Waiting:
    """The line that says what the command waits for.

    Args:
        stream: Where the line is shown. None: nothing is shown.
        clock: Returns a monotonic time in seconds.
        erasable: Whether the stream is a terminal on which the line can be replaced. Otherwise, each long wait adds a line.
    """

    def __init__(
        self, stream: TextIO | None, clock: Callable[[], float] = time.monotonic, *, erasable: bool = True
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._erasable = erasable
        self._waits: list[_Wait] = []
        self._drawn = ""
        self._lock = threading.Lock()
        self._stop = threading.Event()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Update the line while the context is open."""
        if self._stream is None:
            yield
            return
        thread = threading.Thread(target=self._run, name="doctor-waiting", daemon=True)
        with contextlib.suppress(
            RuntimeError
        ):  # the limit of threads is reached: the report matters more than the line
            thread.start()
        terminated = False
        try:
            with _raised_by_sigterm():
                yield
        except _Terminated:
            terminated = True
        finally:
            self._stop.set()
            if thread.ident is not None:
                thread.join()
            with self._lock:
                self._erase()
        if terminated:  # the line is erased, so the signal may end the process
            os.kill(os.getpid(), signal.SIGTERM)

    @contextlib.contextmanager
    def step(self, name: str, limit: float | None) -> Iterator[None]:
        """Show that a step runs, for at most *limit* seconds if it has a limit."""
        with self._waiting(f"waiting in step: {name}", limit):
            yield

    @contextlib.contextmanager
    def trying(self, what: str, limit: float | None) -> Iterator[None]:
        """Show that a request waits for its reply. Without its own limit, it has the limit of the step."""
        with self._waiting(f"trying {what}", limit):
            yield

    def print(self, text: str) -> None:
        """Erase the line, and print a text to standard output."""
        with self._lock:
            self._erase()
            print(text, flush=True)  # noqa: T201 - output of the command

    @contextlib.contextmanager
    def _waiting(self, what: str, limit: float | None) -> Iterator[None]:
        now = self._clock()
        with self._lock:
            outer = self._waits[-1].until if self._waits else None
            ends = [each for each in (outer, None if limit is None else now + limit) if each is not None]
            wait = _Wait(what, now, min(ends, default=None))
            self._waits.append(wait)
        try:
            yield
        finally:
            with self._lock:
                # An exchange whose caller no longer waits may end after its step.
                if wait in self._waits:
                    self._waits.remove(wait)
                self._erase()

    def _run(self) -> None:
        while not self._stop.wait(_INTERVAL):
            with self._lock:
                try:
                    self._draw()
                except (OSError, ValueError):  # the terminal is gone, and the next row reports it
                    return

    def _draw(self) -> None:
        now = self._clock()
        patience = _PATIENCE if self._erasable else _PATIENCE_IN_A_LOG
        if self._stream is None or not self._waits or now - self._waits[-1].since < patience:
            return
        wait = self._waits[-1]
        if not self._erasable:
            if self._drawn != wait.what:
                print(printable(described(wait, now)), file=self._stream, flush=True)
                self._drawn = wait.what
            return
        # The last column stays free: some terminals begin a new line after a character there.
        text = printable(described(wait, now, columns(self._stream) - 1))
        if text == self._drawn:
            return
        self._erase()
        self._stream.write(text)
        self._stream.flush()
        self._drawn = text

    def _erase(self) -> None:
        if self._stream is not None and self._drawn and self._erasable:
            with contextlib.suppress(OSError, ValueError):
                # On a terminal that has become narrower, more blanks would fill several lines.
                self._stream.write(f"\r{' ' * min(len(self._drawn), columns(self._stream) - 1)}\r")
                self._stream.flush()
            self._drawn = ""


def described(wait: _Wait, now: float, width: int | None = None) -> str:
    """Return the text of the line, with the time that is left, or that has passed if there is no limit.

    Args:
        wait: The wait.
        now: The time.
        width: The length of the line at most. The time is never cut.
    """
    left = None if wait.until is None else wait.until - now
    seconds = f", {now - wait.since:.0f} s so far" if left is None or left < 0 else f", {left:.0f} s left"
    text = f"{wait.what}{seconds}"
    if width is None or len(text) <= width:
        return text
    return f"{wait.what[: max(width - len(seconds) - 3, 0)]}...{seconds}"[:width]


def waiting(output: TextIO, errors: TextIO, *, is_report: bool) -> Waiting:
    """Return the line: on the terminal, or in the log of a job. If the report is JSON, a log gets no line.

    Args:
        output: Standard output.
        errors: Standard error.
        is_report: Whether standard output gets the text of the report, not JSON.
    """
    terminal = next((each for each in ((output, errors) if is_report else (errors,)) if _can_erase(each)), None)
    if terminal is not None:
        return Waiting(terminal)
    return Waiting(errors if is_report else None, erasable=False)


def _can_erase(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


class _Terminated(BaseException):
    """SIGTERM arrived."""


@contextlib.contextmanager
def _raised_by_sigterm() -> Iterator[None]:
    """Raise an exception at SIGTERM, instead of ending the process at once. An ignored or handled SIGTERM stays so."""

    def stop(*_: object) -> None:
        raise _Terminated

    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
