"""Copies the objects of a Cloud Storage bucket to an S3 bucket, on AWS, with a role and no Google key.

It runs as a command on an EC2 instance, in an ECS task or in a pod, and as a Lambda function (`gcp_copycat.lambda_handler`).
The code is in the package `copycat` in the same folder; its docstring has a map of the modules.
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

# Worker processes also import this file, so slow imports are inside the functions that use them.

# The settings that a Lambda event can have. An event cannot set identities or the files that the function writes.
_EVENT_SETTINGS = {
    "source", "destination", "prefix", "destination_prefix", "workers",
    "include", "exclude", "max_age", "check_metadata", "allow_empty", "dry_run",
}  # fmt: skip


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: command-line arguments. None: those of this process.
        environment: environment variables, for options that are not in the arguments. None: those of this process.

    Returns:
        The exit code. 0: every object is in S3; 1: some objects failed, none matches, or the manifest could not be written;
        2: a setting is invalid, or a bucket, an identity or a permission is missing; 75: an outage or the deadline ended the
        run; 130, 143: SIGINT or SIGTERM ended the run.
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
    # The deadline counts from the start of this function, because the imports above take time.
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
    """Run as a Lambda function, with settings from its environment variables and from the event.

    The run ends before the time limit of the function. Google credentials are created once per execution environment and reused
    by later invocations.

    Args:
        event: settings by option name, or an event of EventBridge with settings in its detail.
        context: context of Lambda, which tells the time limit.

    Returns:
        Objects and bytes by outcome.

    Raises:
        ConfigurationError: A setting is missing or invalid.
        RuntimeError: Not every object is in S3. The message says why. Invoke the function again to continue.
    """
    from copycat import arguments as command_line  # noqa: PLC0415
    from copycat.progress import Log  # noqa: PLC0415
    from copycat.run import run  # noqa: PLC0415
    from copycat.stopping import SUCCESS, StopCondition  # noqa: PLC0415

    # A function has a small share of a processor, so one process is enough. It also keeps its credentials between invocations.
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
            reasons.append(f"{count} object{'' if count == 1 else 's'} failed: {listed}")
        raise RuntimeError(" ".join(reasons))
    return ended.summary.counts


handler = lambda_handler


def _arguments(event: Mapping[str, Any]) -> list[str]:
    """Return the settings of an event as command-line arguments, so that they are validated in one place."""
    from copycat.arguments import is_on  # noqa: PLC0415

    if "detail-type" in event:  # an event of EventBridge, whose own `source` is the sending service
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
    """Stop the run in an orderly way on SIGINT or SIGTERM. A second signal ends this process at once."""

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
    # Do not wait for threads that wait for a cloud that does not respond.
    os._exit(code)
