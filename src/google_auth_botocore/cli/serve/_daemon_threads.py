"""Run blocking work in a daemon thread, so that it delays neither the event loop nor the exit of the process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def run_in_daemon_thread(work: Callable[[], Result]) -> asyncio.Future[Result]:
    """Start *work* in a new daemon thread, and return a future of its result."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)  # type: ignore[arg-type]  # there is no error, so there is a result
        else:
            future.set_exception(error)

    def run() -> None:
        outcome: tuple[Result | None, BaseException | None]
        try:
            outcome = work(), None
        except BaseException as error:  # noqa: BLE001 - raised where the future is awaited
            outcome = None, error
        with contextlib.suppress(RuntimeError):  # the loop was closed in the meantime
            loop.call_soon_threadsafe(settle, *outcome)

    # Not asyncio.to_thread: its pool is small, and the interpreter waits for its threads at exit.
    threading.Thread(target=run, daemon=True).start()
    return future
