"""Gives the process that runs the tests the default signal dispositions, whatever started it.

`nohup` ignores SIGHUP, a shell ignores SIGINT and SIGQUIT for a command in the background, and some CI runners ignore or
block more. An ignored signal stays ignored in every program that a test starts, so a test that ends a program by a signal
hangs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

# The caller ignores these to keep the run alive. Python itself ignores SIGPIPE and SIGXFSZ, and `subprocess` restores them.
_KEPT_AWAY = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM")
_PYTHONS_OWN = ("SIGPIPE", "SIGXFSZ", "SIGXFZ")


def _numbers(names: Iterable[str]) -> set[int]:
    return {getattr(signal, name) for name in names if hasattr(signal, name)}


def _ignored() -> set[int]:
    return {number for number in signal.valid_signals() if signal.getsignal(number) is signal.SIG_IGN}


def make_default() -> None:
    """Give the programs that tests start the default dispositions and an empty signal mask.

    A signal that the caller ignores still does not end the run: this process gets a handler that does nothing. Unlike
    SIG_IGN, a handler becomes the default disposition in a new program.
    """
    run = os.getpid()

    def stay(number: int, _: object) -> None:
        # The child of a fork runs no new program, so it inherits this handler. `multiprocessing` stops it with SIGTERM.
        if os.getpid() != run:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    kept_away = _numbers(_KEPT_AWAY)
    for number in _ignored() - _numbers(_PYTHONS_OWN):
        signal.signal(number, stay if number in kept_away else signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
