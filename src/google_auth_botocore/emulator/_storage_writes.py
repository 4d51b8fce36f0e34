"""Complete the writes that gcp-storage-emulator serves: it drops some of the metadata."""

from __future__ import annotations

import json
from typing import Any

from google_auth_botocore.emulator._object_store import ObjectStore
from google_auth_botocore.emulator._storage_api import StorageRequest

# fmt: off
# The fields that the creator of a bucket may set: https://docs.cloud.google.com/storage/docs/json_api/v1/buckets
_BUCKET_FIELDS = frozenset({
    "acl", "autoclass", "billing", "cors", "defaultEventBasedHold", "defaultObjectAcl", "encryption",
    "hierarchicalNamespace", "iamConfiguration", "ipFilter", "labels", "lifecycle", "location", "logging",
    "objectRetention", "retentionPolicy", "rpo", "softDeletePolicy", "storageClass", "versioning", "website",
})
# fmt: on


def complete_write(store: ObjectStore, request: StorageRequest, document: Any) -> Any:
    """Add to a new bucket or object what gcp-storage-emulator has dropped, and return the reply.

    Args:
        store: the buckets and objects.
        request: the request that gcp-storage-emulator has served.
        document: the JSON document in its reply.
    """
    kind = document.get("kind") if isinstance(document, dict) else None
    if kind == "storage#bucket" and request.method == "POST":  # only the name was stored
        return store.make_bucket(document["name"], **_bucket_fields(request.body))
    if kind != "storage#object" or request.method not in {"POST", "PUT"}:
        return document
    found = store.find(document["bucket"], document["name"])
    if found is None or found["generation"] != document["generation"]:  # already overwritten or deleted
        return document
    if request.path.endswith("/compose"):
        found.pop("md5Hash", None)
        found["componentCount"] = len(_json(request.body).get("sourceObjects", ()))
    key = request.headers.get("x-goog-encryption-key-sha256")
    if key is not None:
        found["customerEncryption"] = {"encryptionAlgorithm": "AES256", "keySha256": key}
    return {**found, "mediaLink": document["mediaLink"]}


def _bucket_fields(body: bytes) -> dict[str, Any]:
    """Return the bucket's fields that the request sets."""
    return {name: value for name, value in _json(body).items() if name in _BUCKET_FIELDS and value is not None}


def _json(body: bytes) -> dict[str, Any]:
    document = json.loads(body or b"{}")
    return document if isinstance(document, dict) else {}
