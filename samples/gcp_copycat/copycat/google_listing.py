"""Lists and describes objects in Cloud Storage with google-cloud-storage."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TypeVar

import requests
import urllib3
from google.auth.transport.requests import AuthorizedSession

from copycat.errors import SetupError, sentence
from copycat.google_errors import GET, LIST, GoogleResponseError, InvalidGoogleResponseError
from copycat.objects import SourceObject
from copycat.settings import Settings

_T = TypeVar("_T")
# The fields that a copy needs. With all fields, a page of a thousand objects would be ten times as long.
_FIELDS = (
    "nextPageToken,items(name,generation,metageneration,size,updated,crc32c,md5Hash,metadata,kmsKeyName,storageClass,"
    "contentType,contentEncoding,contentLanguage,contentDisposition,cacheControl)"
)
_TIMEOUT = (10, 60)
# Without this, the library requests the bucket's metadata in the background, for traces. That is an additional request, and
# one that is denied and logged, because reading objects does not require permission to read the bucket.
_NO_BUCKET_METADATA = "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"


class Listing:
    """Lists and describes objects, with one request per call.

    `retrying.py` does the retries, because those of the library ignore signals and the deadline.

    Args:
        settings: settings of the run.
        endpoint: URL of Cloud Storage.
        connections: number of concurrent requests.
    """

    def __init__(self, settings: Settings, endpoint: str, connections: int) -> None:
        self._settings = settings
        self._endpoint = endpoint
        self._connections = connections
        self._lock = threading.Lock()

    def page(self, prefix: str, after: str, token: str | None) -> tuple[list[SourceObject], str | None]:
        """List up to 1,000 objects, starting with a name. Return them and the token of the next page.

        Raises:
            GoogleResponseError: Cloud Storage sent an error response.
            InvalidGoogleResponseError: The response cannot be parsed.
        """
        bucket = self._bucket
        options = {"prefix": prefix or None, "start_offset": after or None, "page_token": token}
        with _errors(LIST):
            blobs = bucket.client.list_blobs(bucket, **options, fields=_FIELDS, retry=None, timeout=_TIMEOUT)
            found = [_object(blob) for blob in next(blobs.pages, ())]
            return found, blobs.next_page_token

    def describe(self, name: str, generation: int | None) -> SourceObject:
        """Return the metadata of an object.

        Args:
            name: the object's name.
            generation: generation to describe. None: the current one.

        Raises:
            GoogleResponseError: Cloud Storage sent an error response.
            InvalidGoogleResponseError: The response cannot be parsed.
        """
        blob = self._bucket.blob(name, generation=generation)
        with _errors(GET):
            blob.reload(retry=None, timeout=_TIMEOUT)
            return _object(blob)

    def close(self) -> None:
        """Close the connections."""
        if "_session" in self.__dict__:
            self._session.close()

    @cached_property
    def _session(self) -> AuthorizedSession:
        session = AuthorizedSession(self._settings.credentials())
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=self._connections)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        return session

    @property
    def _bucket(self) -> Any:
        with self._lock:
            return self._cached_bucket

    @cached_property
    def _cached_bucket(self) -> Any:
        os.environ.setdefault(_NO_BUCKET_METADATA, "true")
        # Imported here because it takes half a second, and most workers do not describe objects.
        from google.cloud import storage  # noqa: PLC0415

        project = self._settings.quota_project
        try:
            return self._new_bucket(storage, project)
        except ValueError as error:
            raise SetupError(f"Cannot read bucket '{self._settings.source}': {sentence(error)}") from error

    def _new_bucket(self, storage: Any, project: str | None) -> Any:
        # `_http` is the library's parameter for a session. Its default session has only ten connections.
        client = storage.Client(
            project=project or "none",
            credentials=self._settings.credentials(),
            client_options={"api_endpoint": self._endpoint},
            _http=self._session,
        )
        return client.bucket(self._settings.source, user_project=project)


@contextmanager
def _errors(permission: str) -> Iterator[None]:
    """Convert the library's errors to those that `google_errors.classify` knows."""
    from google.api_core.exceptions import GoogleAPICallError  # noqa: PLC0415 - slow, as above

    try:
        yield
    except GoogleAPICallError as error:
        reply = error.response
        if not isinstance(reply, requests.Response):
            raise
        raise GoogleResponseError(reply.status_code, reply.headers, reply.content, permission) from error
    except requests.exceptions.JSONDecodeError as error:
        raise InvalidGoogleResponseError(f"Cloud Storage's response is not JSON: {error}") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError):
        raise
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InvalidGoogleResponseError(f"Cannot parse Cloud Storage's response: {error!r}") from error


def _required(value: _T | None) -> _T:
    if value is None:
        raise ValueError("an object lacks its name, size, time or generation")
    return value


def _object(blob: Any) -> SourceObject:
    return SourceObject(
        name=_required(blob.name),
        generation=_required(blob.generation),
        metageneration=_required(blob.metageneration),
        size=_required(blob.size),
        updated=_required(blob.updated),
        crc32c=blob.crc32c,
        md5=blob.md5_hash,
        content_type=blob.content_type,
        content_encoding=blob.content_encoding,
        content_language=blob.content_language,
        content_disposition=blob.content_disposition,
        cache_control=blob.cache_control,
        metadata=tuple((blob.metadata or {}).items()),
        kms_key=blob.kms_key_name,
        storage_class=blob.storage_class,
    )
