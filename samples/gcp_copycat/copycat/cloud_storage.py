"""Google's side: lists a bucket, and reads objects of it as they are stored.

google-cloud-storage lists and describes. It does not read content: it has no read of a generation as it is stored that gives
its response's headers, looks at a signal between two pieces, and completes one that ended early; and its objects, sessions
and checks take most of the time of a small object.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from urllib.parse import quote, urlencode, urlsplit

import urllib3
from google.auth.transport.urllib3 import AuthorizedHttp, Request

from copycat.content import Content, check
from copycat.direct_get import DirectGet
from copycat.errors import SetupError, StoppedError
from copycat.google_connections import Reply, Way
from copycat.google_errors import GET, GoogleError, WrongGoogleAnswerError, judge
from copycat.google_listing import Listing
from copycat.objects import SourceObject
from copycat.retrying import PATIENCE, Side
from copycat.settings import Settings

_ENDPOINT = "https://storage.googleapis.com"
_PIECE = 1 << 18
_TIMEOUT = urllib3.Timeout(connect=10, read=60)
# "gzip": without it, Cloud Storage unpacks what is stored with gzip, and sends other bytes than it has a checksum of.
_HEADERS = {"Accept-Encoding": "gzip", "User-Agent": "google-auth-botocore-copycat"}


class CloudStorage:
    """A bucket in Cloud Storage. Its threads share it; each request is tried again during an outage.

    Args:
        settings: of the run.
        stop: when it is set, every method raises `StoppedError`.
        connections: requests at once.
        patience: seconds that Cloud Storage may be away.

    Raises:
        ConfigurationError: The settings of the Google identity are invalid.
        SetupError: The endpoint is not a URL.
    """

    def __init__(
        self, settings: Settings, stop: threading.Event, connections: int = 1, patience: float = PATIENCE
    ) -> None:
        endpoint = _checked((settings.storage_endpoint or _ENDPOINT).rstrip("/"))
        self._objects = f"{endpoint}/storage/v1/b/{quote(settings.source, safe='')}/o"
        self._project = {"userProject": settings.quota_project} if settings.quota_project else {}
        self._stop = stop
        way, credentials = Way.to(endpoint), settings.credentials()
        connected = way.connections(connections)
        self._http = AuthorizedHttp(credentials, http=connected)
        self._direct = DirectGet(endpoint, way, credentials, Request(connected), stop)
        self._listing = Listing(settings, endpoint, connections)
        self._side = Side("Cloud Storage", partial(judge, settings), stop, connections, patience=patience)

    def page(self, prefix: str, after: str = "", token: str | None = None) -> tuple[list[SourceObject], str | None]:
        """List up to 1,000 objects in the order of their names' UTF-8 bytes.

        Args:
            prefix: only names that begin with it.
            after: only names after this one.
            token: of the page before; None for the first page.

        Returns:
            The objects (possibly none), and the token of the next page; None: this was the last one.

        Raises:
            SetupError: There is no such bucket, or no permission (`storage.objects.list`).
            OutageError: Cloud Storage did not answer for minutes.
            StoppedError: *stop* was set.
        """
        found, following = self._side.call(lambda: self._listing.page(prefix, after, token))
        # The listing begins with the name itself.
        return [each for each in found if each.name != after], following

    def describe(self, name: str, generation: int | None = None) -> SourceObject:
        """Return what Cloud Storage says about an object, with the checksums that some listings lack.

        Args:
            name: the object's name.
            generation: a certain one; None: the current one.

        Raises:
            MissingError: There is no such object or generation.
        """
        return self._side.call(lambda: self._listing.describe(name, generation))

    def read(
        self, source: SourceObject, start: int = 0, length: int | None = None, room: bytearray | None = None
    ) -> Content:
        """Read a generation, or a range of it, as it is stored. A read that ends early is completed.

        Args:
            source: the object.
            start: of the range.
            length: of the range; None: to the object's end.
            room: for the range, of its length; None: new room.

        Raises:
            MissingError: There is no such generation any more.
            StoppedError: *stop* was set.
        """
        content = Content(start, bytearray(source.size - start if length is None else length) if room is None else room)
        while content.missing:
            self._side.call(lambda: self._fill(source, content))
        return content

    def close(self) -> None:
        """Close the connections."""
        self._direct.close()
        self._http.http.clear()
        self._listing.close()

    def _fill(self, source: SourceObject, content: Content) -> None:
        """Read what is missing, or as much of it as one reply has."""
        before = content.filled
        first, last = content.start + content.filled, content.start + len(content.data) - 1
        whole = first == 0 and last == source.size - 1
        query = {"alt": "media", "generation": str(source.generation), **self._project}
        url = f"{self._objects}/{quote(source.name, safe='')}?{urlencode(query)}"
        headers = _HEADERS if whole else {**_HEADERS, "Range": f"bytes={first}-{last}"}
        wanted = None if whole else (first, last)
        found = self._direct.get(url, headers, content.room)
        if found is not None:
            check(found, source, wanted)
            content.note_hashes(found.headers)
            content.take(len(found.body))
        else:
            try:
                self._fill_from_stream(source, content, url, headers, wanted)
            except (urllib3.exceptions.HTTPError, OSError):
                if content.filled == before:
                    raise
                # It was cut short, and what it had is not lost: however often that happens, the read gets on.
        if content.filled == before:
            raise WrongGoogleAnswerError(
                f"Cloud Storage sent none of the {content.missing} bytes that it was asked for"
            )

    def _fill_from_stream(
        self,
        source: SourceObject,
        content: Content,
        url: str,
        headers: Mapping[str, str],
        wanted: tuple[int, int] | None,
    ) -> None:
        with self._open(url, headers) as reply:
            check(reply, source, wanted)
            content.note_hashes(reply.headers)
            while content.missing:
                if self._stop.is_set():
                    raise StoppedError
                piece = reply.read(min(_PIECE, content.missing), decode_content=False)
                if not piece:
                    break
                content.room[: len(piece)] = piece
                content.take(len(piece))

    def _open(self, url: str, headers: Mapping[str, str]) -> Reply:
        """Send a request. It follows no redirect, which would take the token elsewhere."""
        reply = self._http.urlopen(
            "GET", url, headers=headers, preload_content=False, redirect=False, retries=False, timeout=_TIMEOUT
        )
        if reply.status >= 300:
            with Reply(reply) as refused:
                raise GoogleError(reply.status, reply.headers, refused.read(1 << 16, decode_content=True), GET)
        return Reply(reply)


def _checked(endpoint: str) -> str:
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
