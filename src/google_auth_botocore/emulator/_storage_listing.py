"""One page of the names in a bucket, for both APIs. Its cost depends on the size of the page, not of the bucket.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects/list
"""

from __future__ import annotations

import base64
import functools
import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from re import Pattern
from typing import Any, NamedTuple

from google_auth_botocore.emulator import _storage_errors as errors
from google_auth_botocore.emulator._object_store import Bucket, without_checksums

MAX_RESULTS = 1000
_GLOB = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|[{},]|.", re.DOTALL)
_OF_GLOB = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")", ",": "|"}


@dataclass(frozen=True)
class Query:
    """What a listing contains.

    Attributes:
        prefix: the start of each name.
        delimiter: names that are equal up to the first delimiter after the prefix become one prefix; empty: no grouping.
        glob: a pattern for the whole name; empty: all names.
        start: the first name; empty: from the start.
        end: the first name that is not included; empty: to the end.
        after: only entries that come after this one, the last one of the previous page; empty: from the start.
        with_folders: whether an object whose name is a prefix is also listed as an object.
    """

    prefix: str = ""
    delimiter: str = ""
    glob: str = ""
    start: str = ""
    end: str = ""
    after: str = ""
    with_folders: bool = False


@dataclass(frozen=True)
class Page:
    """A page of a listing.

    Attributes:
        items: the metadata of each object.
        prefixes: the prefixes.
        last: the last entry, if there is another page; None: this is the last page.
    """

    items: list[dict[str, Any]]
    prefixes: list[str]
    last: str | None


class _Entry(NamedTuple):
    name: str
    is_prefix: bool
    metadata: dict[str, Any] | None  # None: a prefix only


def number_of_entries(parameter: str, text: str) -> int:
    """Parse the maximum number of entries that a request allows.

    Raises:
        StorageError: it is not a number.
    """
    if not re.fullmatch("[0-9]{1,10}", text):
        raise errors.invalid(parameter, text)
    return int(text)


def page_token(last: str) -> str:
    """Return the token for the page that follows this entry."""
    return base64.urlsafe_b64encode(b"\n" + last.encode()).decode()


def last_entry(parameter: str, token: str) -> str:
    """Return the last entry on the page that precedes a token's page.

    Raises:
        StorageError: the token is invalid.
    """
    try:
        entry = base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        entry = ""
    if not entry.startswith("\n"):
        raise errors.invalid(parameter, token)
    return entry[1:]


def list_page(bucket: Bucket, query: Query, room: int) -> Page:
    """Return one page of a listing. Hold the lock of the store.

    Args:
        bucket: the bucket.
        query: what the listing contains.
        room: the maximum number of entries.
    """
    entries = list(islice(_entries(bucket, query), room + 1))
    listed = entries[:room]
    return Page(
        [_listed(each.metadata) for each in listed if each.metadata is not None],
        [each.name for each in listed if each.is_prefix],
        listed[-1].name if len(entries) > room and listed else None,
    )


def _entries(bucket: Bucket, query: Query) -> Iterator[_Entry]:
    """Yield objects and prefixes in order."""
    names, pattern = bucket.names, _pattern(query.glob)
    at = max(bisect_left(names, max(query.prefix, query.start)), bisect_right(names, query.after) if query.after else 0)
    while at < len(names) and names[at].startswith(query.prefix) and not (query.end and names[at] >= query.end):
        name, metadata = names[at], bucket.objects[names[at]].metadata
        at += 1
        if pattern is not None and not pattern.fullmatch(name):
            continue
        cut = name.find(query.delimiter, len(query.prefix)) if query.delimiter else -1
        if cut < 0:
            yield _Entry(name, is_prefix=False, metadata=metadata)
            continue
        folder = name[: cut + len(query.delimiter)]
        at = bisect_left(names, _behind(folder), at)
        if folder > query.after:
            is_object = query.with_folders and name == folder
            yield _Entry(folder, is_prefix=True, metadata=metadata if is_object else None)


def _behind(prefix: str) -> str:
    """Return the first possible name after all names with this prefix."""
    kept = prefix.rstrip(chr(sys.maxunicode))
    return kept[:-1] + chr(ord(kept[-1]) + 1) if kept else prefix * 1025


def _listed(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return metadata as in a listing: without the checksums of an object that is encrypted with a customer's key."""
    return without_checksums(metadata) if "kmsKeyName" in metadata or "customerEncryption" in metadata else metadata


@functools.lru_cache
def _pattern(glob: str) -> Pattern[str] | None:
    """Return a glob of Cloud Storage as a regular expression; None: every name matches.

    Raises:
        StorageError: the glob is invalid.

    Source: https://cloud.google.com/storage/docs/json_api/v1/objects/list#list-objects-and-prefixes-using-glob
    """
    if not glob:
        return None
    depth, parts = 0, []
    for token in _GLOB.findall(glob):
        depth += {"{": 1, "}": -1}.get(token, 0)
        if len(token) > 2 and token.startswith("["):
            inner = token[1:-1].replace("\\", "\\\\").replace("[", "\\[")
            parts.append(f"[^{inner[1:]}]" if inner.startswith("!") else f"[{inner}]")
        elif token == "," and depth <= 0:
            parts.append(",")
        else:
            parts.append(_OF_GLOB.get(token, re.escape(token)))
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error:
        raise errors.invalid("matchGlob", glob) from None
