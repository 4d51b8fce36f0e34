"""Merges both listings in constant memory: yields each object in Cloud Storage with the object that S3 has under its key."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from copycat.cloud_storage import CloudStorage
from copycat.errors import OutageError
from copycat.objects import DestinationObject, SourceObject, Task
from copycat.prefetch import Prefetcher
from copycat.s3 import S3
from copycat.settings import Settings

_T = TypeVar("_T")


def pages(fetch: Callable[[str | None], tuple[list[_T], str | None]]) -> Iterator[list[_T]]:
    """Yield the pages of a listing.

    Args:
        fetch: accepts a page token. Returns the page, and the token of the next one.

    Raises:
        OutageError: The listing returns to an earlier page, so it would never end.
    """
    token: str | None = None
    detector = LoopDetector()
    while True:
        page, following = fetch(token)
        yield page
        if following is None:
            return
        detector.check(following)
        token = following


class LoopDetector:
    """Detects a listing that repeats its pages and would never end. It uses constant memory (Brent's algorithm)."""

    def __init__(self) -> None:
        self._kept: str | None = None
        self._count, self._keep_at = 0, 1

    def check(self, token: str) -> None:
        """Check the token of the next page.

        Raises:
            OutageError: An earlier page had the same token.
        """
        if token == self._kept:
            raise OutageError("The listing returns the same pages again and again.")
        self._count += 1
        if self._count == self._keep_at:
            self._kept, self._keep_at = token, 2 * self._keep_at


class DestinationLookup:
    """Looks up ascending keys in S3's listing, which is read only as far as necessary.

    Args:
        page: accepts a prefix, the key to start after, and a page token. Returns a page and the token of the next one.
        prefix: prefix of all keys that are looked up.
    """

    def __init__(
        self, page: Callable[[str, str, str | None], tuple[list[DestinationObject], str | None]], prefix: str
    ) -> None:
        self._page = page
        self._prefix = prefix
        self._items: list[DestinationObject] = []
        self._position = 0
        self._token: str | None = None
        self._after = ""
        self._ended = False
        self._detector = LoopDetector()

    def find(self, key: str) -> DestinationObject | None:
        """Return the object with this key, or None. The key must be greater than those of earlier calls.

        If Cloud Storage's listing is not sorted, this returns None for an object that S3 may have. Then S3 rejects the copy
        (`If-None-Match`), and the worker compares again.
        """
        while True:
            # Python compares strings by code point, which is also the order of their UTF-8 bytes.
            while self._position < len(self._items):
                item = self._items[self._position]
                if item.key == key:
                    return item
                if item.key > key:
                    return None
                self._position += 1
            if self._ended:
                return None
            self._fetch(key)

    def _fetch(self, key: str) -> None:
        # S3 may have millions of keys before this one that Cloud Storage lacks. Skip them: start after the key without its last
        # character, which sorts before the key. Cut it at a character that XML cannot contain, as S3 repeats it in its response.
        start_after = "".join(itertools.takewhile(str.isprintable, key[:-1]))
        last = self._items[-1].key if self._items else ""
        if len(start_after) > len(self._prefix) and start_after > last and start_after > self._after:
            self._after, self._token, self._detector = start_after, None, LoopDetector()
        self._items, self._token = self._page(self._prefix, self._after, self._token)
        self._position = 0
        self._ended = self._token is None
        if self._token is not None:
            self._detector.check(self._token)


def merge(
    sources: Iterable[list[SourceObject]],
    key: Callable[[str], str],
    find: Callable[[str], DestinationObject | None],
    selected: Callable[[SourceObject], bool],
) -> Iterator[list[Task]]:
    """Yield the objects with those that S3 has under their keys, page by page.

    Args:
        sources: pages of Cloud Storage's listing.
        key: returns the key in S3 for a name in Cloud Storage.
        find: returns the object that S3 has under a key.
        selected: returns whether to copy an object.
    """
    last = None
    for page in sources:
        tasks = []
        for source in page:
            # The same name twice in a row: the listing has several generations of the object, or repeats it.
            if source.name != last and selected(source):
                name = key(source.name)
                tasks.append(Task(source, name, find(name)))
            last = source.name
        yield tasks


def tasks(
    settings: Settings, selected: Callable[[SourceObject], bool], after: str, stop: threading.Event
) -> Prefetcher[list[Task]]:
    """Return the pages of tasks, which threads list and merge in advance.

    Args:
        settings: settings of the run.
        selected: returns whether to copy an object.
        after: list only names after this one.
        stop: once this is set, nothing more is listed.
    """

    def found() -> Iterator[list[Task]]:
        # In the thread, because botocore gets the AWS credentials here, and may wait for them.
        source, destination = CloudStorage(settings, stop), S3(settings, stop)

        def page(token: str | None) -> tuple[list[SourceObject], str | None]:
            objects, following = source.page(settings.prefix, after, token)
            # Some servers that imitate Cloud Storage ignore `startOffset`.
            return [each for each in objects if each.name > after or not after], following

        listed = Prefetcher(pages(page), stop)
        known = DestinationLookup(destination.page, settings.destination_prefix)
        yield from merge(listed, settings.key, known.find, selected)

    return Prefetcher(found(), stop)
