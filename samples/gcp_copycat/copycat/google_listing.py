"""What Cloud Storage says about objects: listings and metadata, by google-cloud-storage."""

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
from copycat.google_errors import GET, LIST, GoogleError, WrongGoogleAnswerError
from copycat.objects import SourceObject
from copycat.settings import Settings

_T = TypeVar("_T")
# What a copy needs; without a choice of fields, a page of a thousand objects is ten times as long.
_FIELDS = (
    "nextPageToken,items(name,generation,metageneration,size,updated,crc32c,md5Hash,metadata,kmsKeyName,storageClass,"
    "contentType,contentEncoding,contentLanguage,contentDisposition,cacheControl)"
)
_TIMEOUT = (10, 60)
# Or else the library asks for the bucket's metadata behind the caller's back, for traces: another request, and a denied
# one in the audit log, as to read objects one need not read the bucket.
_NO_BUCKET_METADATA = "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"


class Listing:
    """One request per call: `retrying.py` tries again, as the library's retries know neither a signal nor a deadline.

    Args:
        settings: of the run.
        endpoint: of Cloud Storage.
        connections: requests at once.
    """

    def __init__(self, settings: Settings, endpoint: str, connections: int) -> None:
        self._settings = settings
        self._endpoint = endpoint
        self._connections = connections
        self._lock = threading.Lock()

    def page(self, prefix: str, after: str, token: str | None) -> tuple[list[SourceObject], str | None]:
        """List up to 1,000 objects from a name on; return them and the next page's token.

        Raises:
            GoogleError: Cloud Storage answered with an error.
            WrongGoogleAnswerError: Its answer cannot be read.
        """
        bucket = self._bucket
        options = {"prefix": prefix or None, "start_offset": after or None, "page_token": token}
        with _errors(LIST):
            blobs = bucket.client.list_blobs(bucket, **options, fields=_FIELDS, retry=None, timeout=_TIMEOUT)
            found = [_object(blob) for blob in next(blobs.pages, ())]
            return found, blobs.next_page_token

    def describe(self, name: str, generation: int | None) -> SourceObject:
        """Return what there is to know about an object's generation; None: the current one.

        Raises:
            GoogleError: Cloud Storage answered with an error.
            WrongGoogleAnswerError: Its answer cannot be read.
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
            return self._made_bucket

    @cached_property
    def _made_bucket(self) -> Any:
        os.environ.setdefault(_NO_BUCKET_METADATA, "true")
        # Half a second, which a worker that describes nothing does not spend.
        from google.cloud import storage  # noqa: PLC0415

        project = self._settings.quota_project
        try:
            return self._new_bucket(storage, project)
        except ValueError as error:
            raise SetupError(f"Bucket '{self._settings.source}' cannot be read: {sentence(error)}") from error

    def _new_bucket(self, storage: Any, project: str | None) -> Any:
        # `_http` is the library's parameter for a session. Its own has room for ten connections.
        client = storage.Client(
            project=project or "none",
            credentials=self._settings.credentials(),
            client_options={"api_endpoint": self._endpoint},
            _http=self._session,
        )
        return client.bucket(self._settings.source, user_project=project)


@contextmanager
def _errors(permission: str) -> Iterator[None]:
    """Turn the library's errors into those that are judged."""
    from google.api_core.exceptions import GoogleAPICallError  # noqa: PLC0415 - see above

    try:
        yield
    except GoogleAPICallError as error:
        reply = error.response
        if not isinstance(reply, requests.Response):
            raise
        raise GoogleError(reply.status_code, reply.headers, reply.content, permission) from error
    except requests.exceptions.JSONDecodeError as error:
        raise WrongGoogleAnswerError(f"Cloud Storage's answer is not JSON: {error}") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError):
        raise
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise WrongGoogleAnswerError(f"Cloud Storage's answer cannot be read: {error!r}") from error


def _there(value: _T | None) -> _T:
    if value is None:
        raise ValueError("an object lacks its name, size, time or generation")
    return value


def _object(blob: Any) -> SourceObject:
    return SourceObject(
        name=_there(blob.name),
        generation=_there(blob.generation),
        metageneration=_there(blob.metageneration),
        size=_there(blob.size),
        updated=_there(blob.updated),
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
