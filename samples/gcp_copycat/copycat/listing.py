"""Both listings, merged: each object of Cloud Storage with what S3 has under its key, in constant memory."""

from __future__ import annotations

import fnmatch
import itertools
import queue
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from typing import Generic, TypeVar

from copycat.cloud_storage import CloudStorage
from copycat.errors import OutageError, StoppedError
from copycat.objects import DestinationObject, SourceObject, Task
from copycat.s3 import S3
from copycat.settings import Options, Settings

_T = TypeVar("_T")
_POLL = 0.2


class Filter:
    """Which of the listed objects are copied.

    Args:
        include: patterns, of which one must match the name; empty: every name matches.
        exclude: patterns, of which none may match.
        oldest: objects that were last updated earlier are left out; None: none is.
    """

    def __init__(
        self, include: Iterable[str] = (), exclude: Iterable[str] = (), oldest: datetime | None = None
    ) -> None:
        self._include = _pattern(include)
        self._exclude = _pattern(exclude)
        self._oldest = oldest

    @property
    def has_patterns(self) -> bool:
        """Whether names are compared with patterns."""
        return self._include is not None or self._exclude is not None

    @classmethod
    def of(cls, options: Options, now: datetime | None = None) -> Filter:
        """Make the filter that the options describe."""
        oldest = None
        if options.max_age is not None:
            oldest = (now or datetime.now(timezone.utc)) - options.max_age
        return cls(options.include, options.exclude, oldest)

    def has_name(self, name: str) -> bool:
        """Tell whether the patterns allow a name."""
        included = self._include is None or self._include.match(name) is not None
        return included and (self._exclude is None or self._exclude.match(name) is None)

    def has_age(self, source: SourceObject) -> bool:
        """Tell whether an object is new enough."""
        return self._oldest is None or source.updated >= self._oldest


def pages(fetch: Callable[[str | None], tuple[list[_T], str | None]]) -> Iterator[list[_T]]:
    """Yield the pages of a listing.

    Args:
        fetch: takes a page's token, and returns the page and the next one's token.

    Raises:
        OutageError: The listing leads back to an earlier page, and would never end.
    """
    token: str | None = None
    loop = Loop()
    while True:
        page, following = fetch(token)
        yield page
        if following is None:
            return
        loop.check(following)
        token = following


class Loop:
    """Notices that a listing goes round in a loop and would never end, in constant memory (Brent's algorithm)."""

    def __init__(self) -> None:
        self._kept: str | None = None
        self._count, self._keep_at = 0, 1

    def check(self, token: str) -> None:
        """Take the token of each next page.

        Raises:
            OutageError: An earlier page had the same one.
        """
        if token == self._kept:
            raise OutageError("The listing returns the same pages again and again.")
        self._count += 1
        if self._count == self._keep_at:
            self._kept, self._keep_at = token, 2 * self._keep_at


class Ahead(Generic[_T]):
    """Takes items in a thread of its own, so that the next one is requested while this one is used.

    Args:
        items: what is taken.
        stop: when it is set, `next` raises `StoppedError`, and the thread ends.
        depth: items that are held at most.

    Attributes:
        ended: whether the last item has been returned.
    """

    def __init__(self, items: Iterable[_T], stop: threading.Event, depth: int = 2) -> None:
        self.ended = False
        self._items = items
        self._stop = stop
        self._found: queue.Queue[tuple[list[_T], BaseException | None]] = queue.Queue(depth)
        threading.Thread(target=self._fetch, name="listing", daemon=True).start()

    def next(self, seconds: float) -> list[_T]:
        """Return the next item in a list; wait for it, but not longer than this. Empty: there is none yet, or none more.

        Raises:
            StoppedError: *stop* was set.
            Exception: Whatever the items raise.
        """
        if self._stop.is_set():
            raise StoppedError
        if self.ended:
            return []
        try:
            item, error = self._found.get(timeout=seconds) if seconds else self._found.get_nowait()
        except queue.Empty:
            return []
        if error is not None:
            raise error
        self.ended = not item
        return item

    def __iter__(self) -> Iterator[_T]:
        """Yield the items, and wait for each."""
        while not self.ended:
            yield from self.next(_POLL)

    def _fetch(self) -> None:
        try:
            for item in self._items:
                if not self._put([item]):
                    return
            self._put([])
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that uses the items
            self._put([], error)

    def _put(self, item: list[_T], error: BaseException | None = None) -> bool:
        while not self._stop.is_set():
            try:
                self._found.put((item, error), timeout=_POLL)
            except queue.Full:
                continue
            return True
        return False


class Destination:
    """S3's listing, read forward as far as keys are looked up in it.

    Args:
        page: takes a prefix, the key after which to begin, and a token; returns a page and the next one's token.
        prefix: of all keys that are looked up.
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
        self._loop = Loop()

    def find(self, key: str) -> DestinationObject | None:
        """Return the object with this key. The key must be greater than those of earlier calls.

        None for a key that is not greater: S3 rejects the copy if the object is there (`If-None-Match`), and the
        worker looks again.
        """
        while True:
            # Python compares strings by code points, which is the order of their UTF-8 bytes.
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
        # S3 may have millions of keys in between that Cloud Storage lacks. They are jumped over: what begins like the key
        # without its last character, and the key itself, come after that. What XML cannot hold, S3 would have to repeat.
        jump = "".join(itertools.takewhile(str.isprintable, key[:-1]))
        last = self._items[-1].key if self._items else ""
        if len(jump) > len(self._prefix) and jump > last and jump > self._after:
            self._after, self._token, self._loop = jump, None, Loop()
        self._items, self._token = self._page(self._prefix, self._after, self._token)
        self._position = 0
        self._ended = self._token is None
        if self._token is not None:
            self._loop.check(self._token)


def merged(
    sources: Iterable[list[SourceObject]],
    key: Callable[[str], str],
    find: Callable[[str], DestinationObject | None],
    chosen: Callable[[SourceObject], bool],
) -> Iterator[list[Task]]:
    """Yield each listed object with what S3 has in its place, page by page.

    Args:
        sources: pages of Cloud Storage's listing.
        key: returns the name in S3 for a name in Cloud Storage.
        find: returns what S3 has under a key.
        chosen: tells whether an object is to be copied.
    """
    last = None
    for page in sources:
        tasks = []
        for source in page:
            # The same name twice in a row: the listing has more than one generation of it, or repeats it.
            if source.name != last and chosen(source):
                name = key(source.name)
                tasks.append(Task(source, name, find(name)))
            last = source.name
        yield tasks


def _pattern(globs: Iterable[str]) -> re.Pattern[str] | None:
    patterns = [fnmatch.translate(each) for each in globs]
    return re.compile("|".join(f"(?:{each})" for each in patterns)) if patterns else None


def tasks(
    settings: Settings, chosen: Callable[[SourceObject], bool], after: str, stop: threading.Event
) -> Ahead[list[Task]]:
    """Return the pages of tasks, which threads list and merge ahead of the run.

    Args:
        settings: of the run.
        chosen: tells whether an object is to be copied.
        after: only names after this one.
        stop: when it is set, nothing more is listed.
    """
    source, destination = CloudStorage(settings, stop), S3(settings, stop)

    def page(token: str | None) -> tuple[list[SourceObject], str | None]:
        found, following = source.page(settings.prefix, after, token)
        # Not every server that stands in for Cloud Storage knows `startOffset`.
        return [each for each in found if each.name > after or not after], following

    listed = Ahead(pages(page), stop)
    known = Destination(destination.page, settings.destination_prefix)
    return Ahead(merged(listed, settings.key, known.find, chosen), stop)
