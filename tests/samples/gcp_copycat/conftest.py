"""A copier between two buckets, with a proxy in front of each cloud that can falsify responses."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from copycat import retrying
from copycat.cloud_storage import CloudStorage
from copycat.copying import Copier
from copycat.objects import Result, SourceObject, Task
from copycat.s3 import S3
from copycat.settings import Settings

from google_auth_botocore.emulator.sandbox import Sandbox
from samples.gcp_copycat.proxy import Proxy, Reply, Request, changes
from samples.gcp_copycat.s3_standin import S3Standin

_number = itertools.count()


class Clouds:
    """Two buckets, a proxy in front of each, and a copier between them."""

    def __init__(self, sandbox: Sandbox, google: Proxy, aws: Proxy) -> None:
        number = next(_number)
        self.sandbox = sandbox
        self.google = google
        self.aws = aws
        self.stop = threading.Event()
        self.settings = Settings(
            source=f"from-{number}",
            destination=f"to-{number}",
            workers=4,
            audience=sandbox.provider.audience,
            service_account=sandbox.service_account,
            storage_endpoint=google.url,
            token_url=sandbox.google.token_url,
            iam_credentials_endpoint=sandbox.google.iam_credentials_endpoint,
        )
        self.outage_limit = 20.0
        self._copier: Copier | None = None
        sandbox.storage_client().create_bucket(self.settings.source)
        self.direct = sandbox.s3_client()
        place = {"LocationConstraint": sandbox.imds.region}
        self.direct.create_bucket(Bucket=self.settings.destination, CreateBucketConfiguration=place)

    def set(self, **settings: Any) -> None:
        """Change settings. The next copy uses a new copier."""
        self.close()
        self.settings = dataclasses.replace(self.settings, **settings)

    @property
    def copier(self) -> Copier:
        if self._copier is None:
            self._copier = Copier(self.settings, self.stop, outage_limit=self.outage_limit)
        return self._copier

    def close(self) -> None:
        if self._copier is not None:
            self._copier.close()
            self._copier = None

    def put(self, name: str, content: bytes, **properties: Any) -> SourceObject:
        """Create an object in Cloud Storage. Return it as it is listed."""
        blob = self.sandbox.storage_client().bucket(self.settings.source).blob(name)
        for attribute, value in properties.items():
            setattr(blob, attribute, value)
        blob.upload_from_string(content, content_type=properties.get("content_type", "application/octet-stream"))
        return self.listed(name)

    def listed(self, name: str) -> SourceObject:
        storage = CloudStorage(self.settings, threading.Event())
        return next(each for each in storage.page(name)[0] if each.name == name)

    def task(self, source: SourceObject, key: str | None = None) -> Task:
        """Return the task according to the current listings."""
        key = source.name if key is None else key
        found, _ = S3(self.settings, threading.Event()).page(key) if key else ([], None)
        return Task(source, key, next((each for each in found if each.key == key), None))

    def copy(self, source: SourceObject, key: str | None = None) -> Result:
        return self.copier.copy(self.task(source, key))

    def content(self, key: str) -> bytes | None:
        """Return the content in S3, or None if there is no object."""
        try:
            return bytes(self.direct.get_object(Bucket=self.settings.destination, Key=key)["Body"].read())
        except self.direct.exceptions.NoSuchKey:
            return None

    def head(self, key: str) -> Any:
        return self.direct.head_object(Bucket=self.settings.destination, Key=key, ChecksumMode="ENABLED")

    def unfinished(self) -> list[str]:
        found = self.direct.list_multipart_uploads(Bucket=self.settings.destination)
        return [upload["UploadId"] for upload in found.get("Uploads", ())]


@pytest.fixture(scope="module", name="proxies")
def _proxies(sandbox: Sandbox) -> Iterator[tuple[Proxy, Proxy]]:
    with Proxy(sandbox.storage.url) as google, Proxy(sandbox.aws.url) as aws:
        aws.correct = CorrectedMoto()
        yield google, aws


class CorrectedMoto:
    """Corrects moto's responses about uploads: creation times, checksums of parts, and the error for an aborted upload."""

    def __init__(self) -> None:
        self._created: dict[str, str] = {}
        self._checksums: dict[tuple[str, str], str] = {}

    def __call__(self, request: Request, reply: Reply) -> None:
        query = dict(parse_qsl(urlsplit(request.path).query, keep_blank_values=True))
        upload = query.get("uploadId", "")
        if request.method == "PUT" and upload and reply.status == 500:  # the upload was aborted
            reply.status, reply.body = 404, b"<Error><Code>NoSuchUpload</Code></Error>"
        elif request.method == "PUT" and upload:
            self._checksums[upload, query["partNumber"]] = reply.headers.get("x-amz-checksum-crc32c", "")
        elif request.method == "GET" and upload:
            self._change(
                reply,
                "PartNumber",
                lambda number: f"<ChecksumCRC32C>{self._checksums[upload, number]}</ChecksumCRC32C>",
            )
        elif "uploads" in query:
            now = dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            reply.body = re.sub(rb"<Initiated>.*?</Initiated>", b"", reply.body)
            self._change(
                reply, "UploadId", lambda name: f"<Initiated>{self._created.setdefault(name, now)}</Initiated>"
            )

    def _change(self, reply: Reply, element: str, addition: Callable[[str], str]) -> None:
        """Add an element after each element with this name."""
        pattern = f"<{element}>([^<]*)</{element}>"
        reply.body = re.sub(pattern, lambda found: found[0] + addition(found[1]), reply.body.decode()).encode()


@pytest.fixture(name="clouds")
def _clouds(sandbox: Sandbox, proxies: tuple[Proxy, Proxy], monkeypatch: pytest.MonkeyPatch) -> Iterator[Clouds]:
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    google, aws = proxies
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", aws.url)
    # Shorten the delays, which these tests do not examine.
    monkeypatch.setattr(retrying, "_FIRST_DELAY", 0.01)
    monkeypatch.setattr(retrying, "_MAX_DELAY", 0.05)
    google.clear()
    aws.clear()
    clouds = Clouds(sandbox, google, aws)
    yield clouds
    clouds.close()


def without_listed_checksums(clouds: Clouds) -> None:
    """Remove the checksums from listings, as with customer-managed keys. The metadata of each object still has them."""

    def change(reply: Reply) -> None:
        listed = json.loads(reply.body)
        for item in listed.get("items", ()):
            item.pop("crc32c", None)
            item.pop("md5Hash", None)
        reply.body = json.dumps(listed).encode()

    path = f"/storage/v1/b/{clouds.settings.source}/o"
    clouds.google.when(lambda request: request.path.partition("?")[0] == path, changes(change))


@pytest.fixture(name="s3")
def _s3(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Standin]:
    """A strict stand-in for S3, instead of moto."""
    with S3Standin() as s3:
        s3.checks_signatures = False  # the keys are those of the sandbox
        s3.create_bucket(clouds.settings.destination)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
        yield s3
        clouds.close()
