"""One copier between two buckets; a proxy that can give wrong answers is before each cloud."""

from __future__ import annotations

import dataclasses
import itertools
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from copycat import retrying
from copycat.cloud_storage import CloudStorage
from copycat.copying import Copier
from copycat.objects import Result, SourceObject, Task
from copycat.s3 import S3
from copycat.settings import Settings

from google_auth_botocore.emulator.sandbox import Sandbox
from samples.gcp_copycat.proxy import Proxy, Reply, changes

_number = itertools.count()


class Clouds:
    """Two buckets, a proxy before each, and a copier between them."""

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
        self.patience = 20.0
        self._copier: Copier | None = None
        sandbox.storage_client().create_bucket(self.settings.source)
        self.direct = sandbox.s3_client()
        place = {"LocationConstraint": sandbox.imds.region}
        self.direct.create_bucket(Bucket=self.settings.destination, CreateBucketConfiguration=place)

    def set(self, **settings: Any) -> None:
        """Change settings; the next copy is by another copier."""
        self.close()
        self.settings = dataclasses.replace(self.settings, **settings)

    @property
    def copier(self) -> Copier:
        if self._copier is None:
            self._copier = Copier(self.settings, self.stop, patience=self.patience)
        return self._copier

    def close(self) -> None:
        if self._copier is not None:
            self._copier.close()
            self._copier = None

    def put(self, name: str, content: bytes, **properties: Any) -> SourceObject:
        """Make an object in Cloud Storage; return it as it is listed."""
        blob = self.sandbox.storage_client().bucket(self.settings.source).blob(name)
        for attribute, value in properties.items():
            setattr(blob, attribute, value)
        blob.upload_from_string(content, content_type=properties.get("content_type", "application/octet-stream"))
        return self.listed(name)

    def listed(self, name: str) -> SourceObject:
        side = CloudStorage(self.settings, threading.Event())
        return next(each for each in side.page(name)[0] if each.name == name)

    def task(self, source: SourceObject, key: str | None = None) -> Task:
        """The task as both listings have it now."""
        key = source.name if key is None else key
        found, _ = S3(self.settings, threading.Event()).page(key) if key else ([], None)
        return Task(source, key, next((each for each in found if each.key == key), None))

    def copy(self, source: SourceObject, key: str | None = None) -> Result:
        return self.copier.copy(self.task(source, key))

    def content(self, key: str) -> bytes | None:
        """The bytes in S3; None: nothing."""
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
        yield google, aws


@pytest.fixture(name="clouds")
def _clouds(
    sandbox: Sandbox, proxies: tuple[Proxy, Proxy], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Clouds]:
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    google, aws = proxies
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", aws.url)
    # Waiting is not what these tests are about.
    monkeypatch.setattr(retrying, "_FIRST_DELAY", 0.01)
    monkeypatch.setattr(retrying, "_LONGEST_DELAY", 0.05)
    google.clear()
    aws.clear()
    clouds = Clouds(sandbox, google, aws)
    yield clouds
    clouds.close()


def without_listed_checksums(clouds: Clouds) -> None:
    """Cloud Storage lists no checksums, as with customer-managed keys; it has them for each object."""

    def change(reply: Reply) -> None:
        listed = json.loads(reply.body)
        for item in listed.get("items", ()):
            item.pop("crc32c", None)
            item.pop("md5Hash", None)
        reply.body = json.dumps(listed).encode()

    path = f"/storage/v1/b/{clouds.settings.source}/o"
    clouds.google.when(lambda request: request.path.partition("?")[0] == path, changes(change))
