"""Runs gcp_copycat as if on an EC2 instance, with both clouds emulated on this machine, and shows what happened."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import botocore.session

from google_auth_botocore import Credentials
from google_auth_botocore.emulator.sandbox import Sandbox

_SAMPLE = Path(__file__).with_name("gcp_copycat.py")
_SOURCE, _DESTINATION = "gcp-source", "aws-destination"
# Tokens expire so quickly that a run of a few seconds refreshes them several times.
_TOKEN_LIFETIME = 2
# High latency, as between continents, and few workers: so a copy takes several seconds even on a fast machine.
_LATENCY = 0.1
_WORKERS = "8"
_FILES = 400
_ARCHIVE = 24 << 20


def main() -> int:
    """Run the demo. Return 0 if all checks pass, else 1."""
    # Both clouds are on loopback, so do not use a proxy of this machine.
    os.environ.update(dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"))
    with Sandbox(token_lifetime=_TOKEN_LIFETIME) as sandbox, tempfile.TemporaryDirectory() as home:
        title("An EC2 instance with a role, and a Cloud Storage bucket")
        objects, size = fill(sandbox)
        sandbox.storage.latency = _LATENCY
        row("instance role", sandbox.arn)
        row("AWS credentials", "from instance metadata (IMDSv2), none in the environment")
        row("service account", sandbox.service_account)
        row("Google's tokens", f"expire after {_TOKEN_LIFETIME} s")
        row(f"gs://{_SOURCE}", f"{objects} objects, {size:,} bytes")

        checks = {}
        environment = instance(sandbox, home)
        title(f"$ gcp_copycat --source {_SOURCE} --destination {_DESTINATION} --workers {_WORKERS}")
        checks["The copy exited with 0."] = copycat(environment) == 0

        title("What both clouds recorded")
        exchanges = [call for call in sandbox.google.calls if call.path == "/v1/token"]
        arns = {str(call.assertion["arn"]) if call.assertion else "no identity" for call in exchanges}
        # On a busy machine, a token can expire on the way. It is rejected, and the request is repeated with a new one.
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
        row(f"gs://{_SOURCE}", size_of(here))
        row(f"s3://{_DESTINATION}", size_of(there))
        row("different", ", ".join(different) or "none")
        checks["S3 has the same objects as Cloud Storage."] = not different and len(here) == objects

        title("Cloud Storage with other tokens")
        for case, expected, status in probes(sandbox):
            row(case, f"HTTP {status}")
            checks[f"A request with {case} gets HTTP {expected}."] = status == expected

        title("Result")
        for check, passed in checks.items():
            row("ok" if passed else "FAILED", check, width=8)
        return 0 if all(checks.values()) else 1


def fill(sandbox: Sandbox) -> tuple[int, int]:
    """Create both buckets and fill the source. Return its number of objects and bytes."""
    place = {"LocationConstraint": sandbox.imds.region}
    sandbox.s3_client().create_bucket(Bucket=_DESTINATION, CreateBucketConfiguration=place)
    bucket = sandbox.storage_client().create_bucket(_SOURCE)
    objects = size = 0
    for name, content, properties in contents():
        blob = bucket.blob(name)
        for attribute, value in properties.items():
            setattr(blob, attribute, value)
        blob.upload_from_string(content, content_type=properties.get("content_type", "application/octet-stream"))
        objects, size = objects + 1, size + len(content)
    return objects, size


def contents() -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Yield name, content and properties of each object: real files of the installed packages, and special cases."""
    root = Path(sysconfig.get_path("purelib"))
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc")
    chosen = [path for path in files[:: max(1, len(files) // _FILES)] if path.stat().st_size < 1 << 20]
    for path in chosen:
        yield f"site-packages/{path.relative_to(root).as_posix()}", path.read_bytes(), {}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in files:
            if archive.tell() < _ARCHIVE:
                tar.add(path, path.relative_to(root))
    yield "large/site-packages.tar", archive.getvalue(), {"content_type": "application/x-tar"}
    yield (
        "logs/app.log",
        gzip.compress(b"GET / 200\n" * 10_000),
        {"content_encoding": "gzip", "content_type": "text/plain"},
    )
    yield "empty/none", b"", {}
    yield "empty/folder/", b"", {}
    yield "names/Übergrößenträger – 日本語 😀.txt", "Grüße".encode(), {"metadata": {"Herkunft": "Köln"}}
    yield "names/a b+c#d?e=f&g%20h'(i).txt", b"punctuation", {"cache_control": "no-store"}


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
    return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - the file beside this one


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
    yield "an invented token", 401, status(sandbox, "ya29.made-up")
    keys = sandbox.imds.keys
    session = botocore.session.Session()
    session.set_credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    token = Credentials(**sandbox.credentials_arguments(), session=session).get_token()
    yield "a new token", 200, status(sandbox, token.value)
    time.sleep(_TOKEN_LIFETIME + 0.1)
    yield "the same token after it expired", 401, status(sandbox, token.value)


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


def size_of(objects: dict[str, bytes]) -> str:
    """Return the number of objects and their total size as text."""
    return f"{len(objects)} objects, {sum(map(len, objects.values())):,} bytes"


def title(text: str) -> None:
    """Print the title of a section."""
    print(f"\n{text}", flush=True)


def row(name: str, value: str, *, width: int = 22) -> None:
    """Print a name and a value."""
    print(f"  {name:{width}}{value}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
