"""Runs gcp_copycat as if on an EC2 instance, with both clouds emulated on this machine, and shows what happened."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING
from urllib.error import HTTPError

import demo_files

# Slow imports are inside the functions that use them, so that Ctrl-C also works during them.
if TYPE_CHECKING:
    from google_auth_botocore.emulator.sandbox import Sandbox

_SAMPLE = Path(__file__).with_name("gcp_copycat.py")
_SOURCE, _DESTINATION = "gcp-source", "aws-destination"
# Seconds. Tokens expire so quickly that a short run refreshes them several times.
_TOKEN_LIFETIME = 2
# A high latency, as between continents, and few workers, so that a copy takes several seconds even on a fast machine.
_LATENCY = 0.1
_WORKERS = "8"
_NOTHING_LEFT = "No emulator is running any more, and the copied data is deleted."
_STOPPED_BY = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def main() -> int:
    """Run the demo. Return 0 if all checks pass, 1 if one fails, or 128 plus the number of the signal that stopped it."""
    for number in _STOPPED_BY:
        signal.signal(number, _stop)
    try:
        checks = run()
    except _Stopped as stopped:
        print(f"\nStopped. {_NOTHING_LEFT}", flush=True)
        return 128 + int(stopped.args[0])
    title("Result")
    for check, passed in checks.items():
        row("ok" if passed else "FAILED", check, width=8)
    if not all(checks.values()):
        return 1
    title(f"All {len(checks)} checks passed. {_NOTHING_LEFT}")
    print(
        'Next, use your own clouds: see "Set up" in README.md. The application is in samples/gcp_copycat.', flush=True
    )
    return 0


class _Stopped(BaseException):
    """A signal stopped the demo. The argument is its number."""


def _stop(number: int, _frame: FrameType | None) -> None:
    for each in _STOPPED_BY:
        signal.signal(each, signal.SIG_IGN)
    raise _Stopped(number)


def run() -> dict[str, bool]:
    """Copy the bucket and show what happened. Return each check and whether it passed."""
    print("This demo takes up to a minute and makes no connection to the internet. Ctrl-C stops it.", flush=True)
    from google_auth_botocore.emulator.sandbox import Sandbox  # noqa: PLC0415

    # Both clouds are on loopback, so do not use a proxy of this machine.
    os.environ.update(dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"))
    with Sandbox(token_lifetime=_TOKEN_LIFETIME) as sandbox, tempfile.TemporaryDirectory() as home:
        title("An EC2 instance with a role, and a Cloud Storage bucket")
        sizes = fill(sandbox)
        sandbox.storage.latency = _LATENCY
        row("instance role", sandbox.arn)
        row("AWS credentials", "from instance metadata (IMDSv2), none in the environment")
        row("service account", sandbox.service_account)
        row("Google's tokens", f"expire after {_TOKEN_LIFETIME} s")
        row(f"gs://{_SOURCE}", size_of(sizes))

        checks = {}
        environment = instance(sandbox, home)
        title(f"$ gcp_copycat --source {_SOURCE} --destination {_DESTINATION} --workers {_WORKERS}")
        checks["The copy exited with 0."] = copycat(environment) == 0

        title("What both clouds recorded")
        exchanges = [call for call in sandbox.google.calls if call.path == "/v1/token"]
        arns = {str(call.assertion["arn"]) if call.assertion else "no identity" for call in exchanges}
        # On a busy machine, a token can expire before its request arrives. Then the request is repeated with a new token.
        callers = {principal for principal in sandbox.storage.principals if principal is not None}
        row("instance metadata", f"{len(sandbox.imds.calls)} calls")
        row("Google STS", f"{len(exchanges)} exchanges of a signed GetCallerIdentity request")
        row("  AWS role", ", ".join(sorted(arns)))
        row("  Google principal", ", ".join(sorted({str(call.principal) for call in exchanges})))
        row("IAM Credentials", f"{sandbox.google.count(':generateAccessToken')} access tokens for the service account")
        row(
            "Cloud Storage",
            f"{len(sandbox.storage.principals)} requests with {len(sandbox.storage.tokens)} tokens,"
            f" {sandbox.storage.refused} rejected",
        )
        row("  caller", ", ".join(sorted(callers)))
        checks["Google STS saw only the instance role."] = arns == {sandbox.arn}
        checks["Cloud Storage saw only the service account."] = callers == {sandbox.service_account}
        checks["The token was refreshed several times during the run."] = len(sandbox.storage.tokens) >= 3

        title("The same command again")
        downloads = len(sandbox.storage.downloads)
        checks["The second run exited with 0."] = copycat(environment) == 0
        checks["The second run downloaded nothing, because S3 has all objects."] = (
            len(sandbox.storage.downloads) == downloads
        )
        sandbox.storage.latency = 0

        title("Both buckets, compared byte by byte")
        here, there = in_cloud_storage(sandbox), in_s3(sandbox)
        different = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
        row(f"gs://{_SOURCE}", size_of([*map(len, here.values())]))
        row(f"s3://{_DESTINATION}", size_of([*map(len, there.values())]))
        row("different", ", ".join(different) or "none")
        checks["S3 has the same objects as Cloud Storage."] = not different and len(here) == len(sizes)

        title("Cloud Storage with other tokens")
        for case, expected, status in probes(sandbox):
            row(case, f"HTTP {status}")
            checks[f"A request with {case} gets HTTP {expected}."] = status == expected
        return checks


def fill(sandbox: Sandbox) -> list[int]:
    """Create both buckets and fill the source. Return the size of each object."""
    place = {"LocationConstraint": sandbox.imds.region}
    sandbox.s3_client().create_bucket(Bucket=_DESTINATION, CreateBucketConfiguration=place)
    bucket = sandbox.storage_client().create_bucket(_SOURCE)
    sizes = []
    for name, content, properties in demo_files.contents():
        blob = bucket.blob(name)
        for attribute, value in properties.items():
            setattr(blob, attribute, value)
        blob.upload_from_string(content, content_type=properties.get("content_type", "application/octet-stream"))
        sizes.append(len(content))
    return sizes


def instance(sandbox: Sandbox, home: str) -> dict[str, str]:
    """Return the environment of a process on the instance. It has the endpoints of both clouds, and no key."""
    return {
        **sandbox.environment(),
        "HOME": home,
        "GCP_COPYCAT_AUDIENCE": sandbox.provider.audience,
        "GCP_COPYCAT_SERVICE_ACCOUNT": sandbox.service_account,
        "GCP_COPYCAT_TOKEN_URL": sandbox.google.token_url,
        "GCP_COPYCAT_IAM_CREDENTIALS_ENDPOINT": sandbox.google.iam_credentials_endpoint,
        "GCP_COPYCAT_STORAGE_ENDPOINT": sandbox.storage.url,
    }


def copycat(environment: dict[str, str]) -> int:
    """Run gcp_copycat in a separate process. Return its exit code."""
    command = [sys.executable, str(_SAMPLE), "--source", _SOURCE, "--destination", _DESTINATION, "--workers", _WORKERS]
    # In a new session, Ctrl-C reaches only the demo, which then stops the program.
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:  # noqa: S603 - the file beside this one
        try:
            return process.wait()
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
            process.kill()


def in_cloud_storage(sandbox: Sandbox) -> dict[str, bytes]:
    """Return the objects in Cloud Storage, as they are stored."""
    bucket = sandbox.storage_client().bucket(_SOURCE)
    names = [blob.name for blob in bucket.list_blobs()]
    return {name: bucket.blob(name).download_as_bytes(raw_download=True) for name in names}


def in_s3(sandbox: Sandbox) -> dict[str, bytes]:
    """Return the objects in S3."""
    s3 = sandbox.s3_client()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=_DESTINATION)
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    return {key: s3.get_object(Bucket=_DESTINATION, Key=key)["Body"].read() for key in keys}


def probes(sandbox: Sandbox) -> Iterator[tuple[str, int, int]]:
    """List the bucket with valid and invalid tokens. Yield the case, the expected status and the actual status."""
    yield "no token", 401, status(sandbox)
    yield "an invalid token", 401, status(sandbox, "ya29.made-up")
    import botocore.session  # noqa: PLC0415

    from google_auth_botocore import Credentials  # noqa: PLC0415

    keys = sandbox.imds.keys
    session = botocore.session.Session()
    session.set_credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    token = Credentials(**sandbox.credentials_arguments(), session=session).get_token()
    yield "a new token", 200, status(sandbox, token.value)
    time.sleep(_TOKEN_LIFETIME + 0.1)
    yield "an expired token", 401, status(sandbox, token.value)


def status(sandbox: Sandbox, token: str | None = None) -> int:
    """Return the HTTP status of a request with this token, or without one."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{sandbox.storage.url}/storage/v1/b/{_SOURCE}/o", headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310 - it is http, on loopback
            return int(reply.status)
    except HTTPError as error:
        with error:
            return error.code


def size_of(sizes: Sequence[int]) -> str:
    """Return the number of objects, their total size and the size of the largest as text."""
    total, largest = (f"{size / (1 << 20):.1f} MiB" for size in (sum(sizes), max(sizes, default=0)))
    return f"{len(sizes)} objects, {total}, the largest {largest}"


def title(text: str) -> None:
    """Print the title of a section."""
    print(f"\n{text}", flush=True)


def row(name: str, value: str, *, width: int = 22) -> None:
    """Print a name and a value. In a terminal, break a long value into lines that align."""
    space = shutil.get_terminal_size().columns - 2 - width if sys.stdout.isatty() else len(value)
    for line in textwrap.wrap(value, max(space, 20)):
        print(f"  {name:{width}}{line}", flush=True)
        name = ""


if __name__ == "__main__":
    sys.exit(main())
