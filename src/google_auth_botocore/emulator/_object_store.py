"""The buckets and objects of Cloud Storage: gcp-storage-emulator's store, extended."""

from __future__ import annotations

import base64
import threading
from datetime import datetime, timezone
from typing import Any

from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import buckets, objects
from gcp_storage_emulator.storage import Storage

_PATCHED = (
    "cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType", "crc32c", "customTime",
    "md5Hash", "metadata", "storageClass",
)  # fmt: skip


class ObjectStore(Storage):  # type: ignore[misc]  # gcp-storage-emulator has no types
    """Buckets and objects in memory.

    Attributes:
        lock: held while a write is served.
    """

    def __init__(self) -> None:
        super().__init__(use_memory_fs=True)
        self.lock = threading.RLock()

    def _write_config_to_file(self) -> None:
        """Write nothing. The base class would write all metadata on each change, which takes quadratic time."""

    def _object_path(self, bucket_name: str, file_name: str) -> str:
        """Encode the name, so that `a//b` and `a/b` are different objects and `../a` is allowed."""
        return f"{bucket_name}/{file_name.encode('utf-8', 'surrogatepass').hex()}"

    def make_bucket(self, name: str, **fields: Any) -> dict[str, Any]:
        """Create a bucket, or change its metadata.

        Args:
            name: its name.
            fields: further fields of its metadata.
        """
        with self.lock:
            bucket: dict[str, Any] = self.get_bucket(name) or buckets.create_bucket(name, self)
            bucket.update(fields)
            return bucket

    def put(self, bucket: str, name: str, content: bytes, **fields: Any) -> dict[str, Any]:
        """Create an object. It replaces one with the same name.

        Args:
            bucket: the bucket, which must exist.
            name: the name of the object.
            content: its content.
            fields: further fields of its metadata. A field that is None is omitted.

        Raises:
            NotFound: the bucket does not exist.
        """
        kind = fields.get("contentType", "application/octet-stream")
        resource = objects._make_object_resource("", bucket, name, kind, str(len(content)))
        resource = objects._checksums(content, resource)
        resource.update(fields)
        resource = {field: value for field, value in resource.items() if value is not None}
        with self.lock:
            self.create_file(bucket, name, content, resource)
        return resource

    def find(self, bucket: str, name: str) -> dict[str, Any] | None:
        """Return an object's metadata; None: the object does not exist."""
        try:
            resource: dict[str, Any] = self.get_file_obj(bucket, name)
        except NotFound:
            return None
        return resource

    def create_file(
        self, bucket_name: str, file_name: str, content: bytes, file_obj: dict[str, Any], file_id: str | None = None
    ) -> None:
        """Store an object, with metadata in the form of Cloud Storage."""
        with self.lock:
            bucket = self.get_bucket(bucket_name)
            if bucket is None:
                raise NotFound
            key = (bucket.get("encryption") or {}).get("defaultKmsKeyName")
            if key is not None:
                file_obj.setdefault("kmsKeyName", f"{key}/cryptoKeyVersions/1")
            file_obj["size"] = str(file_obj["size"])
            file_obj["etag"] = _etag(file_obj)
            for field in ("timeCreated", "updated", "timeStorageClassUpdated"):
                file_obj[field] = _milliseconds(file_obj[field])
            super().create_file(bucket_name, file_name, content, file_obj, file_id)

    def change(self, bucket: str, name: str, fields: dict[str, Any], *, replace: bool = False) -> dict[str, Any]:
        """Change the metadata of an object. Its metageneration increases.

        Args:
            bucket: the bucket.
            name: the name of the object.
            fields: the new values. A field that is None is removed, also within `metadata`.
            replace: whether to remove absent fields, too.

        Raises:
            NotFound: the object does not exist.
        """
        with self.lock:
            changed = dict(self.get_file_obj(bucket, name))
            if replace:
                kept = {"contentType", "storageClass", "crc32c", "md5Hash"}
                changed = {field: value for field, value in changed.items() if field in kept or field not in _PATCHED}
            for field in _PATCHED:
                if field not in fields:
                    continue
                value = fields[field]
                if field == "metadata" and value is not None:
                    merged = {**(changed.get("metadata") or {}), **value}
                    value = {key: text for key, text in merged.items() if text is not None} or None
                changed[field] = value
            changed = {field: value for field, value in changed.items() if value is not None}
            changed["metageneration"] = str(int(changed["metageneration"]) + 1)
            changed["updated"] = _milliseconds(datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
            changed["etag"] = _etag(changed)
            self.objects[bucket][name] = changed
            return changed

    def listed(self, bucket: str, prefix: str) -> list[tuple[bytes, dict[str, Any]]]:
        """Return the objects of a bucket, sorted by the UTF-8 bytes of their names.

        Raises:
            NotFound: the bucket does not exist.
        """
        if bucket not in self.buckets:
            raise NotFound
        found = list((self.objects.get(bucket) or {}).items())
        return sorted(
            ((name.encode("utf-8", "surrogatepass"), each) for name, each in found if name.startswith(prefix)),
            key=lambda pair: pair[0],
        )


def _etag(resource: dict[str, Any]) -> str:
    """Return the entity tag. Cloud Storage derives it from generation and metageneration, not from the content."""
    fields = ((8, int(resource["generation"])), (16, int(resource["metageneration"])))
    return base64.b64encode(b"".join(bytes([tag]) + _varint(number) for tag, number in fields)).decode()


def _varint(number: int) -> bytes:
    groups = []
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])


def _milliseconds(moment: str) -> str:
    """Return a time with milliseconds instead of microseconds, as Cloud Storage does."""
    return moment[:-4] + "Z" if len(moment) == 27 else moment
