"""Run the command on a terminal: a pty."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping


class Terminal:
    """A command that runs on a terminal.

    Attributes:
        process: The command.
        text: Everything that it has written.
    """

    def __init__(self, arguments: list[str], columns: int, environment: dict[str, str]) -> None:
        self._main, side = os.openpty()
        self.resize(columns)
        self.text = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "google_auth_botocore", *arguments],
            stdin=side,
            stdout=side,
            stderr=side,
            env=environment,
        )
        os.close(side)

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self._main, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read_until(self, *words: str, seconds: float = 60) -> str:
        """Read until the output contains one of the words, or until it ends."""
        deadline = time.monotonic() + seconds
        while not any(each in self.text for each in words):
            ready, _, _ = select.select([self._main], [], [], max(0, deadline - time.monotonic()))
            assert ready, self.text
            try:
                block = os.read(self._main, 4096)
            except OSError:  # Linux reports the end of the output as an error
                block = b""
            if not block:
                break
            self.text += block.decode().replace("\r\n", "\n")
        return self.text

    def close(self) -> None:
        self.process.kill()
        self.process.wait(60)
        os.close(self._main)

    @property
    def screen(self) -> list[str]:
        """The lines as they look at the end, after carriage returns."""
        lines = []
        for line in self.text.split("\n"):
            shown = ""
            for part in line.split("\r"):
                shown = part + shown[len(part) :]
            lines.append(shown.rstrip())
        return lines


@contextlib.contextmanager
def terminal(*arguments: str, columns: int = 80, environment: Mapping[str, str] | None = None) -> Iterator[Terminal]:
    started = Terminal(list(arguments), columns, {**os.environ, "TERM": "xterm", **(environment or {})})
    try:
        yield started
    finally:
        started.close()
