"""The bucket in Cloud Storage: lists it, and reads its objects as they are stored.

google-cloud-storage lists and describes objects. It does not read their content here, because its download does not return
the response's headers, cannot be stopped between two chunks, and does not resume a read that ended early. For a small object
it would also take most of the time.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from urllib.parse import quote, urlencode, urlsplit

import urllib3
from google.auth.transport.urllib3 import AuthorizedHttp, Request

from copycat.content import Content, check_range
from copycat.direct_get import DirectGet
from copycat.errors import SetupError, StoppedError
from copycat.google_connections import ConnectionSettings, Reply
from copycat.google_errors import GET, GoogleResponseError, InvalidGoogleResponseError, classify
from copycat.google_listing import Listing
from copycat.objects import SourceObject
from copycat.retrying import OUTAGE_LIMIT, Retrier
from copycat.settings import Settings

_ENDPOINT = "https://storage.googleapis.com"
_PIECE = 1 << 18
_TIMEOUT = urllib3.Timeout(connect=10, read=60)
# Without "gzip", Cloud Storage decompresses objects stored with gzip. The checksum is of the compressed bytes.
_HEADERS = {"Accept-Encoding": "gzip", "User-Agent": "google-auth-botocore-copycat"}


class CloudStorage:
    """A bucket in Cloud Storage. It is thread-safe, and retries each request during an outage.

    Args:
        settings: settings of the run.
        stop: once this is set, every method raises `StoppedError`.
        connections: number of concurrent requests.
        outage_limit: seconds after which an outage raises `OutageError`.

    Raises:
        ConfigurationError: The settings of the Google identity are invalid.
        SetupError: The endpoint is not a valid URL.
    """

    def __init__(
        self, settings: Settings, stop: threading.Event, connections: int = 1, outage_limit: float = OUTAGE_LIMIT
    ) -> None:
        endpoint = _valid_endpoint((settings.storage_endpoint or _ENDPOINT).rstrip("/"))
        self._objects = f"{endpoint}/storage/v1/b/{quote(settings.source, safe='')}/o"
        self._project = {"userProject": settings.quota_project} if settings.quota_project else {}
        self._stop = stop
        connection_settings, credentials = ConnectionSettings.for_url(endpoint), settings.credentials()
        pool = connection_settings.pool(connections)
        self._http = AuthorizedHttp(credentials, http=pool)
        self._direct = DirectGet(endpoint, connection_settings, credentials, Request(pool), stop)
        self._listing = Listing(settings, endpoint, connections)
        self._retrier = Retrier(
            "Cloud Storage", partial(classify, settings), stop, connections, outage_limit=outage_limit
        )

    def page(self, prefix: str, after: str = "", token: str | None = None) -> tuple[list[SourceObject], str | None]:
        """List up to 1,000 objects in the order of their names' UTF-8 bytes.

        Args:
            prefix: list only names that begin with this.
            after: list only names after this one.
            token: page token from the previous call. None for the first page.

        Returns:
            The objects (possibly none), and the token of the next page. None after the last page.

        Raises:
            SetupError: The bucket does not exist, or the permission `storage.objects.list` is missing.
            OutageError: Cloud Storage did not respond for minutes.
            StoppedError: *stop* was set.
        """
        found, following = self._retrier.call(lambda: self._listing.page(prefix, after, token))
        # `startOffset` is inclusive.
        return [each for each in found if each.name != after], following

    def describe(self, name: str, generation: int | None = None) -> SourceObject:
        """Return the metadata of an object, including the checksums that some listings lack.

        Args:
            name: the object's name.
            generation: generation to describe. None: the current one.

        Raises:
            MissingError: The object or the generation does not exist.
        """
        return self._retrier.call(lambda: self._listing.describe(name, generation))

    def read(
        self, source: SourceObject, start: int = 0, length: int | None = None, buffer: bytearray | None = None
    ) -> Content:
        """Read a generation, or a range of it, as it is stored. A read that ends early is resumed.

        Args:
            source: the object.
            start: offset of the range.
            length: length of the range. None: to the end of the object.
            buffer: receives the bytes, and has the length of the range. None: allocate one.

        Raises:
            MissingError: The generation no longer exists.
            StoppedError: *stop* was set.
        """
        content = Content(
            start, bytearray(source.size - start if length is None else length) if buffer is None else buffer
        )
        while content.missing:
            self._retrier.call(lambda: self._fill(source, content))
        return content

    def close(self) -> None:
        """Close the connections."""
        self._direct.close()
        self._http.http.clear()
        self._listing.close()

    def _fill(self, source: SourceObject, content: Content) -> None:
        """Read the missing bytes, or as many of them as one response has."""
        before = content.filled
        first, last = content.start + content.filled, content.start + len(content.data) - 1
        whole = first == 0 and last == source.size - 1
        query = {"alt": "media", "generation": str(source.generation), **self._project}
        url = f"{self._objects}/{quote(source.name, safe='')}?{urlencode(query)}"
        headers = _HEADERS if whole else {**_HEADERS, "Range": f"bytes={first}-{last}"}
        expected_range = None if whole else (first, last)
        found = self._direct.get(url, headers, content.remaining)
        if found is not None:
            check_range(found, source, expected_range)
            content.note_hashes(found.headers)
            content.add(len(found.body))
        else:
            try:
                self._fill_from_stream(source, content, url, headers, expected_range)
            except (urllib3.exceptions.HTTPError, OSError):
                if content.filled == before:
                    raise
                # The response was cut short. Its bytes are kept, so the read makes progress even if this happens often.
        if content.filled == before:
            raise InvalidGoogleResponseError(f"Cloud Storage sent none of the {content.missing} requested bytes")

    def _fill_from_stream(
        self,
        source: SourceObject,
        content: Content,
        url: str,
        headers: Mapping[str, str],
        expected_range: tuple[int, int] | None,
    ) -> None:
        with self._open(url, headers) as reply:
            check_range(reply, source, expected_range)
            content.note_hashes(reply.headers)
            while content.missing:
                if self._stop.is_set():
                    raise StoppedError
                piece = reply.read(min(_PIECE, content.missing), decode_content=False)
                if not piece:
                    break
                content.remaining[: len(piece)] = piece
                content.add(len(piece))

    def _open(self, url: str, headers: Mapping[str, str]) -> Reply:
        """Send a request. Do not follow redirects, which would send the token to another server."""
        reply = self._http.urlopen(
            "GET", url, headers=headers, preload_content=False, redirect=False, retries=False, timeout=_TIMEOUT
        )
        if reply.status >= 300:
            with Reply(reply) as error_reply:
                raise GoogleResponseError(
                    reply.status, reply.headers, error_reply.read(1 << 16, decode_content=True), GET
                )
        return Reply(reply)


def _valid_endpoint(endpoint: str) -> str:
    try:
        parts = urlsplit(endpoint)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise SetupError(
            f"--storage-endpoint is invalid: {endpoint!r} is not a URL that begins with http:// or https://."
        )
    return endpoint
