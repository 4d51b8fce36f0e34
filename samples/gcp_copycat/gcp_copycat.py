"""Copies the objects of a Cloud Storage bucket to an S3 bucket, on AWS, with a role and no Google key.

As a command on an EC2 instance, in an ECS task or in a pod, and as a function in Lambda (`gcp_copycat.lambda_handler`).
What it is made of is in the folder `copycat` beside it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# Worker processes import this file, too: what takes long to import is imported where it is used.

# What an event may bring to the function. Where it writes and as whom is not for an event to say.
_EVENT_SETTINGS = {
    "source", "destination", "prefix", "destination_prefix", "workers",
    "include", "exclude", "max_age", "check_metadata", "allow_empty", "dry_run",
}  # fmt: skip


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: of the command; None: those of this process.
        environment: has what the arguments lack; None: that of this process.

    Returns:
        0: every object is there; 1: some are not; 2: a setting is invalid, or a bucket, an identity or a permission is
        missing; 75: an outage or the deadline ended it, start it again; 130, 143: SIGINT or SIGTERM ended it.
    """
    from copycat import arguments as command_line  # noqa: PLC0415
    from copycat.progress import Log, show  # noqa: PLC0415
    from copycat.run import run  # noqa: PLC0415
    from copycat.settings import Options  # noqa: PLC0415
    from copycat.stopping import SETUP_FAILED, StopCondition  # noqa: PLC0415

    from google_auth_botocore import ConfigurationError  # noqa: PLC0415

    start = time.monotonic()
    try:
        settings, options = command_line.parse(arguments, os.environ if environment is None else environment)
    except ConfigurationError as error:
        Log(Options()).write(logging.ERROR, "ended", f"gcp_copycat: {error}")
        return SETUP_FAILED
    log = Log(options)
    # From the beginning of this function: the imports take their part of the time.
    left = None if options.deadline is None else max(0.0, options.deadline - (time.monotonic() - start))
    stop_condition = StopCondition(left)
    with _signals_handled(stop_condition):
        ended = run(settings, options, stop_condition, log)
    seconds = time.monotonic() - start
    if ended.message:
        text = f"gcp_copycat: {ended.message}"
        log.write(logging.ERROR, "ended", text, {"message": ended.message, "exit_code": ended.code})
    if ended.code != SETUP_FAILED or any(ended.summary.objects.values()):
        if options.log_format == "json":
            found = ended.summary.machine_readable(ended.code, seconds, dry_run=settings.dry_run)
            show(json.dumps({"event": "summary", **found}), sys.stdout)
        else:
            show(ended.summary.text(seconds, dry_run=settings.dry_run), sys.stdout)
    return ended.code


def lambda_handler(event: Mapping[str, Any] | None, context: Any) -> dict[str, Any]:
    """Run as a function: settings from its environment, and from the event if that has some.

    It ends before its time limit. Google credentials are made once per environment, and used by each call.

    Returns:
        Objects and bytes by outcome.

    Raises:
        ConfigurationError: A setting is missing or invalid.
        RuntimeError: Not every object is there. It says why; invoked again, it goes on where it was.
    """
    from copycat import arguments as command_line  # noqa: PLC0415
    from copycat.progress import Log  # noqa: PLC0415
    from copycat.run import run  # noqa: PLC0415
    from copycat.stopping import SUCCESS, StopCondition  # noqa: PLC0415

    # One process is enough for a function's share of a processor, and keeps its credentials from call to call.
    environment = {"GCP_COPYCAT_PROCESSES": "1", **os.environ}
    settings, options = command_line.parse(_arguments(event or {}), environment)
    limits = [options.deadline] if options.deadline else []
    if context is not None:
        limits.append(context.get_remaining_time_in_millis() / 1000)
    ended = run(settings, options, StopCondition(min(limits, default=None)), Log(options))
    if ended.code != SUCCESS:
        failed = ended.summary.objects
        reasons = [ended.message] if ended.message else []
        if ended.summary.failures:
            listed = "; ".join(f"{name}: {reason}" for name, reason in ended.summary.failures)
            count = next(number for outcome, number in failed.items() if outcome.value == "failed")
            reasons.append(f"{count} objects were not copied: {listed}")
        raise RuntimeError(" ".join(reasons))
    return ended.summary.counts


handler = lambda_handler


def _arguments(event: Mapping[str, Any]) -> list[str]:
    """Return an event's settings as the command has them, so that they are checked in one place."""
    from copycat.arguments import is_on  # noqa: PLC0415

    if "detail-type" in event:  # of EventBridge, whose `source` is the service that sent it
        event = event.get("detail") or {}
    found = []
    for name in sorted(_EVENT_SETTINGS & event.keys()):
        value, option = event[name], f"--{name.replace('_', '-')}"
        if isinstance(value, (list, tuple)):
            found += [f"{option}={each}" for each in value]
        elif name in {"check_metadata", "allow_empty", "dry_run"}:
            found += [option] if is_on(name, str(value or "")) else []
        elif value is not None:
            found.append(f"{option}={value}")
    return found


@contextlib.contextmanager
def _signals_handled(stop_condition: Any) -> Iterator[None]:
    """Note SIGINT and SIGTERM for the run, which then ends in order. A second one ends this process at once."""

    def note(number: int, _: object) -> None:
        if stop_condition.signal:
            os._exit(128 + number)
        stop_condition.signal = number

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


if __name__ == "__main__":
    code = main()
    # Threads that wait for a silent cloud must not keep the process.
    os._exit(code)
