"""Copies the objects of a Cloud Storage bucket to an S3 bucket, on AWS, with a role and no Google key.

As a command on an EC2 instance or in an ECS task, and as a function in Lambda (`gcp_copycat.lambda_handler`).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bucket_copy import CLOUD_ERRORS, Job, Summary, listing, run, s3_client, storage_client
from google.cloud import storage  # type: ignore[attr-defined]  # a namespace without types
from object_copy import Outcome
from tqdm import tqdm

from google_auth_botocore import ConfigurationError, Credentials, FederationError

_READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"
# What ends a run: no identity, no listing, no bucket.
_FATAL = (ConfigurationError, FederationError, *CLOUD_ERRORS)
# The settings that an event may bring to the function.
_OF_AN_EVENT = {"source", "destination", "prefix", "destination_prefix", "workers"}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command.

    Returns:
        0: all objects are there; 1: some are not; 2: there is no identity, no bucket or no way; 130: interrupted.
    """
    settings = _parser(os.environ).parse_args(arguments)
    summary, start = Summary(), time.monotonic()
    code = _run(settings, summary)
    if code != 2 or any(summary.objects.values()):
        _show(summary, time.monotonic() - start)
    return code


def _run(settings: argparse.Namespace, summary: Summary) -> int:
    try:
        job, client, s3 = _prepared(settings)
        with _progress_bar(job, client, shown=None if settings.progress else False) as progress:
            run(job, client, s3, summary, progress)
    except KeyboardInterrupt:
        print("gcp_copycat: interrupted; what is there will be skipped the next time", file=sys.stderr)
        return 130
    except _FATAL as error:
        print(f"gcp_copycat: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 1 if summary.objects[Outcome.FAILED] else 0


def lambda_handler(event: Mapping[str, Any] | None, context: object) -> dict[str, Any]:  # noqa: ARG001
    """The function: settings from its environment, and from the event where that has some.

    Raises:
        ConfigurationError: A setting is missing, or is none that the command would take.
        RuntimeError: Some objects could not be copied. It says which; those that could are there.
    """
    parser = _parser(os.environ)
    parser.exit_on_error = False  # Lambda shows an exception's words, and of an exit its number alone
    try:
        settings = parser.parse_args(_arguments(event or {}))
    except argparse.ArgumentError as error:
        raise ConfigurationError(str(error)) from error
    summary = Summary()
    run(*_prepared(settings), summary)
    if summary.failures:
        listed = "; ".join(f"{name}: {reason}" for name, reason in summary.failures[:10])
        raise RuntimeError(f"{summary.objects[Outcome.FAILED]} objects were not copied: {listed}")
    return {
        outcome.value: {"objects": summary.objects[outcome], "bytes": summary.bytes[outcome]} for outcome in Outcome
    }


def _arguments(event: Mapping[str, Any]) -> list[str]:
    """An event's settings as the command has them, so that they are checked in one place."""
    if "detail-type" in event:  # of EventBridge, whose `source` is whoever sent it
        event = event.get("detail") or {}
    given = {name: event[name] for name in _OF_AN_EVENT if event.get(name) is not None}
    return [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]


def _prepared(settings: argparse.Namespace) -> tuple[Job, storage.Client, Any]:
    for needed in ("source", "destination"):
        if not getattr(settings, needed):
            raise ConfigurationError(f"No {needed} bucket is named: --{needed} or GCP_COPYCAT_{needed.upper()}.")
    if not settings.audience and not settings.config:
        raise ConfigurationError("No identity is named: --audience or --config, or their GCP_COPYCAT_ variables.")
    job = Job(
        source=settings.source,
        destination=settings.destination,
        prefix=settings.prefix,
        destination_prefix=settings.prefix if settings.destination_prefix is None else settings.destination_prefix,
        workers=settings.workers,
    )
    credentials = _credentials(settings)
    return job, storage_client(credentials, job.workers, settings.storage_endpoint), s3_client(job.workers)


def _credentials(settings: argparse.Namespace) -> Credentials:
    given = {
        "service_account_email": settings.service_account,
        "token_url": settings.token_url,
        "iam_credentials_endpoint": settings.iam_credentials_endpoint,
    }
    given = {name: value for name, value in given.items() if value}
    if settings.config:
        return Credentials.from_file(settings.config, scopes=[_READ_ONLY], **given)
    return Credentials(settings.audience, scopes=[_READ_ONLY], **given)


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    """Every setting is an argument, and a variable in the environment: `--source`, `GCP_COPYCAT_SOURCE`."""
    parser = argparse.ArgumentParser(
        prog="gcp_copycat",
        description="Copies the objects of a Cloud Storage bucket to an S3 bucket, with an AWS role and no Google key.",
        epilog="Each option can be set in the environment, too: GCP_COPYCAT_SOURCE is --source.",
    )

    def option(group: argparse._ArgumentGroup, name: str, explanation: str, **more: Any) -> None:
        variable = f"GCP_COPYCAT_{name.upper().replace('-', '_')}"
        default = environment.get(variable) or more.pop("default", None)
        group.add_argument(f"--{name}", help=explanation, **{**more, "default": default})

    what = parser.add_argument_group("what")
    option(what, "source", "bucket in Cloud Storage", metavar="BUCKET")
    option(what, "destination", "bucket in S3", metavar="BUCKET")
    option(what, "prefix", "copy the objects whose names begin with it", default="")
    option(what, "destination-prefix", "what takes its place in S3; default: the same", metavar="PREFIX")
    option(what, "workers", "objects copied at once; default: 16", type=_positive, default="16", metavar="N")
    who = parser.add_argument_group("who")
    option(who, "audience", "full name of the workload identity pool provider")
    option(who, "service-account", "service account to impersonate; default: none", metavar="EMAIL")
    option(who, "config", "external_account file, in place of --audience", metavar="FILE")
    where = parser.add_argument_group("where, for tests without a cloud")
    option(where, "token-url", "another endpoint of Google's Security Token Service", metavar="URL")
    option(where, "iam-credentials-endpoint", "another endpoint of the IAM Credentials API", metavar="URL")
    option(where, "storage-endpoint", "another endpoint of Cloud Storage", metavar="URL")
    parser.add_argument("--no-progress", dest="progress", action="store_false", help="show no progress bar")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


@contextlib.contextmanager
def _progress_bar(job: Job, client: storage.Client, *, shown: bool | None) -> Iterator[Callable[[int], object]]:
    """A bar that is told of bytes; None: shown on a terminal."""
    with tqdm(
        unit="B", unit_scale=True, unit_divisor=1024, desc="copying", disable=None if shown is None else not shown
    ) as bar:
        if not bar.disable:
            # How much there is takes a listing of its own, and nobody waits for it.
            threading.Thread(target=_measure, args=(job, client, bar), daemon=True).start()
        lock = threading.Lock()

        def progress(count: int) -> None:
            with lock:
                bar.update(count)

        yield progress


def _measure(job: Job, client: storage.Client, bar: Any) -> None:
    with contextlib.suppress(*_FATAL):  # the copy itself will say so
        bar.total = sum(blob.size for blob in listing(job, client, "nextPageToken,items(size)"))
        bar.refresh()


def _show(summary: Summary, seconds: float) -> None:
    for name, reason in summary.failures:
        print(f"failed: {name}: {reason}", file=sys.stderr)
    unnamed = summary.objects[Outcome.FAILED] - len(summary.failures)
    if unnamed:
        print(f"failed: {unnamed} more", file=sys.stderr)
    for outcome in Outcome:
        size = tqdm.format_sizeof(summary.bytes[outcome], "B", 1024)
        print(f"  {outcome.value:9}{summary.objects[outcome]:8} objects {size:>9}")
    print(f"  in {seconds:.1f} s")


if __name__ == "__main__":
    # ECS ends a task with SIGTERM: as with Ctrl-C, what is under way is given up and the summary shown.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
