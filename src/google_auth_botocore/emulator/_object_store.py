"""The buckets and objects of Cloud Storage, in memory. It handles neither HTTP nor permissions.

Names are kept sorted, so that a page of a listing costs the same in a large bucket as in a small one.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from bisect import bisect_left, insort
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

import google_crc32c

# The checksums that Cloud Storage computes, with the field of each in an object's metadata.
HASHES = {"crc32c": "crc32c", "md5": "md5Hash"}
# The fields of an object's metadata that a client may set, with the type of each.
WRITABLE: dict[str, type] = {
    "acl": list, "cacheControl": str, "contentDisposition": str, "contentEncoding": str, "contentLanguage": str,
    "contentType": str, "customTime": str, "eventBasedHold": bool, "metadata": dict, "storageClass": str,
    "temporaryHold": bool,
}  # fmt: skip
# Tests may also set wrong checksums.
_CHANGEABLE = {*WRITABLE, *HASHES.values()}
# `PUT` keeps these fields if they are absent.
_KEPT = {"contentType", "storageClass", *HASHES.values()}


class NotFoundError(LookupError):
    """The bucket or the object does not exist."""


class StoredObject(NamedTuple):
    """An object. A change replaces it.

    Attributes:
        metadata: its metadata as in the JSON API, without null values and without links.
        content: its content.
    """

    metadata: dict[str, Any]
    content: bytes


class Bucket:
    """A bucket.

    Attributes:
        metadata: its metadata as in the JSON API.
        policy: its IAM policy.
        objects: the objects by name.
        names: the names of the objects, sorted by code point, which is also the order of their UTF-8 bytes.
    """

    def __init__(self, name: str) -> None:
        now = timestamp()
        self.metadata: dict[str, Any] = {
            "kind": "storage#bucket", "id": name, "projectNumber": "123456789012", "name": name, "timeCreated": now,
            "updated": now, "metageneration": "1", "location": "US", "locationType": "multi-region",
            "storageClass": "STANDARD", "etag": "CAE=",
            "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": False}},
        }  # fmt: skip
        self.policy: dict[str, Any] = {}
        self.objects: dict[str, StoredObject] = {}
        self.names: list[str] = []


class ObjectStore:
    """Buckets and objects.

    Attributes:
        lock: held during each change. Hold it to check a condition and change an object in one step.
        buckets: the buckets by name.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.buckets: dict[str, Bucket] = {}
        self._generation = 0

    def clear(self) -> None:
        """Delete everything."""
        with self.lock:
            self.buckets.clear()

    def bucket(self, name: str) -> Bucket:
        """Return a bucket.

        Raises:
            NotFoundError: it does not exist.
        """
        try:
            return self.buckets[name]
        except KeyError:
            raise NotFoundError(f"there is no bucket {name!r}") from None

    def make_bucket(self, name: str, **fields: Any) -> dict[str, Any]:
        """Create a bucket, or change its metadata, and return the metadata.

        Args:
            name: its name.
            fields: further fields of its metadata. A field that is None is removed.
        """
        with self.lock:
            bucket = self.buckets.setdefault(name, Bucket(name))
            bucket.metadata = without_nulls({**bucket.metadata, **fields})
            return bucket.metadata

    def find(self, bucket: str, name: str) -> StoredObject | None:
        """Return an object; None: it does not exist."""
        holder = self.buckets.get(bucket)
        return None if holder is None else holder.objects.get(name)

    def get(self, bucket: str, name: str) -> StoredObject:
        """Return an object.

        Raises:
            NotFoundError: it does not exist.
        """
        found = self.find(bucket, name)
        if found is None:
            raise NotFoundError(f"there is no object {name!r} in the bucket {bucket!r}")
        return found

    def put(self, bucket: str, name: str, content: bytes, **fields: Any) -> dict[str, Any]:
        """Create an object and return its metadata. It replaces one with the same name.

        Args:
            bucket: the bucket, which must exist.
            name: the name of the object.
            content: its content.
            fields: further fields of its metadata. A field that is None is omitted.

        Raises:
            NotFoundError: the bucket does not exist.
        """
        sums = {} if fields.keys() >= set(HASHES.values()) else checksums(content)
        with self.lock:
            holder = self.bucket(bucket)
            self._generation = max(self._generation + 1, time.time_ns() // 1000)
            generation, now = str(self._generation), timestamp()
            metadata = {
                "kind": "storage#object", "id": f"{bucket}/{name}/{generation}",
                "name": name, "bucket": bucket, "generation": generation, "metageneration": "1",
                "contentType": "application/octet-stream", "storageClass": holder.metadata["storageClass"],
                "size": str(len(content)), **sums, "timeCreated": now, "updated": now, "timeStorageClassUpdated": now,
            }  # fmt: skip
            key = (holder.metadata.get("encryption") or {}).get("defaultKmsKeyName")
            if key is not None:
                metadata["kmsKeyName"] = f"{key}/cryptoKeyVersions/1"
            metadata = without_nulls({**metadata, **fields})
            metadata["etag"] = _etag(metadata)
            if name not in holder.objects:
                insort(holder.names, name)
            holder.objects[name] = StoredObject(metadata, content)
        return metadata

    def change(self, bucket: str, name: str, fields: dict[str, Any], *, replace: bool = False) -> dict[str, Any]:
        """Change the metadata of an object and return it. Its metageneration increases.

        Args:
            bucket: the bucket.
            name: the name of the object.
            fields: the new values. A field that is None is removed, also within `metadata`.
            replace: whether to remove absent fields, too.

        Raises:
            NotFoundError: the object does not exist.
        """
        with self.lock:
            metadata, content = self.get(bucket, name)
            removed = _CHANGEABLE - _KEPT if replace else set()
            changed = {field: value for field, value in metadata.items() if field not in removed}
            fields = {field: value for field, value in fields.items() if field in _CHANGEABLE}
            if fields.get("metadata") is not None:
                fields["metadata"] = without_nulls({**changed.get("metadata", {}), **fields["metadata"]}) or None
            changed = without_nulls({**changed, **fields})
            changed["metageneration"] = str(int(changed["metageneration"]) + 1)
            changed["updated"] = timestamp()
            changed["etag"] = _etag(changed)
            self.bucket(bucket).objects[name] = StoredObject(changed, content)
            return changed

    def delete(self, bucket: str, name: str) -> None:
        """Delete an object.

        Raises:
            NotFoundError: it does not exist.
        """
        with self.lock:
            self.get(bucket, name)
            holder = self.bucket(bucket)
            del holder.objects[name]
            del holder.names[bisect_left(holder.names, name)]


def checksums(content: bytes) -> dict[str, str]:
    """Return the checksums of a content, as fields of an object's metadata."""
    digests = {
        "md5": hashlib.md5(content, usedforsecurity=False).digest(),
        "crc32c": google_crc32c.Checksum(content).digest(),
    }
    return {HASHES[kind]: base64.b64encode(digest).decode() for kind, digest in digests.items()}


def without_checksums(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object's metadata without its checksums."""
    return {field: value for field, value in metadata.items() if field not in HASHES.values()}


def without_nulls(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are not None."""
    return {field: value for field, value in fields.items() if value is not None}


def timestamp() -> str:
    """Return the current time with milliseconds, as Cloud Storage does."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_timestamp(text: str) -> datetime:
    """Return the time in a timestamp. Python 3.10 does not know the `Z`.

    Raises:
        ValueError: it is not a timestamp.
    """
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)


def _etag(metadata: dict[str, Any]) -> str:
    """Return the entity tag. Cloud Storage derives it from generation and metageneration, not from the content."""
    fields = ((8, int(metadata["generation"])), (16, int(metadata["metageneration"])))
    return base64.b64encode(b"".join(bytes([tag]) + _varint(number) for tag, number in fields)).decode()


def _varint(number: int) -> bytes:
    groups = []
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])
