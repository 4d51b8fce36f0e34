"""Listings of objects in Cloud Storage's JSON API.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects/list
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from gcp_storage_emulator.gcs_glob import gcs_glob_match

from google_auth_botocore.emulator import _storage_errors as errors
from google_auth_botocore.emulator._object_store import ObjectStore

MAX_RESULTS = 1000


def list_page(store: ObjectStore, bucket: str, parameters: Mapping[str, str], page_size: int) -> dict[str, Any]:
    """Return one page of a listing.

    Args:
        store: the buckets and objects.
        bucket: the bucket, which must exist.
        parameters: the query parameters of the request.
        page_size: the maximum number of entries, even if the request allows more.

    Raises:
        StorageError: a parameter is invalid.
    """
    prefix, delimiter, glob = parameters.get("prefix", ""), parameters.get("delimiter"), parameters.get("matchGlob")
    first, end = parameters.get("startOffset", "").encode(), parameters.get("endOffset", "").encode()
    after = _position(parameters["pageToken"]) if parameters.get("pageToken") else b""
    limit = parameters.get("maxResults", str(MAX_RESULTS))
    if not limit.isdecimal():
        raise errors.invalid("maxResults", limit)
    room = max(1, min(int(limit) or MAX_RESULTS, MAX_RESULTS, page_size))
    entries: dict[bytes, dict[str, Any] | None] = {}  # objects and prefixes by name; a prefix has no metadata
    for name, each in store.listed(bucket, prefix):
        if name < first or (end and name >= end) or (glob and not gcs_glob_match(glob, each["name"])):
            continue
        rest = each["name"][len(prefix) :]
        head, found, tail = rest.partition(delimiter) if delimiter else (rest, "", "")
        folder = f"{prefix}{head}{delimiter}".encode() if found else None
        if folder is not None:
            entries.setdefault(folder, None)
        if folder is None or (not tail and parameters.get("includeTrailingDelimiter") == "true"):
            entries[name] = each
    names = [name for name in sorted(entries) if name > after]
    page: dict[str, Any] = {"kind": "storage#objects"}
    if len(names) > room:
        page["nextPageToken"] = base64.urlsafe_b64encode(b"\n" + names[room - 1]).decode()
    listed = [(name, entries[name]) for name in names[:room]]
    items = [_item(each) for _, each in listed if each is not None]
    prefixes = [name.decode() for name, each in listed if each is None]
    return page | ({"prefixes": prefixes} if prefixes else {}) | ({"items": items} if items else {})


def _item(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata as in a listing: without the checksums of an object that is encrypted with a customer's key."""
    omitted = {"crc32c", "md5Hash"} if "kmsKeyName" in found or "customerEncryption" in found else set()
    return {name: value for name, value in found.items() if value is not None and name not in omitted}


def _position(token: str) -> bytes:
    """Return the name of the last entry on the previous page."""
    try:
        decoded = base64.urlsafe_b64decode(token)
    except ValueError:
        decoded = b""
    if not decoded.startswith(b"\n"):
        raise errors.invalid("pageToken", token)
    return decoded[1:]
