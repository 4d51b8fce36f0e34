"""Runs gcp_copycat as on an EC2 instance, with both clouds on this machine, and shows what happened."""

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
# So short that the run outlives several: the refreshes of a working day in a few seconds.
_TOKEN_LIFETIME = 2
# As across an ocean, and few workers: however fast the machine is, a copy takes seconds.
_LATENCY = 0.1
_WORKERS = "8"
_FILES = 400
_ARCHIVE = 24 << 20


def main() -> int:
    """Gives 0 when both sides are equal and everything else held, too."""
    # Both clouds are on loopback, whatever proxy this machine has.
    os.environ.update(dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"))
    with Sandbox(token_lifetime=_TOKEN_LIFETIME) as sandbox, tempfile.TemporaryDirectory() as home:
        title("An EC2 instance with a role on one side, a bucket on the other")
        objects, size = fill(sandbox)
        sandbox.storage.latency = _LATENCY
        row("role of the instance", sandbox.arn)
        row("its keys", "in instance metadata v2, none in the environment")
        row("service account", sandbox.service_account)
        row("Google's tokens", f"live for {_TOKEN_LIFETIME} s")
        row(f"gs://{_SOURCE}", f"{objects} objects, {size:,} bytes")

        checks = {}
        environment = instance(sandbox, home)
        title(f"$ gcp_copycat --source {_SOURCE} --destination {_DESTINATION} --workers {_WORKERS}")
        checks["The copy ended with 0."] = copycat(environment) == 0

        title("What the two clouds saw of it")
        exchanges = [call for call in sandbox.google.calls if call.path == "/v1/token"]
        arns = {str(call.assertion["arn"]) if call.assertion else "nobody" for call in exchanges}
        # A token that ends on its way, on a busy machine, is refused and replaced.
        callers = {principal for principal in sandbox.storage.principals if principal is not None}
        row("instance metadata", f"{len(sandbox.imds.calls)} calls")
        row("Google STS", f"{len(exchanges)} exchanges of a signed GetCallerIdentity")
        row("  as", ", ".join(sorted(arns)))
        row("  which is", ", ".join(sorted({str(call.principal) for call in exchanges})))
        row("IAM Credentials", f"{sandbox.google.count(':generateAccessToken')} access tokens of the service account")
        row(
            "Cloud Storage",
            f"{len(sandbox.storage.principals)} requests with {len(sandbox.storage.tokens)} tokens,"
            f" {sandbox.storage.refused} of them refused",
        )
        row("  from", ", ".join(sorted(callers)))
        checks["Google saw the role of the instance, and nobody else."] = arns == {sandbox.arn}
        checks["Cloud Storage saw the service account, and nobody else."] = callers == {sandbox.service_account}
        checks["The token was renewed on the way, several times."] = len(sandbox.storage.tokens) >= 3

        title("The same again")
        downloads = len(sandbox.storage.downloads)
        checks["The second run ended with 0."] = copycat(environment) == 0
        checks["The second run read no object, since they are there."] = len(sandbox.storage.downloads) == downloads
        sandbox.storage.latency = 0

        title("Both sides, byte for byte")
        here, there = in_cloud_storage(sandbox), in_s3(sandbox)
        different = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
        row(f"gs://{_SOURCE}", measured(here))
        row(f"s3://{_DESTINATION}", measured(there))
        row("different", ", ".join(different) or "none")
        checks["Every object is in S3 as it is in Cloud Storage."] = not different and len(here) == objects

        title("Cloud Storage with other tokens")
        for case, expected, status in probes(sandbox):
            row(case, f"HTTP {status}")
            checks[f"With {case} a request gets {expected}."] = status == expected

        title("Result")
        for check, held in checks.items():
            row("ok" if held else "FAILED", check, width=8)
        return 0 if all(checks.values()) else 1


def fill(sandbox: Sandbox) -> tuple[int, int]:
    """Makes both buckets, and fills one; gives the objects and bytes in it."""
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
    """Real files, of the packages installed here, and what buckets have besides: name, bytes, properties."""
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
    """All the environment that a process on the instance has: where the clouds are, and no key."""
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
    """Runs the application, in a process of its own; gives its exit code."""
    command = [sys.executable, str(_SAMPLE), "--source", _SOURCE, "--destination", _DESTINATION, "--workers", _WORKERS]
    return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - the file beside this one


def in_cloud_storage(sandbox: Sandbox) -> dict[str, bytes]:
    """The objects on Google's side, as they are stored."""
    bucket = sandbox.storage_client().bucket(_SOURCE)
    names = [blob.name for blob in bucket.list_blobs()]
    return {name: bucket.blob(name).download_as_bytes(raw_download=True) for name in names}


def in_s3(sandbox: Sandbox) -> dict[str, bytes]:
    """The objects on AWS's side."""
    s3 = sandbox.s3_client()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=_DESTINATION)
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    return {key: s3.get_object(Bucket=_DESTINATION, Key=key)["Body"].read() for key in keys}


def probes(sandbox: Sandbox) -> Iterator[tuple[str, int, int]]:
    """Asks for the listing with good tokens and bad ones: what with, the status expected, the status."""
    yield "no token", 401, status(sandbox)
    yield "a made-up token", 401, status(sandbox, "ya29.made-up")
    keys = sandbox.imds.keys
    session = botocore.session.Session()
    session.set_credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    token = Credentials(**sandbox.credentials_arguments(), session=session).get_token()
    yield "a new token", 200, status(sandbox, token.value)
    time.sleep(_TOKEN_LIFETIME + 0.1)
    yield "the same, expired", 401, status(sandbox, token.value)


def status(sandbox: Sandbox, token: str | None = None) -> int:
    """The HTTP status of a request with a token, or with none."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{sandbox.storage.url}/storage/v1/b/{_SOURCE}/o", headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310 - it is http, on loopback
            return int(reply.status)
    except HTTPError as error:
        with error:
            return error.code


def measured(objects: dict[str, bytes]) -> str:
    """How many, and how large together."""
    return f"{len(objects)} objects, {sum(map(len, objects.values())):,} bytes"


def title(text: str) -> None:
    """Begins a part of what is shown."""
    print(f"\n{text}", flush=True)


def row(name: str, value: str, *, width: int = 22) -> None:
    """Shows one fact."""
    print(f"  {name:{width}}{value}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
