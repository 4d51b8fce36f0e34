"""Buckets in Cloud Storage's JSON API.

Source: https://cloud.google.com/storage/docs/json_api/v1/buckets
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from google_auth_botocore.emulator import _storage_errors as errors
from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._object_store import ObjectStore, timestamp
from google_auth_botocore.emulator._storage_metadata import checked
from google_auth_botocore.emulator._storage_objects import Objects
from google_auth_botocore.emulator._storage_request import StorageRequest

# 222: names with dots may be that long.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
# Members that stand for everyone with a basic role on a project. Only policies of buckets have them.
_BASIC_ROLE = re.compile(r"project(Owner|Editor|Viewer):.+")
# The fields that a client may set, with the type of each. Null removes a field.
_FIELDS: dict[str, type] = {
    "acl": list, "autoclass": dict, "billing": dict, "cors": list, "defaultEventBasedHold": bool,
    "defaultObjectAcl": list, "encryption": dict, "hierarchicalNamespace": dict, "iamConfiguration": dict,
    "ipFilter": dict, "labels": dict, "lifecycle": dict, "location": str, "logging": dict, "objectRetention": dict,
    "retentionPolicy": dict, "rpo": str, "softDeletePolicy": dict, "storageClass": str, "versioning": dict,
    "website": dict,
}  # fmt: skip


def all_buckets(store: ObjectStore, request: StorageRequest) -> dict[str, Any]:
    """List the buckets, or create one.

    Raises:
        StorageError: the request is rejected.
    """
    if request.reads:
        prefix = request.parameters.get("prefix", "")
        items = [each.metadata for name, each in sorted(store.buckets.items()) if name.startswith(prefix)]
        return {"kind": "storage#buckets", **({"items": items} if items else {})}
    document = request.json()
    return create_bucket(store, document.get("name"), checked(document, _FIELDS))


def is_name(name: object) -> bool:
    """Return whether a bucket may have a name."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def create_bucket(store: ObjectStore, name: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Create a bucket and return its metadata.

    Raises:
        StorageError: the name is invalid or in use.
    """
    if not is_name(name):
        raise errors.StorageError(400, "invalid", f"Invalid bucket name: {name!r}", code="InvalidBucketName")
    with store.lock:
        if name in store.buckets:
            message = "Your previous request to create the named bucket succeeded and you already own it."
            raise errors.conflict(message, "BucketAlreadyOwnedByYou")
        return store.make_bucket(name, **fields)


def delete_bucket(objects: Objects, request: StorageRequest, name: str) -> Response:
    """Delete an empty bucket.

    Raises:
        StorageError: it contains objects, or the request is not allowed.
    """
    with objects.store.lock:
        if objects.allow(request, name, "storage.buckets.delete").objects:
            raise errors.conflict("The bucket you tried to delete is not empty.", "BucketNotEmpty")
        del objects.store.buckets[name]
    return Response(status=204)


def one_bucket(objects: Objects, request: StorageRequest, name: str, part: str) -> dict[str, Any] | Response | None:
    """Reply to a request for a bucket; None: Cloud Storage has no such request.

    Args:
        objects: the operations on objects, which check permissions.
        request: the request.
        name: the name of the bucket.
        part: the part of the bucket, such as `iam`; empty: the bucket itself.

    Raises:
        StorageError: the request is rejected.
    """
    if part in {"iam", "iam/testPermissions"}:
        return _policy(objects, request, name, part)
    if not part and request.method == "DELETE":
        return delete_bucket(objects, request, name)
    if not part and request.method in {"PATCH", "PUT"}:
        bucket = objects.allow(request, name, "storage.buckets.update")
        increased = {"metageneration": str(int(bucket.metadata["metageneration"]) + 1), "updated": timestamp()}
        return objects.store.make_bucket(name, **checked(request.json(), _FIELDS), **increased)
    if not request.reads:
        return None
    metadata = objects.allow(request, name, "storage.buckets.get").metadata
    if part == "storageLayout":
        hierarchical = metadata.get("hierarchicalNamespace", {"enabled": False})
        kept = {field: metadata[field] for field in ("location", "locationType")}
        return {"kind": "storage#storageLayout", "bucket": name, **kept, "hierarchicalNamespace": hierarchical}
    if part in {"folders", "managedFolders"}:
        return {"kind": f"storage#{part}"}  # there are no folders; gcloud lists them before it deletes a bucket
    if part in {"acl", "defaultObjectAcl"}:
        kind = "bucket" if part == "acl" else "object"
        return {"kind": f"storage#{kind}AccessControls", "items": metadata.get(part, [])}
    if request.parameters.get("projection") != "full":
        metadata = {field: value for field, value in metadata.items() if field not in {"acl", "defaultObjectAcl"}}
    return metadata if not part else None


def _policy(objects: Objects, request: StorageRequest, name: str, part: str) -> dict[str, Any] | None:
    """Return or replace the IAM policy, which is stored and not enforced, or test permissions."""
    if part == "iam/testPermissions":
        objects.allow(request, name, "")
        denied = {permission for bucket, permission in objects.denied if bucket == name}
        requested = parse_qs(request.query).get("permissions", [])
        allowed = [each for each in requested if request.principal is None or each not in denied]
        return {"kind": "storage#testIamPermissionsResponse", **({"permissions": allowed} if allowed else {})}
    verb = "get" if request.reads else "set"
    bucket = objects.allow(request, name, f"storage.buckets.{verb}IamPolicy")
    if request.method == "PUT":
        bucket.policy = _checked_policy(objects, request.json())
    elif not request.reads:
        return None
    default = {"kind": "storage#policy", "resourceId": f"projects/_/buckets/{name}", "version": 1, "etag": "CAE="}
    return {**default, "bindings": [], **bucket.policy}


def _checked_policy(objects: Objects, policy: dict[str, Any]) -> dict[str, Any]:
    """Return a new policy, if IAM would accept its members."""
    bindings = policy.get("bindings") or []
    if not isinstance(bindings, list):
        raise errors.invalid("bindings", bindings)
    for binding in bindings:
        members = binding.get("members", []) if isinstance(binding, dict) else None
        if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
            raise errors.invalid("bindings", binding)
        for member in members:
            if objects.check_member is None or _BASIC_ROLE.match(member):
                continue
            try:
                objects.check_member(member)
            except ValueError as error:
                raise errors.StorageError(400, "invalid", str(error), code="InvalidArgument") from error
    return policy
