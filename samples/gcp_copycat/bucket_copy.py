"""A bucket: its objects, several at once and never many ahead, and what became of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import boto3
import requests.adapters
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from google.api_core.exceptions import GoogleAPIError, NotFound
from google.cloud import storage  # type: ignore[attr-defined]  # a namespace without types
from object_copy import FIELDS, CopyError, Outcome, copy
from requests.exceptions import RequestException

from google_auth_botocore import Credentials

# What the two clouds' clients raise.
CLOUD_ERRORS = (GoogleAPIError, RequestException, ClientError, BotoCoreError, Boto3Error)
_FAILURES_KEPT = 100


@dataclass(frozen=True)
class Job:
    """What is copied where.

    Attributes:
        source: bucket in Cloud Storage.
        destination: bucket in S3.
        prefix: objects are copied whose names begin with it.
        destination_prefix: takes the place of *prefix* in the names.
        workers: objects that are copied at once.
    """

    source: str
    destination: str
    prefix: str = ""
    destination_prefix: str = ""
    workers: int = 16

    def key(self, name: str) -> str:
        """The name in S3 of an object in Cloud Storage."""
        return self.destination_prefix + name.removeprefix(self.prefix)


@dataclass
class Summary:
    """What became of the objects so far.

    Attributes:
        objects: how many, by outcome.
        bytes: how many in them, by outcome.
        failures: the first ones: name and reason.
    """

    objects: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    bytes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    failures: list[tuple[str, str]] = field(default_factory=list)

    def add(self, blob: storage.Blob, outcome: Outcome, reason: str | None = None) -> None:
        """Counts an object."""
        self.objects[outcome] += 1
        self.bytes[outcome] += blob.size
        if reason is not None and len(self.failures) < _FAILURES_KEPT:
            self.failures.append((blob.name, reason))


def storage_client(credentials: Credentials, workers: int, endpoint: str | None = None) -> storage.Client:
    """A client of Cloud Storage with a connection for each worker; *endpoint* is another one than Google's."""
    client = storage.Client(
        project=getattr(credentials, "project_id", None),
        credentials=credentials,
        client_options={"api_endpoint": endpoint} if endpoint else None,
    )
    for scheme in ("https://", "http://"):
        # requests keeps ten connections, and opens the others anew for each request.
        client._http.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=workers))
    return client


def s3_client(workers: int) -> Any:
    """A client of S3 with a connection for each worker, from boto3's own chain of credentials."""
    return boto3.client("s3", config=Config(max_pool_connections=workers, retries={"mode": "standard"}))


def listing(job: Job, client: storage.Client, fields: str = FIELDS) -> Iterable[storage.Blob]:
    """The objects to copy, page by page as they are asked for."""
    found: Iterable[storage.Blob] = client.list_blobs(job.source, prefix=job.prefix or None, fields=fields)
    return found


def run(
    job: Job, client: storage.Client, s3: Any, summary: Summary, progress: Callable[[int], object] = lambda _: None
) -> None:
    """Copies the objects of a bucket. One that fails does not keep the others from being copied.

    Args:
        job: what is copied where.
        client: of Cloud Storage; the workers share it.
        s3: boto3 client; the workers share it.
        summary: is filled, and says what was done when this ends early, too.
        progress: is told of bytes as they are sent, by several threads.

    Raises:
        ClientError, BotoCoreError: There is no such bucket in S3, or no access to it.
        GoogleAPIError: Cloud Storage gives no listing.
        FederationError: There is no Google identity, without which no object can be copied.
        KeyboardInterrupt: Somebody has ended it. Copies under way are given up.
    """
    s3.head_bucket(Bucket=job.destination)
    stop = threading.Event()
    with ThreadPoolExecutor(job.workers, thread_name_prefix="copy") as pool:
        copies: dict[Future[Outcome], storage.Blob] = {}
        try:
            for blob in listing(job, client):
                key = job.key(blob.name)
                copies[pool.submit(copy, blob, s3, job.destination, key, stop=stop, progress=progress)] = blob
                if len(copies) >= 2 * job.workers:
                    _collect(copies, summary)
            while copies:
                _collect(copies, summary)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            for future, blob in copies.items():
                if not future.cancelled() and future.exception() is None:
                    summary.add(blob, future.result())
            raise


def _collect(copies: dict[Future[Outcome], storage.Blob], summary: Summary) -> None:
    """Waits until a copy has ended, and counts those that have.

    An error that is not of one object, as a lost identity, leaves here and ends the run.
    """
    for future in wait(copies, return_when=FIRST_COMPLETED).done:
        blob = copies.pop(future)
        try:
            summary.add(blob, future.result())
        except (CopyError, *CLOUD_ERRORS) as error:
            summary.add(blob, Outcome.FAILED, _reason(error))


def _reason(error: Exception) -> str:
    if isinstance(error, NotFound):
        return "it was deleted or replaced after it had been listed"
    return " ".join(str(error).split())
