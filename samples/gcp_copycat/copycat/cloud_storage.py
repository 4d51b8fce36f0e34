"""Google's side: lists a bucket, and reads objects of it as they are stored.

The JSON API through google-auth's own transport: google-cloud-storage would use most of the time that a small object
takes on objects of its own, and its retries know neither the end of a run nor a signal.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

import google_crc32c
import urllib3
from google.auth.transport.urllib3 import AuthorizedHttp

from copycat import timestamps
from copycat.errors import StoppedError
from copycat.google_connections import Reply, connections_to
from copycat.google_errors import GoogleError, WrongGoogleAnswerError, judge
from copycat.objects import SourceObject
from copycat.retrying import PATIENCE, Side
from copycat.settings import Settings

_ENDPOINT = "https://storage.googleapis.com"
# What a copy needs; without a choice of fields, a page of a thousand objects is ten times as long.
_FIELDS = (
    "name,generation,metageneration,size,updated,crc32c,md5Hash,metadata,kmsKeyName,storageClass,"
    "contentType,contentEncoding,contentLanguage,contentDisposition,cacheControl"
)
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
        self._http = AuthorizedHttp(settings.credentials(), http=connections_to(endpoint, connections))
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
        query = {"prefix": prefix, "startOffset": after, "pageToken": token or "", "projection": "noAcl"}
        query = {name: value for name, value in query.items() if value}
        query["fields"] = f"nextPageToken,items({_FIELDS})"
        found, following = self._side.call(lambda: self._list(query))
        # `startOffset` includes the name itself.
        return [each for each in found if each.name != after], following

    def describe(self, name: str, generation: int | None = None) -> SourceObject:
        """Return what Cloud Storage says about an object, with the checksums that some listings lack.

        Args:
            name: the object's name.
            generation: a certain one; None: the current one.

        Raises:
            MissingError: There is no such object or generation.
        """
        query = {"fields": _FIELDS, "projection": "noAcl"} | ({"generation": str(generation)} if generation else {})
        url = f"{self._objects}/{quote(name, safe='')}"
        return self._side.call(lambda: _object(self._json(url, query, "storage.objects.get")))

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
        self._http.http.clear()

    def _list(self, query: Mapping[str, str]) -> tuple[list[SourceObject], str | None]:
        listed = self._json(self._objects, query, "storage.objects.list")
        items = listed.get("items", [])
        if not isinstance(items, list):
            raise WrongGoogleAnswerError("Cloud Storage's listing has no list of objects")
        return [_object(item) for item in items], listed.get("nextPageToken")

    def _fill(self, source: SourceObject, content: Content) -> None:
        """Read what is missing, or as much of it as one reply has."""
        first, last = content.start + content.filled, content.start + len(content.data) - 1
        whole = first == 0 and last == source.size - 1
        query = {"alt": "media", "generation": str(source.generation)}
        url = f"{self._objects}/{quote(source.name, safe='')}?{urlencode({**query, **self._project})}"
        headers = _HEADERS if whole else {**_HEADERS, "Range": f"bytes={first}-{last}"}
        before = content.filled
        try:
            with self._open(url, headers, "storage.objects.get") as reply:
                _check(reply, source, None if whole else (first, last))
                content.note_hashes(reply.headers)
                while content.missing:
                    if self._stop.is_set():
                        raise StoppedError
                    piece = reply.read(min(_PIECE, content.missing), decode_content=False)
                    if not piece:
                        break
                    content.append(piece)
        except (urllib3.exceptions.HTTPError, OSError):
            if content.filled == before:
                raise
            # It was cut short, and what it had is not lost: however often that happens, the read gets on.
        if content.filled == before:
            raise WrongGoogleAnswerError(
                f"Cloud Storage sent none of the {content.missing} bytes that it was asked for"
            )

    def _json(self, url: str, query: Mapping[str, str], permission: str) -> dict[str, Any]:
        with self._open(f"{url}?{urlencode({**query, **self._project})}", _HEADERS, permission) as reply:
            if reply.status != 200:
                raise WrongGoogleAnswerError(f"Cloud Storage answered {reply.status} where it answers 200")
            text = reply.read(decode_content=True)
        try:
            found = json.loads(text)
        except ValueError as error:
            raise WrongGoogleAnswerError(f"Cloud Storage's answer is not JSON: {error}") from error
        if not isinstance(found, dict):
            raise WrongGoogleAnswerError("Cloud Storage's answer is not a JSON object")
        return found

    def _open(self, url: str, headers: Mapping[str, str], permission: str) -> Reply:
        """Send a request. It follows no redirect, which would take the token elsewhere."""
        reply = self._http.urlopen(
            "GET", url, headers=headers, preload_content=False, redirect=False, retries=False, timeout=_TIMEOUT
        )
        if reply.status >= 300:
            with Reply(reply) as refused:
                raise GoogleError(reply.status, reply.headers, refused.read(1 << 16, decode_content=True), permission)
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


def _check(reply: Reply, source: SourceObject, wanted: tuple[int, int] | None) -> None:
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


def _object(item: Mapping[str, Any]) -> SourceObject:
    """Read an object's resource.

    Raises:
        WrongGoogleAnswerError: It is not one.
    """
    try:
        return _parsed(item)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise WrongGoogleAnswerError(
            f"Cloud Storage described an object in a form that cannot be read: {error!r}"
        ) from error


def _parsed(item: Mapping[str, Any]) -> SourceObject:
    return SourceObject(
        name=item["name"],
        generation=int(item["generation"]),
        metageneration=int(item["metageneration"]),
        size=int(item["size"]),
        updated=timestamps.parse(item["updated"]),
        crc32c=item.get("crc32c"),
        md5=item.get("md5Hash"),
        content_type=item.get("contentType"),
        content_encoding=item.get("contentEncoding"),
        content_language=item.get("contentLanguage"),
        content_disposition=item.get("contentDisposition"),
        cache_control=item.get("cacheControl"),
        metadata=tuple((item.get("metadata") or {}).items()),
        kms_key=item.get("kmsKeyName"),
        storage_class=item.get("storageClass"),
    )
