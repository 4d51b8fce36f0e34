"""Google's side: lists a bucket, and reads objects of it as they are stored.

Listings and metadata come by google-cloud-storage. Content does not: the library has no read of a generation as it is stored
that gives its response's headers, looks at a signal between two pieces, and completes one that ended early; and its objects,
sessions and checks take most of the time of a small object.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from urllib.parse import quote, urlencode

import google_crc32c
import urllib3
from google.auth.transport.urllib3 import AuthorizedHttp, Request

from copycat.direct import DirectReply
from copycat.direct_get import DirectGet
from copycat.errors import StoppedError
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
    """

    def __init__(
        self, settings: Settings, stop: threading.Event, connections: int = 1, patience: float = PATIENCE
    ) -> None:
        endpoint = (settings.storage_endpoint or _ENDPOINT).rstrip("/")
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

    def read(self, source: SourceObject, start: int = 0, length: int | None = None) -> Content:
        """Read a generation, or a range of it, as it is stored. A read that ends early is completed.

        Raises:
            MissingError: There is no such generation any more.
            StoppedError: *stop* was set.
        """
        content = Content(start, source.size - start if length is None else length)
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
        query = {"alt": "media", "generation": str(source.generation)}
        url = f"{self._objects}/{quote(source.name, safe='')}?{urlencode({**query, **self._project})}"
        headers = _HEADERS if whole else {**_HEADERS, "Range": f"bytes={first}-{last}"}
        found = self._direct.get(url, headers, content.missing) if whole else None
        if found is not None:
            _check(found, source, None)
            content.note_hashes(found.headers)
            content.append(found.body[: content.missing])
        else:
            self._fill_from_stream(source, content, url, headers, None if whole else (first, last))
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
            _check(reply, source, wanted)
            content.note_hashes(reply.headers)
            while content.missing:
                if self._stop.is_set():
                    raise StoppedError
                piece = reply.read(min(_PIECE, content.missing), decode_content=False)
                if not piece:
                    break
                content.append(piece)

    def _open(self, url: str, headers: Mapping[str, str]) -> Reply:
        """Send a request. It follows no redirect, which would take the token elsewhere."""
        reply = self._http.urlopen(
            "GET", url, headers=headers, preload_content=False, redirect=False, retries=False, timeout=_TIMEOUT
        )
        if reply.status >= 300:
            with Reply(reply) as refused:
                raise GoogleError(reply.status, reply.headers, refused.read(1 << 16, decode_content=True), GET)
        return Reply(reply)


class Content:
    """Bytes of an object while they are read.

    Attributes:
        start: offset in the object.
        data: room for all bytes.
        filled: how many are there.
        crc: CRC32C of those.
        hashes: what Cloud Storage says of the whole object: `crc32c` and `md5`, if it does.
    """

    __slots__ = ("crc", "data", "filled", "hashes", "start")

    def __init__(self, start: int, length: int) -> None:
        self.start = start
        self.data = bytearray(length)
        self.filled = 0
        self.crc = 0
        self.hashes: dict[str, str] = {}

    @property
    def missing(self) -> int:
        """How many bytes are not there yet."""
        return len(self.data) - self.filled

    def append(self, piece: bytes) -> None:
        """Add what comes next."""
        self.data[self.filled : self.filled + len(piece)] = piece
        self.filled += len(piece)
        self.crc = google_crc32c.extend(self.crc, piece)

    def note_hashes(self, headers: Mapping[str, str]) -> None:
        """Take the whole object's checksums from a reply: `x-goog-hash: crc32c=n03x6A==, md5=…`."""
        for each in headers.get("x-goog-hash", "").split(","):
            name, _, value = each.strip().partition("=")
            if value:
                self.hashes[name] = value


def _check(reply: Reply | DirectReply, source: SourceObject, wanted: tuple[int, int] | None) -> None:
    """Check that a reply is the range of the generation that it was asked for.

    Raises:
        WrongGoogleAnswerError: It is not.
    """
    generation = reply.headers.get("x-goog-generation", str(source.generation))
    if generation != str(source.generation):
        raise WrongGoogleAnswerError(f"Cloud Storage sent generation {generation}, not {source.generation}")
    if wanted is None:
        if reply.status != 200:
            raise WrongGoogleAnswerError(f"Cloud Storage answered {reply.status} where it answers 200")
        return
    span = f"bytes {wanted[0]}-{wanted[1]}/{source.size}"
    answered = reply.headers.get("content-range", "no range")
    if reply.status != 206 or answered != span:
        raise WrongGoogleAnswerError(f"Cloud Storage sent {answered} (HTTP {reply.status}), not {span}")
