"""Signals that stop a run. Its teardown still runs."""

from __future__ import annotations

import signal
from types import FrameType


class Stopped(BaseException):
    """A signal stopped the run. Not an Exception, so that no step handles it."""


class Signals:
    """Inside a `with` block, the first SIGINT, SIGTERM or SIGHUP raises `Stopped`. Others are only noted: the teardown has to finish.

    Attributes:
        first: the first signal; None: there was none.
    """

    def __init__(self) -> None:
        self.first: signal.Signals | None = None
        self._stops = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
                signal.signal(number, self._handle)

    def __enter__(self) -> None:
        if self.first is not None:
            raise Stopped
        self._stops = True

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self._stops = False
        return kind is Stopped

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        stops, self._stops = self._stops, False
        self.first = self.first or signal.Signals(number)
        if stops:
            raise Stopped
