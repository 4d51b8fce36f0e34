"""Read, write, copy and delete objects: permissions, preconditions and the change itself, for both APIs.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google_auth_botocore.emulator import _storage_errors as errors
from google_auth_botocore.emulator import _storage_preconditions as preconditions
from google_auth_botocore.emulator._object_store import WRITABLE, Bucket, ObjectStore, StoredObject, without_nulls
from google_auth_botocore.emulator._storage_listing import MAX_RESULTS
from google_auth_botocore.emulator._storage_metadata import (
    ENCRYPTION_KEY,
    check_key,
    check_name,
    verified_checksums,
)
from google_auth_botocore.emulator._storage_preconditions import Conditions
from google_auth_botocore.emulator._storage_request import StorageRequest

_MAX_COMPONENTS = 32


@dataclass(frozen=True)
class ObjectReference:
    """The object that a request is for, or a source of a copy or of a composition. It may not exist.

    Attributes:
        bucket: its bucket.
        name: its name.
        generation: its required generation; None: the current one.
        conditions: its preconditions.
    """

    bucket: str
    name: str
    generation: str | None = None
    conditions: Conditions = field(default_factory=dict)


class Objects:
    """The operations on objects.

    Args:
        store: the buckets and objects.
        check_member: raises ValueError for a member of a policy that IAM would reject; None: all are accepted.

    Attributes:
        denied: permissions that all callers lack, as pairs of bucket and permission.
        page_size: the maximum number of entries on a page of a listing, even if the request allows more.
    """

    def __init__(self, store: ObjectStore, check_member: Callable[[str], None] | None = None) -> None:
        self.store = store
        self.check_member = check_member
        self.denied: set[tuple[str, str]] = set()
        self.page_size = MAX_RESULTS

    def allow(self, request: StorageRequest, bucket: str, permission: str) -> Bucket:
        """Return a bucket, if the caller has the permission on it, and names a project if the requester pays.

        Raises:
            StorageError: the bucket does not exist, or the request is not allowed.
        """
        found = self.store.buckets.get(bucket)
        if found is None:
            raise errors.no_bucket()
        if request.principal is None:
            return found
        project = request.user_project
        if (found.metadata.get("billing") or {}).get("requesterPays") and not project:
            raise errors.no_user_project()
        for needed in (permission, *(["serviceusage.services.use"] if project else [])):
            if (bucket, needed) in self.denied:
                raise errors.forbidden(request.principal, needed)
        return found

    def find(
        self, request: StorageRequest, source: ObjectReference, permission: str = "storage.objects.get"
    ) -> StoredObject:
        """Return an object, if it has the requested generation and meets the preconditions.

        Raises:
            StorageError: it does not exist, or the request is not allowed.
        """
        self.allow(request, source.bucket, permission)
        found = self.store.find(source.bucket, source.name)
        if found is None or (source.generation or found.metadata["generation"]) != found.metadata["generation"]:
            raise errors.no_object(source.bucket, source.name)
        preconditions.check(source.conditions, found.metadata, reads=request.reads)
        return found

    def write(
        self,
        request: StorageRequest,
        target: ObjectReference,
        content: bytes,
        fields: Mapping[str, Any],
        expected: Mapping[str, str],
    ) -> dict[str, Any]:
        """Create an object and return its metadata.

        Args:
            request: the request: its caller, and the customer's encryption key in its headers.
            target: the object. Its conditions are for the object that it replaces.
            content: its content.
            fields: its metadata. A field that is None is omitted.
            expected: the checksums that the client has sent, as fields of metadata.

        Raises:
            StorageError: the request is not allowed, or the content has another checksum.
        """
        self.allow(request, target.bucket, "storage.objects.create")
        check_name(request, target.name)
        actual = verified_checksums(content, expected)
        digest = request.headers.get(f"x-goog-{ENCRYPTION_KEY}")
        added: dict[str, Any] = {"metadata": without_nulls(fields.get("metadata") or {}) or None}
        if digest:
            added["customerEncryption"] = {"encryptionAlgorithm": "AES256", "keySha256": digest}
        with self.store.lock:
            replaced = self.store.find(target.bucket, target.name)
            preconditions.check(target.conditions, replaced and replaced.metadata, reads=False)
            self.allow(request, target.bucket, "storage.objects.create")  # it may have been deleted
            return self.store.put(target.bucket, target.name, content, **{**actual, **fields, **added})

    def copy(
        self,
        request: StorageRequest,
        source: ObjectReference,
        target: ObjectReference,
        fields: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        """Copy an object and return the metadata of the copy.

        Args:
            request: the request.
            source: the object to copy.
            target: the copy.
            fields: metadata of the copy. If it is empty, the copy has the metadata of the source.

        Raises:
            StorageError: the request is not allowed.
        """
        found = self.find(request, source)
        check_key(request, found.metadata, "x-goog-copy-source-")
        kept = WRITABLE.keys() - {"acl", "temporaryHold", "eventBasedHold"}
        copied = {name: value for name, value in found.metadata.items() if name in kept}
        composite = {name: found.metadata.get(name) for name in ("componentCount", "md5Hash")}
        if fields:
            copied = {"contentType": found.metadata["contentType"], **fields}
        return self.write(request, target, found.content, {**copied, **composite}, {})

    def compose(
        self,
        request: StorageRequest,
        sources: Sequence[ObjectReference],
        target: ObjectReference,
        fields: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Concatenate objects of a bucket and return the metadata of the new object.

        Raises:
            StorageError: the request is not allowed, or there are too many sources.
        """
        if not 1 <= len(sources) <= _MAX_COMPONENTS:
            message = f"The number of source components provided ({len(sources)}) must be from 1 to {_MAX_COMPONENTS}"
            raise errors.StorageError(400, "invalid", message, code="InvalidArgument")
        found = [self.find(request, source) for source in sources]
        for each in found:
            check_key(request, each.metadata)
        count = sum(each.metadata.get("componentCount", 1) for each in found)
        fields = {"contentType": found[0].metadata["contentType"], **fields, "componentCount": count, "md5Hash": None}
        return self.write(request, target, b"".join(each.content for each in found), fields, {})

    def delete(self, request: StorageRequest, target: ObjectReference) -> None:
        """Delete an object.

        Raises:
            StorageError: it does not exist, or the request is not allowed.
        """
        with self.store.lock:
            self.find(request, target, "storage.objects.delete")
            self.store.delete(target.bucket, target.name)
